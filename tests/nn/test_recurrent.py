"""The recurrent layer has torch's parameters, and merges its directions as Keras does."""

from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from birnn_lightning.nn import Masked, RecurrentLayer
from birnn_lightning.nn.masks import carry_outputs, mask_from_lengths
from birnn_lightning.nn.recurrent_outputs import MERGES
from birnn_lightning.nn.specs import Bidirectional, CellName, MergeMode, Recurrent
from tests.nn.samples import (
    EVERY_MASK,
    HIDDEN,
    INPUT,
    MASKS,
    OTHER_HIDDEN,
    TIME,
    features,
    randomise,
    uniform,
)

TorchLayer = type[nn.RNN | nn.LSTM | nn.GRU]
TORCH_LAYERS: dict[CellName, TorchLayer] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
CELLS = [pytest.param(cell, id=cell) for cell in TORCH_LAYERS]
SHAPE = (None, INPUT)


def spec(cell: CellName = "gru", **fields: Any) -> Recurrent:
    return Recurrent(cell=cell, hidden_size=HIDDEN, **fields)


def random_layer(spec: Recurrent | Bidirectional) -> RecurrentLayer:
    """A float64 layer with random weights."""
    layer = RecurrentLayer(spec, SHAPE).double()
    randomise(layer)
    return layer


def torch_layer(cell: CellName) -> nn.RNNBase:
    """torch's bidirectional layer in float64 with random weights, both biases too."""
    layer = TORCH_LAYERS[cell](INPUT, HIDDEN, bidirectional=True, batch_first=True).double()
    randomise(layer)
    return layer


def as_one_bias(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same function with the whole bias in ``bias_ih``."""
    state = dict(state)
    for suffix in ("l0", "l0_reverse"):
        state[f"bias_ih_{suffix}"] = state[f"bias_ih_{suffix}"] + state[f"bias_hh_{suffix}"]
        state[f"bias_hh_{suffix}"] = torch.zeros_like(state[f"bias_hh_{suffix}"])
    return state


def torch_outputs(layer: nn.RNNBase, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """torch's sequence, and the final states of both directions side by side."""
    inputs = features()
    if lengths is None:
        sequence, final = layer(inputs)
    else:
        packed = nn.utils.rnn.pack_padded_sequence(
            inputs, lengths, batch_first=True, enforce_sorted=False
        )
        sequence, final = layer(packed)
        sequence, _ = nn.utils.rnn.pad_packed_sequence(
            sequence, batch_first=True, total_length=TIME
        )
    hidden = final[0] if isinstance(final, tuple) else final
    return sequence, torch.cat([hidden[0], hidden[1]], dim=-1)


@pytest.mark.parametrize("cell", CELLS)
def test_the_state_dict_is_that_of_torch(cell: CellName) -> None:
    ours = RecurrentLayer(Bidirectional(forward=spec(cell)), SHAPE).state_dict()
    theirs = torch_layer(cell).state_dict()
    assert {name: value.shape for name, value in ours.items()} == {
        name: value.shape for name, value in theirs.items()
    }


@pytest.mark.parametrize("lengths", [None, torch.tensor([7, 3])], ids=["full", "lengths"])
@pytest.mark.parametrize("cell", CELLS)
def test_weights_of_torch_give_the_outputs_of_torch(cell: CellName, lengths: Tensor | None) -> None:
    theirs = torch_layer(cell)
    mask = None if lengths is None else mask_from_lengths(lengths, TIME)
    outputs = []
    for return_sequences in (True, False):
        bidirectional = Bidirectional(forward=spec(cell, return_sequences=return_sequences))
        ours = RecurrentLayer(bidirectional, SHAPE).double()
        ours.load_state_dict(theirs.state_dict())
        outputs.append(ours(Masked(features(), mask)).values)
    for one, other in zip(outputs, torch_outputs(theirs, lengths), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_the_scan_engine_too_reads_both_biases(cell: CellName) -> None:
    theirs = torch_layer(cell)
    ours = RecurrentLayer(Bidirectional(forward=spec(cell)), SHAPE).double()
    ours.requested_engine = "scan"
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(
        ours(Masked(features())).values, torch_outputs(theirs)[1], rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_one_bias_is_the_sum_of_two(cell: CellName) -> None:
    theirs = torch_layer(cell)
    ours = RecurrentLayer(Bidirectional(forward=spec(cell)), SHAPE).double()
    ours.load_state_dict(as_one_bias(theirs.state_dict()))
    torch.testing.assert_close(
        ours(Masked(features())).values, torch_outputs(theirs)[1], rtol=0, atol=1e-12
    )


def test_a_gru_has_two_biases_that_are_not_a_sum() -> None:
    theirs = torch_layer("gru")
    ours = RecurrentLayer(Bidirectional(forward=spec("gru")), SHAPE).double()
    ours.load_state_dict(as_one_bias(theirs.state_dict()))
    assert (ours(Masked(features())).values - torch_outputs(theirs)[1]).abs().max() > 1e-2


TRAINED_BIASES = [
    pytest.param(spec("rnn"), {"bias_ih_l0"}, {"bias_hh_l0"}, id="rnn"),
    pytest.param(spec("lstm"), {"bias_ih_l0"}, {"bias_hh_l0"}, id="lstm"),
    pytest.param(spec("gru"), {"bias_ih_l0", "bias_hh_l0"}, set(), id="gru"),
    pytest.param(spec("gru", reset_after=False), {"bias_ih_l0"}, set(), id="gru reset before"),
    pytest.param(spec("lstm", use_bias=False), set(), set(), id="no bias"),
]


@pytest.mark.parametrize(("recurrent", "trained", "fixed"), TRAINED_BIASES)
def test_which_biases_are_trained(recurrent: Recurrent, trained: set, fixed: set) -> None:
    layer = RecurrentLayer(recurrent, SHAPE)
    parameters = {name for name, _ in layer.named_parameters()}
    assert parameters == {"weight_ih_l0", "weight_hh_l0"} | trained
    buffers = dict(layer.named_buffers())
    assert buffers.keys() == fixed
    assert not any(value.any() for value in buffers.values())


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_the_fixed_bias_stays_zero_in_training(cell: CellName) -> None:
    layer = RecurrentLayer(Bidirectional(forward=spec(cell)), SHAPE)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, weight_decay=0.1)
    layer(Masked(features().float())).values.sum().backward()
    optimizer.step()
    assert not any(value.any() for value in dict(layer.named_buffers()).values())


@pytest.mark.parametrize("merge_mode", MERGES)
@pytest.mark.parametrize("return_sequences", [True, False], ids=["sequence", "final"])
def test_merge_modes(merge_mode, return_sequences: bool) -> None:
    forward = spec(return_sequences=return_sequences)
    both = {
        mode: random_layer(Bidirectional(forward=forward, merge_mode=mode))(Masked(features()))
        for mode in get_args(MergeMode)
    }
    first, second = both["concat"].values.chunk(2, dim=-1)
    expected = {
        "concat": torch.cat([first, second], dim=-1),
        "sum": first + second,
        "mul": first * second,
        "ave": (first + second) / 2,
    }
    assert torch.equal(both[merge_mode].values, expected[merge_mode])
    assert (first - second).abs().max() > 1e-2
    apart = random_layer(Bidirectional(forward=forward, merge_mode=None))(Masked(features()))
    assert [one.values.tolist() for one in apart] == [first.tolist(), second.tolist()]


def test_directions_of_different_sizes_are_concatenated() -> None:
    backward = replace(spec("lstm", go_backwards=True), hidden_size=OTHER_HIDDEN, activation="relu")
    layer = random_layer(Bidirectional(forward=spec("lstm"), backward=backward))
    for engine in ("auto", "scan"):
        layer.requested_engine = engine
        assert layer(Masked(features())).values.shape == (2, HIDDEN + OTHER_HIDDEN)


@pytest.mark.parametrize("mask", EVERY_MASK)
@pytest.mark.parametrize("cell", CELLS)
def test_the_final_state_is_at_the_true_ends(cell: CellName, mask: Tensor | None) -> None:
    sequence = random_layer(Bidirectional(forward=spec(cell, return_sequences=True)))
    final = random_layer(Bidirectional(forward=spec(cell)))
    outputs = sequence(Masked(features(), mask)).values
    ends = []
    for row in range(len(outputs)):
        steps = range(TIME) if mask is None else mask[row].nonzero().flatten().tolist()
        first, last = (steps[0], steps[-1]) if len(steps) else (0, 0)
        ends.append(torch.cat([outputs[row, last, :HIDDEN], outputs[row, first, HIDDEN:]]))
    result = final(Masked(features(), mask))
    assert torch.equal(result.values, torch.stack(ends))
    assert result.mask is None


@pytest.mark.parametrize("cell", CELLS)
def test_the_final_state_is_not_the_last_output(cell: CellName) -> None:
    sequence = random_layer(Bidirectional(forward=spec(cell, return_sequences=True)))
    final = random_layer(Bidirectional(forward=spec(cell)))
    last, ours = sequence(Masked(features())).values[:, -1], final(Masked(features())).values
    assert torch.equal(ours[:, :HIDDEN], last[:, :HIDDEN])
    assert (ours[:, HIDDEN:] - last[:, HIDDEN:]).abs().max() > 1e-2


@pytest.mark.parametrize("mask", [None, MASKS["right"], MASKS["interior"]])
@pytest.mark.parametrize("cell", CELLS)
def test_a_backward_layer_is_the_backward_half(cell: CellName, mask: Tensor | None) -> None:
    """And its sequence comes in processing order, while the mask stays as it was."""
    both = random_layer(Bidirectional(forward=spec(cell, return_sequences=True)))
    fields = {"return_sequences": True, "go_backwards": True, "zero_output_for_mask": True}
    backward = RecurrentLayer(spec(cell, **fields), SHAPE).double()
    backward.load_state_dict(
        {
            name.removesuffix("_reverse"): value
            for name, value in both.state_dict().items()
            if name.endswith("_reverse")
        }
    )
    half = both(Masked(features(), mask)).values[..., HIDDEN:]
    ours = backward(Masked(features(), mask))
    torch.testing.assert_close(ours.values, half.flip(1), rtol=0, atol=1e-12)
    assert ours.mask is mask
    assert (ours.values - half).abs().max() > 1e-2


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("mask", [MASKS["right"], MASKS["left"], MASKS["interior"]])
def test_masked_outputs_repeat_or_are_zero(mask: Tensor, backwards: bool) -> None:
    fields: dict[str, Any] = {"return_sequences": True, "go_backwards": backwards}
    repeating = random_layer(spec(**fields))(Masked(features(), mask)).values
    zeroing = random_layer(spec(**fields, zero_output_for_mask=True))(Masked(features(), mask))
    if backwards:
        repeating, zeros = repeating.flip(1), zeroing.values.flip(1)
    else:
        zeros = zeroing.values
    assert torch.equal(zeros, torch.where(mask[..., None], zeros, 0))
    assert torch.equal(repeating, carry_outputs(zeros, mask, reverse=backwards))


@pytest.mark.parametrize(
    ("backwards", "zero_rows"),
    [pytest.param(False, [False, True], id="forwards"), pytest.param(True, [False, False], id="b")],
)
def test_the_last_output_may_be_a_masked_one(backwards: bool, zero_rows: list[bool]) -> None:
    mask = MASKS["right"]
    fields: dict[str, Any] = {"go_backwards": backwards}
    plain = random_layer(spec(**fields))(Masked(features(), mask)).values
    zeroed = random_layer(spec(**fields, zero_output_for_mask=True))(
        Masked(features(), mask)
    ).values
    assert torch.equal(zeroed, torch.where(torch.tensor(zero_rows)[:, None], 0, plain))


@pytest.mark.parametrize("engine", ["auto", "native", "scan"])
@pytest.mark.parametrize("return_sequences", [True, False], ids=["sequence", "final"])
@pytest.mark.parametrize("cell", CELLS)
def test_an_empty_row_gives_zeros_and_finite_gradients(
    cell: CellName, return_sequences: bool, engine: str
) -> None:
    layer = random_layer(Bidirectional(forward=spec(cell, return_sequences=return_sequences)))
    layer.requested_engine = engine
    inputs = features().requires_grad_()
    output = layer(Masked(inputs, MASKS["empty row"])).values
    assert not output[0].any()
    assert output[1].any()
    (output * uniform(*output.shape, seed=1)).sum().backward()
    assert inputs.grad is not None
    assert not inputs.grad[0].any()
    for parameter in layer.parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


def test_the_engine_says_why() -> None:
    layer = RecurrentLayer(Bidirectional(forward=spec("rnn", activation="softmax")), SHAPE)
    assert layer.engine().reason.startswith("scan: one step after another, whatever the cell; ")
    layer.requested_engine = "native"
    with pytest.raises(ValueError, match="engine 'native' cannot run this layer"):
        layer(Masked(features().float()))


@pytest.mark.parametrize(
    ("recurrent", "shown"),
    [
        pytest.param(spec("gru"), "gru, 3 -> 5", id="one direction"),
        pytest.param(Bidirectional(forward=spec("lstm")), "bilstm, 3 -> 5, 3 -> 5", id="two"),
    ],
)
def test_it_shows_its_kind_and_sizes(recurrent: Recurrent | Bidirectional, shown: str) -> None:
    assert repr(RecurrentLayer(recurrent, SHAPE)) == f"RecurrentLayer({shown})"


def test_the_feature_size_must_be_known() -> None:
    with pytest.raises(ValueError, match=r"known feature size; got None\.$"):
        RecurrentLayer(spec(), (None, None))
