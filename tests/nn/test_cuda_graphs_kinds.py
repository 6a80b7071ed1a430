"""Each kind of batch is recorded by itself, and what cannot be recorded runs as ever."""

import copy
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.nn.modules.module import register_module_forward_hook
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from birnn_lightning import SequenceClassifier
from birnn_lightning.nn import layers, specs
from birnn_lightning.nn.cuda_graphs import LIMIT, RUNS_BEFORE
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
from tests.nn.samples import BATCH, CLASSES, HIDDEN, INPUT

pytestmark = pytest.mark.usefixtures("launches")


def test_each_kind_of_batch_is_recorded_by_itself() -> None:
    model = classifier()
    for step in range(5):
        model.loss(batch(step)).backward()
        model.loss(batch(step, rows=3)).backward()
        model.loss(batch(step, time=5)).backward()
        model.eval()
        with torch.no_grad():
            model.loss(batch(step))
        model.train()
    assert recorded(model) == 4
    next(model.parameters()).requires_grad_(False)
    for step in range(3):
        model.loss(batch(step)).backward()
    assert recorded(model) == 5


def test_there_is_a_limit() -> None:
    model = classifier().eval()
    with torch.no_grad():
        for time in range(1, LIMIT + 4):
            inputs = torch.ones(BATCH, time, INPUT, device=DEVICE).double()
            found = [model(inputs) for _ in range(RUNS_BEFORE + 2)]
            assert all(torch.equal(one, found[0]) for one in found)
    assert recorded(model) == LIMIT


def test_weights_with_new_memory_are_recorded_anew() -> None:
    model, theirs = classifier(), classifier(cuda_graphs=False)
    for step in range(4):
        model.loss(batch(step)).backward()
    assert recorded(model) == 1
    for one in (model, theirs):
        one.zero_grad()
        one.float().double()
        with torch.no_grad():
            for parameter in one.parameters():
                parameter.mul_(0.5)
    for step in range(4):
        model.loss(batch(step)).backward()
        theirs.loss(batch(step)).backward()
    assert recorded(model) == 1
    close(gradients(model), gradients(theirs))


def test_copies_start_without_recordings() -> None:
    model = classifier()
    for step in range(4):
        model.loss(batch(step)).backward()
    twin = copy.deepcopy(model)
    assert recorded(twin) == 0
    assert twin.cuda_graphs
    assert torch.equal(twin(batch(0).inputs), model(batch(0).inputs))


def test_a_model_that_moves_forgets_its_recordings() -> None:
    model = classifier()
    for step in range(4):
        model.loss(batch(step)).backward()
    assert recorded(model) == 1
    model.cpu()
    assert recorded(model) == 0


def new_parameter(model: SequenceClassifier) -> None:
    head = model.model.layers["head"]
    head.weight = nn.Parameter(head.weight.detach())  # type: ignore[union-attr]


def assigned_state(model: SequenceClassifier) -> None:
    model.load_state_dict(model.state_dict(), assign=True)


def other_rate(model: SequenceClassifier) -> None:
    dropout = next(one for one in model.modules() if isinstance(one, layers.Dropout))
    dropout.spec = replace(dropout.spec, rate=0.25)


def no_layer(model: SequenceClassifier) -> None:
    name = next(n for n, one in model.model.layers.items() if isinstance(one, layers.Dropout))
    model.model.layers[name] = copy.deepcopy(model.model.layers[name])


def sparse_gradients(model: SequenceClassifier) -> None:
    for one in model.modules():
        if isinstance(one, layers.Embedding):
            one.sparse_gradients = True


def other_engine(model: SequenceClassifier) -> None:
    for layer in model.recurrent_layers.values():
        layer.requested_engine = "native"


def frozen(model: SequenceClassifier) -> None:
    model.model.layers["head"].requires_grad_(False)


@pytest.mark.parametrize(
    "change",
    [new_parameter, assigned_state, other_rate, no_layer, sparse_gradients, other_engine, frozen],
)
def test_what_was_recorded_before_a_change_does_not_run(
    change: Callable[[SequenceClassifier], None],
) -> None:
    """A player on the CPU would run the change too: so this looks at what is launched."""
    model = classifier(vocab_size=VOCABULARY, embedding_dim=INPUT, dropout=0.5)
    for step in range(4):
        model.loss(batch(step, tokens=True)).backward()
    old = recording_of(model)
    before = old.launched
    assert before == 4 - RUNS_BEFORE
    change(model)
    model.zero_grad()
    for step in range(4):
        model.loss(batch(step, tokens=True)).backward()
        assert all(one.grad is not None for one in model.parameters() if one.requires_grad)
    assert old.launched == before


@pytest.mark.parametrize(
    ("get", "switch"),
    [
        (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
        (
            lambda: torch.backends.cuda.matmul.fp32_precision,
            partial(setattr, torch.backends.cuda.matmul, "fp32_precision"),
        ),
    ],
    ids=["deterministic", "tf32"],
)
def test_switches_of_torch_make_another_kind(get: Callable, switch: Callable) -> None:
    model, kept = classifier(), get()
    for step in range(4):
        model.loss(batch(step)).backward()
    try:
        switch("tf32" if isinstance(kept, str) else True)
        for step in range(4):
            model.loss(batch(step)).backward()
    finally:
        switch(kept)
    assert recorded(model) == 2


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
    counts = []
    for step in range(5):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(batch(step).inputs)
        counts.append(counter.get_total_flops())
    assert counts[0] > 0
    assert set(counts) == {counts[0]}
    assert recorded(model) == 0


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
