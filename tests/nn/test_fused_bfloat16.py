"""In bfloat16 the compiled kernel rounds the factors of products, and nothing else."""

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn.cells import Recurrence
from birnn_lightning.nn.engines import ENGINES, fused
from birnn_lightning.nn.engines.fused import compilation
from tests.nn.samples import EVERY_MASK, MASKS, features
from tests.nn.test_engines import Layers, largest_difference, pair, results, to_float32
from tests.nn.test_fused import CELLS, MIXED, SMALL, WHOLE, dropping, spec
from tests.nn.test_fused_batches import WIDE, large_batch, wide_batch

pytestmark = pytest.mark.skipif(
    compilation.obstacle("float32") is not None or not fused.multiplies_bfloat16(),
    reason="this processor, or its kernel, has no products of bfloat16 numbers",
)
ROUNDING = 2.0**-9
"""The largest relative error of a number rounded to bfloat16, which has 8 significant bits."""


def rounded(tensor: Tensor) -> Tensor:
    """To bfloat16 and back; its gradient is that of the number before."""
    return tensor + (tensor.bfloat16().to(tensor.dtype) - tensor).detach()


def rounded_weights(layers: Layers) -> Layers:
    """The same, with matrices that bfloat16 can hold."""
    return [
        one._replace(
            weights=one.weights._replace(
                weight_ih=rounded(one.weights.weight_ih), weight_hh=rounded(one.weights.weight_hh)
            )
        )
        for one in layers
    ]


def in_bfloat16(layers: Layers, inputs: Tensor, mask: Tensor | None) -> list[Tensor]:
    """Results in float32 under autocast."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = results("fused", to_float32(layers), inputs.detach().float(), mask)
    return [one.double() for one in found]


@pytest.fixture
def scan_rounds_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    product = Recurrence.__call__
    monkeypatch.setattr(Recurrence, "__call__", lambda self, h: product(self, rounded(h)))


@pytest.mark.parametrize("hidden_size", [SMALL, WHOLE, MIXED])
@pytest.mark.parametrize("mask", EVERY_MASK)
@pytest.mark.parametrize("fields", CELLS)
@pytest.mark.usefixtures("scan_rounds_the_state")
def test_equals_scan_with_rounded_factors(
    fields: dict, mask: Tensor | None, hidden_size: int
) -> None:
    """Sums differ by float32's rounding, which now and then rounds a state the other way."""
    layers = rounded_weights(pair(spec(**fields, hidden_size=hidden_size)))
    ours = in_bfloat16(layers, rounded(features()), mask)
    theirs = results("scan", layers, rounded(features()).detach(), mask)
    outputs = len(layers) * (2 if fields["cell"] != "lstm" else 3)
    for one, other in zip(ours[:outputs], theirs[:outputs], strict=True):
        assert (one - other).abs().median() <= 1e-5
        assert (one - other).abs().max() <= 4 * ROUNDING
    # Gradients of gates are rounded as well, once a step, for the products alone.
    for one, other in zip(ours[outputs:], theirs[outputs:], strict=True):
        scale = max(1.0, float(other.abs().max()))
        assert (one - other).abs().max() <= 8 * ROUNDING * scale


@pytest.mark.parametrize("wide", [False, True], ids=["large", "wide"])
@pytest.mark.parametrize("fields", CELLS)
@pytest.mark.usefixtures("scan_rounds_the_state")
def test_equals_scan_in_a_large_batch(fields: dict, wide: bool) -> None:
    batch = wide_batch(fields, WIDE) if wide else large_batch(fields, 67, 11)
    layers, inputs, mask = batch
    layers = rounded_weights(layers)
    ours = in_bfloat16(layers, rounded(inputs), mask)
    theirs = results("scan", layers, rounded(inputs).detach(), mask)
    assert (ours[0] - theirs[0]).abs().median() <= 1e-5
    for one, other in zip(ours, theirs, strict=True):
        scale = max(1.0, float(other.abs().max()))
        assert (one - other).abs().max() <= 8 * ROUNDING * scale


@pytest.mark.parametrize("hidden_size", [SMALL, MIXED])
@pytest.mark.parametrize("fields", CELLS)
def test_inputs_and_matrices_are_rounded_to_nearest(fields: dict, hidden_size: int) -> None:
    layers = to_float32(pair(spec(**fields, hidden_size=hidden_size)))
    inputs = features().float()
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        once = ENGINES["fused"](layers, inputs, MASKS["interior"])
        twice = ENGINES["fused"](rounded_weights(layers), rounded(inputs), MASKS["interior"])
    exact = ENGINES["fused"](layers, inputs, MASKS["interior"])
    for one, two, other in zip(once, twice, exact, strict=True):
        assert torch.equal(one.sequence, two.sequence)
        assert largest_difference([one.sequence], [other.sequence]) > 1e-4


@pytest.mark.parametrize("fields", CELLS)
def test_inputs_of_bfloat16_need_no_autocast(fields: dict) -> None:
    layers, inputs = to_float32(pair(spec(**fields))), features().bfloat16()
    alone = ENGINES["fused"](layers, inputs, None)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        together = ENGINES["fused"](layers, inputs.float(), None)
    for one, other in zip(alone, together, strict=True):
        assert one.sequence.dtype == torch.bfloat16
        assert other.sequence.dtype == torch.float32
        assert torch.equal(one.sequence, other.sequence.bfloat16())


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", ["inputs", "weights"])
def test_what_is_not_finite_stays_so(number: float, place: str) -> None:
    layers, inputs = to_float32(pair(spec(cell="rnn", activation="linear"))), features().float()
    (inputs[0, 2] if place == "inputs" else layers[0].weights.weight_ih)[0] = number
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outcomes = ENGINES["fused"](layers, inputs, None)
    assert not torch.isfinite(outcomes[0].sequence[0, 2]).all()


def test_dropout_of_the_state_stays_in_float32() -> None:
    layers = dropping(to_float32(pair(spec(cell="gru"))), inputs=False, state=True)
    layers = [
        one._replace(dropout=one.dropout._replace(state=one.dropout.state.float()))  # type: ignore[union-attr]
        for one in layers
    ]
    exact = ENGINES["fused"](layers, features().float(), None)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = ENGINES["fused"](layers, features().float(), None)
    assert torch.equal(exact[0].sequence, found[0].sequence)


def test_autocast_to_another_type_is_not_this() -> None:
    layers = to_float32(pair(spec(cell="gru")))
    exact = ENGINES["fused"](layers, features().float(), None)
    with torch.autocast("cpu", dtype=torch.float16):
        found = ENGINES["fused"](layers, features().float(), None)
    assert torch.equal(exact[0].sequence, found[0].sequence)


def test_a_processor_without_it_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = to_float32(pair(spec(cell="gru")))
    exact = ENGINES["fused"](layers, features().float(), None)
    monkeypatch.setattr(fused, "multiplies_bfloat16", lambda: False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = ENGINES["fused"](layers, features().float(), None)
    assert torch.equal(exact[0].sequence, found[0].sequence)
