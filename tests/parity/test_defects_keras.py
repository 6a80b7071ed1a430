"""Each known defect of Keras is still there; a Keras that has mended one is noticed by name."""

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from birnn_lightning.nn.specs import (
    Bidirectional,
    Dense,
    Input,
    LayerSpec,
    ModelSpec,
    Node,
    Recurrent,
    RecurrentStack,
)
from parity.suite.defects import DEFECTS, expected_exception, spoiling_defect
from parity.suite.layer_cases import LayerCase
from parity.suite.trial import run_trial

pytestmark = [
    pytest.mark.tensorflow,
    # Keras's HDF5 writer announces that the format is legacy.
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]
tf: Any = pytest.importorskip("tensorflow", reason="the defects are those of Keras on TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the defects are Keras's")
L = keras.layers

BATCH, TIME, INPUT, HIDDEN, OTHER = 2, 7, 3, 5, 11
SEQUENCE = np.random.default_rng(0).uniform(-1, 1, (BATCH, TIME, INPUT))
MASK = np.array([[1, 0, 0, 1, 1, 0, 1], [0, 1, 1, 0, 1, 0, 0]], bool)


def mended(defect: str) -> str:
    return f"Keras {keras.__version__} has mended {defect}: {DEFECTS[defect].title}. Take it out."


@contextmanager
def still_raises(defect: str, *kinds: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kinds:
        return
    pytest.fail(mended(defect))


def float64(layer: Any, *args: Any, **settings: Any) -> Any:
    return layer(*args, dtype="float64", **settings)


def on_torch(code: str) -> Any:
    """What a script prints as JSON in a process whose Keras runs on torch."""
    environment = {**os.environ, "KERAS_BACKEND": "torch", "KERAS_TORCH_DEVICE": "cpu"}
    found = subprocess.run(
        [sys.executable, "-c", "import json, keras, numpy as np, torch\nL = keras.layers\n" + code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def test_every_defect_has_a_test() -> None:
    files = Path(__file__).parent.glob("test_*_keras.py")
    sources = "".join(path.read_text(encoding="utf-8") for path in files)
    tested = {name.upper() for name in re.findall(r"^def test_(b\d+)_", sources, re.MULTILINE)}
    assert tested == DEFECTS.keys()


def test_a_mended_defect_is_noticed() -> None:
    with pytest.raises(pytest.fail.Exception, match="has mended B4"), still_raises("B4", KeyError):
        pass


def test_b1_unrolled_bidirectional() -> None:
    looped = float64(L.Bidirectional, float64(L.GRU, HIDDEN, return_sequences=True))
    unrolled = float64(L.Bidirectional, float64(L.GRU, HIDDEN, return_sequences=True, unroll=True))
    expected, without = looped(SEQUENCE, mask=MASK), looped(SEQUENCE)
    unrolled.build(SEQUENCE.shape)
    unrolled.set_weights(looped.get_weights())
    np.testing.assert_allclose(unrolled(SEQUENCE), without, rtol=0, atol=1e-12)
    assert np.abs(unrolled(SEQUENCE, mask=MASK) - expected).max() > 0.01, mended("B1")


def test_b2_unrolled_backwards_on_torch() -> None:
    found = on_torch(
        f"""
found = {{}}
for settings in ({{}}, {{"unroll": True}}, {{"unroll": True, "go_backwards": True}}):
    layer = L.SimpleRNN({HIDDEN}, **settings)
    try:
        layer(np.ones(({BATCH}, {TIME}, {INPUT})), mask=np.ones(({BATCH}, {TIME}), bool))
        found[" ".join(settings)] = "runs"
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        found[" ".join(settings)] = type(error).__name__
print(json.dumps(found))
"""
    )
    assert (found[""], found["unroll"]) == ("runs", "runs")
    assert found["unroll go_backwards"] != "runs", mended("B2")
    assert found["unroll go_backwards"] == "AttributeError"


@pytest.mark.parametrize("mask", [None, MASK], ids=["no mask", "mask"])
def test_b3_bidirectional_stateful_with_states(mask: np.ndarray | None) -> None:
    for one in ("return_state", "stateful"):
        L.Bidirectional(L.GRU(HIDDEN, **{one: True}))(SEQUENCE, mask=mask)
    with still_raises("B3", TypeError):
        L.Bidirectional(L.GRU(HIDDEN, return_state=True, stateful=True))(SEQUENCE, mask=mask)


@pytest.mark.parametrize("kind", [L.LSTM, L.GRU])
def test_b4_dropout_with_implementation_1(kind: Any) -> None:
    kind(HIDDEN, implementation=1, recurrent_dropout=0.3)(SEQUENCE, training=True)
    kind(HIDDEN, implementation=2, dropout=0.3)(SEQUENCE, training=True)
    with still_raises("B4", tf.errors.InvalidArgumentError):
        kind(HIDDEN, implementation=1, dropout=0.3)(SEQUENCE, training=True)


def accumulated(gradient: Any) -> np.ndarray:
    """What Adagrad adds up of one gradient."""
    variable = keras.Variable(np.zeros((3, 2), "float32"))
    optimiser = keras.optimizers.Adagrad(initial_accumulator_value=0.0)
    optimiser.apply([gradient], [variable])
    return np.asarray(optimiser.variables[-1].value)[1]


def test_b6_gradients_of_an_embedding() -> None:
    """Token 1 twice, with gradients 1 and 1: the square of the sum is 4, the sum of squares 2."""
    sparse = tf.IndexedSlices(tf.ones((2, 2)), tf.constant([1, 1]), tf.constant([3, 2]))
    assert accumulated(tf.convert_to_tensor(sparse)).tolist() == [4, 4]
    assert accumulated(sparse).tolist() == [2, 2], mended("B6")


@pytest.mark.filterwarnings("ignore")
def test_b7_legacy_file_with_mask_zero(tmp_path: Path) -> None:
    for mask_zero in (False, True):
        tokens = keras.Input((TIME,), dtype="int64")
        embedded = L.Embedding(HIDDEN, INPUT, mask_zero=mask_zero)(tokens)
        keras.Model(tokens, L.LSTM(HIDDEN)(embedded)).save(tmp_path / f"{mask_zero}.h5")
    keras.saving.load_model(tmp_path / "False.h5", compile=False)
    with still_raises("B7", ValueError):
        keras.saving.load_model(tmp_path / "True.h5", compile=False)


def test_b8_lstm_backwards_on_jax_with_a_gpu() -> None:
    pytest.skip("B8 needs JAX on a GPU; it was read in the source")


def test_b9_mask_beside_initial_states() -> None:
    tokens = np.array([[1, 2, 0, 0], [1, 2, 3, 4]])
    embedded = L.Embedding(HIDDEN, INPUT, mask_zero=True)(tokens)
    layer = L.LSTM(HIDDEN)
    zeros = [tf.zeros((BATCH, HIDDEN))] * 2
    masked = layer(embedded)
    given = layer(embedded, initial_state=zeros, mask=embedded._keras_mask)
    np.testing.assert_allclose(given, masked, rtol=0, atol=1e-7)
    forgotten = layer(embedded, initial_state=zeros)
    assert np.abs(forgotten - masked)[0].max() > 1e-4, mended("B9")


def test_b10_sparsemax() -> None:
    assert np.sum(keras.activations.sparsemax(tf.constant([[3.0, 0.9, 0.8]]))) == 1
    total = np.sum(keras.activations.sparsemax(tf.constant([[1.0, 0.9, 0.8]])))
    assert total < 0.9, mended("B10")


@pytest.mark.parametrize("backward", [L.GRU, L.SimpleRNN])
def test_b11_states_of_unlike_directions(backward: Any) -> None:
    states = [tf.zeros((BATCH, HIDDEN))] * 3
    other = L.Bidirectional(backward(HIDDEN), backward_layer=L.LSTM(HIDDEN, go_backwards=True))
    other(SEQUENCE, initial_state=states)
    layer = L.Bidirectional(L.LSTM(HIDDEN), backward_layer=backward(HIDDEN, go_backwards=True))
    layer(SEQUENCE)
    with still_raises("B11", IndexError):
        layer(SEQUENCE, initial_state=states)


def test_b12_shape_of_unlike_directions() -> None:
    backward = L.GRU(OTHER, go_backwards=True)
    layer = L.Bidirectional(L.GRU(HIDDEN), backward_layer=backward)
    assert layer(SEQUENCE).shape == (BATCH, HIDDEN + OTHER)
    assert layer(keras.Input((TIME, INPUT))).shape == (None, 2 * HIDDEN), mended("B12")


@pytest.mark.parametrize("cell", [L.LSTMCell, L.GRUCell, L.SimpleRNNCell])
def test_b13_stack_of_one(cell: Any) -> None:
    L.RNN([cell(HIDDEN), cell(HIDDEN)])(SEQUENCE, mask=MASK)
    L.RNN([cell(HIDDEN)])(SEQUENCE)
    with still_raises("B13", ValueError):
        L.RNN([cell(HIDDEN)])(SEQUENCE, mask=MASK)


def test_b15_time_distributed_in_a_graph() -> None:
    layer = L.TimeDistributed(L.Dense(HIDDEN), dtype="float64")
    right = layer(SEQUENCE)
    graph = tf.function(layer, input_signature=[tf.TensorSpec((None, None, INPUT), "float64")])
    assert graph(SEQUENCE).shape[1] == BATCH, mended("B15")
    assert right.shape[1] == TIME


def test_b16_float64_on_other_backends() -> None:
    found = on_torch(
        "x = torch.full((1, 1), 1 / 3, dtype=torch.float64)\n"
        "print(json.dumps(float(keras.ops.matmul(x, x)[0, 0])))"
    )
    assert found != 1 / 9, mended("B16")
    assert abs(found - 1 / 9) < 1e-7


def test_b14_float32_constants() -> None:
    """On torch the same functions are exact, which also shows that the differences are real."""
    formulas = {"leaky_relu": -1.7 * 0.2, "gelu": -1.7 * math.erfc(1.7 * math.sqrt(0.5)) / 2}
    exact = on_torch(
        "x = torch.tensor([-1.7], dtype=torch.float64)\n"
        "print(json.dumps({name: float(getattr(keras.activations, name)(x)[0]) "
        "for name in ('leaky_relu', 'gelu')}))"
    )
    for name, formula in formulas.items():
        found = float(getattr(keras.activations, name)(tf.constant([-1.7], tf.float64))[0])
        assert abs(exact[name] - formula) < 1e-15
        assert 1e-10 < abs(found - formula) < 1e-7, mended("B14")


def recurrent(cell: Any, **settings: Any) -> Recurrent:
    return Recurrent(**{"cell": cell, "hidden_size": HIDDEN, **settings})


def case_of(layer: Any, *after: LayerSpec, states: bool = False, mask: str | None = None) -> Any:
    nodes = [Node(name="features", layer=Input(shape=(None, INPUT)))]
    inputs = ["features"]
    for index, size in enumerate(layer.state_sizes if states else ()):
        nodes.append(Node(name=f"state_{index}", layer=Input(shape=(size,))))
        inputs.append(f"state_{index}")
    nodes.append(Node(name="recurrent", layer=layer, inputs=tuple(inputs)))
    nodes += [Node(name=f"after_{index}", layer=one) for index, one in enumerate(after)]
    return LayerCase(name="defect", spec=ModelSpec(tuple(nodes)), mask=mask, dtypes=())


def pair(forward: str, backward: str, size: int = HIDDEN, **settings: Any) -> Bidirectional:
    return Bidirectional(
        forward=recurrent(forward, **settings),
        backward=recurrent(backward, hidden_size=size, go_backwards=True, **settings),
    )


ONE, TWO = (RecurrentStack(cells=(recurrent("gru"),) * count) for count in (1, 2))
STATEFUL = {"return_state": True, "stateful": True}
EXPECTED = {
    "B3": (case_of(pair("gru", "gru", **STATEFUL)), case_of(pair("gru", "gru", stateful=True))),
    "B11": (case_of(pair("lstm", "gru"), states=True), case_of(pair("gru", "lstm"), states=True)),
    "B12": (
        case_of(pair("gru", "gru", OTHER), Dense(units=2)),
        case_of(pair("gru", "gru", OTHER)),
    ),
    "B13": (case_of(ONE, mask="right"), case_of(ONE)),
}
"""For each defect a case that it keeps from running, and its like that runs."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("defect", EXPECTED)
def test_a_trial_expects_the_exception_and_nothing_more(defect: str) -> None:
    broken, sound = EXPECTED[defect]
    expected = expected_exception(broken)
    assert expected is not None
    assert expected[0].id == defect
    report = run_trial(broken)
    assert report.passed
    assert [row.compared for row in report.rows] == [f"defect {defect}"]
    assert expected_exception(sound) is None
    report = run_trial(sound)
    assert report.passed, report.failures
    assert len(report.rows) > 3


def test_stacks_of_unlike_depth_with_states_are_left_out() -> None:
    unlike = Bidirectional(
        forward=RecurrentStack(cells=(recurrent("gru"),) * 3),
        backward=RecurrentStack(cells=(recurrent("gru"),), go_backwards=True),
    )
    assert spoiling_defect(case_of(unlike, states=True)) is DEFECTS["B11"]
    assert spoiling_defect(case_of(unlike)) is None
    alike = Bidirectional(forward=TWO)
    assert spoiling_defect(case_of(alike, states=True)) is None
