"""A layer whose cells' outputs side by side are its own takes them whole from the kernel."""

from typing import Any

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn import Masked, RecurrentLayer, specs
from birnn_lightning.nn.recurrent_outputs import is_plain
from birnn_lightning.nn.specs import Bidirectional, Recurrent
from tests.nn.samples import BATCH, EVERY_MASK, HIDDEN, MASKS, TIME, randomise
from tests.nn.test_fused import needs_a_compiler
from tests.nn.test_unread import both

SIZE = 3


@pytest.mark.parametrize(
    ("layer", "plain", "masked"),
    [
        pytest.param(both("gru"), True, True, id="sequences"),
        pytest.param(both("gru", False), True, True, id="final states"),
        pytest.param(both("lstm").forward, True, True, id="one direction"),
        pytest.param(Recurrent(cell="gru", hidden_size=3, return_sequences=True), True, False),
        pytest.param(Recurrent(cell="gru", hidden_size=3, zero_output_for_mask=True), True, False),
        pytest.param(
            Recurrent(cell="gru", hidden_size=3, go_backwards=True), True, True, id="backwards"
        ),
        pytest.param(
            Recurrent(cell="gru", hidden_size=3, go_backwards=True, return_sequences=True),
            False,
            False,
            id="backwards, sequences",
        ),
        pytest.param(Bidirectional(forward=both("gru").forward, merge_mode="sum"), False, False),
        pytest.param(Bidirectional(forward=both("gru").forward, merge_mode=None), False, False),
        pytest.param(both("gru", return_state=True), False, False),
        pytest.param(both("gru", stateful=True), False, False),
        pytest.param(both("gru", activity_regularizer=specs.L1(l1=0.1)), False, False),
    ],
)
def test_plain_layers(layer: Any, plain: bool, masked: bool) -> None:
    assert (is_plain(layer, False), is_plain(layer, True)) == (plain, masked)


PLAIN = [
    both("rnn"),
    both("lstm", False),
    Recurrent(cell="gru", hidden_size=HIDDEN, return_sequences=True),
    Recurrent(cell="gru", hidden_size=HIDDEN, zero_output_for_mask=True),
    Recurrent(cell="lstm", hidden_size=HIDDEN, go_backwards=True),
    Bidirectional(
        forward=Recurrent(cell="gru", hidden_size=HIDDEN),
        backward=Recurrent(cell="lstm", hidden_size=HIDDEN + 2, go_backwards=True),
    ),
]


@needs_a_compiler
@pytest.mark.parametrize("mask", EVERY_MASK)
@pytest.mark.parametrize("layer", PLAIN)
@pytest.mark.parametrize("trained", [False, True])
def test_a_plain_layer_puts_out_what_the_parts_are_together(
    trained: bool, layer: Any, mask: Tensor | None
) -> None:
    built = RecurrentLayer(layer, (None, SIZE)).double()
    randomise(built)
    inputs = torch.randn(BATCH, TIME, SIZE, dtype=torch.float64, requires_grad=trained)
    with torch.set_grad_enabled(trained):
        whole = built(Masked(inputs, mask))
        built._is_plain = (False, False)
        parts = built(Masked(inputs, mask))
    assert torch.equal(whole.values, parts.values)
    assert whole.mask is parts.mask
    if trained:
        leaves = [inputs, *built.parameters()]
        factors = torch.randn_like(whole.values)
        found = [
            torch.autograd.grad((one.values * factors).sum(), leaves) for one in (whole, parts)
        ]
        assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


@pytest.mark.parametrize("engine", ["auto", "scan"])
def test_a_row_without_valid_steps_puts_out_zeros_wherever_it_started(engine: str) -> None:
    layer = RecurrentLayer(Recurrent(cell="gru", hidden_size=HIDDEN), (None, SIZE), (HIDDEN,))
    layer.requested_engine = engine
    inputs = Masked(torch.randn(BATCH, TIME, SIZE), MASKS["empty row"])
    given = layer(inputs, Masked(torch.ones(BATCH, HIDDEN))).values
    assert torch.equal(given[0], torch.zeros(HIDDEN))
    assert torch.equal(layer(inputs).values[0], torch.zeros(HIDDEN))
    assert (given[1] != 0).any()
