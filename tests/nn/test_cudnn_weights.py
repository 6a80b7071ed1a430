"""A layer's weights move into one buffer for cuDNN, and everything that knows them goes on working.

What cuDNN does is played here by a function that moves the weights on the CPU.
"""

import copy
import warnings
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from birnn_lightning.nn.engines.cudnn_weights import MODES, unwarned
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.recurrent import RecurrentLayer
from birnn_lightning.nn.specs import Bidirectional, Recurrent
from tests.nn.samples import HIDDEN, INPUT, MASKS, TIME, features, randomise

CELLS = ["rnn", "lstm", "gru"]


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """The arguments of every move, without the weights."""
    calls: list[tuple] = []

    def move(weights: Sequence[Tensor], *rest) -> Tensor:
        calls.append((len(weights), *rest))
        buffer = torch.cat([weight.flatten() for weight in weights])
        for weight, part in zip(weights, buffer.split([w.numel() for w in weights]), strict=True):
            weight.set_(part.view_as(weight))  # type: ignore[call-overload]
        return buffer

    monkeypatch.setattr(torch, "_cudnn_rnn_flatten_weight", move)
    monkeypatch.setattr(torch.backends.cudnn, "is_acceptable", lambda tensor: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    return calls


def build(cell: str, **fields) -> RecurrentLayer:
    spec = Recurrent(cell=cell, hidden_size=HIDDEN, **fields)  # type: ignore[arg-type]
    layer = RecurrentLayer(Bidirectional(forward=spec), (TIME, INPUT)).double()
    layer.requested_engine = "native"
    randomise(layer)
    return layer


def output(layer: RecurrentLayer) -> Tensor:
    result = layer(Masked(features()))
    assert isinstance(result, Masked)
    return result.values


def memories(layer: nn.Module) -> set[int]:
    tensors = [*layer.parameters(), *layer.buffers()]
    return {tensor.untyped_storage().data_ptr() for tensor in tensors}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("use_bias", [True, False])
def test_weights_move_once(cell: str, use_bias: bool, moves: list[tuple]) -> None:
    layer = build(cell, use_bias=use_bias)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    names, identities = list(before), [id(parameter) for parameter in layer.parameters()]
    for _ in range(3):
        output(layer)
    count = 4 if use_bias else 2
    mode = MODES[cell, "tanh"]
    assert moves == [(2 * count, count, INPUT, mode, HIDDEN, 0, 1, True, True)]
    assert len(memories(layer)) == 1
    assert list(layer.state_dict()) == names
    assert [id(parameter) for parameter in layer.parameters()] == identities
    for name, value in layer.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("cell", CELLS)
def test_training_is_the_same(cell: str, moves: list[tuple]) -> None:
    ours, theirs = build(cell), build(cell)
    theirs.requested_engine = "scan"
    for layer in (ours, theirs):
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            output(layer).square().sum().backward()
            optimizer.step()
    assert len(moves) == 1
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_new_memory_moves_again(moves: list[tuple]) -> None:
    layer = build("lstm")
    first = output(layer)
    twin = copy.deepcopy(layer)
    assert torch.equal(output(twin), first)
    assert len(moves) == 2
    assert not memories(layer) & memories(twin)
    twin.float().double()
    output(twin)
    assert len(moves) == 3
    output(layer)
    assert len(moves) == 3, "the original's memory was not touched"


def test_loaded_weights_stay_where_they_are(moves: list[tuple]) -> None:
    layer, other = build("gru"), build("gru")
    randomise(other, seed=7)
    output(layer)
    layer.load_state_dict(other.state_dict())
    other.requested_engine = "scan"
    torch.testing.assert_close(output(layer), output(other), rtol=0, atol=1e-12)
    assert len(moves) == 1


def test_training_follows_a_validation_in_inference_mode(moves: list[tuple]) -> None:
    layer = build("lstm")
    with torch.inference_mode():
        output(layer)
    output(layer).sum().backward()
    assert len(moves) == 1
    assert not any(parameter.is_inference() for parameter in layer.parameters())
    assert all(parameter.grad is not None for parameter in layer.parameters())


def test_directions_that_run_apart_move_apart(moves: list[tuple]) -> None:
    """Dropout of the inputs gives each direction a call of its own, in training."""
    layer = build("gru", dropout=0.5)
    for training, total in ((True, 2), (True, 2), (False, 2), (True, 2)):
        layer.train(training)
        with torch.set_grad_enabled(training):
            output(layer)
        assert len(moves) == total


def test_weights_do_not_go_to_and_fro(moves: list[tuple]) -> None:
    """Masks in some batches alone: the GPU runs those direction by direction, others at once."""
    layer = build("gru")
    for mask, total in ((None, 1), ("right", 3), (None, 3), ("right", 3), (None, 3)):
        layer(Masked(features(), MASKS[mask] if mask else None))
        assert len(moves) == total
    layer.float().double()
    for mask, total in ((None, 4), (None, 4), ("right", 6), (None, 6)):
        layer(Masked(features(), MASKS[mask] if mask else None))
        assert len(moves) == total


@pytest.mark.parametrize("mask", [None, MASKS["right"]], ids=["no mask", "right"])
def test_inference_leaves_the_order_of_training(moves: list[tuple], mask: Tensor | None) -> None:
    layer = build("rnn")
    layer(Masked(features(), mask))
    count = len(moves)
    with torch.no_grad():
        for other in (MASKS["right"], None):
            layer(Masked(features(), other))
    layer(Masked(features(), mask))
    assert len(moves) == count


def test_a_kernel_that_must_copy_does_not_warn() -> None:
    def kernel(one: int) -> int:
        text = "RNN module weights are not part of single contiguous chunk of memory"
        warnings.warn(text, stacklevel=1)
        return 2 * one

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert unwarned(kernel)(3) == 6
        with pytest.raises(UserWarning, match="contiguous chunk"):
            kernel(3)


def test_a_shared_buffer_of_another_order_is_not_trusted(moves: list[tuple]) -> None:
    layer = build("rnn")
    tensors = [*layer.parameters(), *layer.buffers()]
    buffer = torch.cat([tensor.detach().flatten() for tensor in tensors])
    sizes = [tensor.numel() for tensor in tensors]
    for tensor, part in zip(tensors, buffer.split(sizes), strict=True):
        tensor.data = part.view_as(tensor)
    assert len(memories(layer)) == 1
    output(layer)
    assert len(moves) == 1


def test_computed_weights_stay(moves: list[tuple]) -> None:
    layer = build("lstm")
    nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    output(layer).sum().backward()
    assert moves == []


def test_the_cpu_moves_nothing() -> None:
    layer = build("lstm")
    before = [parameter.data_ptr() for parameter in layer.parameters()]
    output(layer)
    assert [parameter.data_ptr() for parameter in layer.parameters()] == before
