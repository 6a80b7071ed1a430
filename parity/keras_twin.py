"""The Keras twin of a spec: its layers, called as a functional model, masks and states included."""

from collections.abc import Iterator, Sequence
from typing import Any

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, reference
from parity.keras_config.table import keras_layer
from parity.keras_model import float64_kept, keras, max_pooling_may_drop_masks
from parity.results import ParityUnavailable

RecurrentSpec = specs.Recurrent | specs.RecurrentStack | specs.Bidirectional


@float64_kept()
@max_pooling_may_drop_masks()
def build_keras_model(
    spec: ModelSpec, dtype: str, mask_input: bool = False, batch_size: int | None = None
) -> keras.Model:
    """The Keras twin of a spec, with weights of its own.

    Args:
        spec: the model; layer names are node names.
        dtype: ``"float32"``, ``"float64"`` or ``"bfloat16"``, given to every layer.
        mask_input: whether the twin takes a bool mask ``(batch, time)`` as a last input.
        batch_size: of every call; Keras needs it to make a stateful layer.

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
    for node in spec.nodes:
        if node.name not in tensors:
            layer = _build_layer(node.name, node.layer, dtype)
            given = [tensors[source] for source in node.inputs]
            outputs = call_layer(layer, node.layer, given)
            if mask_input and isinstance(node.layer, specs.Embedding):  # which would drop it
                set_mask(outputs[0], mask_of(given[0]))
            for index, output in enumerate(outputs):
                tensors[reference(node.name, index)] = output
    return keras.Model([*inputs.values(), *extra], tensors[spec.output.name])


def call_layer(layer: Any, spec: specs.LayerSpec, given: Sequence[Any], **options: Any) -> list:
    """Every output of a Keras layer called with the tensors that a node takes."""
    if isinstance(spec, RecurrentSpec) and len(given) > 1:
        states = nested_states(spec, iter(given[1:]))
        # By hand: beside initial states Keras forgets the mask of the sequence (defect B9).
        outputs = layer(given[0], initial_state=states, mask=mask_of(given[0]), **options)
    else:
        outputs = layer(given[0] if len(given) == 1 else list(given), **options)
    return keras.tree.flatten(outputs)


def nested_states(spec: RecurrentSpec, states: Iterator[Any]) -> list:
    """Initial states as Keras nests them: those of a stack cell by cell."""
    if isinstance(spec, specs.Bidirectional):
        return [state for one in spec.directions for state in nested_states(one, states)]
    by_cell = [[next(states) for _ in specs.STATES[cell.cell]] for cell in spec.cells]
    return by_cell if isinstance(spec, specs.RecurrentStack) else by_cell[0]


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


def _build_layer(name: str, spec: specs.LayerSpec, dtype: str) -> Any:
    class_name, config = keras_layer(spec)
    config = {**_with_inner_dtype(config, dtype), "name": name, "dtype": dtype}
    return getattr(keras.layers, class_name).from_config(config)


def _with_inner_dtype(config: Any, dtype: str) -> Any:
    """Gives nested layers the dtype: a wrapper's own policy does not reach them."""
    if isinstance(config, dict):
        changed = {key: _with_inner_dtype(value, dtype) for key, value in config.items()}
        if dtype == "bfloat16":  # in which TensorFlow cannot draw an orthogonal matrix
            changed |= {key: "zeros" for key in config if key.endswith("_initializer")}
        if "class_name" in config and "layers" in str(config.get("module")):
            changed["config"]["dtype"] = dtype
        return changed
    if isinstance(config, list):
        return [_with_inner_dtype(part, dtype) for part in config]
    return config


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
