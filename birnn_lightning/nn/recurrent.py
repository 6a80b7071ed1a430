"""The recurrent layer: its parameters under torch's names, its engine, and how directions merge."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from typing import Any

import torch
from torch import Tensor

from birnn_lightning.nn.cells import State, Weights, cell_of
from birnn_lightning.nn.engines import (
    ENGINES,
    Demand,
    Direction,
    DropoutFactors,
    EngineChoice,
    Outcome,
    choose_engine,
    waits,
)
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.masks import Masked, check_mask
from birnn_lightning.nn.noise import dropout_factor
from birnn_lightning.nn.recurrent_outputs import MERGES, direction_output
from birnn_lightning.nn.recurrent_weights import add_weights, cell_variables, reset_weights
from birnn_lightning.nn.regularizers import ActivityLosses
from birnn_lightning.nn.rows import Rows
from birnn_lightning.nn.specs import (
    STATES,
    Bidirectional,
    Recurrent,
    RecurrentStack,
    Shape,
)
from birnn_lightning.nn.variables import Variable, within

FORWARD: str = ""
BACKWARD: str = "_reverse"
DIRECTION_NAMES: dict[str, str] = {FORWARD: "forward", BACKWARD: "backward"}


@layer_for(Recurrent)
@layer_for(RecurrentStack)
@layer_for(Bidirectional)
class RecurrentLayer(Layer):
    """One or two directions of a recurrent layer.

    Parameters carry torch's names: ``weight_ih_l0 (gate * hidden, input)``, ``weight_hh_l0``,
    ``bias_ih_l0``, ``bias_hh_l0``; ``_l1`` for the second cell of a stack, and the suffix
    ``_reverse`` for the second direction. RNN, LSTM and GRU with ``reset_after=False`` train one
    bias; where torch has a second (RNN, LSTM) it is a buffer of zeros.

    Attributes:
        spec: what is computed.
        requested_engine: ``"auto"`` or an engine's name; may be changed at any time.
        activity_losses: where the penalties of each direction's own outputs go.
        states: of a stateful layer: the final states of the last batch, in the order in which they
            are given and returned; None before the first batch and after `reset_states`.
    """

    def __init__(self, spec: Recurrent | RecurrentStack | Bidirectional, *shapes: Shape) -> None:
        """Makes and initialises the parameters for inputs ``(time, feature)``."""
        super().__init__()
        if shapes[0][-1] is None:
            raise ValueError("a recurrent layer needs inputs of a known feature size; got None.")
        self.spec = spec
        self.requested_engine = "auto"
        self.activity_losses = ActivityLosses()
        self.states: tuple[Tensor, ...] | None = None
        self._choices: dict[tuple, EngineChoice] = {}
        directions = spec.directions if isinstance(spec, Bidirectional) else (spec,)
        self._directions = dict(zip((FORWARD, BACKWARD), directions, strict=False))
        self._cells = tuple(
            (suffix, level, replace(cell, go_backwards=direction.go_backwards))
            for suffix, direction in self._directions.items()
            for level, cell in enumerate(direction.cells)
        )
        self._names = {
            (suffix, level): tuple(f"{name}_l{level}{suffix}" for name in Weights._fields)
            for suffix, level, _ in self._cells
        }
        for suffix, level, cell in self.cells():
            below = self._directions[suffix].cells[level - 1].hidden_size
            add_weights(self, cell, below if level else shapes[0][-1], f"_l{level}{suffix}")
        self.reset_parameters()

    def cells(self) -> tuple[tuple[str, int, Recurrent], ...]:
        """Every cell as ``(suffix of its direction, level, spec with the direction's order)``."""
        return self._cells

    def reset_parameters(self) -> None:
        """Draws new initial weights."""
        for suffix, level, cell in self.cells():
            reset_weights(cell, self.weights(suffix, level))

    def reset_states(self) -> None:
        """Makes a stateful layer start from zeros again."""
        self.states = None

    def weights(self, suffix: str, level: int = 0) -> Weights:
        """The parameters of a cell; see `cells` for the arguments."""
        return Weights(*[getattr(self, name, None) for name in self._names[suffix, level]])  # type: ignore[arg-type]

    def variables(self) -> Iterator[Variable]:
        """Those of every cell."""
        for suffix, level, cell in self.cells():
            direction = f"{DIRECTION_NAMES[suffix]}_layer/" if len(self._directions) > 1 else ""
            stack = isinstance(self._directions[suffix], RecurrentStack)
            owner = f"{direction}cell/cells/{level}" if stack else f"{direction}cell"
            yield from within(owner, cell_variables(cell, self.weights(suffix, level)))

    @property
    def cell_name(self) -> str:
        """What kind of layer this is, e.g. ``"bilstm"`` or ``"gru"``."""
        prefix = "bi" if isinstance(self.spec, Bidirectional) else ""
        return prefix + "+".join(cell.cell for cell in self._directions[FORWARD].cells)

    def extra_repr(self) -> str:
        """Shows the kind and the sizes."""
        rows = [f"{self.cell_name}"]
        for suffix, level, cell in self.cells():
            size = self.weights(suffix, level).weight_ih.shape[1]
            rows.append(f"{size} -> {cell.hidden_size}")
        return ", ".join(rows)

    def engine(self, tokens: int = 0, masked: bool = False) -> EngineChoice:
        """The engine that runs this layer now, in training or evaluation, and why.

        Args:
            tokens: rows times steps of the batch; on a GPU it matters whether they are many.
            masked: whether the batch has a mask.

        Raises:
            ValueError: the requested engine cannot run it.
        """
        demand = Demand(tokens, masked, self._any_wants_memory)
        return self._choose(self._weight_hh.device.type, demand)

    def check_engine(self) -> None:
        """Raises ValueError where the requested engine cannot run this layer on any machine."""
        self._choose(None)

    def _choose(self, device: str | None, demand: Demand | None = None) -> EngineChoice:
        of = self.requested_engine, self.training, device, self._weight_hh.dtype
        if of not in self._choices:
            cells = [cell for _, _, cell in self.cells()]
            choice = choose_engine(cells, *of, demand)
            if device != "cpu":  # where the batch matters, and what torch is set to
                return choice
            self._choices[of] = choice
        return self._choices[of]

    @property
    def _weight_hh(self) -> Tensor:
        """One weight, to tell the place and type of all."""
        return getattr(self, self._names[FORWARD, 0][Weights._fields.index("weight_hh")])

    @property
    def is_stateful(self) -> bool:
        """Whether a batch starts from the final states of the one before."""
        return self._directions[FORWARD].stateful

    @property
    def state_count(self) -> int:
        """How many states it has."""
        return sum(len(STATES[cell.cell]) for _, _, cell in self.cells())

    def waits(self) -> str | None:
        """Why a masked pass on a GPU waits for the lengths of its rows, or None."""
        name = self.engine(masked=True).name
        return waits(name, [cell for _, _, cell in self.cells()], self._any_wants_memory)

    @property
    def _any_wants_memory(self) -> bool:
        """Whether a direction's final states are wanted, with the LSTM's memory."""
        return any(map(self._wants_memory, self._directions.values()))

    def _wants_memory(self, direction: Recurrent | RecurrentStack) -> bool:
        """Whether a direction's final states are wanted beside its last output."""
        return direction.return_state or self.is_stateful

    @property
    def reads_rows(self) -> bool:
        """Whether it takes `Rows` now; a hook wants values, and so does dropout."""
        is_plain = not (self.training or self._forward_hooks or self._forward_pre_hooks)
        return is_plain and not self.is_stateful and self.engine().name == "fused"

    def forward(self, *inputs: Masked | Rows) -> Masked | tuple[Masked, ...]:
        """``(batch, time, feature)``, perhaps initial states, to the merged outputs.

        Args:
            inputs: the sequence and its mask, or `Rows` where it `reads_rows`; then, or not at all, every initial state
                ``(batch, hidden)``: direction by direction, cell by cell.

        Returns:
            ``(batch, [time,] hidden)``, for ``merge_mode`` None one a direction; with
            ``return_state`` followed by every final state in the order of the initial ones.
        """
        values: Any = inputs[0] if isinstance(inputs[0], Rows) else inputs[0].values
        mask, given = inputs[0].mask, inputs[1:]
        if mask is not None:
            check_mask(mask, *values.shape[:2])
        initial = self._initial_states(values, [state.values for state in given])  # type: ignore[union-attr]
        states = iter(initial)
        by_direction: dict[str, list[State]] = {suffix: [] for suffix in self._directions}
        for suffix, _, cell in self.cells():
            by_direction[suffix].append(tuple(islice(states, len(STATES[cell.cell]))))
        outcomes = self._run(by_direction, values, mask)
        finals = tuple(part for _, states in outcomes for state in states for part in state)
        if self.is_stateful:
            self.states = tuple(state.detach() for state in finals)
        by_itself = [
            direction_output(direction, Outcome(sequence, states[-1]), mask, not initial)
            for direction, (sequence, states) in zip(
                self._directions.values(), outcomes, strict=True
            )
        ]
        if isinstance(self.spec, Bidirectional):
            self._regularize(by_itself, [states for _, states in outcomes])
        outputs = self._merged(by_itself, mask)
        if self._directions[FORWARD].return_state:
            outputs += tuple(Masked(state) for state in finals)
        return outputs[0] if len(outputs) == 1 else outputs

    def _regularize(self, outputs: list[Tensor], states: list[list[State]]) -> None:
        """Penalises each direction as Keras's layers inside a `Bidirectional` do."""
        directions = self._directions.values()
        for direction, output, finals in zip(directions, outputs, states, strict=True):
            returned = finals if direction.return_state else []
            flat = (part for state in returned for part in state)
            self.activity_losses.add(direction, (output, *flat))

    def _initial_states(self, values: Tensor, given: list[Tensor]) -> list[Tensor]:
        """Those that are given, those that a stateful layer kept, or none, which are zeros."""
        if given or self.states is None:
            return given
        if len(self.states[0]) != len(values):
            raise ValueError(
                f"a stateful layer holds states for a batch of {len(self.states[0])}; got "
                f"{len(values)} sequences. Keep the batch size, or call reset_states()."
            )
        # Validation runs in inference mode, whose tensors must not enter a training graph.
        return [state.to(values, copy=True) for state in self.states]

    def _run(
        self, initial: dict[str, list[State]], values: Tensor, mask: Tensor | None
    ) -> list[tuple[Tensor, list[State]]]:
        """Each direction's sequence of outputs, and the final state of each of its cells."""
        batch, time = values.shape[:2]
        run = ENGINES[self.engine(batch * time, mask is not None).name]
        depth = max(len(states) for states in initial.values())
        if depth == 1:
            directions = [
                self._direction(suffix, level, cell, initial[suffix][level], values)
                for suffix, level, cell in self.cells()
            ]
            return [(sequence, [state]) for sequence, state in run(directions, values, mask)]
        sequences = dict.fromkeys(self._directions, values)
        finals: dict[str, list[State]] = {suffix: [] for suffix in self._directions}
        for suffix, level, cell in self.cells():
            below = sequences[suffix]
            direction = self._direction(suffix, level, cell, initial[suffix][level], below)
            ((sequences[suffix], state),) = run([direction], below, mask)
            finals[suffix].append(state)
        return [(sequences[suffix], finals[suffix]) for suffix in self._directions]

    def _direction(
        self, suffix: str, level: int, cell: Recurrent, state: State, inputs: Tensor
    ) -> Direction:
        """What an engine needs to run one cell over these inputs."""
        dropout = DropoutFactors()
        if self.training and (cell.dropout or cell.recurrent_dropout):
            key = f"{DIRECTION_NAMES[suffix]}.{level}"
            dropout = self._dropout(cell, key, inputs)
        direction = self._directions[suffix]
        wants_sequence = direction.return_sequences or level + 1 < len(direction.cells)
        weights, wants_memory = self.weights(suffix, level), self._wants_memory(direction)
        return Direction(cell, weights, state, dropout, wants_sequence, wants_memory)

    def _dropout(self, cell: Recurrent, key: str, inputs: Tensor) -> DropoutFactors:
        """The factors of one cell; each gate has its own when the state is dropped too."""
        batch, _, features = inputs.shape
        gates = cell_of(cell).gates if cell.recurrent_dropout else "*"

        def factor(of: str, rate: float, size: int) -> Tensor | None:
            if not rate:
                return None
            shape = (batch, size)
            return torch.stack(
                [
                    dropout_factor(self.noise, f"{key}.{of}.{gate}", shape, rate, inputs)
                    for gate in gates
                ],
                dim=1,
            )

        return DropoutFactors(
            factor("inputs", cell.dropout, features),
            factor("recurrent", cell.recurrent_dropout, cell.hidden_size),
        )

    def _merged(self, outputs: list[Tensor], mask: Tensor | None) -> tuple[Masked, ...]:
        """The directions' outputs as one, or as they are, in the order of the first direction."""
        if isinstance(self.spec, Bidirectional) and self.spec.merge_mode is not None:
            outputs = [MERGES[self.spec.merge_mode](*outputs)]
        first = self._directions[FORWARD]
        if not first.return_sequences:
            return tuple(Masked(output) for output in outputs)
        if first.go_backwards:
            outputs = [output.flip(1) for output in outputs]
        return tuple(Masked(output, mask) for output in outputs)
