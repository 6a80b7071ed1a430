"""Models cross between the frameworks with their weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn.specs import ModelSpec, Node
from parity.keras_config.model import task_of
from parity.layout import Row, keras_arrays, layer_rows, torch_arrays
from parity.results import ParityUnavailable

if TYPE_CHECKING:
    import keras


def to_keras(
    model: SequenceClassifier, mask_input: bool = False, batch_size: int | None = None
) -> "keras.Model":
    """The Keras twin, with the weights copied.

    Args:
        model: float32 or float64.
        mask_input: whether the twin takes a bool mask ``(batch, time)`` as its last input; for
            models that are called with ``lengths`` or ``mask``.
        batch_size: of every call of the twin; Keras needs it to make a stateful layer.

    Returns:
        A functional model of standard Keras layers, which needs nothing of ours to be loaded.

    Raises:
        ParityUnavailable: no Keras, another dtype, or a ``mask_input`` that makes no sense.
    """
    from parity.keras_twin import build_keras_model

    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    if dtype not in ("float32", "float64"):
        raise ParityUnavailable(f"a Keras twin is float32 or float64; the model is {dtype}.")
    twin = build_keras_model(model.spec, dtype, mask_input, batch_size)
    copy_weights(model, twin)
    return twin


def from_keras(source: "str | Path | keras.Model") -> SequenceClassifier:
    """The classifier that computes what a Keras model computes.

    Args:
        source: a Keras model, or the path of a file that the installed Keras can load.

    Returns:
        A float32 or float64 classifier; its task follows from the last activation (``regression``
        for a linear head).

    Raises:
        ParityUnavailable: a layer or setting that is not supported, by name; or a file that Keras
            cannot load.
    """
    from parity import keras_model

    model = keras_model.load(source) if isinstance(source, str | Path) else source
    spec = keras_model.spec_of(model)
    if not model.weights:
        raise ParityUnavailable("the Keras model has no weights, so there is nothing to convert.")
    classifier = SequenceClassifier(spec, task_of(spec))
    classifier.to(getattr(torch, keras_model.dtype_of(model)))
    copy_weights(model, classifier)
    return classifier


def copy_weights(source: Any, target: Any) -> None:
    """Copies every weight from a classifier to a Keras model, or the other way.

    The layers are matched by name where all names agree, else in order, so that names may differ.
    Nothing is changed unless all fits.

    Args:
        source: a `SequenceClassifier` or a ``keras.Model``.
        target: the other one.

    Raises:
        ParityUnavailable: the models differ; the message names the first layer that does.
    """
    from parity import keras_model

    if isinstance(source, SequenceClassifier):
        table = aligned_rows(source.spec, keras_model.spec_of(target))
        keras_model.write_variables(target, keras_arrays(table, torch_state(source)))
    elif isinstance(target, SequenceClassifier):
        table = aligned_rows(target.spec, keras_model.spec_of(source))
        arrays = keras_model.read_variables(source, [row.keras for row in table])
        load_torch_arrays(target, torch_arrays(table, arrays))
    else:
        raise TypeError(
            "copy_weights needs a SequenceClassifier on one side; got "
            f"{type(source).__name__} and {type(target).__name__}."
        )


def aligned_nodes(ours: ModelSpec, theirs: ModelSpec) -> list[tuple[Node, Node]]:
    """Pairs the nodes of two equal models, which may name them differently.

    Raises:
        ParityUnavailable: the models differ.
    """
    if len(ours.nodes) != len(theirs.nodes):
        raise ParityUnavailable(
            f"the models have {len(ours.nodes)} and {len(theirs.nodes)} layers: "
            f"{_kinds(ours)} and {_kinds(theirs)}."
        )
    by_name = {node.name: node for node in theirs.nodes}
    # Keras lists the layers of branches in another order; a twin's names say which is which.
    named_alike = by_name.keys() == {node.name for node in ours.nodes}
    partners = [by_name[node.name] for node in ours.nodes] if named_alike else theirs.nodes
    pairs = list(zip(ours.nodes, partners, strict=True))
    names = {our_node.name: their_node.name for our_node, their_node in pairs}
    for our_node, their_node in pairs:
        if our_node not in ours.inputs and our_node.layer != their_node.layer:
            raise ParityUnavailable(
                f"layer {our_node.name!r} differs from Keras layer {their_node.name!r}: "
                f"{our_node.layer} and {their_node.layer}."
            )
        if [renamed_reference(name, names) for name in our_node.inputs] != list(their_node.inputs):
            raise ParityUnavailable(
                f"layer {our_node.name!r} takes {', '.join(our_node.inputs)}, but Keras layer "
                f"{their_node.name!r} takes {', '.join(their_node.inputs)}."
            )
    if [names[node.name] for node in ours.inputs] != [node.name for node in theirs.inputs]:
        raise ParityUnavailable("the models take their inputs in different orders.")
    return pairs


def renamed_reference(name: str, names: Mapping[str, str]) -> str:
    """A reference to one of our outputs as a reference to theirs."""
    node, colon, index = name.partition(":")
    return f"{names[node]}{colon}{index}"


def aligned_rows(ours: ModelSpec, theirs: ModelSpec) -> tuple[Row, ...]:
    """The weight table between our names and the names of an equal Keras model."""
    return tuple(
        row
        for our_node, their_node in aligned_nodes(ours, theirs)
        for row in layer_rows(our_node.layer, their_node.name, f"layers.{our_node.name}")
    )


def torch_state(model: SequenceClassifier) -> dict[str, np.ndarray]:
    """The model's tensors as arrays."""
    return {name: t.detach().cpu().numpy() for name, t in model.model.state_dict().items()}


def load_torch_arrays(model: SequenceClassifier, arrays: Mapping[str, np.ndarray]) -> None:
    """Copies arrays into the model; raises ParityUnavailable unless every name and shape fits."""
    state = model.model.state_dict()
    if state.keys() != arrays.keys():
        raise ParityUnavailable(f"names differ: {sorted(state.keys() ^ arrays.keys())}.")
    for name, tensor in state.items():
        if tuple(tensor.shape) != arrays[name].shape:
            raise ParityUnavailable(
                f"{name} has the shape {tuple(tensor.shape)}; got {arrays[name].shape}."
            )
    model.model.load_state_dict(
        {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    )


def _kinds(spec: ModelSpec) -> str:
    return ", ".join(type(node.layer).__name__ for node in spec.nodes)
