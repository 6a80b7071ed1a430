"""Models cross between the frameworks with their weights."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn.specs import (
    LayerSpec,
    Masking,
    ModelSpec,
    Node,
    Submodel,
    TimeDistributed,
)
from parity.keras_config.model import task_of
from parity.layout import Row, keras_arrays, layer_rows, rows, torch_arrays
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


def classifier_of(spec: ModelSpec, arrays: Mapping[str, np.ndarray]) -> SequenceClassifier:
    """The classifier of a spec with these Keras arrays by path, float64 where one of them is."""
    classifier = SequenceClassifier(spec, task_of(spec))
    if any(array.dtype == np.float64 for array in arrays.values()):
        classifier.double()
    load_torch_arrays(classifier, torch_arrays(rows(spec), arrays))
    return classifier


def with_output(classifier: SequenceClassifier, output: str) -> SequenceClassifier:
    """The part of a classifier of several outputs that computes one of them.

    Raises:
        ParityUnavailable: it has no such output.
    """
    if output not in classifier.spec.outputs:
        raise ParityUnavailable(
            f"output must be one of {', '.join(classifier.spec.outputs)}; got {output!r}."
        )
    spec = classifier.spec.with_output(output)
    part = SequenceClassifier(spec, task_of(spec)).to(next(classifier.parameters()).dtype)
    state = classifier.state_dict()
    part.load_state_dict({name: state[name] for name in part.state_dict()})
    return part


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
        if our_node not in ours.inputs:
            _check_equal(our_node, their_node)
        for what, mine, theirs_ in (
            ("takes", our_node.inputs, their_node.inputs),
            ("shares", (our_node.shares,), (their_node.shares,)),
        ):
            if [renamed_reference(name, names) for name in mine] != list(theirs_):
                raise ParityUnavailable(
                    f"layer {our_node.name!r} {what} {', '.join(mine)}, but Keras layer "
                    f"{their_node.name!r} {what} {', '.join(theirs_)}."
                )
    if [names[node.name] for node in ours.inputs] != [node.name for node in theirs.inputs]:
        raise ParityUnavailable("the models take their inputs in different orders.")
    if [renamed_reference(name, names) for name in ours.outputs] != list(theirs.outputs):
        raise ParityUnavailable("the models have different outputs, or in different orders.")
    return pairs


def _check_equal(ours: Node, theirs: Node) -> None:
    """Raises ParityUnavailable unless two layers are the same; names inside them may differ."""
    inner = _inner_models(ours.layer, theirs.layer)
    if inner is not None:
        aligned_nodes(*inner)
    elif ours.layer != theirs.layer:
        raise ParityUnavailable(
            f"layer {ours.name!r} differs from Keras layer {theirs.name!r}: "
            f"{ours.layer} and {theirs.layer}."
        )


def _inner_models(ours: LayerSpec, theirs: LayerSpec) -> tuple[ModelSpec, ModelSpec] | None:
    """The models inside two layers, where both are models, or run one on every step."""
    if isinstance(ours, TimeDistributed) and isinstance(theirs, TimeDistributed):
        return _inner_models(ours.layer, theirs.layer)
    if isinstance(ours, Submodel) and isinstance(theirs, Submodel):
        return ours.model, theirs.model
    return None


def renamed_reference(name: str, names: Mapping[str, str]) -> str:
    """A reference to one of our outputs as a reference to theirs."""
    node, colon, index = name.partition(":")
    return f"{names[node]}{colon}{index}" if node else name


def aligned_rows(
    ours: ModelSpec, theirs: ModelSpec, keras: str = "", torch: str = ""
) -> tuple[Row, ...]:
    """The weight table between our names and the names of an equal Keras model.

    Args:
        ours: our model.
        theirs: an equal one.
        keras: what the Keras paths start with, for models inside others.
        torch: what the torch names start with, likewise.
    """
    return tuple(
        row
        for our_node, their_node in aligned_nodes(ours, theirs)
        if not our_node.shares
        for row in _layer_rows(
            our_node.layer,
            their_node.layer,
            f"{keras}{their_node.name}",
            f"{torch}layers.{our_node.name}",
        )
    )


def _layer_rows(ours: LayerSpec, theirs: LayerSpec, keras: str, torch: str) -> tuple[Row, ...]:
    inner = _inner_models(ours, theirs)
    if inner is None:
        return layer_rows(ours, keras, torch)
    if isinstance(ours, TimeDistributed) and isinstance(theirs, TimeDistributed):
        return _layer_rows(ours.layer, theirs.layer, f"{keras}/layer", f"{torch}.layer")
    return aligned_rows(*inner, f"{keras}/", f"{torch}.model.")


def under_their_names(model: SequenceClassifier, spec: ModelSpec) -> SequenceClassifier:
    """A copy of ours whose nodes, those of inner models too, have the names of an equal spec.

    Raises:
        ParityUnavailable: the models differ.
    """
    renamed = _renamed_spec(model.spec, spec)
    if renamed == model.spec:
        return deepcopy(model)
    copy = SequenceClassifier.from_config({**model.to_config(), "spec": renamed.to_config()})
    new_names = {row.keras: row.torch for row in rows(renamed)}
    names = {
        ours: new
        for row in aligned_rows(model.spec, spec)
        for ours, new in zip(row.torch, new_names[row.keras], strict=True)
    }
    state = model.model.state_dict()
    copy.to(next(model.parameters()).dtype)
    copy.model.load_state_dict({names[name]: tensor for name, tensor in state.items()})
    for ours, theirs in aligned_nodes(model.spec, spec):
        if isinstance(ours.layer, Masking):  # which may look for another value than the spec says
            value = getattr(model.model.layers[ours.name], "mask_value")  # noqa: B009
            setattr(copy.model.layers[theirs.name], "mask_value", value)  # noqa: B010
    return copy.train(model.training)


def _renamed_spec(ours: ModelSpec, theirs: ModelSpec) -> ModelSpec:
    pairs = aligned_nodes(ours, theirs)
    names = {our_node.name: their_node.name for our_node, their_node in pairs}
    nodes = tuple(
        Node(
            name=their_node.name,
            layer=_renamed_layer(our_node.layer, their_node.layer),
            inputs=tuple(renamed_reference(name, names) for name in our_node.inputs),
            shares=renamed_reference(our_node.shares, names),
        )
        for our_node, their_node in pairs
    )
    return ModelSpec(nodes, tuple(renamed_reference(name, names) for name in ours.outputs))


def _renamed_layer(ours: LayerSpec, theirs: LayerSpec) -> LayerSpec:
    if isinstance(ours, TimeDistributed) and isinstance(theirs, TimeDistributed):
        return replace(ours, layer=_renamed_layer(ours.layer, theirs.layer))
    if isinstance(ours, Submodel) and isinstance(theirs, Submodel):
        return replace(ours, model=_renamed_spec(ours.model, theirs.model))
    return ours


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
