"""Recorded passes give what the model gives, and what cannot be recorded runs as ever.

A GPU records where there is one; elsewhere the CPU plays it (`tests/nn/recorded.py`).
"""

import copy
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from birnn_lightning import BiGRUClassifier, BiLSTMClassifier, SequenceClassifier
from birnn_lightning.data import Batch
from birnn_lightning.nn import specs
from birnn_lightning.nn.cuda_graphs import LIMIT, RUNS_BEFORE
from birnn_lightning.nn.specs import ModelSpec, Node
from tests.nn.recorded import Launches, played_on_cpu
from tests.nn.samples import BATCH, CLASSES, HIDDEN, INPUT, TIME, features, randomise

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
VOCABULARY = 23
# A replay launches the same kernels on the same numbers.
TOLERANCE = 1e-12


@pytest.fixture(autouse=True)
def launches() -> Iterator[Launches | None]:
    """How often what was recorded ran, where the CPU plays the GPU."""
    if CUDA:
        yield None
    else:
        with played_on_cpu() as found:
            yield found


def classifier(cuda_graphs: bool = True, **settings: Any) -> SequenceClassifier:
    """Features or tokens, two layers, every weight random."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": HIDDEN, "num_layers": 2, "num_classes": CLASSES}
    sizes |= settings or {"input_size": INPUT}
    model = BiGRUClassifier(cuda_graphs=cuda_graphs, engine="scan", **sizes).double()
    randomise(model.model)
    return model.to(DEVICE)


def batch(seed: int, rows: int = BATCH, tokens: bool = False, time: int = TIME) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (rows,), generator=generator)
    if tokens:
        lengths = torch.randint(1, time + 1, (rows, 1), generator=generator)
        inputs = torch.randint(1, VOCABULARY, (rows, time), generator=generator)
        inputs = inputs * (torch.arange(time) < lengths)
    else:
        inputs = torch.randn(rows, time, INPUT, generator=generator, dtype=torch.float64)
    return Batch(inputs.to(DEVICE), labels.to(DEVICE))


def gradients(model: SequenceClassifier) -> list[Tensor]:
    return [one.grad.clone() for one in model.parameters() if one.grad is not None]


def recorded(model: SequenceClassifier) -> int:
    """How many kinds of batches are recorded."""
    return len(model._graphs._recordings)


def close(ours: list[Tensor], theirs: list[Tensor]) -> None:
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=TOLERANCE, atol=TOLERANCE)


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
    (recording, _), *_ = model._graphs._recordings.values()
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


def around(layer: specs.LayerSpec) -> ModelSpec:
    """A model of one layer and a head."""
    nodes = (
        Node(name="x", layer=specs.Input(shape=(None, INPUT))),
        Node(name="layer", layer=layer),
        Node(name="head", layer=specs.Dense(units=CLASSES, activation="softmax")),
    )
    return ModelSpec(nodes)


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


def test_hooks_go_on_being_called() -> None:
    model = classifier()
    calls = []
    model.model.layers["head"].register_forward_hook(lambda *_: calls.append(1))
    for step in range(5):
        model.loss(batch(step))
    assert len(calls) == 5
    assert recorded(model) == 0


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


def test_the_setting_travels_with_the_model(tmp_path) -> None:
    model = BiLSTMClassifier(input_size=INPUT, hidden_size=HIDDEN, task="binary", cuda_graphs=True)
    assert model.to_config()["cuda_graphs"] is True
    assert SequenceClassifier.from_config(model.to_config()).cuda_graphs
    old = {name: value for name, value in model.to_config().items() if name != "cuda_graphs"}
    assert not SequenceClassifier.from_config(old).cuda_graphs
