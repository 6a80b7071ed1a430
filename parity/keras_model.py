"""The Keras side: the only module that imports keras."""

import json
import logging
import os
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from birnn_lightning.nn.specs import ModelSpec
from parity.backends import check_backend
from parity.keras_config.model import model_spec
from parity.keras_config.names import module_name
from parity.quiet import quiet_stderr
from parity.results import ParityUnavailable

# TensorFlow announces on standard error what it did not find; 3 leaves its fatal errors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
try:
    with quiet_stderr():
        import keras
except ImportError as error:
    raise ParityUnavailable(
        f"Keras with a backend is needed: {error}. Install it with: pip install "
        "'birnn-lightning[parity]'."
    ) from None

check_backend(keras.backend.backend())


@keras.saving.register_keras_serializable(package="birnn_lightning")
def hard_sigmoid_keras2(x: Any) -> Any:
    """What Keras 1 and 2 call hard_sigmoid; Keras 3 has another function of that name."""
    return keras.ops.clip(0.2 * x + 0.5, 0, 1)


# TensorFlow warns when many models are traced in one process, which is what a grid does.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

EAGER_BATCH = 64


@contextmanager
def float64_kept() -> Iterator[None]:
    """Within, float64 stays float64: on torch and JAX, Keras otherwise multiplies it as float32."""
    backend = keras.backend.backend()
    narrowed: dict[str, str] = keras.src.backend.common.dtypes.BIT64_TO_BIT32_DTYPE  # type: ignore[attr-defined]
    kept = narrowed["float64"]
    narrowed["float64"] = "float64"
    try:
        if backend == "jax":
            import jax  # type: ignore[import-not-found]

            with jax.enable_x64(True):
                yield
        else:
            yield
    finally:
        narrowed["float64"] = kept


@contextmanager
def max_pooling_may_drop_masks() -> Iterator[None]:
    """Silences Keras's warning that a pooling layer drops the mask: the spec says that it does."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=".*destroy the mask information", category=UserWarning
        )
        yield


def to_float64(model: keras.Model) -> keras.Model:
    """The same Keras model with float64 layers and the same weights, all of them trainable."""
    return copied(model, "float64", trainable=True)


@float64_kept()
@max_pooling_may_drop_masks()
def copied(model: keras.Model, dtype: str, trainable: bool | None = None) -> keras.Model:
    """The same Keras model, not compiled, with layers of a dtype and the same weights.

    Args:
        model: unchanged.
        dtype: ``"float32"`` or ``"float64"``.
        trainable: what every layer becomes; None leaves each as it is.
    """
    changes: dict[str, Any] = {"dtype": dtype}
    if trainable is not None:
        changes["trainable"] = trainable
    config = _changed_config(model.get_config(), changes, dtype_of(model))
    clone = type(model).from_config(config)
    if not clone.built:
        clone.build(model.input_shape)
    clone.set_weights([np.asarray(array, dtype) for array in model.get_weights()])
    _take_statistics(clone)
    return clone


def _take_statistics(model: keras.Model) -> None:
    """A Normalization computes with copies of its variables, made when it is built or loaded."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def _changed_config(config: Any, changes: Mapping[str, Any], dtype: str) -> Any:
    """A config in which every float dtype and every trainable flag is what ``changes`` says.

    A Masking layer goes on looking for the value that it looked for in ``dtype``.
    """
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return changes["dtype"]
        changed = {key: _changed_config(value, changes, dtype) for key, value in config.items()}
        if config.get("dtype") in ("float16", "bfloat16", "float32", "float64"):
            changed["dtype"] = changes["dtype"]
        if "trainable" in config and "trainable" in changes:
            changed["trainable"] = changes["trainable"]
        if "mask_value" in config:
            changed["mask_value"] = float(np.dtype(dtype).type(config["mask_value"]))
        return changed
    if isinstance(config, list | tuple):
        return type(config)(_changed_config(part, changes, dtype) for part in config)
    return config


def spec_of(model: keras.Model) -> ModelSpec:
    """The model's spec; raises ParityUnavailable for what a spec cannot express."""
    return model_spec(type(model).__name__, json.loads(json.dumps(model.get_config())))


def dtype_of(model: keras.Model) -> str:
    """The variables' dtype."""
    return str(model.weights[0].dtype) if model.weights else "float32"


def batch_size_of(model: keras.Model) -> int | None:
    """The only batch size that the model takes, which a stateful one has; None for any."""
    return model.inputs[0].shape[0]


def states_of(model: keras.Model) -> list[Any]:
    """The variables that stateful layers go on from, which are not among ``model.variables``."""
    layers = [one for one in model._flatten_layers() if getattr(one, "states", None)]
    return [state for layer in layers for state in keras.tree.flatten(layer.states)]


@contextmanager
def fresh_states(model: keras.Model) -> Iterator[None]:
    """Within, every stateful layer starts from zeros; afterwards it has the states from before."""
    states = states_of(model)
    kept = [_to_numpy(state) for state in states]
    for state in states:
        state.assign(keras.ops.zeros_like(state))
    try:
        yield
    finally:
        for state, values in zip(states, kept, strict=True):
            state.assign(values)


def takes_mask(model: keras.Model, spec: ModelSpec) -> bool:
    """Whether the model takes a mask besides the spec's inputs."""
    return len(model.inputs) == len(spec.inputs) + 1


def predict(model: keras.Model, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """The model's first output; see `predictions`."""
    return predictions(model, inputs)[0]


@float64_kept()
@max_pooling_may_drop_masks()
def predictions(model: keras.Model, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The model's outputs in inference, computed in batches.

    A single small batch is computed eagerly, which spares tracing a graph.
    """
    if len(inputs[0]) <= EAGER_BATCH:
        arrays = [keras.ops.convert_to_tensor(array) for array in inputs]
        outputs = model(as_called(model, arrays), training=False)
        return [_to_numpy(output) for output in keras.tree.flatten(outputs)]
    quiet: Any = 0  # which Keras annotates as str
    outputs = model.predict(as_called(model, list(inputs)), batch_size=256, verbose=quiet)
    return [np.asarray(output) for output in keras.tree.flatten(outputs)]


def as_called(model: keras.Model, arrays: list[Any]) -> Any:
    """The arrays in the structure (one, a list, a dict) in which the model takes them."""
    if isinstance(model, keras.Sequential):
        return arrays[0]
    return keras.tree.pack_sequence_as(model.input, arrays)


@float64_kept()
@max_pooling_may_drop_masks()
def stages(
    model: keras.Model, names: Sequence[str], inputs: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """The first outputs of the layers with these names."""
    first = _first_outputs(model)
    part = keras.Model(model.inputs, [first[name] for name in names])
    arrays = [keras.ops.convert_to_tensor(array) for array in inputs]
    outputs = part(arrays if len(arrays) > 1 else arrays[0], training=False)
    return [_to_numpy(output) for output in keras.tree.flatten(outputs)]


def _first_outputs(model: keras.Model) -> dict[str, Any]:
    """By layer name the first output of its first call in the model."""
    function = model._functional if isinstance(model, keras.Sequential) else model
    found: dict[str, Any] = {}
    for _, nodes in sorted(function._nodes_by_depth.items(), reverse=True):
        for node in nodes:
            found.setdefault(node.operation.name, node.output_tensors[0])
    return found


def _to_numpy(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def find_variable(model: keras.Model, path: str) -> Any:
    """The variable at a path of the weight table: a layer's name, then attributes and indices.

    Within a model inside the model comes a layer's name again.
    """
    owner: Any = model
    for attribute in path.split("/"):
        if isinstance(owner, keras.Model):
            owner = {module_name(layer.name): layer for layer in owner.layers}[attribute]
        else:
            owner = owner[int(attribute)] if attribute.isdigit() else getattr(owner, attribute)
    return owner


def read_variables(model: keras.Model, paths: Sequence[str]) -> dict[str, np.ndarray]:
    """The arrays at these paths."""
    return {path: _to_numpy(find_variable(model, path)) for path in paths}


@float64_kept()
def write_variables(model: keras.Model, arrays: Mapping[str, np.ndarray]) -> None:
    """Assigns the arrays; checks every shape before it changes anything.

    Raises:
        ParityUnavailable: a shape does not fit.
    """
    variables = {path: find_variable(model, path) for path in arrays}
    for path, variable in variables.items():
        if tuple(variable.shape) != arrays[path].shape:
            raise ParityUnavailable(
                f"{path} has the shape {tuple(variable.shape)}; got {arrays[path].shape}."
            )
    for path, variable in variables.items():
        variable.assign(arrays[path])
    _take_statistics(model)


@float64_kept()
@max_pooling_may_drop_masks()
def load(path: str | Path) -> keras.Model:
    """The model in a file, without its compile settings.

    Raises:
        ParityUnavailable: no such file, or not one that this Keras can load.
    """
    if not Path(path).is_file():
        raise ParityUnavailable(f"Keras file not found: {path}.")
    try:
        model: Any = keras.saving.load_model(path, compile=False)
        return model
    except (
        ValueError,
        TypeError,
        OSError,
        KeyError,
        AttributeError,
        RuntimeError,
        zipfile.BadZipFile,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ParityUnavailable(f"Keras {keras.__version__} cannot load {path}: {reason}") from None
