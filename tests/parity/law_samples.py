"""What the laws of recurrent layers are tried on: random layers, and everything they compute."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from birnn_lightning.nn import Masked, RecurrentLayer
from birnn_lightning.nn.engines.native import obstacle
from birnn_lightning.nn.specs import Bidirectional, RecurrentStack
from tests.parity.layer_strategies import BOOLEANS, directions, masks, recurrent_layers

Tensors = list[Tensor]
View = Callable[[Tensors], Tensors]
TAME = ("tanh", "sigmoid", "hard_sigmoid", "softsign", "relu6", "elu")
"""Activations that do not magnify roundings; the others are compared with Keras."""
FEATURES = 3


def drawn(seed: int, *shape: int) -> Tensor:
    """Uniform deviates from -1 to 1."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1


def tame(layer: Any) -> Any:
    """The same layer with activations of `TAME`, and without dropout."""
    if isinstance(layer, Bidirectional):
        forward, backward = map(tame, layer.directions)
        return replace(layer, forward=forward, backward=backward)
    if isinstance(layer, RecurrentStack):
        return replace(layer, cells=tuple(map(tame, layer.cells)))
    names = {
        field: getattr(layer, field) if getattr(layer, field) in TAME else default
        for field, default in (("activation", "tanh"), ("recurrent_activation", "sigmoid"))
    }
    return replace(layer, dropout=0.0, recurrent_dropout=0.0, **names)


@dataclass
class Sample:
    """A layer with random weights, and what it is called with."""

    layer: Any
    values: Tensor
    mask: Tensor
    states: Tensors
    time: int

    @classmethod
    def of(cls, spec: Any, rows: Sequence[str], seed: int = 0) -> "Sample":
        """``rows`` are the mask, ``x`` where a step is valid."""
        mask = torch.tensor([[step == "x" for step in row] for row in rows])
        states = [drawn(seed + 50 + i, len(rows), n) for i, n in enumerate(spec.state_sizes)]
        values = drawn(seed, *mask.shape, FEATURES)
        return cls(with_weights(spec, seed), values, mask, states, mask.shape[1])


def with_weights(spec: Any, seed: int = 0) -> RecurrentLayer:
    """A layer in evaluation mode whose weights, biases too, are random."""
    layer = RecurrentLayer(spec, (None, FEATURES)).double().eval()
    with torch.no_grad():
        for index, parameter in enumerate(layer.parameters()):
            parameter.copy_(drawn(seed + 100 + index, *parameter.shape))
    return layer


def with_state(spec: Any, state: dict[str, Tensor]) -> RecurrentLayer:
    """A layer with these weights."""
    layer = RecurrentLayer(spec, (None, FEATURES)).double().eval()
    layer.load_state_dict(state)
    return layer


def any_layer() -> st.SearchStrategy[Any]:
    """Layers of any kind that start from zeros or from given states."""
    return BOOLEANS.flatmap(recurrent_layers).map(tame).map(stateless)


def stateless(layer: Any) -> Any:
    if isinstance(layer, Bidirectional):
        forward, backward = (replace(one, stateful=False) for one in layer.directions)
        return replace(layer, forward=forward, backward=backward)
    return replace(layer, stateful=False)


def bidirectional() -> st.SearchStrategy[Bidirectional]:
    """Those whose first direction reads from the start."""
    return any_layer().filter(
        lambda layer: isinstance(layer, Bidirectional) and not layer.forward.go_backwards
    )


def cells_of(layer: Any) -> list[Any]:
    """Every cell of every direction."""
    both = layer.directions if isinstance(layer, Bidirectional) else (layer,)
    return [cell for direction in both for cell in direction.cells]


def native_layers() -> st.SearchStrategy[Any]:
    """Layers that torch has a kernel for."""
    return any_layer().filter(lambda layer: not any(obstacle(c, False) for c in cells_of(layer)))


def directions_in_order() -> st.SearchStrategy[Any]:
    """Layers that read from the start, and of which all can be seen but what padding gives."""
    fields = {name: True for name in ("return_sequences", "return_state", "zero_output_for_mask")}
    return directions(**fields).map(tame)


def samples(layers: st.SearchStrategy[Any], shortest: int = 1) -> st.SearchStrategy[Sample]:
    """Layers on sequences of any length, with any mask."""
    rows = st.tuples(st.integers(1, 4), st.integers(shortest, 8)).flatmap(lambda size: masks(*size))
    return st.builds(Sample.of, layers, rows, st.integers(0, 999))


def run(
    layer: Any,
    values: Tensor,
    mask: Tensor | None = None,
    states: Sequence[Tensor] = (),
    view: View = list,
    input_view: Callable[[Tensor], Tensor] = lambda gradient: gradient,
) -> dict[str, Tensor]:
    """Outputs, states and gradients, those of a loss that weighs every number differently.

    Args:
        layer: a `RecurrentLayer`, or something that is called and has parameters like one.
        values: its inputs.
        mask: of the inputs.
        states: initial ones.
        view: from the outputs to those that a law compares; the loss sees these.
        input_view: from the gradient of the inputs to what a law compares.
    """
    leaf = values.clone().requires_grad_()
    found = layer(Masked(leaf, mask), *map(Masked, states))
    outputs = view([one.values for one in ((found,) if isinstance(found, Masked) else found)])
    loss = torch.stack([(one * drawn(i, *one.shape)).sum() for i, one in enumerate(outputs)]).sum()
    named = dict(layer.named_parameters())
    gradients = torch.autograd.grad(
        loss, [leaf, *named.values()], allow_unused=True, materialize_grads=True
    )
    return {
        **{f"output {index}": output.detach() for index, output in enumerate(outputs)},
        "gradient of the inputs": input_view(gradients[0]),
        **{f"gradient of {name}": g for name, g in zip(named, gradients[1:], strict=True)},
    }


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    """Equal names and, but for float64's rounding, numbers."""
    assert first.keys() == second.keys()
    for name, one in first.items():
        scale = max(1.0, float(one.abs().max())) if one.numel() else 1.0
        torch.testing.assert_close(
            one, second[name], rtol=0, atol=1e-12 * scale, msg=lambda text, n=name: f"{n}: {text}"
        )


def returns_sequences(spec: Any) -> bool:
    return getattr(spec, "forward", spec).return_sequences


def output_count(spec: Any) -> int:
    """How many outputs stand before the states."""
    return 2 if getattr(spec, "merge_mode", "") is None else 1


def over_time(spec: Any, change: Callable[[Tensor], Tensor]) -> View:
    """Changes the outputs that have time, in the order of the input."""
    flipped = getattr(spec, "forward", spec).go_backwards

    def in_order(output: Tensor) -> Tensor:
        return change(output.flip(1)) if flipped else change(output)

    def view(outputs: Tensors) -> Tensors:
        count = output_count(spec) if returns_sequences(spec) else 0
        return [*map(in_order, outputs[:count]), *outputs[count:]]

    return view
