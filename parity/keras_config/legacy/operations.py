"""A TensorFlow function that stands in a graph becomes the operation that Keras 3 writes for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from parity.keras_config.legacy.calls import Call
from parity.keras_config.legacy.checks import mapping

FUNCTION_LAYERS = ("TFOpLambda", "SlicingOpLambda")
NUMPY, CORE, NN = "keras.src.ops.numpy", "keras.src.ops.core", "keras.src.ops.nn"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation of Keras 3.

    Attributes:
        name: its class.
        module: where Keras has it.
        inputs: TensorFlow's names of what it is called with, in order.
        settings: its settings, from TensorFlow's names to Keras's.
        defaults: its settings where TensorFlow's call does not name them.
    """

    name: str
    module: str = NUMPY
    inputs: Sequence[str] = ("x", "y")
    settings: tuple[tuple[str, str], ...] = ()
    defaults: tuple[tuple[str, Any], ...] = ()


def _reduction(name: str) -> Operation:
    return Operation(
        name=name,
        inputs=("input_tensor",),
        settings=(("axis", "axis"), ("keepdims", "keepdims")),
        defaults=(("axis", None), ("keepdims", False)),
    )


def _unary(name: str, module: str = NUMPY, argument: str = "x") -> Operation:
    return Operation(name=name, module=module, inputs=(argument,))


AXIS = (("axis", "axis"),)
OPERATIONS: dict[str, Operation] = {
    **dict.fromkeys(("__operators__.add", "math.add"), Operation(name="Add")),
    **dict.fromkeys(("math.subtract", "subtract"), Operation(name="Subtract")),
    **dict.fromkeys(("math.multiply", "multiply"), Operation(name="Multiply")),
    **dict.fromkeys(("math.truediv", "math.divide"), Operation(name="TrueDivide")),
    **dict.fromkeys(("math.pow", "pow"), Operation(name="Power")),
    "math.maximum": Operation(name="Maximum"),
    "math.minimum": Operation(name="Minimum"),
    "math.not_equal": Operation(name="NotEqual"),
    "math.equal": Operation(name="Equal"),
    "math.greater": Operation(name="Greater"),
    "math.less": Operation(name="Less"),
    "math.negative": _unary("Negative"),
    "math.abs": _unary("Absolute"),
    "math.exp": _unary("Exp"),
    "math.log": _unary("Log"),
    "math.sqrt": _unary("Sqrt"),
    "math.square": _unary("Square"),
    "math.tanh": _unary("Tanh"),
    "math.sigmoid": _unary("Sigmoid", NN),
    "nn.relu": _unary("Relu", NN, "features"),
    "nn.softmax": Operation(
        name="Softmax", module=NN, inputs=("logits",), settings=AXIS, defaults=(("axis", -1),)
    ),
    "__operators__.getitem": Operation(name="GetItem", inputs=("x", "slice_spec")),
    "expand_dims": Operation(name="ExpandDims", inputs=("input",), settings=AXIS),
    **dict.fromkeys(
        ("squeeze", "compat.v1.squeeze"),
        Operation(name="Squeeze", inputs=("input",), settings=AXIS, defaults=(("axis", None),)),
    ),
    "reshape": Operation(name="Reshape", inputs=("tensor",), settings=(("shape", "newshape"),)),
    **dict.fromkeys(
        ("transpose", "compat.v1.transpose"),
        Operation(
            name="Transpose",
            inputs=("a",),
            settings=(("perm", "axes"),),
            defaults=(("axes", None),),
        ),
    ),
    "math.reduce_mean": _reduction("Mean"),
    "math.reduce_sum": _reduction("Sum"),
    "math.reduce_max": _reduction("Max"),
    "math.reduce_min": _reduction("Min"),
    "math.reduce_any": _reduction("Any"),
    "math.reduce_all": _reduction("All"),
    "concat": Operation(name="Concatenate", inputs=("values",), settings=AXIS),
    "stack": Operation(name="Stack", inputs=("values",), settings=AXIS, defaults=(("axis", 0),)),
    "cast": Operation(name="Cast", module=CORE, settings=(("dtype", "dtype"),), inputs=("x",)),
    "linalg.matmul": Operation(name="Matmul", inputs=("a", "b")),
}
"""TensorFlow's function to Keras's operation."""

MODULES = {
    **{one.name: one.module for one in OPERATIONS.values()},
    **dict.fromkeys(("LogicalOr", "LogicalAnd", "LogicalNot", "OnesLike", "ZerosLike"), NUMPY),
    **dict.fromkeys(("Flip", "Repeat", "Tile", "Divide", "Einsum"), NUMPY),
    "ConvertToTensor": CORE,
}
"""Keras's operation to its module, which its HDF5 files leave out."""

NOT_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "name": (),
    "conjugate": (False,),
    "transpose_a": (False,),
    "transpose_b": (False,),
}
"""Arguments that Keras's operations have not; () for any value."""


def operation_layer(layer: dict[str, Any], calls: list[Call]) -> tuple[dict[str, Any], list[Call]]:
    """A serialized function layer and its calls as Keras 3 writes them.

    What is not known here, or cannot be said with Keras's operation, is returned unchanged, and is
    refused by its name later.

    Args:
        layer: the serialized layer.
        calls: its calls, with arguments as Keras 3 writes them.
    """
    config = mapping(layer["config"], "the config of a function")
    operation = OPERATIONS.get(str(config.get("function")))
    if operation is None or len(calls) != 1:
        return layer, calls
    (call,) = calls
    given = {
        **dict(zip((*operation.inputs, *dict(operation.settings)), call["args"], strict=False)),
        **{
            name: value for name, value in call["kwargs"].items() if not _means_nothing(name, value)
        },
    }
    settings = dict(operation.defaults)
    settings.update({new: given.pop(old) for old, new in operation.settings if old in given})
    missing = {new for _, new in operation.settings} - settings.keys()
    if set(given) != set(operation.inputs) or missing:
        return layer, calls
    inputs = [given[name] for name in operation.inputs]
    if operation.name == "GetItem":
        inputs[1] = _slices(inputs[1])
    axis = settings.get("axis")
    if operation.name in ("Squeeze", "ExpandDims") and isinstance(axis, list) and len(axis) == 1:
        settings["axis"] = axis[0]
    return {
        "module": operation.module,
        "class_name": operation.name,
        "config": {"name": config["name"], **settings},
        "registered_name": operation.name,
    }, [{"args": inputs, "kwargs": {}}]


def _means_nothing(name: str, value: Any) -> bool:
    return name in NOT_ARGUMENTS and (not NOT_ARGUMENTS[name] or value in NOT_ARGUMENTS[name])


def _slices(value: Any) -> Any:
    """The argument of ``x[...]``: numbers, slices and an ellipsis."""
    if isinstance(value, list):
        return [_slices(part) for part in value]
    if isinstance(value, dict) and value.keys() == {"start", "stop", "step"}:
        return {"class_name": "__slice__", "config": value}
    if isinstance(value, dict) and value.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    return value
