"""Any array becomes a masked tensor of the right type, or an error that says what is wrong."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from birnn_lightning.inputs import masked_inputs
from birnn_lightning.nn import Masked
from birnn_lightning.nn.specs import Activation, Embedding, Input, LayerSpec, ModelSpec, Node
from tests.nn.samples import BATCH, INPUT, MASKS, TIME, features

LIKE = torch.zeros(1, dtype=torch.float64)


def spec(*inputs: LayerSpec) -> ModelSpec:
    nodes = [Node(name=f"input_{index}", layer=layer) for index, layer in enumerate(inputs)]
    return ModelSpec((*nodes, Node(name="head", layer=Activation(activation="linear"))))


SERIES = spec(Input(shape=(None, INPUT)))
TOKENS = spec(Input(shape=(None,), dtype="int64"))
VECTORS = spec(Input(shape=(INPUT,)))
TWO = spec(Input(shape=(None, INPUT)), Input(shape=(None,), dtype="int64"))


def prepared(spec: ModelSpec, inputs: Any, lengths: Any = None, mask: Any = None) -> list[Masked]:
    return masked_inputs(spec, inputs, lengths, mask, LIKE)


NUMBERS = features().numpy()
WORDS = np.array([[3, 0, 12], [7, 1, 0]])
READ_ONLY = np.broadcast_to(NUMBERS[:1], NUMBERS.shape)
ARRAYS = [
    pytest.param(SERIES, NUMBERS, NUMBERS, id="float64"),
    pytest.param(SERIES, NUMBERS.astype("f4"), NUMBERS.astype("f4"), id="float32"),
    pytest.param(SERIES, NUMBERS.astype("f2"), NUMBERS.astype("f2"), id="float16"),
    pytest.param(SERIES, NUMBERS.astype(">f8"), NUMBERS, id="other byte order"),
    pytest.param(SERIES, NUMBERS[:, ::-1], NUMBERS[:, ::-1], id="reversed view"),
    pytest.param(SERIES, READ_ONLY, READ_ONLY, id="read-only"),
    pytest.param(SERIES, features().float(), NUMBERS.astype("f4"), id="tensor"),
    pytest.param(SERIES, (NUMBERS * 9).astype("i8"), (NUMBERS * 9).astype("i8"), id="integers"),
    pytest.param(TOKENS, WORDS, WORDS, id="tokens"),
    pytest.param(TOKENS, WORDS.astype("u1"), WORDS, id="tokens in bytes"),
    pytest.param(TOKENS, WORDS.astype("f4"), WORDS, id="tokens in floats"),
    pytest.param(TOKENS, torch.from_numpy(WORDS).int(), WORDS, id="token tensor"),
    pytest.param(VECTORS, NUMBERS[:, 0], NUMBERS[:, 0], id="no time axis"),
]


@pytest.mark.parametrize(("spec", "array", "expected"), ARRAYS)
def test_arrays(spec: ModelSpec, array: Any, expected: np.ndarray) -> None:
    ((values, mask),) = prepared(spec, array)
    assert values.dtype == (torch.int64 if spec is TOKENS else LIKE.dtype)
    assert np.array_equal(values.numpy(), expected)
    assert mask is None


@pytest.mark.parametrize("kind", [list, tuple])
def test_several_inputs_and_the_mask_of_the_first(kind: type) -> None:
    first, second = prepared(TWO, kind([NUMBERS, WORDS]), mask=MASKS["right"])
    assert np.array_equal(first.values.numpy(), NUMBERS)
    assert np.array_equal(second.values.numpy(), WORDS)
    assert first.mask is not None
    assert torch.equal(first.mask, MASKS["right"])
    assert second.mask is None


BOTH = MASKS["interior"] & MASKS["right"]
LENGTHS = np.array([7, 3])
MASKINGS = [
    pytest.param(LENGTHS, None, MASKS["right"], id="lengths"),
    pytest.param(torch.tensor([7, 3], dtype=torch.int16), None, MASKS["right"], id="int16"),
    pytest.param([7, 3], None, MASKS["right"], id="list"),
    pytest.param(None, MASKS["interior"], MASKS["interior"], id="mask"),
    pytest.param(None, MASKS["interior"].numpy(), MASKS["interior"], id="NumPy mask"),
    pytest.param(None, MASKS["right"].flip(1).numpy()[:, ::-1], MASKS["right"], id="reversed view"),
    pytest.param(LENGTHS, MASKS["interior"], BOTH, id="both"),
]


@pytest.mark.parametrize(("lengths", "mask", "expected"), MASKINGS)
def test_lengths_and_masks(lengths: Any, mask: Any, expected: Tensor) -> None:
    ((_, ours),) = prepared(SERIES, NUMBERS, lengths, mask)
    assert ours is not None
    assert torch.equal(ours, expected)


REFUSALS = [
    pytest.param(TWO, NUMBERS, None, None, "the model has 2 inputs; got 1.", id="number of inputs"),
    pytest.param(
        SERIES,
        NUMBERS[0],
        None,
        None,
        "input 'input_0' must have the shape (batch, any, 3); got (7, 3).",
        id="no batch axis",
    ),
    pytest.param(
        SERIES,
        NUMBERS[..., :2],
        None,
        None,
        "input 'input_0' must have the shape (batch, any, 3); got (2, 7, 2).",
        id="feature size",
    ),
    pytest.param(
        TOKENS,
        WORDS + 0.5,
        None,
        None,
        "input 'input_0' must hold whole tokens; got fractions.",
        id="fractions",
    ),
    pytest.param(
        TOKENS,
        np.full((2, 3), np.nan),
        None,
        None,
        "input 'input_0' must hold whole tokens; got fractions.",
        id="NaN tokens",
    ),
    pytest.param(
        spec(Input(shape=())),
        NUMBERS[:, 0, 0],
        None,
        MASKS["right"],
        "lengths and mask need a first input with a time axis.",
        id="mask without time",
    ),
    pytest.param(
        SERIES,
        NUMBERS,
        np.array([7, 3, 1]),
        None,
        "lengths must have 2 elements; got 3.",
        id="number of lengths",
    ),
    pytest.param(
        SERIES,
        NUMBERS,
        np.array([7, 0]),
        None,
        "lengths must be between 1 and 7 (the padded time axis); got 0 at batch index 1. "
        "Drop empty sequences in the data module.",
        id="length 0",
    ),
    pytest.param(
        SERIES,
        NUMBERS,
        None,
        np.ones((BATCH, TIME)),
        "mask must be a bool tensor of shape (2, 7), True where a step is valid; got torch.float64 "
        "of shape (2, 7).",
        id="mask of numbers",
    ),
    pytest.param(
        TWO,
        [NUMBERS, WORDS[:1]],
        None,
        None,
        "inputs, lengths and mask must have one batch size; got [2, 1].",
        id="batch sizes",
    ),
]


@pytest.mark.parametrize(("spec", "inputs", "lengths", "mask", "message"), REFUSALS)
def test_refusals(spec: ModelSpec, inputs: Any, lengths: Any, mask: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        prepared(spec, inputs, lengths, mask)


def test_an_axis_without_elements_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has an axis without elements: \(2, 0, 3\)"):
        masked_inputs(SERIES, torch.zeros(2, 0, INPUT), None, None, torch.zeros(()))


TEXT = ModelSpec(
    (
        Node(name="tokens", layer=Input(shape=(None,), dtype="int64")),
        Node(name="embedding", layer=Embedding(vocab_size=7, embedding_dim=3)),
    )
)


@pytest.mark.parametrize("words", [WORDS, torch.from_numpy(WORDS), -WORDS])
def test_tokens_are_checked_before_they_go_to_a_gpu(words: Any) -> None:
    """Where an embedding's kernel would end all work; the meta device plays it."""
    far = torch.zeros(1, device="meta")
    with pytest.raises(ValueError, match=r"between 0 and 6 \(vocab_size - 1\); got (0 to|-)"):
        masked_inputs(TEXT, words, None, None, far)
    assert masked_inputs(TEXT, words, None, None, LIKE)[0].values.shape == WORDS.shape
    (found,) = masked_inputs(TEXT, np.minimum(abs(WORDS), 6), None, None, far)
    assert found.values.device == far.device
