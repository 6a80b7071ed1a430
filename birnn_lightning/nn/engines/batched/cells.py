"""Each cell during a segment: its steps, and its gradients, whose factors need no order of time.

Every gradient of a gate is linear in that of the state after the step. So a segment's factors are
computed at once; what is left to a step is a product or two, and few element-wise operations.

Axes of a segment: step, direction, row, (gate,) hidden. States have one step more: first stands the
state in which the segment starts.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from birnn_lightning.nn.engines.batched.activations import Elementwise, elementwise
from birnn_lightning.nn.engines.batched.product import Blocks, Product
from birnn_lightning.nn.specs import Recurrent


class Kept(NamedTuple):
    """What the steps of a segment leave behind.

    Attributes:
        blocks: of each group of gates: sums that become outputs of the gates, or stay sums where an
            activation's slope needs them.
        h: outputs, ``(steps + 1, direction, rows, hidden)``.
        extra: as many: the LSTM's memory; the GRU's candidate ``n``, whose place among the gates
            ``h U_n + b_n`` takes, or, with the reset gate first, ``r h``; no rows of the RNN.
    """

    blocks: Sequence[Blocks]
    h: Tensor
    extra: Tensor


class Gradients(NamedTuple):
    """The gradients of a segment.

    Attributes:
        blocks: to be written: of each group of gates, before the activation, as `Kept.blocks` was
            projected.
        h: ``(direction, rows, hidden)``: of the state in which the segment starts, zero at first,
            then of each step's output, without what later steps add.
        memory: of the LSTM's memory after the segment, then before it; None of other cells.
        extra: to be written: the gradient of the GRU's ``h U_n + b_n``; no rows of other cells.
    """

    blocks: Sequence[Blocks]
    h: Sequence[Tensor]
    memory: Tensor | None
    extra: Tensor


class Cell(Protocol):
    """A cell.

    Attributes:
        groups: gates that follow each other, in torch's order, of each recurrent product.
        operand_is_extra: of each group, whether `Kept.extra` and not ``h`` enters its product.
        has_extra: whether `Kept.extra` is used.
        last_apart: whether the last gate's product has a gradient of its own, `Gradients.extra`.
    """

    groups: tuple[tuple[int, ...], ...]
    operand_is_extra: tuple[bool, ...]
    has_extra: bool
    last_apart: bool

    def forward(self, kept: Kept, products: Sequence[Product], bias: Tensor | None) -> None:
        """Computes all steps; see `Kept`. The bias is the GRU's ``b_n``, inside its reset gate."""
        ...

    def backward(self, kept: Kept, gradients: Gradients, products: Sequence[Product]) -> None:
        """Computes all gradients; see `Gradients`."""
        ...


class Rnn:
    """``h' = act(x + h U)``."""

    groups: tuple[tuple[int, ...], ...] = ((0,),)
    operand_is_extra: tuple[bool, ...] = (False,)
    has_extra = False
    last_apart = False

    def __init__(self, act: Elementwise) -> None:
        self.act = act

    def forward(self, kept: Kept, products: Sequence[Product], bias: Tensor | None) -> None:
        """See `Cell`."""
        (product,), (blocks,) = products, kept.blocks
        states = kept.h.unbind(0)
        sums = blocks.gates[..., 0, :].unbind(0)
        for step, block in enumerate(blocks.by_step):
            product.add_to(block, states[step])
            self.act.into(sums[step], states[step + 1])

    def backward(self, kept: Kept, gradients: Gradients, products: Sequence[Product]) -> None:
        """See `Cell`."""
        (product,), (blocks,) = products, gradients.blocks
        of_sums = blocks.gates[..., 0, :]
        kept_of_sums = self.act.either(kept.blocks[0].gates[..., 0, :], kept.h[1:])
        self.act.pull(torch.ones_like(kept_of_sums), kept_of_sums, out=of_sums)
        by_step = of_sums.unbind(0)
        for step in reversed(range(len(by_step))):
            by_step[step].mul_(gradients.h[step + 1])
            product.add_gradient_to(gradients.h[step], blocks.by_step[step])


class Lstm:
    """``c' = f c + i g``, ``h' = o act(c')``."""

    groups: tuple[tuple[int, ...], ...] = ((0, 1, 2, 3),)
    operand_is_extra: tuple[bool, ...] = (False,)
    has_extra = True
    last_apart = False

    def __init__(self, act: Elementwise, gate: Elementwise) -> None:
        self.act = act
        self.gate = gate

    def forward(self, kept: Kept, products: Sequence[Product], bias: Tensor | None) -> None:
        """See `Cell`."""
        (product,), (blocks,) = products, kept.blocks
        states, memories = kept.h.unbind(0), kept.extra.unbind(0)
        gates = blocks.gates[..., :2, :].unbind(0)
        candidates = blocks.gates[..., 2, :].unbind(0)
        outputs = blocks.gates[..., 3, :].unbind(0)
        for step, block in enumerate(blocks.by_step):
            h, c = states[step + 1], memories[step + 1]
            product.add_to(block, states[step])
            i, f = self.gate.apply_(gates[step]).unbind(2)
            torch.mul(f, memories[step], out=c)
            c.addcmul_(i, self.act.apply_(candidates[step]))
            self.act.into(c, h)
            h.mul_(self.gate.apply_(outputs[step]))

    def backward(self, kept: Kept, gradients: Gradients, products: Sequence[Product]) -> None:
        """See `Cell`; the gates ``i f g`` see ``dc + dh o act'(c)``."""
        (product,), (blocks,), dc = products, gradients.blocks, gradients.memory
        assert dc is not None
        kept_i, kept_f, candidate, kept_o = kept.blocks[0].gates.unbind(3)
        i, f, o = (self.gate.output(gate) for gate in (kept_i, kept_f, kept_o))
        memory = self.act.kept(kept.extra[1:])
        of_i, of_f, of_g, of_o = blocks.gates.unbind(3)
        self.gate.pull(self.act.output(memory), kept_o, out=of_o)
        self.gate.pull(self.act.output(candidate), kept_i, out=of_i)
        self.gate.pull(kept.extra[:-1], kept_f, out=of_f)
        self.act.pull(i, candidate, out=of_g)
        of_c = self.act.pull(o, memory, out=torch.empty_like(memory)).unbind(0)
        steps = [gate.unbind(0) for gate in (of_i, of_f, of_g, of_o, f)]
        for step in reversed(range(len(of_c))):
            dh = gradients.h[step + 1]
            step_i, step_f, step_g, step_o, forget = (gate[step] for gate in steps)
            step_o.mul_(dh)
            dc.addcmul_(dh, of_c[step])
            step_i.mul_(dc)
            step_f.mul_(dc)
            step_g.mul_(dc)
            dc.mul_(forget)
            product.add_gradient_to(gradients.h[step], blocks.by_step[step])


class Gru:
    """``n = act(x_n + r (h U_n + b_n))``, ``h' = z h + (1 - z) n``."""

    groups: tuple[tuple[int, ...], ...] = ((0, 1, 2),)
    operand_is_extra: tuple[bool, ...] = (False,)
    has_extra = True
    last_apart = True

    def __init__(self, act: Elementwise, gate: Elementwise) -> None:
        self.act = act
        self.gate = gate

    def forward(self, kept: Kept, products: Sequence[Product], bias: Tensor | None) -> None:
        """See `Cell`."""
        (product,), (blocks,) = products, kept.blocks
        states, candidates = kept.h.unbind(0), kept.extra[1:].unbind(0)
        kept.extra[1:] = blocks.gates[..., 2, :]
        blocks.gates[..., 2, :] = 0 if bias is None else bias
        gates, seen = blocks.gates[..., :2, :].unbind(0), blocks.gates[..., 2, :].unbind(0)
        for step, block in enumerate(blocks.by_step):
            h = states[step]
            product.add_to(block, h)
            r, z = self.gate.apply_(gates[step]).unbind(2)
            n = self.act.apply_(candidates[step].addcmul_(r, seen[step]))
            torch.lerp(n, h, z, out=states[step + 1])

    def backward(self, kept: Kept, gradients: Gradients, products: Sequence[Product]) -> None:
        """See `Cell`."""
        (product,), (blocks,) = products, gradients.blocks
        kept_r, kept_z, seen = kept.blocks[0].gates.unbind(3)
        candidate = kept.extra[1:]
        r, z = self.gate.output(kept_r), self.gate.output(kept_z)
        of_r, of_z, of_seen = blocks.gates.unbind(3)
        of_n = self.act.pull(1 - z, candidate, out=torch.empty_like(candidate))
        self.gate.pull(kept.h[:-1] - self.act.output(candidate), kept_z, out=of_z)
        self.gate.pull(of_n * seen, kept_r, out=of_r)
        torch.mul(of_n, r, out=of_seen)
        steps = [gate.unbind(0) for gate in (of_r, of_z, of_seen, of_n, z)]
        for step in reversed(range(len(of_n))):
            dh, before = gradients.h[step + 1], gradients.h[step]
            step_r, step_z, step_seen, step_n, update = (gate[step] for gate in steps)
            step_r.mul_(dh)
            step_z.mul_(dh)
            step_seen.mul_(dh)
            step_n.mul_(dh)
            before.addcmul_(dh, update)
            product.add_gradient_to(before, blocks.by_step[step])
        gradients.extra.copy_(of_seen)
        of_seen.copy_(of_n)


class GruResetBefore:
    """``n = act(x_n + (r h) U_n)``, ``h' = z h + (1 - z) n``."""

    groups: tuple[tuple[int, ...], ...] = ((0, 1), (2,))
    operand_is_extra: tuple[bool, ...] = (False, True)
    has_extra = True
    last_apart = False

    def __init__(self, act: Elementwise, gate: Elementwise) -> None:
        self.act = act
        self.gate = gate

    def forward(self, kept: Kept, products: Sequence[Product], bias: Tensor | None) -> None:
        """See `Cell`."""
        of_gates, of_candidate = products
        states, gates = kept.h.unbind(0), kept.blocks[0].gates.unbind(0)
        candidates = kept.blocks[1].gates[..., 0, :].unbind(0)
        seen = kept.extra[1:].unbind(0)
        for step, block in enumerate(kept.blocks[0].by_step):
            h = states[step]
            of_gates.add_to(block, h)
            r, z = self.gate.apply_(gates[step]).unbind(2)
            torch.mul(r, h, out=seen[step])
            of_candidate.add_to(kept.blocks[1].by_step[step], seen[step])
            n = self.act.apply_(candidates[step])
            torch.lerp(n, h, z, out=states[step + 1])

    def backward(self, kept: Kept, gradients: Gradients, products: Sequence[Product]) -> None:
        """See `Cell`."""
        of_gates, of_candidate = products
        kept_r, kept_z = kept.blocks[0].gates.unbind(3)
        candidate = kept.blocks[1].gates[..., 0, :]
        r, z = self.gate.output(kept.blocks[0].gates).unbind(3)
        of_r, of_z = gradients.blocks[0].gates.unbind(3)
        of_n = gradients.blocks[1].gates[..., 0, :]
        self.act.pull(1 - z, candidate, out=of_n)
        self.gate.pull(kept.h[:-1] - self.act.output(candidate), kept_z, out=of_z)
        self.gate.pull(kept.h[:-1], kept_r, out=of_r)
        steps = [gate.unbind(0) for gate in (of_r, of_z, of_n, r, z)]
        of_seen = torch.empty_like(kept.h[0])
        for step in reversed(range(len(steps[0]))):
            dh, before = gradients.h[step + 1], gradients.h[step]
            step_r, step_z, step_n, reset, update = (gate[step] for gate in steps)
            step_n.mul_(dh)
            of_candidate.add_gradient_to(of_seen, gradients.blocks[1].by_step[step], beta=0)
            step_r.mul_(of_seen)
            step_z.mul_(dh)
            before.addcmul_(dh, update).addcmul_(of_seen, reset)
            of_gates.add_gradient_to(before, gradients.blocks[0].by_step[step])


def cell_of(spec: Recurrent) -> Cell:
    """The cell that a spec asks for."""
    act, gate = elementwise(spec.activation), elementwise(spec.recurrent_activation)
    if spec.cell == "rnn":
        return Rnn(act)
    if spec.cell == "lstm":
        return Lstm(act, gate)
    return Gru(act, gate) if spec.reset_after else GruResetBefore(act, gate)
