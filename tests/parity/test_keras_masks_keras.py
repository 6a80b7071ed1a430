"""The masks that Keras derives in a whole model are those that ours derives, or it is refused."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from birnn_lightning.nn import Masked, SequenceModel
from parity import ParityUnavailable
from parity.keras_config.model import model_spec
from parity.layout import rows, torch_arrays

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="the models are Keras models on TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the models are Keras models")

L = keras.layers
TIME, VOCABULARY, FEATURE = 7, 11, 3
Build = Callable[[Any, Any], Any]


def tokens(name: str) -> Any:
    return keras.Input((TIME,), name=name)


def embedding(mask_zero: bool = True) -> Any:
    return L.Embedding(VOCABULARY, FEATURE, mask_zero=mask_zero, dtype="float64")


def lstm(sequences: bool = False) -> Any:
    return L.LSTM(5, return_sequences=sequences, dtype="float64")


def mean() -> Any:
    return L.GlobalAveragePooling1D(dtype="float64")


def both(first: Any, second: Any) -> Any:
    embedded = [embedding()(first), embedding()(second)]
    return float64(L.SpatialDropout1D, rate=0.5)(float64(L.Average)(embedded))


def merged(layer: Any, first: Any, second: Any) -> Any:
    return lstm()(layer([first, second]))


def float64(kind: Any, **settings: Any) -> Any:
    return kind(dtype="float64", **settings)


MASKED: dict[str, Build] = {
    **{
        f"{kind.__name__} of two": lambda a, b, kind=kind: merged(
            float64(kind), embedding()(a), embedding()(b)
        )
        for kind in (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Concatenate)
    },
    **{
        f"{kind.__name__} half masked": lambda a, b, kind=kind: merged(
            float64(kind), embedding()(a), embedding(mask_zero=False)(b)
        )
        for kind in (L.Add, L.Multiply, L.Maximum, L.Concatenate)
    },
    "three": lambda a, b: lstm()(
        float64(L.Maximum)(
            [embedding()(a), embedding()(b), float64(L.Dropout, rate=0.5)(embedding()(a))]
        )
    ),
    "in time": lambda a, b: lstm()(
        float64(L.Concatenate, axis=1)([embedding()(a), embedding(mask_zero=False)(b)])
    ),
    "masking of a merge": lambda a, b: lstm()(
        float64(L.Masking)(float64(L.Multiply)([embedding(False)(a), embedding(False)(b)]))
    ),
    "merge of a merge": lambda a, b: merged(
        float64(L.Add), float64(L.Add)([embedding()(a), embedding()(b)]), embedding()(a)
    ),
    "convolution drops": lambda a, b: merged(
        float64(L.Concatenate),
        float64(L.Conv1D, filters=5, kernel_size=3, padding="same")(embedding()(a)),
        embedding()(b),
    ),
    "passes": lambda a, b: mean()(
        float64(L.BatchNormalization)(
            float64(L.LayerNormalization)(
                L.TimeDistributed(float64(L.Dense, units=5), dtype="float64")(
                    float64(L.PReLU)(both(a, b))
                )
            )
        )
    ),
    "attention of branches": lambda a, b: mean()(
        float64(L.AdditiveAttention)([lstm(True)(embedding()(a)), lstm(True)(embedding()(b))])
    ),
    "key": lambda a, b: mean()(
        float64(L.Attention)([embedding()(a), embedding()(b), embedding(False)(a)])
    ),
    "softmax over time": lambda a, b: mean()(
        float64(L.Multiply)(
            [
                embedding()(a),
                float64(L.Softmax, axis=1)(float64(L.Dense, units=1)(embedding(False)(b))),
            ]
        )
    ),
}


@pytest.mark.parametrize("build", MASKED.values(), ids=MASKED)
@pytest.mark.filterwarnings("ignore:.*destroy the mask information")
def test_a_model_with_masks_computes_the_same(build: Build) -> None:
    keras.utils.set_random_seed(3)
    first, second = tokens("first"), tokens("second")
    model = keras.Model([first, second], build(first, second))
    random = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(random.uniform(0.1, 1, tuple(weight.shape)))
    spec = model_spec("Functional", json.loads(json.dumps(model.get_config())))
    ours = SequenceModel(spec).double().eval()
    table = rows(spec)
    arrays = {row.keras: keras.ops.convert_to_numpy(variable(model, row.keras)) for row in table}
    state = {name: torch.from_numpy(np.array(a)) for name, a in torch_arrays(table, arrays).items()}
    ours.load_state_dict(state, strict=True)
    given = [
        random.integers(0, VOCABULARY, (5, TIME)) * (random.random((5, TIME)) < 0.6)
        for _ in range(2)
    ]
    expected = np.asarray(model(given))
    assert [node.name for node in spec.inputs] == ["first", "second"]
    logits = ours([Masked(torch.from_numpy(array)) for array in given]).values
    np.testing.assert_allclose(ours.activate(logits).detach(), expected, rtol=0, atol=1e-12)


def variable(model: Any, path: str) -> Any:
    name, *attributes = path.split("/")
    owner = model.get_layer(name)
    for attribute in attributes:
        owner = getattr(owner, attribute)
    return owner


def explicit(build: Callable[[Any, Any, Any], Any]) -> Any:
    """A model of a series, other features, and a mask."""
    inputs = [
        keras.Input((TIME, FEATURE), name="series"),
        keras.Input((TIME, FEATURE), name="other"),
        keras.Input((TIME,), dtype="bool", name="valid"),
    ]
    output = build(*inputs)
    return model_spec(
        "Functional", json.loads(json.dumps(keras.Model(inputs, output).get_config()))
    )


def test_a_mask_given_by_hand_goes_on_through_a_merge() -> None:
    def build(series: Any, other: Any, valid: Any) -> Any:
        first = L.LSTM(5, return_sequences=True)(series, mask=valid)
        second = L.LSTM(5, return_sequences=True)(other)
        return L.LSTM(5)(L.Concatenate()([first, second]))

    assert [node.name for node in explicit(build).inputs] == ["series", "other"]


def test_a_key_and_initial_states_need_no_mask() -> None:
    def build(series: Any, other: Any, valid: Any) -> Any:
        state = L.GRU(5)(other)
        first = L.GRU(5, return_sequences=True)(series, mask=valid, initial_state=state)
        again = L.Dense(5)(other)
        return L.GRU(5)(L.Attention()([first, first, again], mask=[valid, valid]), mask=valid)

    assert [node.name for node in explicit(build).inputs] == ["series", "other"]


def test_a_mask_that_keras_gives_to_another_branch_is_refused() -> None:
    def build(series: Any, other: Any, valid: Any) -> Any:
        first = L.LSTM(5, return_sequences=True)(series)
        second = L.LSTM(5, return_sequences=True, name="second")(other, mask=valid)
        return L.LSTM(5)(L.Add()([first, second]))

    with pytest.raises(ParityUnavailable, match=r"layer 'lstm.*' has a mask that no classifier"):
        explicit(build)


def test_a_mask_that_keras_does_not_give_to_a_merge_is_refused() -> None:
    """The input carries no mask in Keras: it is the LSTM's alone."""

    def build(series: Any, other: Any, valid: Any) -> Any:
        sequence = L.LSTM(FEATURE, return_sequences=True)(series, mask=valid)
        return L.LSTM(5)(
            L.Multiply(name="product")([L.Multiply(name="first")([series, other]), sequence])
        )

    with pytest.raises(ParityUnavailable, match="layer 'first' has a mask that no classifier"):
        explicit(build)


def test_an_operation_is_no_layer() -> None:
    """``+`` forgets the masks that the layer Add hands on."""

    def build(series: Any, other: Any, valid: Any) -> Any:
        return L.LSTM(5)(L.Dense(5)(series) + L.Dense(5)(other), mask=valid)

    with pytest.raises(
        ParityUnavailable, match="has a mask that no classifier of ours would give it"
    ):
        explicit(build)
