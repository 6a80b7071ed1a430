"""What becomes of several masks, and which masks a layer cannot take."""

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn import Masked, specs
from birnn_lightning.nn.layer import build_layer
from birnn_lightning.nn.specs import LayerSpec
from tests.nn.samples import BATCH, INPUT, TIME, features, rows

SHAPE = (TIME, INPUT)
FIRST, SECOND = rows("xx..xxx", "x......"), rows("x.x.x..", "......x")
EITHER = rows("xxx.xxx", "x.....x")
ELEMENTWISE = (
    specs.Add(),
    specs.Subtract(),
    specs.Multiply(),
    specs.Average(),
    specs.Maximum(),
    specs.Minimum(),
)


def branches(first: Tensor | None, second: Tensor | None) -> list[Masked]:
    return [Masked(features(seed=1), first), Masked(features(seed=2), second)]


@pytest.mark.parametrize("spec", ELEMENTWISE, ids=lambda spec: type(spec).__name__)
def test_a_step_is_valid_where_any_input_is(spec: LayerSpec) -> None:
    layer = build_layer(spec, SHAPE, SHAPE)
    mask = layer(*branches(FIRST, SECOND)).mask
    assert mask is not None
    assert torch.equal(mask, EITHER)
    assert layer(*branches(FIRST, None)).mask is None
    assert layer(*branches(None, None)).mask is None


def merged(spec: LayerSpec, first: Tensor | None, second: Tensor | None) -> list[list[float]]:
    """The first feature's values."""
    layer = build_layer(spec, SHAPE, SHAPE)
    return layer(*branches(first, second)).values[..., 0].tolist()


def by_hand(spec: LayerSpec, first: Tensor, second: Tensor) -> list[list[float]]:
    fold = {specs.Multiply: lambda a, b: a * b, specs.Maximum: max, specs.Minimum: min}[type(spec)]
    values = [given.values[..., 0].tolist() for given in branches(None, None)]
    result = []
    for row in range(BATCH):
        result.append([])
        for step in range(TIME):
            one, other = values[0][row][step], values[1][row][step]
            a, b = bool(first[row, step]), bool(second[row, step])
            alone = one if a else other
            result[-1].append(fold(one, other) if a and b else alone)
    return result


@pytest.mark.parametrize(
    "spec", [specs.Multiply(), specs.Maximum(), specs.Minimum()], ids=lambda s: type(s).__name__
)
def test_masked_values_give_way(spec: LayerSpec) -> None:
    found = torch.tensor(merged(spec, FIRST, SECOND), dtype=torch.float64)
    expected = torch.tensor(by_hand(spec, FIRST, SECOND), dtype=torch.float64)
    if isinstance(spec, specs.Multiply):  # where nothing is valid the product is 0
        assert (found[~EITHER] == 0).all()
    torch.testing.assert_close(found[EITHER], expected[EITHER], rtol=0, atol=0)


def test_a_sum_takes_masked_values_in() -> None:
    assert merged(specs.Add(), FIRST, SECOND) == merged(specs.Add(), None, None)


def test_concatenation_along_features_counts_an_input_without_mask_as_valid() -> None:
    layer = build_layer(specs.Concatenate(), SHAPE, SHAPE)
    masks = [layer(*branches(*both)).mask for both in ((FIRST, SECOND), (FIRST, None))]
    assert masks[0] is not None
    assert masks[1] is not None
    assert torch.equal(masks[0], EITHER)
    assert masks[1].all()
    assert layer(*branches(None, None)).mask is None


def test_concatenation_along_time_joins_the_masks() -> None:
    layer = build_layer(specs.Concatenate(axis=1), SHAPE, SHAPE)
    mask = layer(*branches(FIRST, None)).mask
    assert mask is not None
    assert torch.equal(mask, torch.cat([FIRST, torch.ones_like(FIRST)], 1))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (specs.Softmax(), r"Softmax: a mask must have the shape \(2, 7, 3\) .* got \(2, 7\)"),
        (specs.BatchNormalization(), r"must have the shape \(2, 7\) .* got \(2, 7, 3\)"),
        (specs.GlobalAveragePooling1D(), r"bool tensor of shape \(2, 7\), .* \(2, 7, 3\)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_masks_of_another_shape(spec: LayerSpec, message: str) -> None:
    mask = FIRST if isinstance(spec, specs.Softmax) else FIRST[..., None].expand(2, 7, 3)
    with pytest.raises(ValueError, match=message):
        build_layer(spec, SHAPE).double()(Masked(features(), mask))
