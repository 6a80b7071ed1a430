"""An operation of `keras.ops` in a model file becomes a spec, and back; nothing here needs Keras.

Keras writes an operation as a layer without ``trainable``: its class, the settings of the class's
constructor, and a call whose arguments are tensors, numbers, slices and arrays.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs.operations import ELLIPSIS
from parity.keras_config.activations import shown
from parity.keras_config.calls import TensorArgument
from parity.results import ParityUnavailable

MODULES = ("keras.src.ops", "keras.ops", "keras.src.activations", "keras.activations")
"""Where Keras defines its operations."""
FLOATS = ("float32", "float64")
"""The types that stand for the model's own precision."""
DTYPES = ("bool", "int32", "int64")
_REQUIRED = object()


@dataclass(frozen=True, kw_only=True)
class KerasOperation:
    """How one of Keras's operations is called.

    Attributes:
        name: in `keras.ops`; its class has the same name in camel case.
        module: where the class is defined.
        parameters: names of the arguments of a call.
        settings: the constructor's, with their defaults.
        fixed: those of them that a spec cannot express, which must have their defaults.
    """

    name: str
    module: str
    parameters: tuple[str, ...] = ("x",)
    settings: Mapping[str, Any] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()

    @property
    def class_name(self) -> str:
        """Of the Keras class."""
        return "".join(part.capitalize() for part in self.name.split("_"))


_NUMPY, _NN = "keras.src.ops.numpy", "keras.src.ops.nn"
_MATH, _CORE = "keras.src.ops.math", "keras.src.ops.core"
_ACTIVATIONS = "keras.src.activations.activations"


def _many(module: str, names: str, *parameters: str, **settings: Any) -> Iterator[KerasOperation]:
    for name in names.split():
        yield KerasOperation(
            name=name, module=module, parameters=parameters or ("x",), settings=settings
        )


_UNARY = (
    "absolute negative sign square exp expm1 log log1p log2 log10 sqrt reciprocal floor ceil sin "
    "cos tanh logical_not isnan isfinite"
)
_BINARY = (
    "add subtract multiply divide true_divide divide_no_nan floor_divide mod power maximum minimum "
    "equal not_equal greater greater_equal less less_equal logical_and logical_or logical_xor "
    "matmul dot"
)
_ENTRIES = (
    *_many(_NUMPY, _UNARY),
    *_many(_NUMPY, _BINARY, "x1", "x2"),
    *_many(_NN, "relu relu6 sigmoid silu softplus softsign selu hard_sigmoid hard_silu"),
    *_many(_NN, "log_sigmoid"),
    *_many(_NN, "softmax log_softmax", axis=-1),
    *_many(_NN, "leaky_relu", negative_slope=0.2),
    *_many(_NN, "elu", alpha=1.0),
    *_many(_NN, "gelu", approximate=True),
    *_many(_MATH, "rsqrt erf"),
    *_many(_MATH, "logsumexp", axis=None, keepdims=False),
    *_many(_NUMPY, "mean sum var std any all argmax argmin", axis=None, keepdims=False),
    *_many(_NUMPY, "max min", axis=None, keepdims=False, initial=None),
    *_many(_NUMPY, "prod", axis=None, keepdims=False, dtype=None),
    *_many(_NUMPY, "cumsum", axis=None, dtype=None),
    *_many(_NUMPY, "count_nonzero", axis=None),
    *_many(_NUMPY, "where", "condition", "x1", "x2"),
    *_many(_NUMPY, "clip", x_min=_REQUIRED, x_max=_REQUIRED),
    *_many(_NUMPY, "zeros_like ones_like", dtype=None),
    *_many(_NUMPY, "get_item", "x", "key"),
    *_many(_NUMPY, "take", "x", "indices", axis=None),
    *_many(_NUMPY, "expand_dims", axis=_REQUIRED),
    *_many(_NUMPY, "squeeze flip", axis=None),
    *_many(_NUMPY, "reshape", newshape=_REQUIRED),
    *_many(_NUMPY, "transpose", axes=None),
    *_many(_NUMPY, "swapaxes", axis1=_REQUIRED, axis2=_REQUIRED),
    *_many(_NUMPY, "moveaxis", source=_REQUIRED, destination=_REQUIRED),
    *_many(_NUMPY, "roll", shift=_REQUIRED, axis=None),
    *_many(_NUMPY, "repeat", repeats=_REQUIRED, axis=None),
    *_many(_NUMPY, "tile", repeats=_REQUIRED),
    *_many(_NUMPY, "concatenate", "xs", axis=0),
    *_many(_NUMPY, "stack", "x", axis=0),
    *_many(_NUMPY, "split", indices_or_sections=_REQUIRED, axis=0),
    *_many(_NUMPY, "tensordot", "x1", "x2", axes=2),
    *_many(_NUMPY, "einsum", "*operands", subscripts=_REQUIRED),
    *_many(_CORE, "cast", dtype=_REQUIRED),
    *_many(_CORE, "stop_gradient"),
    KerasOperation(name="unstack", module=_CORE, settings={"num": None, "axis": 0}, fixed=("num",)),
    KerasOperation(
        name="one_hot",
        module=_NN,
        settings={"num_classes": _REQUIRED, "axis": -1, "dtype": "float32", "sparse": False},
        fixed=("sparse",),
    ),
    KerasOperation(
        name="convert_to_tensor",
        module=_CORE,
        settings={"dtype": None, "sparse": None, "ragged": None},
        fixed=("sparse", "ragged"),
    ),
)
_BY_NAME = {entry.name: entry for entry in _ENTRIES}

_RELU_SETTINGS = {"negative_slope": 0.0, "max_value": None, "threshold": 0.0}

OPERATIONS: Mapping[str, KerasOperation] = {
    **{entry.class_name: entry for entry in _ENTRIES},
    "ReLU": KerasOperation(  # keras.activations.relu, where keras.ops.relu is Relu
        name="relu", module=_ACTIVATIONS, settings=_RELU_SETTINGS, fixed=tuple(_RELU_SETTINGS)
    ),
}
"""Every operation that a spec can express, by its Keras class."""


def is_operation(class_name: str, config: Mapping[str, Any], module: str | None) -> bool:
    """Whether a layer of a model's config is an operation; ``Add`` may be that or a layer.

    Args:
        class_name: e.g. ``"Add"``.
        config: its settings; those of a layer hold ``trainable``, those of an operation do not.
        module: where the class is defined; an HDF5 file does not say, so None.
    """
    if module is not None:
        return module.startswith(MODULES)
    return class_name in OPERATIONS and "trainable" not in config


def operation_spec(
    class_name: str,
    config: Mapping[str, Any],
    arguments: Sequence[Any],
    keywords: Mapping[str, Any] | None = None,
) -> specs.Operation:
    """The spec of an operation and its call.

    Args:
        class_name: the Keras class.
        config: its settings.
        arguments: by position; a `TensorArgument` for each tensor, the rest as Keras serializes it.
        keywords: the arguments by name.

    Raises:
        ParityUnavailable: something that a spec cannot express; the message names the layer and
            the argument.
    """
    where = f"layer {config.get('name')!r}: operation {class_name}"
    entry = OPERATIONS.get(class_name)
    if entry is None:
        raise ParityUnavailable(
            f"{where} is not supported; docs/keras-files.md lists those that are. Use a layer, or "
            "one of those."
        )
    given = _bound(entry, arguments, keywords or {}, where)
    try:
        return specs.Operation(
            name=entry.name,
            arguments=tuple(_read(value, f"{where}: {name}") for name, value in given),
            settings=tuple(_settings(entry, config, where)),
        )
    except ValueError as error:
        raise ParityUnavailable(f"{where}: {error}") from None


def keras_operation(
    spec: specs.Operation, dtype: str = "float32"
) -> tuple[str, str, dict[str, Any], list[Any], dict[str, Any]]:
    """How Keras writes an operation; the inverse of `operation_spec`.

    Args:
        spec: the operation.
        dtype: the model's precision.

    Returns:
        The Keras class, its module, its settings, and the arguments of its call by position and by
        name, with a `TensorArgument` for each tensor.
    """
    entry = _BY_NAME[spec.name]
    given = dict(spec.settings)
    settings = {
        name: _written(given.get(name, default), dtype) for name, default in entry.settings.items()
    }
    if settings.get("dtype") == "float":
        settings["dtype"] = dtype
    arguments = [_written(value, dtype) for value in spec.arguments]
    return entry.class_name, entry.module, settings, arguments, {}


def _bound(
    entry: KerasOperation, arguments: Sequence[Any], keywords: Mapping[str, Any], where: str
) -> list[tuple[str, Any]]:
    """The arguments by name, in order."""
    if entry.parameters == ("*operands",):
        names = tuple(f"operand {place}" for place in range(len(arguments)))
    else:
        names = entry.parameters
    bound = {**dict(zip(names, arguments, strict=False)), **keywords}
    if len(arguments) > len(names) or {*bound} != {*names}:
        raise ParityUnavailable(
            f"{where} is called with {len(arguments)} arguments and with "
            f"{', '.join(keywords) or 'none'} by name; it takes {', '.join(names)}. Call it with "
            "these."
        )
    return [(name, bound[name]) for name in names]


def _settings(
    entry: KerasOperation, config: Mapping[str, Any], where: str
) -> Iterator[tuple[str, Any]]:
    for setting, value in config.items():
        if setting not in ("name", *entry.settings) or (
            setting in entry.fixed and value != entry.settings[setting]
        ):
            raise _unsupported(f"{where}: {setting}", value)
    for setting, default in entry.settings.items():
        value = config.get(setting, default)
        if value is _REQUIRED:
            raise ParityUnavailable(f"{where}: {setting} is missing. Save the model again.")
        if setting == "dtype":
            value = _dtype(value, f"{where}: dtype")
        if setting not in entry.fixed:
            yield setting, _read(value, f"{where}: {setting}")


def _dtype(value: Any, where: str) -> str | None:
    if value in FLOATS:
        return "float"
    if value is not None and value not in DTYPES:
        raise _unsupported(where, value, f"Supported: {', '.join((*FLOATS, *DTYPES))}.")
    return value


def _read(value: Any, where: str) -> Any:
    """An argument or a setting as a spec holds it."""
    if isinstance(value, TensorArgument):
        return specs.Operand(index=value.index)
    if isinstance(value, Mapping):
        return _read_object(value, where)
    if isinstance(value, list | tuple):
        return tuple(_read(part, where) for part in value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise _unsupported(where, value)


def _read_object(value: Mapping[str, Any], where: str) -> Any:
    kind, config = value.get("class_name"), value.get("config", {})
    if kind == "__ellipsis__":
        return ELLIPSIS
    if kind == "__slice__":
        limits = {name: config.get(name) for name in ("start", "stop", "step")}
        if all(limit is None or type(limit) is int for limit in limits.values()):
            return specs.Slice(**limits)
    if kind in ("__numpy__", "__tensor__"):
        array, dtype = config.get("value"), _dtype(config.get("dtype"), f"{where}: dtype")
        if isinstance(array, bool | int | float):
            return array
        if isinstance(array, list) and dtype is not None:
            return specs.ConstantArray(value=_read(array, where), dtype=dtype)
    raise _unsupported(where, value)


def _written(value: Any, dtype: str) -> Any:
    """An argument or a setting as Keras serializes it; the inverse of `_read`."""
    if isinstance(value, specs.Operand):
        return TensorArgument(value.index)
    if isinstance(value, specs.Slice):
        limits = {name: getattr(value, name) for name in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": limits}
    if isinstance(value, specs.ConstantArray):
        kept = dtype if value.dtype == "float" else value.dtype
        array = {"value": _written(value.value, dtype), "dtype": kept}
        return {"class_name": "__numpy__", "config": array}
    if isinstance(value, tuple):
        return [_written(part, dtype) for part in value]
    return {"class_name": "__ellipsis__", "config": {}} if value == ELLIPSIS else value


def _unsupported(where: str, value: Any, then: str = "") -> ParityUnavailable:
    then = then or "Supported: tensors of the model, numbers, slices and arrays."
    return ParityUnavailable(f"{where}={shown(value)} is not supported. {then}")
