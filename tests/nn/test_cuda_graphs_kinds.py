"""Each kind of batch is recorded by itself, and a model that has changed anew."""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from birnn_lightning import SequenceClassifier
from birnn_lightning.nn import layers
from birnn_lightning.nn.cuda_graphs import LIMIT, RUNS_BEFORE
from tests.nn.graph_samples import (
    DEVICE,
    VOCABULARY,
    batch,
    classifier,
    close,
    gradients,
    recorded,
    recording_of,
)
from tests.nn.samples import BATCH, INPUT

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


def other_layer(model: SequenceClassifier) -> None:
    name = next(n for n, one in model.model.layers.items() if isinstance(one, layers.Dropout))
    model.model.layers[name] = copy.copy(model.model.layers[name])


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
    [
        new_parameter,
        assigned_state,
        other_rate,
        other_layer,
        sparse_gradients,
        other_engine,
        frozen,
    ],
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
