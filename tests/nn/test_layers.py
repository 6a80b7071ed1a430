"""The layers around the recurrent ones: what they compute, and what they do with the mask."""

import pytest
import torch
from torch import Tensor

from birnn_lightning.nn import Masked, specs
from birnn_lightning.nn.layer import Layer, build_layer
from birnn_lightning.nn.specs import LayerSpec, Shape
from parity.oracle.activations import FORMULAS
from tests.nn.samples import BATCH, CLASSES, EVERY_MASK, INPUT, MASKS, TIME, features, rows, uniform

NAN = float("nan")
VOCABULARY, EMBEDDING = 13, 5


def build(spec: LayerSpec, *shapes: Shape) -> Layer:
    """The layer in float64 and evaluation, its parameters from U(-1, 1)."""
    layer = build_layer(spec, *shapes).double().eval()
    with torch.no_grad():
        for index, parameter in enumerate(layer.parameters()):
            parameter.copy_(uniform(*parameter.shape, seed=index))
    return layer


MASKING_CASES = [
    pytest.param(0.0, [[0, 0, 0], [1, 2, 3]], ".x", id="zeros"),
    pytest.param(0.0, [[0, 0, 1e-300], [0, -0.0, 0]], "x.", id="one is not zero"),
    pytest.param(-1.0, [[-1, -1, -1], [0, 0, 0]], ".x", id="another value"),
    pytest.param(0.0, [[NAN, NAN, NAN], [0, NAN, 0]], "xx", id="NaN is valid"),
    pytest.param(NAN, [[NAN, NAN, NAN], [0, 0, 0]], "xx", id="NaN masks nothing"),
]


@pytest.mark.parametrize(("value", "steps", "valid"), MASKING_CASES)
def test_masking(value: float, steps: list[list[float]], valid: str) -> None:
    layer = build(specs.Masking(mask_value=value), (None, 3))
    inputs = torch.tensor([steps], dtype=torch.float64)
    output, mask = layer(Masked(inputs))
    assert mask is not None
    assert torch.equal(mask, rows(valid))
    expected = torch.where(mask[..., None], inputs, 0)
    torch.testing.assert_close(output, expected, rtol=0, atol=0, equal_nan=True)


def test_masking_adds_to_the_mask_that_comes() -> None:
    inputs = features()
    inputs[1, 4] = 0
    layer = build(specs.Masking(), (None, INPUT))
    mask = layer(Masked(inputs, MASKS["right"])).mask
    assert mask is not None
    assert torch.equal(mask, MASKS["right"])
    mask = layer(Masked(inputs)).mask
    assert mask is not None
    assert torch.equal(mask, rows("xxxxxxx", "xxxx.xx"))


def embedding(mask_zero: bool) -> Layer:
    fields = {"vocab_size": VOCABULARY, "embedding_dim": EMBEDDING, "mask_zero": mask_zero}
    return build(specs.Embedding(**fields), (None,))


TOKENS = torch.tensor([[3, 0, 12, 0, 7, 3, 1], [0, 0, 0, 0, 0, 0, 0]])


@pytest.mark.parametrize("mask_zero", [False, True], ids=["plain", "mask_zero"])
def test_embedding_looks_rows_up(mask_zero: bool) -> None:
    layer = embedding(mask_zero)
    (weight,) = layer.parameters()
    output, mask = layer(Masked(TOKENS))
    assert output.tolist() == [[weight[token].tolist() for token in row] for row in TOKENS]
    assert (mask is not None) == mask_zero
    if mask is not None:
        assert torch.equal(mask, TOKENS != 0)


def test_embedding_adds_to_the_mask_that_comes() -> None:
    mask = embedding(mask_zero=True)(Masked(TOKENS, MASKS["right"])).mask
    assert mask is not None
    assert torch.equal(mask, (TOKENS != 0) & MASKS["right"])


@pytest.mark.parametrize("mask_zero", [False, True], ids=["plain", "mask_zero"])
def test_row_zero_is_looked_up_and_trained_like_any(mask_zero: bool) -> None:
    layer = embedding(mask_zero)
    (weight,) = layer.parameters()
    layer(Masked(TOKENS)).values.sum().backward()
    assert weight.grad is not None
    counts = torch.bincount(TOKENS.flatten(), minlength=VOCABULARY)
    assert weight.grad.tolist() == [[float(count)] * EMBEDDING for count in counts]
    assert counts[0] > 0


@pytest.mark.parametrize(
    ("tokens", "got"),
    [
        pytest.param([[1, 13]], "1 to 13", id="too large"),
        pytest.param([[-1, 5]], "-1 to 5", id="negative"),
    ],
)
def test_tokens_out_of_range(tokens: list[list[int]], got: str) -> None:
    message = rf"^tokens must be between 0 and 12 \(vocab_size - 1\); got {got}\. Encode with"
    with pytest.raises(ValueError, match=message):
        embedding(mask_zero=False)(Masked(torch.tensor(tokens)))


@pytest.mark.parametrize("activation", ["linear", "relu", "softmax", "gelu"])
@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((), id="batch"),
        pytest.param((TIME,), id="batch, time"),
        pytest.param((TIME, 2), id="batch, time, 2"),
    ],
)
def test_dense_maps_the_last_axis(shape: tuple[int, ...], activation: str) -> None:
    layer = build(specs.Dense(units=CLASSES, activation=activation), (*shape, INPUT))
    weight, bias = (parameter.detach().numpy() for parameter in layer.parameters())
    inputs = uniform(BATCH, *shape, INPUT, seed=5)
    expected = FORMULAS[activation](inputs.numpy() @ weight.T + bias)
    output = layer(Masked(inputs)).values
    torch.testing.assert_close(output, torch.from_numpy(expected), rtol=0, atol=1e-14)


def test_dense_without_bias() -> None:
    layer = build(specs.Dense(units=CLASSES, use_bias=False), (INPUT,))
    (weight,) = layer.parameters()
    inputs = uniform(BATCH, INPUT, seed=5)
    torch.testing.assert_close(layer(Masked(inputs)).values, inputs @ weight.T, rtol=0, atol=1e-14)


def test_dense_needs_a_known_size() -> None:
    with pytest.raises(ValueError, match=r"known size; got \(3, None\)\.$"):
        build_layer(specs.Dense(units=CLASSES), (3, None))


@pytest.mark.parametrize(
    "spec", [specs.Dense(units=CLASSES), specs.Dropout(rate=0.5), specs.Masking()]
)
def test_the_mask_passes(spec: LayerSpec) -> None:
    mask = build(spec, (None, INPUT))(Masked(features(), MASKS["interior"])).mask
    assert mask is not None
    assert torch.equal(mask, MASKS["interior"])


@pytest.mark.parametrize(
    "spec", [specs.GlobalMaxPooling1D(), specs.GlobalAveragePooling1D(), specs.Flatten()]
)
def test_the_mask_ends(spec: LayerSpec) -> None:
    assert build(spec, (TIME, INPUT))(Masked(features(), MASKS["interior"])).mask is None


@pytest.mark.parametrize("mask", EVERY_MASK)
def test_average_pooling_is_the_mean_of_the_valid_steps(mask: Tensor | None) -> None:
    output = build(specs.GlobalAveragePooling1D(), (None, INPUT))(Masked(features(), mask)).values
    valid = torch.ones(BATCH, TIME, dtype=torch.bool) if mask is None else mask
    expected = torch.stack([row[kept].mean(0) for row, kept in zip(features(), valid, strict=True)])
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-14, equal_nan=True)
    assert output.isnan().all(1).tolist() == (~valid.any(1)).tolist(), "NaN for empty rows alone"


@pytest.mark.parametrize("mask", EVERY_MASK)
def test_max_pooling_ignores_the_mask(mask: Tensor | None) -> None:
    output = build(specs.GlobalMaxPooling1D(), (None, INPUT))(Masked(features(), mask)).values
    assert output.tolist() == [
        [max(column) for column in zip(*row, strict=True)] for row in features().tolist()
    ]


def test_repeat_vector() -> None:
    vector = uniform(BATCH, INPUT, seed=2)
    output, mask = build(specs.RepeatVector(n=5), (INPUT,))(Masked(vector))
    assert output.tolist() == [[row] * 5 for row in vector.tolist()]
    assert mask is None


def test_flatten_goes_through_the_last_axis_first() -> None:
    output = build(specs.Flatten(), (TIME, INPUT))(Masked(features())).values
    assert output.tolist() == [
        [number for step in row for number in step] for row in features().tolist()
    ]


def attention() -> Layer:
    return build(specs.Attention(), (2, INPUT), (None, INPUT))


def attended(query: Tensor, value: Tensor) -> Tensor:
    """One row's attention as written: softmax of dot products, then the weighted mean."""
    weights = torch.from_numpy(FORMULAS["softmax"]((query @ value.T).numpy()))
    return weights @ value


@pytest.mark.parametrize(
    "mask", [MASKS["right"], MASKS["left"], MASKS["interior"], MASKS["one valid step"]]
)
def test_attention_sees_the_valid_steps_alone(mask: Tensor) -> None:
    query, value = uniform(BATCH, 2, INPUT, seed=2), features()
    output = attention()(Masked(query), Masked(value, mask)).values
    for row in range(BATCH):
        expected = attended(query[row], value[row][mask[row]])
        torch.testing.assert_close(output[row], expected, rtol=0, atol=1e-14)
    unmasked = attention()(Masked(query), Masked(value)).values
    assert (output - unmasked).abs().max() > 1e-3


def test_attention_of_an_empty_row_is_that_of_the_whole() -> None:
    """Every score is 1e9 lower, so none of them is: what Keras gives, to rounding at 1e9."""
    query, value = uniform(BATCH, 2, INPUT, seed=2), features()
    output = attention()(Masked(query), Masked(value, MASKS["all rows empty"])).values
    unmasked = attention()(Masked(query), Masked(value)).values
    torch.testing.assert_close(output, unmasked, rtol=0, atol=1e-6)


def test_attention_zeroes_masked_queries() -> None:
    query = uniform(BATCH, 2, INPUT, seed=2)
    output, mask = attention()(Masked(query, rows("x.", ".x")), Masked(features()))
    whole = attention()(Masked(query), Masked(features())).values
    assert mask is not None
    assert torch.equal(mask, rows("x.", ".x"))
    assert torch.equal(output, torch.where(mask[..., None], whole, 0))


def test_attention_in_half_precision_stays_finite() -> None:
    query, value = uniform(BATCH, 2, INPUT, seed=2).half(), features().half()
    output = attention()(Masked(query), Masked(value, MASKS["right"])).values
    assert output.dtype == torch.float16
    assert torch.isfinite(output).all()


def test_dropout_is_nothing_in_evaluation() -> None:
    inputs = features()
    assert build(specs.Dropout(rate=0.5), (None, INPUT))(Masked(inputs)).values is inputs


def test_dropout_in_training() -> None:
    """Zero or scaled up; the share of zeros of n draws is off by 6.1 sigma once in 10⁹ times."""
    rate, count = 0.3, 100_003
    layer = build(specs.Dropout(rate=rate), (count,)).train()
    inputs = uniform(1, count, seed=1) + 2
    output = layer(Masked(inputs)).values
    dropped = output == 0
    torch.testing.assert_close(output[~dropped], inputs[~dropped] / (1 - rate))
    sigma = (rate * (1 - rate) / count) ** 0.5
    assert abs(float(dropped.double().mean()) - rate) < 6.1 * sigma
    assert not torch.equal(layer(Masked(inputs)).values == 0, dropped), "the same elements again"
