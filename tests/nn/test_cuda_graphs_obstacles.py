"""What cannot be recorded, or is watched, runs as ever; the log says why."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.autograd import forward_ad
from torch.nn.modules.module import register_module_forward_hook
from torch.utils.checkpoint import checkpoint

from birnn_lightning import SequenceClassifier
from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, Node
from tests.nn.graph_samples import (
    DEVICE,
    VOCABULARY,
    around,
    batch,
    classifier,
    close,
    gradients,
    recorded,
    recording_of,
)
from tests.nn.operations import Operations
from tests.nn.samples import CLASSES, HIDDEN, INPUT, TIME

pytestmark = pytest.mark.usefixtures("launches")


def test_what_cannot_be_recorded_runs_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    penalty = specs.L2(l2=0.1)
    spec = around(specs.Recurrent(cell="gru", hidden_size=HIDDEN, activity_regularizer=penalty))
    found = []
    for cuda_graphs in (True, False):
        torch.manual_seed(0)
        model = SequenceClassifier(spec, cuda_graphs=cuda_graphs).double().to(DEVICE)
        with caplog.at_level(logging.WARNING):
            found.append([model.loss(batch(step)).detach() for step in range(6)])
        assert recorded(model) == 0
    close(*found)
    said = [one.message for one in caplog.records if "cuda_graphs" in one.message]
    assert len(said) == 1
    assert "penalties of outputs leave the model beside its outputs" in said[0]


def test_several_outputs_are_recorded_without_gradients_alone() -> None:
    head = specs.Dense(units=CLASSES, activation="softmax")
    nodes = (
        *around(specs.Recurrent(cell="gru", hidden_size=HIDDEN)).nodes[:2],
        Node(name="first", layer=head),
        Node(name="second", layer=head, inputs=("layer",)),
    )
    model = SequenceClassifier(ModelSpec(nodes, outputs=("first", "second")), cuda_graphs=True)
    model = model.double().to(DEVICE)
    for step in range(5):
        model(batch(step).inputs)[0].sum().backward()
    assert recorded(model) == 0
    assert all(one.grad is None for one in model.model.layers["second"].parameters())
    with torch.no_grad():
        found = [model(batch(0).inputs)[1] for step in range(5)]
    assert recorded(model) == 1
    assert all(torch.equal(one, found[0]) for one in found)


def test_checkpoints_run_as_ever() -> None:
    """A checkpoint runs the model again inside the backward pass, and keeps nothing until then."""
    ours, theirs = classifier(), classifier(cuda_graphs=False)
    for model in (ours, theirs):
        for step in range(5):
            inputs = batch(step).inputs
            checkpoint(model, inputs, use_reentrant=False).square().sum().backward()
    assert recorded(ours) == 0
    close(gradients(ours), gradients(theirs))


def test_counters_see_every_operation() -> None:
    model = classifier().eval()
    for step in range(5):
        with torch.no_grad():
            model(batch(step).inputs)
    before = recording_of(model).launched
    with Operations() as during, torch.no_grad():
        model(batch(5).inputs)
    assert len(during.names) > TIME
    assert recording_of(model).launched == before


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_forward_mode_runs_as_ever() -> None:
    model = classifier().eval()
    for step in range(5):
        with torch.no_grad(), forward_ad.dual_level():
            dual = forward_ad.make_dual(batch(step).inputs, torch.ones_like(batch(step).inputs))
            assert forward_ad.unpack_dual(model(dual)).tangent is not None
    assert recorded(model) == 0


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
@pytest.mark.parametrize(
    "register",
    [
        lambda layer, hook: layer.register_forward_hook(hook),
        lambda layer, hook: layer.register_forward_pre_hook(hook),
        lambda layer, hook: layer.register_full_backward_hook(hook),
        lambda layer, hook: register_module_forward_hook(hook),
    ],
    ids=["forward", "before", "backward", "of every module"],
)
def test_hooks_go_on_being_called(register: Callable[..., Any]) -> None:
    model, calls = classifier(), []
    for step in range(4):
        model.loss(batch(step)).backward()
    assert recorded(model) == 1
    handle = register(model.model.layers["head"], lambda *_: calls.append(1))
    before = recording_of(model).launched
    for step in range(5):
        calls.clear()
        model.loss(batch(step)).backward()
        assert calls
    handle.remove()
    assert recording_of(model).launched == before
    model.loss(batch(1)).backward()
    assert recording_of(model).launched == before + 1


def test_masked_passes_that_wait_are_not_recorded(caplog: pytest.LogCaptureFixture) -> None:
    model = classifier(vocab_size=VOCABULARY, embedding_dim=INPUT)
    for layer in model.recurrent_layers.values():
        layer.requested_engine = "batched"
    for step in range(4):
        model.loss(batch(step, tokens=True)).backward()
    assert recorded(model) == 0
    assert "as many rows at each step" in caplog.text


def test_what_fails_to_be_recorded_runs_as_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_):
        raise RuntimeError("operation not permitted when stream is capturing\nat line 3")

    monkeypatch.setattr("birnn_lightning.nn.cuda_graphs.Recording", fail)
    ours, theirs = classifier(), classifier(cuda_graphs=False)
    for step in range(6):
        assert torch.equal(ours(batch(step).inputs), theirs(batch(step).inputs))
    lines = [one.message for one in caplog.records if "cuda_graphs" in one.message]
    assert lines == [
        "cuda_graphs: batches run without being recorded: operation not permitted when stream is "
        "capturing."
    ]
