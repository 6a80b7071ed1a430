"""Every activation is Keras's, value and gradient, at ordinary points, at corners, at extremes."""

import numpy as np
import pytest
import torch

from birnn_lightning.nn.activations import ACTIVATIONS

pytestmark = pytest.mark.tensorflow
tf = pytest.importorskip("tensorflow", reason="the gradients are those of Keras on TensorFlow")

WITHIN_A_ROW = ("softmax", "log_softmax", "sparsemax")
OURS_ALONE = {"hard_sigmoid_keras2"}
LEFT_OUT = {
    "glu": "its output is half as wide as its input",
    "threshold": "its settings have no defaults",
}
CORNERS = [0.0, -0.0, 0.5, -0.5, 1, -1, 2, -2, 2.5, -2.5, 3, -3, 6, -6]
EXTREMES = [s * x for x in (20, 30, 36.7, 88.7, 100, 700, 1e4, 1e-20) for s in (1, -1)]
ORDINARY = list(np.random.default_rng(1).normal(size=61) * 3)
POINTS = np.array([*CORNERS, *EXTREMES, *ORDINARY])
ROWS = np.array(
    [
        [0, 0, 0, 0, 0],
        [1, 1, 0, 0, -3],
        [1, 0, 0, 0, 0],
        [0.5, 0.5, -0.5, -0.5, 0],
        [100, -100, 99, 0, 99.5],
        [1e4, -1e4, 0, 3, 1e4],
        *np.random.default_rng(2).normal(size=(7, 5)) * 2,
    ]
)
FACTORS = np.random.default_rng(3).normal(size=ROWS.shape)

DIFFERENT_GRADIENTS = {
    ("selu", -1e-20): "exp(x) - 1 rounds to 0, from which Keras takes the slope of the other side",
}
"""Points where our gradient is not Keras's, with the reason."""


def ours(name, points, factors, dtype="float64"):
    x = torch.tensor(points).to(getattr(torch, dtype)).requires_grad_()
    y = ACTIVATIONS[name](x)
    (gradient,) = torch.autograd.grad((y * torch.tensor(factors).to(y.dtype)).sum(), x)
    return y.detach().double().numpy(), gradient.double().numpy()


def theirs(name, points, factors, dtype="float64"):
    import keras

    x = tf.constant(points, dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = getattr(keras.activations, name)(x)
        total = tf.reduce_sum(y * tf.cast(factors, dtype))
    gradient = tape.gradient(total, x)
    return tf.cast(y, "float64").numpy(), tf.cast(gradient, "float64").numpy()


def points_of(name):
    """Inputs, and what each output counts in the scalar that is differentiated."""
    if name in WITHIN_A_ROW:
        return ROWS, FACTORS
    points = POINTS[POINTS < 709] if name == "exponential" else POINTS
    return points, np.ones(points.shape)


def assert_same(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


COMMON = [name for name in ACTIVATIONS if name not in OURS_ALONE]


def test_every_activation_of_keras_is_ours_or_left_out():
    from keras.src.activations import ALL_OBJECTS

    names = {function.__name__ for function in ALL_OBJECTS}
    assert names - LEFT_OUT.keys() == ACTIVATIONS.keys() - OURS_ALONE
    assert names >= LEFT_OUT.keys()


@pytest.mark.parametrize("name", COMMON)
def test_values_and_gradients(name):
    points, factors = points_of(name)
    our_values, our_gradients = ours(name, points, factors)
    their_values, their_gradients = theirs(name, points, factors)
    assert_same(our_values, their_values)
    same = ~np.isin(points, [x for other, x in DIFFERENT_GRADIENTS if other == name])
    assert_same(our_gradients[same], their_gradients[same])


@pytest.mark.parametrize(("name", "point"), DIFFERENT_GRADIENTS)
def test_a_listed_difference_is_still_one(name, point):
    one = np.array([point]), np.ones(1)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same(ours(name, *one)[1], theirs(name, *one)[1])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", COMMON)
def test_low_precision_is_finite_where_keras_is(name, dtype):
    points, factors = points_of(name)
    for our_part, their_part in zip(
        ours(name, points, factors, dtype), theirs(name, points, factors, dtype), strict=True
    ):
        assert np.isfinite(our_part)[np.isfinite(their_part)].all()


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        pytest.param("gelu", torch.nn.functional.gelu, id="exact sqrt(1/2)"),
        pytest.param("leaky_relu", torch.nn.LeakyReLU(0.2), id="exact 0.2"),
        pytest.param("hard_sigmoid", torch.nn.functional.hardsigmoid, id="float32 slope"),
        pytest.param("hard_tanh", torch.nn.functional.hardtanh, id="corner of hard_tanh"),
        pytest.param("selu", torch.nn.functional.selu, id="corner of selu"),
        pytest.param("celu", torch.nn.functional.celu, id="corner of celu"),
    ],
)
def test_torchs_own_functions_are_not_kerass(name, mutant, monkeypatch):
    """If one becomes so, ours can be as simple; it also shows that the comparison can fail."""
    monkeypatch.setitem(ACTIVATIONS, name, mutant)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        test_values_and_gradients(name)


def test_kerass_sparsemax_is_not_yet_the_published_one():
    """keras#23469 corrects it; from that release on ours must be the published one."""
    values, _ = theirs("sparsemax", [[0.5, 0.5, 0.0]], np.ones((1, 3)))
    np.testing.assert_array_equal(values, [[0.25, 0.25, 0.0]])
