"""Laws that hold for every recurrent layer, whatever its weights: no reference is needed for them.

Each raises AssertionError where it does not hold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from birnn_lightning.inputs import masked_inputs
from birnn_lightning.nn import Masked
from birnn_lightning.nn.specs import Bidirectional, Input, ModelSpec, Node
from tests.parity.law_samples import (
    FEATURES,
    Sample,
    Tensors,
    assert_same,
    output_count,
    over_time,
    returns_sequences,
    run,
    with_state,
)


def padding_content(sample: Sample, content: float) -> None:
    """What stands at a masked step changes nothing, and gets no gradient."""
    padded = torch.where(sample.mask[..., None], sample.values, content)
    first = run(sample.layer, sample.values, sample.mask, sample.states)
    assert_same(first, run(sample.layer, padded, sample.mask, sample.states))
    assert not first["gradient of the inputs"][~sample.mask].any()


def padding_length(sample: Sample, before: int, after: int) -> None:
    """More masked steps, at the end or in front, change nothing at the steps that were there."""
    here = slice(before, before + sample.time)
    sizes = (0, 0, before, after)
    padded = torch.nn.functional.pad(sample.values, sizes, value=7.0)
    mask = torch.nn.functional.pad(sample.mask, (before, after), value=False)
    spec = sample.layer.spec
    cut = over_time(spec, lambda output: output[:, here])
    assert_same(
        run(sample.layer, sample.values, sample.mask, sample.states, over_time(spec, lambda o: o)),
        run(sample.layer, padded, mask, sample.states, cut, lambda g: g[:, here]),
    )


def batch_order(sample: Sample, order: Sequence[int]) -> None:
    """Each sequence is computed by itself."""
    back = torch.tensor(order).argsort()
    shuffled = [one[list(order)] for one in (sample.values, sample.mask, *sample.states)]
    values, mask, *states = shuffled
    assert_same(
        run(sample.layer, sample.values, sample.mask, sample.states),
        run(
            sample.layer, values, mask, states, lambda os: [o[back] for o in os], lambda g: g[back]
        ),
    )


def zero_states(sample: Sample, zero: float = 0.0) -> None:
    """No initial states are zeros."""
    zeros = [torch.full_like(state, zero) for state in sample.states]
    assert_same(
        run(sample.layer, sample.values, sample.mask),
        run(sample.layer, sample.values, sample.mask, zeros),
    )


def engines(sample: Sample) -> None:
    """Torch's kernels compute what the equations say."""
    found = {}
    for name in ("scan", "native"):
        sample.layer.requested_engine = name
        found[name] = run(sample.layer, sample.values, sample.mask, sample.states)
    assert_same(found["scan"], found["native"])


def lengths_and_mask(sample: Sample, lengths: Tensor, shift: int = 0) -> None:
    """A sequence of a length is one whose mask is True so many times, then False."""
    spec = ModelSpec((Node(name="features", layer=Input(shape=(None, FEATURES))),))
    mask = torch.tensor([[step < int(n) + shift for step in range(sample.time)] for n in lengths])
    (by_length,) = masked_inputs(spec, sample.values, lengths, None, sample.values)
    (by_mask,) = masked_inputs(spec, sample.values, None, mask, sample.values)
    assert_same(run(sample.layer, *by_length), run(sample.layer, *by_mask))


def reversal(sample: Sample) -> None:
    """Time turned around is the directions having changed places, weights and states with them."""
    spec: Bidirectional = sample.layer.spec
    forward, backward = spec.directions
    turned = replace(
        spec,
        forward=replace(backward, go_backwards=False),
        backward=replace(forward, go_backwards=True),
    )
    count = len(forward.state_sizes)
    swapped = {swap_suffix(name): one for name, one in sample.layer.state_dict().items()}
    size = backward.cells[-1].hidden_size

    def view(outputs: Tensors) -> Tensors:
        merged, states = outputs[: output_count(spec)], outputs[output_count(spec) :]
        if spec.merge_mode == "concat":
            merged = [torch.cat([merged[0][..., size:], merged[0][..., :size]], dim=-1)]
        if returns_sequences(spec):
            merged = [one.flip(1) for one in merged]
        cut = len(backward.state_sizes) if states else 0
        return [*reversed(merged), *states[cut:], *states[:cut]]

    found = run(
        with_state(turned, swapped),
        sample.values.flip(1),
        sample.mask.flip(1),
        [*sample.states[count:], *sample.states[:count]],
        view,
        lambda gradient: gradient.flip(1),
    )
    first = run(sample.layer, sample.values, sample.mask, sample.states)
    assert_same(first, {name: found[swap_gradient(name)] for name in first})


def swap_suffix(name: str) -> str:
    """The name of the other direction's parameter."""
    return name.removesuffix("_reverse") if name.endswith("_reverse") else f"{name}_reverse"


def swap_gradient(name: str) -> str:
    return swap_suffix(name) if "weight" in name or "bias" in name else name


def two_singles(sample: Sample) -> None:
    """Both directions are single layers, the second one's sequence turned around."""
    spec: Bidirectional = sample.layer.spec
    outputs: dict[str, Tensors] = {}
    count = len(spec.directions[0].state_sizes)
    halves = sample.states[:count], sample.states[count:]
    state = sample.layer.state_dict()
    for direction, suffix, states in zip(spec.directions, ("", "_reverse"), halves, strict=True):
        own = {
            name.removesuffix("_reverse"): one
            for name, one in state.items()
            if name.endswith("_reverse") == bool(suffix)
        }
        found = with_state(direction, own)(Masked(sample.values, sample.mask), *map(Masked, states))
        parts = [found] if isinstance(found, Masked) else found
        outputs[suffix] = [one.values.detach() for one in parts]
    first, second = (one[0] for one in outputs.values())
    if spec.forward.return_sequences:
        second = second.flip(1)
    expected = [*MERGES[spec.merge_mode](first, second)]
    expected += [one for parts in outputs.values() for one in parts[1:]]
    merged = run(sample.layer, sample.values, sample.mask, sample.states)
    assert_same(
        {name: one for name, one in merged.items() if name.startswith("output")},
        {f"output {index}": one for index, one in enumerate(expected)},
    )


MERGES: dict[str | None, Callable[[Tensor, Tensor], Tensors]] = {
    "concat": lambda first, second: [torch.cat([first, second], dim=-1)],
    "sum": lambda first, second: [first + second],
    "mul": lambda first, second: [first * second],
    "ave": lambda first, second: [(first + second) / 2],
    None: lambda first, second: [first, second],
}


def merging(sample: Sample) -> None:
    """What a merge mode gives is made of what the same layer gives unmerged; so are gradients."""
    spec: Bidirectional = sample.layer.spec
    apart = with_state(replace(spec, merge_mode=None), sample.layer.state_dict())

    def view(outputs: Tensors) -> Tensors:
        return [*MERGES[spec.merge_mode](*outputs[:2]), *outputs[2:]]

    given = sample.values, sample.mask, sample.states
    assert_same(run(sample.layer, *given), run(apart, *given, view))


def halves(sample: Sample, first_steps: int, stateful: bool) -> None:
    """A sequence in two parts, states handed on, is the sequence; the states by us, or by it.

    A stateful layer hands on no gradients, so then these are not compared.
    """
    spec = replace(sample.layer.spec, stateful=stateful)
    layer = with_state(spec, sample.layer.state_dict())
    parts = (slice(0, first_steps), slice(first_steps, sample.time))

    def in_parts(whole: Masked, *states: Masked) -> tuple[Masked, ...]:
        outputs, handed = [], states
        for part in parts:
            assert whole.mask is not None
            given = Masked(whole.values[:, part], whole.mask[:, part])
            output, *handed = layer(given, *(() if stateful and outputs else handed))
            outputs.append(output.values)
        return Masked(torch.cat(outputs, dim=1)), *handed

    given = sample.values, sample.mask, sample.states
    first = run(sample.layer, *given)
    second = run(Whole(layer, in_parts), *given)
    if stateful:
        first, second = (
            {name: one for name, one in found.items() if name.startswith("output")}
            for found in (first, second)
        )
    assert_same(first, second)


@dataclass
class Whole:
    """Something that is called like a layer and has a layer's parameters.

    Attributes:
        layer: whose parameters they are.
        call: what is called.
        claimed: the spec, if not the layer's.
    """

    layer: Any
    call: Callable[..., Any]
    claimed: Any = None

    @property
    def spec(self) -> Any:
        """What a law takes the layer for."""
        return self.claimed or self.layer.spec

    def __getattr__(self, name: str) -> Any:
        """Everything else is the layer's."""
        return getattr(self.layer, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Settings, such as the engine, are the layer's too."""
        if name in ("layer", "call", "claimed"):
            object.__setattr__(self, name, value)
        else:
            setattr(self.layer, name, value)

    def __call__(self, *inputs: Masked) -> Any:
        """What ``call`` computes."""
        return self.call(*inputs)
