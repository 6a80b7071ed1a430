"""Every operation that a spec can express, as a user writes it between Keras layers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

ops: Any = keras.ops
Shape = tuple[int | None, ...]
T: Shape = (7, 3)
TT = (T, T)


@dataclass(frozen=True)
class Sample:
    """A function of Keras tensors and the shapes and type of its inputs."""

    build: Callable[..., Any]
    shapes: tuple[Shape, ...] = (T,)
    dtype: str = "float64"


def _named(
    names: str, *shapes: Shape, dtype: str = "float64", **settings: Any
) -> dict[str, Sample]:
    return {
        f"{name} {dtype} {settings}": Sample(
            lambda *xs, one=name: getattr(ops, one)(*xs, **settings), shapes, dtype
        )
        for name in names.split()
    }


ELEMENTWISE = {
    **_named(
        "absolute negative sign square exp expm1 sin cos tanh floor ceil isnan isfinite erf "
        "reciprocal relu relu6 sigmoid silu softplus softsign selu hard_sigmoid hard_silu "
        "log_sigmoid leaky_relu elu gelu softmax log_softmax stop_gradient zeros_like ones_like",
        T,
    ),
    **_named("absolute negative sign square relu exp tanh sqrt floor", T, dtype="int64"),
    **_named("logical_not", T, dtype="bool"),
    **{
        name: Sample(lambda x, one=name: getattr(ops, one)(ops.absolute(x) + 0.5))
        for name in ("log", "log1p", "log2", "log10", "sqrt", "rsqrt")
    },
    **_named("gelu", T, approximate=False),
    **_named("leaky_relu", T, negative_slope=0.5),
    **_named("elu", T, alpha=0.75),
    **_named("softmax log_softmax", T, axis=1),
    **_named("ones_like zeros_like", T, dtype="int32"),
    "activations.relu": Sample(keras.activations.relu),
    "clip": Sample(lambda x: ops.clip(x, -0.5, 0.25)),
    "clip tokens": Sample(lambda x: ops.clip(x, -1, 2), dtype="int64"),
    "cast to int": Sample(lambda x: ops.cast(3.0 * x, "int32")),
    "cast to bool": Sample(lambda x: ops.cast(x, "bool"), dtype="int64"),
    "cast tokens": Sample(lambda x: ops.cast(x, "float64"), dtype="int64"),
    "cast flags": Sample(lambda x: ops.cast(x != 0, "float64"), dtype="int64"),
    "convert": Sample(lambda x: ops.convert_to_tensor(x) + 1.0),
}
BINARY = {
    **_named(
        "add subtract multiply divide true_divide divide_no_nan floor_divide mod maximum minimum "
        "equal not_equal greater greater_equal less less_equal logical_and logical_or logical_xor",
        *TT,
    ),
    **_named("add subtract multiply maximum minimum equal not_equal greater", T, T, dtype="int64"),
    **_named("logical_and logical_or logical_xor equal", T, T, dtype="bool"),
    **_named("add multiply maximum", T, (1, 3)),
    "power": Sample(lambda a, b: ops.power(ops.absolute(a) + 0.5, b), TT),
    "a + b": Sample(lambda a, b: a + b, TT),
    "a * 2.0": Sample(lambda a: a * 2.0),
    "a * 2": Sample(lambda a: a * 2),
    "2.0 - a": Sample(lambda a: 2.0 - a),
    "1 / a": Sample(lambda a: 1 / (a + 3.0)),
    "a / 4": Sample(lambda a: a / 4),
    "tokens / 4": Sample(lambda a: a / 4, dtype="int64"),
    "a // 0.25": Sample(lambda a: a // 0.25),
    "tokens // 2": Sample(lambda a: a // 2, dtype="int64"),
    "7 // tokens": Sample(lambda a: 7 // (ops.absolute(a) + 1), dtype="int64"),
    "a % 0.25": Sample(lambda a: a % 0.25),
    "tokens % 3": Sample(lambda a: a % 3, dtype="int64"),
    "a ** 2": Sample(lambda a: a**2),
    "tokens ** 2": Sample(lambda a: a**2, dtype="int64"),
    "2 ** a": Sample(lambda a: 2**a),
    "-a": Sample(lambda a: -a),
    "tokens * 0.5": Sample(lambda a: a * 0.5, dtype="int64"),
    "0.5 - tokens": Sample(lambda a: 0.5 - a, dtype="int64"),
    "tokens + a": Sample(lambda a: a + ops.cast(a, "float64"), dtype="int64"),
    "flags * a": Sample(lambda a: (a > 0.25) * a),
    "flags + 1": Sample(lambda a: (a > 0.25) + 1),
    "flags * 2.0": Sample(lambda a: (a > 0.25) * 2.0),
    "tokens != 0": Sample(lambda a: a != 0, dtype="int64"),
    "tokens > 0.5": Sample(lambda a: a > 0.5, dtype="int64"),
    "0.25 >= a": Sample(lambda a: ops.greater_equal(0.25, a)),
    "~flags": Sample(lambda a: ~(a > 0)),
    "flags & | ^": Sample(lambda a, b: ((a > 0) & (b > 0)) | ((a > 0.5) ^ (b < 0)), TT),
    "maximum of a number": Sample(lambda a: ops.maximum(a, 0.25)),
    "minimum first a number": Sample(lambda a: ops.minimum(0.25, a)),
    "maximum of tokens": Sample(lambda a: ops.maximum(a, 0.5), dtype="int64"),
    "times an array": Sample(lambda a: a * np.array([0.5, 2.0, -1.0])),
    "where": Sample(lambda a, b: ops.where(a > 0, a, b), TT),
    "where a number": Sample(lambda a: ops.where(a > 0, a, -0.5)),
    "where tokens": Sample(lambda a: ops.where(a > 0, a, 0), dtype="int64"),
    "where tokens or a number": Sample(lambda a: ops.where(a > 0, a, 0.5), dtype="int64"),
    "twice the same": Sample(lambda a: a * a),
}
REDUCTIONS = {
    **_named("mean sum max min prod std var any all argmax argmin logsumexp", T, axis=1),
    **_named("mean sum max min prod any all argmax argmin", T, axis=-1, dtype="int64"),
    **_named("sum any all mean", T, axis=1, dtype="bool"),
    **_named("mean sum max var", T, axis=(1, -1), keepdims=True),
    **_named("mean sum", (None, 3), axis=1),
    **_named("max min", T, axis=1, initial=0.5),
    **_named("argmax", T, axis=2, keepdims=True),
    **_named("cumsum", T, axis=1),
    **_named("count_nonzero", T, axis=-1, dtype="int64"),
}
MOVES = {
    "x[:, -1]": Sample(lambda x: x[:, -1]),
    "x[:, ::-1, :]": Sample(lambda x: x[:, ::-1, :], ((None, 3),)),
    "x[..., 0]": Sample(lambda x: x[..., 0]),
    "x[:, None]": Sample(lambda x: x[:, None]),
    "x[:, 1:-1:2, 1]": Sample(lambda x: x[:, 1:-1:2, 1]),
    "x[:, 5:0:-2, None, ::2]": Sample(lambda x: x[:, 5:0:-2, None, ::2]),
    "x[..., None]": Sample(lambda x: x[..., None]),
    "x[:, ..., -2]": Sample(lambda x: x[:, ..., -2]),
    "x[:, -3:]": Sample(lambda x: x[:, -3:], ((None, 3),)),
    "tokens[:, 1:]": Sample(lambda x: x[:, 1:], ((7,),), "int64"),
    **_named("expand_dims", T, axis=-1),
    **_named("expand_dims", T, axis=1),
    **_named("squeeze", (1, 3), axis=1),
    **_named("squeeze", (3, 1), axis=-1),
    **_named("flip", T, axis=1),
    **_named("flip", T, axis=(1, 2)),
    **_named("roll", T, shift=2, axis=1),
    **_named("repeat", T, repeats=2, axis=1),
    **_named("tile", T, repeats=(1, 2, 1)),
    "take": Sample(lambda x: ops.take(x, [2, 0], axis=-1)),
    "take one": Sample(lambda x: ops.take(x, 4, axis=1)),
    "one_hot": Sample(lambda x: ops.one_hot(x, 5, dtype="float64"), ((7,),), "int64"),
    "one_hot in front": Sample(lambda x: ops.one_hot(x, 5, axis=1, dtype="bool"), (T,), "int64"),
    "reshape": Sample(lambda x: ops.reshape(x, (-1, 21))),
    "reshape to more": Sample(lambda x: ops.reshape(x, (-1, 3, 7, 1))),
    "transpose": Sample(lambda x: ops.transpose(x, (0, 2, 1))),
    "swapaxes": Sample(lambda x: ops.swapaxes(x, 1, -1)),
    "moveaxis": Sample(lambda x: ops.moveaxis(x, 1, 2)),
    "concatenate": Sample(lambda a, b: ops.concatenate([a, b], axis=-1), (T, (7, 5))),
    "concatenate in time": Sample(lambda a, b: ops.concatenate([a, b, a], axis=1), (T, (5, 3))),
    "stack": Sample(lambda a, b: ops.stack([a, b], axis=1), TT),
    "split": Sample(lambda x: ops.split(x, 3, axis=-1)),
    "split at": Sample(lambda x: ops.split(x, [2, 3], axis=1)[1]),
    "unstack": Sample(lambda x: ops.unstack(x, axis=1)[4]),
}
PRODUCTS = {
    **_named("matmul", T, (3, 5)),
    **_named("matmul", (2, 7, 3), (2, 3, 5)),
    "dot an array": Sample(lambda a: ops.dot(a, np.arange(15.0).reshape(3, 5))),
    "matmul an array": Sample(lambda a: a @ np.arange(15.0).reshape(3, 5)),
    "tensordot": Sample(lambda a: ops.tensordot(a, np.arange(15.0).reshape(3, 5), axes=1)),
    "einsum": Sample(lambda a, b: ops.einsum("bij,bjk->bik", a, b), (T, (3, 5))),
    "einsum of all": Sample(lambda a, b: ops.einsum("...ij,...ij->...", a, b), TT),
}
CHAINS = {
    "attention by hand": Sample(
        lambda x, w: ops.sum(ops.expand_dims(ops.softmax(w, axis=-1), -1) * x, axis=1), (T, (7,))
    ),
    "masked mean": Sample(
        lambda x: (
            ops.sum(x * ops.cast(x > 0, "float64"), axis=1)
            / ops.maximum(ops.sum(ops.cast(x > 0, "float64"), axis=1), 1.0)
        )
    ),
    "last and first": Sample(lambda x: ops.concatenate([x[:, -1], x[:, 0]], axis=-1), ((None, 3),)),
}
SAMPLES = {**ELEMENTWISE, **BINARY, **REDUCTIONS, **MOVES, **PRODUCTS, **CHAINS}
