"""Random recurrent layers, random masks, and random layers that may stand around them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from birnn_lightning.nn import specs
from birnn_lightning.nn.activations import ACTIVATIONS
from birnn_lightning.nn.specs import (
    Bidirectional,
    LayerSpec,
    Recurrent,
    RecurrentStack,
)
from tests.nn.samples import suited

SIZES = st.integers(1, 5)
RATES = st.sampled_from((0.25, 0.5))
NAMES = st.sampled_from(sorted(ACTIVATIONS.keys() - {"exponential"}))
GATES = st.sampled_from(
    ("sigmoid", "hard_sigmoid", "hard_sigmoid_keras2", "sparse_sigmoid", "tanh", "softsign")
)
"""Bounded ones: under others a state can outgrow what float64 decides. The grid has them all."""
BOOLEANS = st.booleans()
RARELY = st.sampled_from((False,) * 7 + (True,))
Draw = Any


def masks(batch: int, time: int) -> st.SearchStrategy[tuple[str, ...]]:
    """Any boolean matrix, as rows of ``x`` and ``.``."""
    row = st.text("x.", min_size=time, max_size=time)
    return st.lists(row, min_size=batch, max_size=batch).map(tuple)


@st.composite
def cells(draw: Draw, **fields: Any) -> Recurrent:
    """A cell with any settings; ``fields`` are given."""
    chosen: dict[str, Any] = {
        "cell": draw(st.sampled_from(specs.CELL_NAMES)),
        "hidden_size": draw(SIZES),
        "use_bias": draw(st.sampled_from((True, True, False))),
        "reset_after": draw(BOOLEANS),
        **fields,
    }
    if draw(st.integers(0, 2)) == 0:
        chosen |= {"activation": draw(NAMES), "recurrent_activation": draw(GATES)}
    if draw(BOOLEANS):
        chosen |= {
            "dropout": draw(st.just(0.0) | RATES),
            "recurrent_dropout": draw(st.just(0.0) | RATES),
        }
    return Recurrent(**suited(chosen["cell"], chosen))


@st.composite
def directions(draw: Draw, hidden_size: int = 0, **fields: Any) -> Recurrent | RecurrentStack:
    """A layer in one direction; ``fields`` say what it does with sequences and states.

    ``hidden_size`` is its output's, 0 for any.
    """
    size = hidden_size or draw(SIZES)
    last = cells(hidden_size=size)
    if draw(st.integers(0, 2)):
        return replace(draw(last), **fields)
    below = draw(st.sampled_from((1, 1, 2, 2, 0)))
    stack = [draw(cells()) for _ in range(below)]
    return RecurrentStack(cells=(*stack, draw(last)), **fields)


@st.composite
def recurrent_layers(draw: Draw, return_sequences: bool) -> LayerSpec:
    """A recurrent layer of any kind.

    What no backend of Keras can run (defects B3, B11, B12, B13) is drawn too, but not often.
    """
    fields = {
        "return_sequences": return_sequences,
        "return_state": draw(BOOLEANS),
        "stateful": draw(st.sampled_from((False, False, False, True))),
        "go_backwards": draw(st.sampled_from((False, False, True))),
    }
    if draw(BOOLEANS):
        return draw(directions(**fields, zero_output_for_mask=draw(BOOLEANS)))
    if fields["stateful"]:
        fields["return_state"] &= draw(RARELY)
    forward = draw(directions(**fields))
    if not forward.go_backwards and draw(BOOLEANS):
        return Bidirectional(forward=forward, merge_mode=draw(st.sampled_from(specs.MERGE_MODES)))
    fields["go_backwards"] = not forward.go_backwards
    size = 0 if draw(RARELY) else forward.cells[-1].hidden_size
    backward = draw(directions(hidden_size=size, **fields))
    equal = backward.cells[-1].hidden_size == forward.cells[-1].hidden_size
    modes = specs.MERGE_MODES if equal else ("concat", None)
    return Bidirectional(
        forward=forward, backward=backward, merge_mode=draw(st.sampled_from(modes))
    )


def same_length_layers(size: int) -> st.SearchStrategy[LayerSpec]:
    """Layers that keep time as it is, for sequences of ``size`` features."""
    dense = st.builds(
        lambda units, name: specs.Dense(units=units, activation=name),
        SIZES,
        st.just("linear") | NAMES,
    )
    noise_shapes = st.sampled_from((None, (None, 1, size)))
    return st.one_of(
        dense,
        dense.map(lambda layer: specs.TimeDistributed(layer=layer)),
        st.builds(
            lambda rate, shape: specs.Dropout(rate=rate, noise_shape=shape), RATES, noise_shapes
        ),
        RATES.map(lambda rate: specs.SpatialDropout1D(rate=rate)),
        RATES.map(lambda rate: specs.GaussianDropout(rate=rate)),
        RATES.map(lambda stddev: specs.GaussianNoise(stddev=stddev)),
        NAMES.map(lambda name: specs.Activation(activation=name)),
        st.sampled_from(
            (
                specs.LayerNormalization(),
                specs.BatchNormalization(momentum=0.75),
                specs.LeakyReLU(),
                specs.ELU(alpha=0.75),
                specs.PReLU(shared_axes=(1,)),
                specs.ReLU(max_value=0.75, negative_slope=0.125),
                specs.Rescaling(scale=0.75, offset=-0.25),
                specs.Normalization(),
                specs.GroupNormalization(groups=-1),
                specs.RMSNormalization(),
                specs.IdentityLayer(),
                specs.AlphaDropout(rate=0.25),
                specs.ActivityRegularization(l2=0.25),
            )
        ),
    )


POOLINGS = (specs.MaxPooling1D, specs.AveragePooling1D)
LENGTHS: dict[Any, Callable[[int, int], LayerSpec]] = {
    specs.ZeroPadding1D: lambda size, _: specs.ZeroPadding1D(padding=(size, 1)),
    specs.Cropping1D: lambda size, time: specs.Cropping1D(cropping=(min(size, time - 1), 0)),
    specs.UpSampling1D: lambda size, _: specs.UpSampling1D(size=size),
}
"""Layers that change a length, from a size and the length."""


@st.composite
def window_layers(draw: Draw, time: int) -> LayerSpec:
    """Convolutions, poolings and paddings that leave at least one step."""
    window = draw(st.integers(1, 3))
    padding = draw(st.sampled_from(("valid", "same"))) if time >= window else "same"
    strides = draw(st.integers(1, 2))
    kind = draw(st.sampled_from((*POOLINGS, specs.Conv1D, specs.SeparableConv1D, *LENGTHS)))
    if kind in POOLINGS:
        return kind(pool_size=window, strides=strides, padding=padding)
    if kind in LENGTHS:
        return LENGTHS[kind](min(window, 2), time)
    if kind is specs.SeparableConv1D:
        return kind(filters=draw(SIZES), kernel_size=window, strides=strides, padding=padding)
    return specs.Conv1D(
        filters=draw(SIZES),
        kernel_size=window,
        strides=strides,
        padding=padding if draw(BOOLEANS) else "causal",
        activation=draw(st.just("linear") | NAMES),
    )
