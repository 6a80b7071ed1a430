"""The Keras twin of a spec: its layers, called as a functional model, masks and states included."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, reference
from parity.keras_config.calls import TensorArgument
from parity.keras_config.operations import keras_operation
from parity.keras_files.written_config import RecurrentSpec, nested_states, written_layer
from parity.keras_model import float64_kept, keras, max_pooling_may_drop_masks
from parity.results import ParityUnavailable


@float64_kept()
@max_pooling_may_drop_masks()
def build_keras_model(
    spec: ModelSpec,
    dtype: str,
    mask_input: bool = False,
    batch_size: int | None = None,
    name: str | None = None,
) -> keras.Model:
    """The Keras twin of a spec, with weights of its own.

    Args:
        spec: the model; layer names are node names.
        dtype: ``"float32"``, ``"float64"`` or ``"bfloat16"``, given to every layer.
        mask_input: whether the twin takes a bool mask ``(batch, time)`` as a last input.
        batch_size: of every call; Keras needs it to make a stateful layer.
        name: of the Keras model; default: Keras's own.

    Raises:
        ParityUnavailable: ``mask_input`` for a model that finds its masks itself, or a stateful
            layer without ``batch_size``.
    """
    _check_batch_size(spec, batch_size)
    inputs = {node.name: _input(node.name, node.layer, dtype, batch_size) for node in spec.inputs}
    tensors: dict[str, Any] = dict(inputs)
    extra = []
    if mask_input:
        _refuse_own_masks(spec)
        mask = keras.Input(shape=(None,), dtype="bool", name="mask", batch_size=batch_size)
        set_mask(inputs[spec.inputs[0].name], mask)
        extra.append(mask)
    built: dict[str, Any] = {}
    for node in spec.nodes:
        if node.name not in tensors:
            layer = built.get(node.shares) or build_layer(node.name, node.layer, dtype)
            built[node.name] = layer
            given = [tensors[source] for source in node.inputs]
            outputs = call_layer(layer, node.layer, given)
            if mask_input and isinstance(node.layer, specs.Embedding):  # which would drop it
                set_mask(outputs[0], mask_of(given[0]))
            for index, output in enumerate(outputs):
                tensors[reference(node.name, index)] = output
    outputs = [tensors[name] for name in spec.outputs]
    return keras.Model(
        [*inputs.values(), *extra], outputs if len(outputs) > 1 else outputs[0], name=name
    )


def call_layer(layer: Any, spec: specs.LayerSpec, given: Sequence[Any], **options: Any) -> list:
    """Every output of a Keras layer called with the tensors that a node takes."""
    if isinstance(spec, specs.Operation):
        outputs = _operation_outputs(layer, spec, given)
    elif isinstance(spec, RecurrentSpec) and len(given) > 1:
        states = nested_states(spec, iter(given[1:]))
        # By hand: beside initial states Keras forgets the mask of the sequence (defect B9).
        outputs = layer(given[0], initial_state=states, mask=mask_of(given[0]), **options)
    else:
        outputs = layer(given[0] if len(given) == 1 else list(given), **options)
    return keras.tree.flatten(outputs)


def _operation_outputs(operation: Any, spec: specs.Operation, given: Sequence[Any]) -> Any:
    def placed(value: Any) -> Any:
        if isinstance(value, TensorArgument):
            return given[value.index]
        if isinstance(value, dict):  # a slice, an ellipsis or an array
            return keras.saving.deserialize_keras_object(value)
        return [placed(part) for part in value] if isinstance(value, list) else value

    _, _, _, arguments, keywords = keras_operation(spec, str(given[0].dtype))
    return operation(
        *map(placed, arguments), **{name: placed(value) for name, value in keywords.items()}
    )


def set_mask(tensor: Any, mask: Any) -> None:
    """Gives a tensor the mask that Keras's layers find on it and hand on."""
    keras.src.backend.set_keras_mask(tensor, mask)  # type: ignore[attr-defined]


def mask_of(tensor: Any) -> Any:
    """The mask that a Keras layer has put on a tensor; None where every step is valid."""
    return keras.src.backend.get_keras_mask(tensor)  # type: ignore[attr-defined]


def _check_batch_size(spec: ModelSpec, batch_size: int | None) -> None:
    for node in spec.nodes:
        direction = getattr(node.layer, "forward", node.layer)
        if getattr(direction, "stateful", False) and batch_size is None:
            raise ParityUnavailable(
                f"layer {node.name!r} is stateful, so Keras needs to know the batch size. Give "
                "batch_size."
            )


def build_layer(name: str, spec: specs.LayerSpec, dtype: str) -> Any:
    """The Keras layer, model or operation that a spec describes, with weights of its own."""
    if isinstance(spec, specs.Operation):
        class_name, module, settings, _, _ = keras_operation(spec, dtype)
        return getattr(import_module(module), class_name)(**settings, name=name)
    class_name, config = written_layer(name, spec, dtype)
    if dtype == "bfloat16":  # in which TensorFlow cannot draw an orthogonal matrix
        config = _with_zero_initializers(config)
    home = keras.Model if class_name == "Functional" else getattr(keras.layers, class_name)
    return home.from_config(config)


def _with_zero_initializers(config: Any) -> Any:
    if isinstance(config, dict):
        return {
            key: "zeros" if key.endswith("_initializer") else _with_zero_initializers(value)
            for key, value in config.items()
        }
    return (
        [_with_zero_initializers(part) for part in config] if isinstance(config, list) else config
    )


def _input(name: str, layer: specs.LayerSpec, dtype: str, batch_size: int | None) -> Any:
    assert isinstance(layer, specs.Input)
    return keras.Input(
        shape=layer.shape,
        batch_size=batch_size,
        dtype="int64" if layer.dtype == "int64" else dtype,
        name=name,
    )


def _refuse_own_masks(spec: ModelSpec) -> None:
    for node in spec.nodes:
        own = isinstance(node.layer, specs.Masking) or getattr(node.layer, "mask_zero", False)
        if own:
            raise ParityUnavailable(
                f"layer {node.name!r} finds the mask in the inputs, so the twin takes no mask; "
                "give the padding in the inputs."
            )
