"""What Keras's layers compute, called one by one: outputs, states, masks and gradients."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np

from birnn_lightning.nn.specs import Embedding, ModelSpec, reference
from parity.inputs import Inputs
from parity.keras_model import (
    find_variable,
    float64_kept,
    keras,
    max_pooling_may_drop_masks,
)
from parity.keras_noise import noise_shared
from parity.keras_twin import call_layer, mask_of, set_mask
from parity.layout import rows
from parity.runs import Array, Run, loss_weight

Tensors = dict[str, Any]


@float64_kept()
@max_pooling_may_drop_masks()
def run_keras(
    model: keras.Model,
    spec: ModelSpec,
    given: Inputs,
    *,
    training: bool = False,
    gradients: bool = False,
) -> Run:
    """Runs the layers of a Keras model as Keras runs its functional models.

    Args:
        model: whose layers have the spec's node names; training changes its moving statistics.
        spec: of the model.
        given: the inputs, perhaps with a mask.
        training: whether it runs as in training, on `parity.runs.shared_noise`.
        gradients: whether to compute them.
    """
    variables = {row.keras: find_variable(model, row.keras) for row in rows(spec)}
    inputs: Tensors = {
        node.name: keras.ops.convert_to_tensor(
            array, dtype="int64" if np.issubdtype(array.dtype, np.integer) else model_dtype(model)
        )
        for node, array in zip(spec.inputs, given.arrays, strict=True)
    }
    mask = None if given.mask is None else keras.ops.convert_to_tensor(given.mask)

    def walk(inputs: Tensors) -> Tensors:
        return _walk(model, spec, inputs, mask, training)

    if gradients:
        trainable = {path: v for path, v in variables.items() if v.trainable}
        features = {
            name: tensor for name, tensor in inputs.items() if "int" not in str(tensor.dtype)
        }
        stages, found = GRADIENTS[keras.backend.backend()](walk, inputs, features, trainable)
    else:
        stages, found = walk(inputs), {}
    masks = {name: mask_of(tensor) for name, tensor in stages.items()}
    return Run(
        outputs={name: to_array(tensor) for name, tensor in stages.items()},
        masks={name: None if m is None else to_array(m) for name, m in masks.items()},
        gradients={name: to_array(tensor) for name, tensor in found.items()},
        variables={path: to_array(variable.value) for path, variable in variables.items()},
    )


def model_dtype(model: keras.Model) -> str:
    """The dtype in which the layers compute; that of an inner model itself means nothing."""
    for layer in model._flatten_layers():
        if not isinstance(layer, keras.layers.InputLayer | keras.Model):
            return layer.compute_dtype
    return "float32"


def to_array(tensor: Any) -> Array:
    """A Keras tensor in NumPy; bfloat16, which NumPy does not have, as float32."""
    if keras.backend.standardize_dtype(tensor.dtype) == "bfloat16":
        tensor = keras.ops.cast(tensor, "float32")
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def _walk(
    model: keras.Model, spec: ModelSpec, inputs: Tensors, mask: Any, training: bool
) -> Tensors:
    """Every output of every layer by reference."""
    computed = dict(inputs)
    set_mask(computed[spec.inputs[0].name], mask)
    for node in spec.nodes:
        if node.name in inputs:
            continue
        layer = model.get_layer(node.name)
        given = [computed[source] for source in node.inputs]
        options = {"training": training} if layer._call_has_training_arg else {}
        shape = tuple(given[0].shape)
        with noise_shared(node.name, layer, node.layer, shape) if training else nullcontext():
            outputs = call_layer(layer, node.layer, given, **options)
        if mask is not None and isinstance(node.layer, Embedding):  # which would drop it
            set_mask(outputs[0], mask_of(given[0]))
        for index, output in enumerate(outputs):
            computed[reference(node.name, index)] = output
    return {name: tensor for name, tensor in computed.items() if name not in inputs}


def _loss(stages: Tensors) -> Any:
    total: Any = 0
    for name, tensor in stages.items():
        weight = loss_weight(name, tuple(tensor.shape))
        total = total + keras.ops.sum(tensor * keras.ops.cast(weight, tensor.dtype))
    return total


Gradients = tuple[Tensors, Tensors]


def _tensorflow(
    walk: Callable[[Tensors], Tensors],
    inputs: Tensors,
    features: Tensors,
    variables: Mapping[str, Any],
) -> Gradients:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        for tensor in features.values():
            tape.watch(tensor)
        stages = walk(inputs)
        loss = _loss(stages)
    leaves = {**{path: v.value for path, v in variables.items()}, **features}
    found = tape.gradient(loss, leaves, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return stages, {name: tf.convert_to_tensor(gradient) for name, gradient in found.items()}


def _torch(
    walk: Callable[[Tensors], Tensors],
    inputs: Tensors,
    features: Tensors,
    variables: Mapping[str, Any],
) -> Gradients:
    import torch

    for tensor in features.values():
        tensor.requires_grad_()
    stages = walk(inputs)
    leaves = {**{path: v.value for path, v in variables.items()}, **features}
    found = torch.autograd.grad(_loss(stages), list(leaves.values()), allow_unused=True)
    gradients = {
        name: torch.zeros_like(leaf) if gradient is None else gradient
        for (name, leaf), gradient in zip(leaves.items(), found, strict=True)
    }
    return {name: tensor for name, tensor in stages.items()}, gradients


def _jax(
    walk: Callable[[Tensors], Tensors],
    inputs: Tensors,
    features: Tensors,
    variables: Mapping[str, Any],
) -> Gradients:
    import jax  # type: ignore[import-not-found]

    def loss(leaves: Tensors) -> Any:
        state = [(variable, leaves[path]) for path, variable in variables.items()]
        with keras.StatelessScope(state_mapping=state):
            return _loss(walk({**inputs, **{name: leaves[name] for name in features}}))

    leaves = {**{path: v.value for path, v in variables.items()}, **features}
    gradients = jax.grad(loss)(leaves)  # first: the scope keeps what it does to states from others
    return walk(inputs), gradients


GRADIENTS = {"tensorflow": _tensorflow, "torch": _torch, "jax": _jax}
