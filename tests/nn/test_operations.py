"""Operations are NumPy's on every example by itself, are data, and follow the model's precision."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn import Masked
from birnn_lightning.nn.layer import build_layer
from birnn_lightning.nn.specs import (
    ConstantArray,
    Dense,
    Input,
    ModelSpec,
    Node,
    Operand,
    Operation,
    Slice,
    spec_from_config,
)

X, Y = Operand(index=0), Operand(index=1)
ALL = Slice()
ONE_AXIS = (("axis", 1), ("keepdims", False))


def operation(name: str, *arguments: Any, **settings: Any) -> Operation:
    return Operation(name=name, arguments=arguments or (X,), settings=tuple(settings.items()))


def get(*key: Any) -> Operation:
    return operation("get_item", X, key)


BY_HAND: dict[str, tuple[Operation, Callable[..., Any]]] = {
    "x[:, -1]": (get(ALL, -1), lambda x: x[:, -1]),
    "x[:, ::-1]": (get(ALL, Slice(step=-1)), lambda x: x[:, ::-1]),
    "x[:, 5:0:-2]": (get(ALL, Slice(start=5, stop=0, step=-2)), lambda x: x[:, 5:0:-2]),
    "x[:, 5:]": (get(ALL, Slice(start=5)), lambda x: x[:, 5:]),
    "x[:, -3:99]": (get(ALL, Slice(start=-3, stop=99)), lambda x: x[:, -3:99]),
    "x[..., 1]": (get("...", 1), lambda x: x[..., 1]),
    "x[:, ..., None, 0]": (get(ALL, "...", None, 0), lambda x: x[:, ..., None, 0]),
    "x[:, None]": (get(ALL, None), lambda x: x[:, None]),
    "2 - x": (operation("subtract", 2.0, X), lambda x: 2.0 - x),
    "x // 0.1": (operation("floor_divide", X, 0.1), lambda x: np.floor(x / 0.1)),
    "x % -0.3": (operation("mod", X, -0.3), lambda x: x % -0.3),
    "0.1 < x": (operation("less", 0.1, X), lambda x: x > 0.1),
    "x * array": (
        operation("multiply", X, ConstantArray(value=(0.5, -2.0, 3.0))),
        lambda x: x * np.array([0.5, -2.0, 3.0]),
    ),
    "x + x[:, :1]": (operation("add", X, Y), lambda x, y: x + y),
    "mean": (operation("mean", axis=1, keepdims=False), lambda x: x.mean(1)),
    "std": (operation("std", axis=(1, 2), keepdims=True), lambda x: x.std((1, 2), keepdims=True)),
    "prod": (operation("prod", axis=-1, keepdims=False, dtype=None), lambda x: x.prod(-1)),
    "max": (
        operation("max", axis=1, keepdims=False, initial=0.9),
        lambda x: x.max(1, initial=0.9),
    ),
    "argmin": (operation("argmin", axis=1, keepdims=False), lambda x: x.argmin(1)),
    "where": (operation("where", X, X, -1.0), lambda x: np.where(x, x, -1)),
    "stack": (operation("stack", (X, X), axis=-1), lambda x: np.stack([x, x], -1)),
    "einsum": (
        operation("einsum", X, X, subscripts="bij,bkj->bik"),
        lambda x: x @ x.swapaxes(1, 2),
    ),
    "take": (operation("take", X, (2, -1), axis=-1), lambda x: x[..., [2, -1]]),
    "dot": (
        operation("dot", X, ConstantArray(value=((1.0,), (2.0,), (3.0,)))),
        lambda x: x @ np.array([[1.0], [2.0], [3.0]]),
    ),
    "transpose": (operation("transpose", axes=(0, 2, 1)), lambda x: x.transpose(0, 2, 1)),
}


@pytest.mark.parametrize(("spec", "expected"), BY_HAND.values(), ids=BY_HAND)
def test_equals_numpy(spec: Operation, expected: Callable[..., Any], tmp_path: Path) -> None:
    config = spec.to_config()
    assert spec_from_config(json.loads(json.dumps(config))) == spec
    torch.save(config, tmp_path / "spec.pt")
    assert spec_from_config(torch.load(tmp_path / "spec.pt", weights_only=True)) == spec
    array = np.random.default_rng(0).uniform(-1, 1, (2, 7, 3))
    given = [array, array[:, :1]][: spec.input_counts()[0]]
    wanted = expected(*given)
    shapes = [one.shape[1:] for one in given]
    layer = build_layer(spec, *shapes).double()
    output = layer(*(Masked(torch.from_numpy(one)) for one in given)).values
    assert spec.output_shape(*shapes) == wanted.shape[1:]
    np.testing.assert_allclose(output, wanted, rtol=0, atol=1e-15 * max(1, np.abs(wanted).max()))


def test_several_outputs() -> None:
    spec = operation("split", X, indices_or_sections=(2, 3), axis=1)
    assert spec.output_shapes((7, 3)) == ((2, 3), (1, 3), (4, 3))
    values = torch.arange(42.0).reshape(2, 7, 3)
    outputs = build_layer(spec, (7, 3))(Masked(values))
    assert [one.values.tolist() for one in outputs] == [
        values[:, :2].tolist(),
        values[:, 2:3].tolist(),
        values[:, 3:].tolist(),
    ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (get(ALL, Slice(start=1)), (None, 3)),
        (get(ALL, Slice(stop=5)), (5, 3)),
        (get(ALL, -1), (3,)),
        (operation("mean", axis=1, keepdims=True), (1, 3)),
        (operation("transpose", axes=(0, 2, 1)), (3, None)),
        (operation("concatenate", (X, X), axis=1), (None, 3)),
    ],
)
def test_an_open_time_axis(spec: Operation, expected: tuple[int | None, ...]) -> None:
    assert spec.output_shape((None, 3)) == expected


MIXED = {
    "x[0]": operation("get_item", X, 0),
    "x[::-1]": get(Slice(step=-1)),
    "x[..., ::-1] of every axis": get("...", Slice(step=-1), ALL, ALL),
    "mean of all": operation("mean", axis=None, keepdims=False),
    "mean of the batch": operation("mean", axis=0, keepdims=True),
    "sum of nothing": operation("sum", axis=(), keepdims=False),
    "flip": operation("flip", axis=None),
    "flip of the batch": operation("flip", axis=(1, -3)),
    "softmax": operation("softmax", axis=0),
    "cumsum": operation("cumsum", axis=-3, dtype=None),
    "roll": operation("roll", shift=1, axis=None),
    "transpose": operation("transpose", axes=None),
    "reshape": operation("reshape", newshape=(-1, 3)),
    "reshape to one": operation("reshape", newshape=(1, -1, 21)),
    "concatenate": operation("concatenate", (X, X), axis=0),
    "einsum": operation("einsum", X, X, subscripts="bij,cij->bij"),
    "einsum without an output": operation("einsum", X, X, subscripts="bij,bij"),
    "einsum under dots": operation("einsum", X, X, subscripts="...bij,...cij->...bij"),
}


@pytest.mark.parametrize("spec", MIXED.values(), ids=MIXED)
def test_what_mixes_the_examples_of_a_batch_is_refused(spec: Operation) -> None:
    with pytest.raises(ValueError, match=f"Operation {spec.name}: every example must be computed"):
        spec.output_shape((7, 3))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("Operation squeeze: cannot take inputs of")):
        operation("squeeze", axis=1).output_shape((7, 3))
    with pytest.raises(ValueError, match="axis must name the axes of size 1; got None"):
        operation("squeeze", axis=None).output_shape((1, 3))
    with pytest.raises(ValueError, match=r"inputs of the shapes \[\(7, 3\), \(5, 3\)\]"):
        operation("add", X, Y).output_shape((7, 3), (5, 3))
    with pytest.raises(ValueError, match="got 'eval'"):
        operation("eval")
    with pytest.raises(ValueError, match=re.escape("at least one; got []")):
        operation("add", 1.0, 2.0)
    with pytest.raises(ValueError, match=re.escape("got [1]")):
        operation("exp", Y)


TOKENS = torch.tensor([[0, 3, 5], [1, 0, 2]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (operation("not_equal", X, 0), torch.bool),
        (operation("add", X, 1), torch.int64),
        (operation("multiply", X, 0.5), None),
        (operation("divide", X, 4), None),
        (operation("mean", axis=1, keepdims=True), None),
        (operation("cast", dtype="float"), None),
        (operation("cast", dtype="int32"), torch.int32),
        (operation("maximum", X, ConstantArray(value=(0.5, 1.5, 2.5))), None),
        (operation("where", X, X, 0.5), None),
        (operation("clip", x_min=0.5, x_max=2.5), None),
    ],
    ids=lambda value: value.name if isinstance(value, Operation) else "",
)
def test_types_from_tokens(
    spec: Operation, expected: torch.dtype | None, dtype: torch.dtype
) -> None:
    layer = build_layer(spec, (3,)).to(dtype)
    assert layer.state_dict() == {}
    assert layer(Masked(TOKENS)).values.dtype == (expected or dtype)


def test_of_equal_numbers_the_first_gets_the_gradient_and_nan_stays() -> None:
    for name in ("maximum", "minimum"):
        first, second = (torch.zeros(2, 3, requires_grad=True) for _ in range(2))
        layer = build_layer(operation(name, X, Y), (3,), (3,))
        layer(Masked(first), Masked(second)).values.sum().backward()
        assert first.grad is not None
        assert first.grad.eq(1).all()
        assert second.grad is not None
        assert second.grad.eq(0).all()
        nan = torch.full((2, 3), torch.nan)
        for pair in ((nan, first), (first, nan)):
            assert layer(*map(Masked, pair)).values.isnan().all()


def test_of_two_zeros_the_negative_one_is_less() -> None:
    zeros = Masked(torch.tensor([[-0.0, 0.0], [0.0, -0.0]]))
    settings = dict(ONE_AXIS)
    assert build_layer(operation("argmax", **settings), (2,))(zeros).values.tolist() == [1, 0]
    assert build_layer(operation("argmin", **settings), (2,))(zeros).values.tolist() == [0, 1]


def test_a_model_with_operations_predicts() -> None:
    spec = ModelSpec(
        (
            Node(name="x", layer=Input(shape=(None, 3))),
            Node(name="mean", layer=operation("mean", **dict(ONE_AXIS))),
            Node(name="last", layer=get(ALL, -1), inputs=("x",)),
            Node(name="sum", layer=operation("add", X, Y), inputs=("mean", "last")),
            Node(name="head", layer=Dense(units=1, activation="sigmoid")),
        )
    )
    model = SequenceClassifier(spec, "binary").double()
    array = np.random.default_rng(0).uniform(-1, 1, (2, 7, 3))
    head: Any = model.model.layers["head"]
    logits = (array.mean(1) + array[:, -1]) @ head.weight.detach().numpy().T
    expected = 1 / (1 + np.exp(-logits - head.bias.detach().numpy()))
    np.testing.assert_allclose(model.predict(array), expected, rtol=0, atol=1e-15)
