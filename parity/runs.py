"""A run is everything that one framework computes from one input, by name, so that two compare."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from birnn_lightning.inputs import masked_inputs
from birnn_lightning.nn import Masked, RecurrentLayer, SequenceModel
from birnn_lightning.nn.specs import Input
from parity.inputs import Inputs
from parity.layout import rows

Array = np.ndarray


class Run(NamedTuple):
    """What one framework computed.

    Attributes:
        outputs: by reference (`birnn_lightning.nn.specs.reference`): every output and final state
            of every node.
        masks: by reference: the mask that travels with an output; None where there is none.
        gradients: by Keras path, or by the name of an input node: of `loss_weight`'s loss.
        variables: by Keras path, after the run: training changes moving statistics.
    """

    outputs: dict[str, Array]
    masks: dict[str, Array | None]
    gradients: dict[str, Array]
    variables: dict[str, Array]


def loss_weight(name: str, shape: tuple[int, ...]) -> Array:
    """The factors by which an output enters the loss, in [-1, 1]; they depend on its name alone.

    The loss is the sum over all outputs: every one of them, and every step, has a gradient of its
    own. A plain sum would not see outputs that change places.
    """
    return np.random.default_rng(zlib.crc32(name.encode())).uniform(-1, 1, shape)


def shared_noise(name: str, key: str, shape: tuple[int, ...], seed: int = 0) -> Array:
    """The deviates of both frameworks for one draw of one layer; see `NoiseSource` for the keys."""
    generator = np.random.default_rng([seed, zlib.crc32(f"{name}/{key}".encode())])
    return generator.standard_normal(shape) if key.endswith("normal") else generator.random(shape)


def run_ours(
    model: SequenceModel, given: Inputs, *, training: bool = False, gradients: bool = False
) -> Run:
    """Runs a model of ours, its parameters and inputs in its own precision.

    Args:
        model: left in evaluation mode; training changes its moving statistics.
        given: the inputs, perhaps with a mask.
        training: whether it runs as in training, on `shared_noise`.
        gradients: whether to compute them.
    """
    like = next(iter(model.parameters()), torch.zeros(()))
    inputs = masked_inputs(model.spec, given.arrays, None, given.mask, like.detach())
    if gradients:
        for values, _ in inputs:
            values.requires_grad_(values.is_floating_point())
    share_noise(model)
    model.train(training)
    with torch.set_grad_enabled(gradients):
        stages = model.stages(inputs)
    model.eval()
    last = model.spec.output.name
    stages[last] = stages[last]._replace(values=model.activate(stages[last].values))
    computed = {name: stage for name, stage in stages.items() if not _is_input(model, name)}
    return Run(
        outputs={name: to_array(stage.values) for name, stage in computed.items()},
        masks={name: _mask_array(stage) for name, stage in computed.items()},
        gradients=_gradients(model, inputs, computed) if gradients else {},
        variables=_as_keras(model, {name: to_array(t) for name, t in model.state_dict().items()}),
    )


@contextmanager
def fresh_states(model: SequenceModel) -> Iterator[None]:
    """Within, every stateful layer starts from zeros; afterwards it has the states from before."""
    layers = [layer for layer in model.modules() if isinstance(layer, RecurrentLayer)]
    kept = [layer.states for layer in layers]
    model.reset_states()
    try:
        yield
    finally:
        for layer, states in zip(layers, kept, strict=True):
            layer.states = states


def to_array(tensor: Tensor) -> Array:
    """The tensor in NumPy; bfloat16, which NumPy does not have, as float32."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy().copy()


def _is_input(model: SequenceModel, name: str) -> bool:
    return any(node.name == name and isinstance(node.layer, Input) for node in model.spec.nodes)


def share_noise(
    model: SequenceModel, noise: Callable[[str, str, tuple[int, ...]], Array] = shared_noise
) -> None:
    """Makes every layer draw its noise by node name, key and shape when it trains."""
    for name, layer in model.layers.items():
        layer.apply(partial(_set_noise, source=_noise_of(name, noise)))


def _noise_of(
    name: str, noise: Callable[[str, str, tuple[int, ...]], Array]
) -> Callable[[str, tuple[int, ...]], Tensor]:
    return lambda key, shape: torch.from_numpy(noise(name, key, shape))


def _set_noise(module: torch.nn.Module, source: Callable[..., Tensor]) -> None:
    if hasattr(type(module), "noise"):
        module.noise = source  # type: ignore[assignment]


def _mask_array(stage: Masked) -> Array | None:
    return None if stage.mask is None else stage.mask.cpu().numpy()


def _gradients(
    model: SequenceModel, inputs: list[Masked], computed: dict[str, Masked]
) -> dict[str, Array]:
    loss = sum(
        (
            stage.values
            * torch.from_numpy(loss_weight(name, tuple(stage.values.shape))).to(stage.values)
        ).sum()
        for name, stage in computed.items()
    )
    named = dict(model.named_parameters())
    features = {
        node.name: values
        for node, (values, _) in zip(model.spec.inputs, inputs, strict=True)
        if values.requires_grad
    }
    assert isinstance(loss, Tensor)
    leaves = [*named.values(), *features.values()]
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    arrays = [
        np.zeros(leaf.shape) if gradient is None else to_array(gradient)
        for leaf, gradient in zip(leaves, found, strict=True)
    ]
    by_name = dict(zip([*named, *features], arrays, strict=True))
    for name, buffer in model.named_buffers():  # the zeros in place of torch's second bias
        by_name[name] = np.zeros(buffer.shape)
    return {
        **_as_keras(model, by_name, trainable=True),
        **{name: by_name[name] for name in features},
    }


def _as_keras(
    model: SequenceModel, arrays: dict[str, Array], trainable: bool = False
) -> dict[str, Array]:
    """Arrays by torch name as arrays by Keras path; ``trainable`` leaves statistics out."""
    parameters = {name for name, _ in model.named_parameters()}
    return {
        row.keras: row.to_keras(*(arrays[name] for name in row.torch))
        for row in rows(model.spec)
        if not trainable or parameters & set(row.torch)
    }
