"""A call of an operation becomes its spec; one that a spec cannot express is refused by name."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from birnn_lightning.nn.operations import FUNCTIONS
from birnn_lightning.nn.specs import ConstantArray, Operand, Operation, Slice
from parity.keras_config.calls import TensorArgument
from parity.keras_config.operations import OPERATIONS, is_operation, keras_operation, operation_spec
from parity.results import ParityUnavailable

X, Y = TensorArgument(0), TensorArgument(1)


def part(start: Any = None, stop: Any = None, step: Any = None) -> dict[str, Any]:
    config = {"start": start, "stop": stop, "step": step}
    return {"class_name": "__slice__", "config": config}


def array(value: Any, dtype: str = "float32", kind: str = "__numpy__") -> dict[str, Any]:
    return {"class_name": kind, "config": {"value": value, "dtype": dtype}}


def test_every_function_has_an_entry() -> None:
    assert {entry.name for entry in OPERATIONS.values()} == FUNCTIONS.keys()


def test_a_key() -> None:
    key = [part(), {"class_name": "__ellipsis__", "config": {}}, None, part(5, 0, -2), -1]
    spec = operation_spec("GetItem", {"name": "get_item"}, [X, key])
    expected = (Slice(), "...", None, Slice(start=5, stop=0, step=-2), -1)
    assert spec == Operation(name="get_item", arguments=(Operand(index=0), expected))
    written = keras_operation(spec)
    assert written == ("GetItem", "keras.src.ops.numpy", {}, [X, key], {})


def test_arrays_and_numbers() -> None:
    spec = operation_spec("Multiply", {"name": "m"}, [array([[1.0], [2.0]]), X])
    assert spec.arguments == (ConstantArray(value=((1.0,), (2.0,))), Operand(index=0))
    assert keras_operation(spec)[3] == [array([[1.0], [2.0]]), X]
    assert keras_operation(spec, "float64")[3] == [array([[1.0], [2.0]], "float64"), X]
    spec = operation_spec("Multiply", {"name": "m"}, [X, array(2.0, kind="__tensor__")])
    assert spec.arguments == (Operand(index=0), 2.0)
    spec = operation_spec("Take", {"name": "t", "axis": 1}, [X, array([1, 0], "int64")])
    assert spec.arguments[1] == ConstantArray(value=(1, 0), dtype="int64")


def test_arguments_by_name_and_settings_left_out() -> None:
    spec = operation_spec("Subtract", {"name": "s"}, [X], {"x2": Y})
    assert spec.arguments == (Operand(index=0), Operand(index=1))
    assert operation_spec("Argmax", {"name": "a", "axis": 1}, [X]).settings == (
        ("axis", 1),
        ("keepdims", False),
    )


@pytest.mark.parametrize(
    ("class_name", "config", "module", "expected"),
    [
        ("Add", {"name": "add"}, "keras.src.ops.numpy", True),
        ("Add", {"name": "add", "trainable": True}, "keras.layers", False),
        ("Add", {"name": "add"}, None, True),
        ("Add", {"name": "add", "trainable": True, "dtype": "float32"}, None, False),
        ("Cast", {"name": "cast", "dtype": "float32"}, None, True),
        ("Anything", {"name": "x"}, "keras.ops", True),
        ("InputLayer", {"name": "x"}, None, False),
    ],
)
def test_an_operation_or_a_layer(
    class_name: str, config: Mapping[str, Any], module: str | None, expected: bool
) -> None:
    assert is_operation(class_name, config, module) == expected


REFUSED: dict[str, tuple[str, dict[str, Any], list[Any], str]] = {
    "unknown": ("Qr", {}, [X], "operation Qr is not supported; docs/keras-files.md"),
    "a setting": ("Exp", {"fast": 1}, [X], "operation Exp: fast=1 is not supported"),
    "a fixed one": ("OneHot", {"num_classes": 3, "sparse": True}, [X], "sparse=True is not"),
    "relu": ("ReLU", {"max_value": 6.0}, [X], "operation ReLU: max_value=6.0 is not supported"),
    "no setting": ("Reshape", {}, [X], "operation Reshape: newshape is missing"),
    "a type": ("Cast", {"dtype": "float16"}, [X], "dtype='float16' is not supported. Supported:"),
    "an array": ("Add", {}, [X, array([1.0], "complex64")], "x2: dtype='complex64' is not"),
    "too many": ("Exp", {}, [X, 2.0], "is called with 2 arguments and with none by name; it takes"),
    "too few": ("Add", {}, [X], "is called with 1 arguments"),
    "no tensor": ("Add", {}, [1.0, 2.0], "at least one; got []"),
    "a slice of tensors": ("GetItem", {}, [X, [part(stop=Y)]], "key=__slice__ is not supported"),
    "an object": ("Add", {}, [X, {"class_name": "Mean", "config": {}}], "x2=Mean is not supported"),
    "bytes": ("Add", {}, [X, {"class_name": "__bytes__", "config": {}}], "x2=__bytes__ is not"),
}


@pytest.mark.parametrize(
    ("class_name", "config", "arguments", "reason"), REFUSED.values(), ids=REFUSED
)
def test_refused_by_name(
    class_name: str, config: dict[str, Any], arguments: list[Any], reason: str
) -> None:
    with pytest.raises(ParityUnavailable, match=re.escape(reason)) as refusal:
        operation_spec(class_name, {"name": "layer_7", **config}, arguments)
    assert str(refusal.value).startswith(f"layer 'layer_7': operation {class_name}")
    assert "\n" not in str(refusal.value)


def test_an_unknown_name_of_an_argument_is_refused() -> None:
    with pytest.raises(ParityUnavailable, match="with y by name; it takes x1, x2"):
        operation_spec("Add", {"name": "add"}, [X], {"y": Y})
