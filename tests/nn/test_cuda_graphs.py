"""Recorded passes give what the model gives: outputs, gradients, statistics, states.

A GPU records where there is one; elsewhere the CPU plays it (`tests/nn/recorded.py`).
"""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from birnn_lightning import BiLSTMClassifier, SequenceClassifier
from birnn_lightning.nn import specs
from birnn_lightning.nn.cuda_graphs import RUNS_BEFORE
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
)
from tests.nn.recorded import Launches
from tests.nn.samples import CLASSES, HIDDEN, INPUT, TIME, features

pytestmark = pytest.mark.usefixtures("launches")


@pytest.mark.parametrize("tokens", [False, True], ids=["features", "masked tokens"])
def test_training_is_the_same(tokens: bool, launches: Launches | None) -> None:
    sizes = {"vocab_size": VOCABULARY, "embedding_dim": INPUT}
    settings: dict[str, Any] = sizes if tokens else {}
    ours, theirs = classifier(**settings), classifier(cuda_graphs=False, **settings)
    losses = []
    for model in (ours, theirs):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        for step in range(8):
            optimizer.zero_grad()
            loss = model.loss(batch(step, tokens=tokens))
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
    close(losses[:8], losses[8:])
    close([*ours.parameters()], [*theirs.parameters()])
    assert recorded(ours) == 1
    if launches:
        assert launches.counts == [8 - RUNS_BEFORE] * 2


def test_gradients_accumulate() -> None:
    ours, theirs = classifier(), classifier(cuda_graphs=False)
    for model in (ours, theirs):
        for step in range(7):
            model.loss(batch(step)).backward()
    assert recorded(ours) == 1
    close(gradients(ours), gradients(theirs))


def test_two_passes_before_the_way_back() -> None:
    """The second must not overwrite what the first needs: it runs as ever."""
    ours, theirs = classifier(), classifier(cuda_graphs=False)
    for model in (ours, theirs):
        for step in range(6):
            first = model.loss(batch(2 * step))
            second = model.loss(batch(2 * step + 1))
            (second + 3 * first).backward()
    assert recorded(ours) == 1
    close(gradients(ours), gradients(theirs))


def test_a_pass_without_a_way_back_does_not_block() -> None:
    model = classifier()
    losses = [model.loss(batch(step)) for step in range(RUNS_BEFORE + 1)]
    recording = next(iter(model._graphs._recordings.values())).recording
    assert not recording.is_free()
    losses.clear()
    assert recording.is_free()


def test_a_graph_that_was_overwritten_is_refused() -> None:
    model = classifier()
    for step in range(RUNS_BEFORE):
        model.loss(batch(step)).backward()
        model.zero_grad()
    first = model.loss(batch(5))
    first.backward(retain_graph=True)
    once = gradients(model)
    model.zero_grad()
    first.backward(retain_graph=True)
    close(gradients(model), once)
    model.loss(batch(6))
    with pytest.raises(RuntimeError, match="overwritten what this backward pass needs"):
        first.backward()


def test_a_second_derivative_is_refused() -> None:
    model = classifier()
    for step in range(RUNS_BEFORE):
        model.loss(batch(step)).backward()
    loss = model.loss(batch(RUNS_BEFORE))
    found = torch.autograd.grad(loss, [*model.parameters()], create_graph=True)
    with pytest.raises(RuntimeError, match=r"a recorded pass has no second.*cuda_graphs to False"):
        torch.stack([one.square().sum() for one in found]).sum().backward()


def test_gradients_of_features() -> None:
    ours, theirs = classifier(), classifier(cuda_graphs=False)
    found = []
    for model in (ours, theirs):
        for step in range(5):
            inputs = features(step).to(DEVICE).requires_grad_()
            (gradient,) = torch.autograd.grad(model(inputs).square().sum(), inputs)
            found.append(gradient)
    close(found[:5], found[5:])
    assert recorded(ours) == 1


def test_gradients_are_computed_outside_autocast() -> None:
    """Where `Tensor.backward` computes them too."""
    found = []
    for cuda in (True, False):
        model = classifier(cuda_graphs=cuda).float()
        for layer in model.recurrent_layers.values():
            layer.requested_engine = "batched"
        for step in range(5):
            model.zero_grad()
            one = batch(step)
            with torch.autocast(DEVICE, torch.bfloat16):
                loss = model.loss(one._replace(inputs=one.inputs.float()))
            loss.backward()
        found.append(gradients(model))
        assert recorded(model) == cuda
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_a_parameter_without_a_gradient_gets_none() -> None:
    """An optimiser that decays weights leaves one alone whose gradient is None."""
    spec = around(specs.Recurrent(cell="gru", hidden_size=HIDDEN))
    model = SequenceClassifier(spec, cuda_graphs=True, engine="scan").double().to(DEVICE)
    unused = nn.Parameter(torch.ones(3, dtype=torch.float64, device=DEVICE))
    model.model.layers["head"].register_parameter("unused", unused)
    for step in range(5):
        model.loss(batch(step)).backward()
    assert recorded(model) == 1
    assert unused.grad is None
    assert len(gradients(model)) == len([*model.parameters()]) - 1


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_inference_is_the_same(mode) -> None:
    ours, theirs = classifier(), classifier(cuda_graphs=False)
    for step in range(6):
        with mode():
            inputs = features(step).to(DEVICE)
            assert torch.equal(ours.eval()(inputs), theirs.eval()(inputs))
    assert recorded(ours) == 1
    lengths = torch.tensor([TIME, 3])
    for step in range(6):
        found = [model.predict(features(step), lengths) for model in (ours, theirs)]
        assert (found[0] == found[1]).all()
    assert recorded(ours) == 2


def test_outputs_have_memory_of_their_own() -> None:
    model = classifier().eval()
    with torch.no_grad():
        kept = [model(features(step).to(DEVICE)) for step in range(6)]
        again = [model(features(step).to(DEVICE)) for step in range(6)]
    assert all(map(torch.equal, kept, again))
    assert not torch.equal(kept[-1], kept[-2])


def test_recording_leaves_moving_statistics_and_the_random_state() -> None:
    nodes = (
        Node(name="x", layer=specs.Input(shape=(None, INPUT))),
        Node(name="norm", layer=specs.BatchNormalization(momentum=0.7)),
        Node(
            name="gru",
            layer=specs.Bidirectional(
                forward=specs.Recurrent(cell="gru", hidden_size=HIDDEN),
                backward=specs.Recurrent(cell="gru", hidden_size=HIDDEN, go_backwards=True),
            ),
        ),
        Node(name="drop", layer=specs.Dropout(rate=0.5)),
        Node(name="head", layer=specs.Dense(units=CLASSES, activation="softmax")),
    )
    found = []
    for cuda_graphs in (True, False):
        torch.manual_seed(0)
        model = SequenceClassifier(ModelSpec(nodes), cuda_graphs=cuda_graphs, engine="scan")
        model = model.double().to(DEVICE)
        torch.manual_seed(1)
        losses = [model.loss(batch(step)).detach() for step in range(6)]
        found.append([*losses, *(one.clone() for one in model.state_dict().values())])
        assert recorded(model) == cuda_graphs
    close(*found)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_states_go_from_batch_to_batch(cell: Any) -> None:
    forward = specs.Recurrent(cell=cell, hidden_size=HIDDEN, stateful=True)
    spec = around(
        specs.Bidirectional(forward=forward, backward=replace(forward, go_backwards=True))
    )
    found = []
    for cuda_graphs in (True, False):
        torch.manual_seed(0)
        model = SequenceClassifier(spec, cuda_graphs=cuda_graphs, engine="scan")
        model = model.double().to(DEVICE)
        outputs = []
        for epoch in range(5):
            for step in range(4):
                loss = model.loss(batch(4 * epoch + step))
                loss.backward()
                outputs.append(loss.detach())
            with torch.inference_mode():
                outputs.append(model(batch(epoch).inputs).clone())
            if epoch != 2:  # training then starts from states that inference left
                model.reset_states()
        found.append([*outputs, *gradients(model)])
        # In training from zeros and from states, in inference from states.
        assert recorded(model) == (3 if cuda_graphs else 0)
    close(*found)


def test_the_setting_travels_with_the_model(tmp_path) -> None:
    model = BiLSTMClassifier(input_size=INPUT, hidden_size=HIDDEN, task="binary", cuda_graphs=True)
    assert model.to_config()["cuda_graphs"] is True
    assert SequenceClassifier.from_config(model.to_config()).cuda_graphs
    old = {name: value for name, value in model.to_config().items() if name != "cuda_graphs"}
    assert not SequenceClassifier.from_config(old).cuda_graphs
