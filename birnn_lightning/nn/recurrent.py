"""The recurrent layer: its parameters under torch's names, its engine, and how directions merge."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from torch import Tensor

from birnn_lightning.nn.cells import State, Weights
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
from birnn_lightning.nn.engines.fused import defer, run_whole
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.masks import Masked, check_mask
from birnn_lightning.nn.recurrent_dropout import dropout_factors
from birnn_lightning.nn.recurrent_outputs import direction_output, is_plain, merged, penalize
from birnn_lightning.nn.recurrent_weights import add_weights, cell_variables, reset_weights
from birnn_lightning.nn.regularizers import ActivityLosses
from birnn_lightning.nn.specs import (
    STATES,
    Bidirectional,
    Recurrent,
    RecurrentStack,
    Shape,
)
from birnn_lightning.nn.unread import Pending, Unread, values_of
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
        self._is_plain = tuple(is_plain(spec, masked) for masked in (False, True))
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
        return self._choose(self._weight_hh.device.type, tokens, masked)

    def check_engine(self) -> None:
        """Raises ValueError where the requested engine cannot run this layer on any machine."""
        self._choose(None)

    def _choose(self, device: str | None, tokens: int = 0, masked: bool = False) -> EngineChoice:
        of = self.requested_engine, self.training, device, self._weight_hh.dtype
        choice = self._choices.get(of)
        if choice is None:
            demand = Demand(tokens, masked, self._any_wants_memory) if device else None
            choice = choose_engine([cell for _, _, cell in self.cells()], *of, demand)
            if device == "cpu":  # elsewhere the batch matters, and what torch is set to
                self._choices[of] = choice
        return choice

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
    def reads_unread(self) -> bool:
        """Whether its sequence may be `Unread`; a hook wants values, and so does dropout."""
        is_unseen = not (self.training or self.has_hooks or self.is_stateful)
        return is_unseen and self._weight_hh.is_cpu and self.engine().name == "fused"

    def unread(self, *inputs: Any) -> Pending | None:
        """A sequence that is computed together with the next layer's."""
        first, *given = inputs
        if given or not self.reads_unread or not self._is_plain[first.mask is not None]:
            return None
        values, mask = values_of(first), first.mask
        if mask is not None:
            check_mask(mask, *values.shape[:2])
        is_sequence = self._directions[FORWARD].return_sequences
        return defer(self._at_once(values), values, mask) if is_sequence else None

    def forward(self, *inputs: Masked | Unread) -> Masked | tuple[Masked, ...]:
        """``(batch, time, feature)``, perhaps initial states, to the merged outputs.

        Args:
            inputs: the sequence and its mask, or what is `Unread`; then, or not at all, every
                initial state ``(batch, hidden)``: direction by direction, cell by cell.

        Returns:
            ``(batch, [time,] hidden)``, for ``merge_mode`` None one a direction; with
            ``return_state`` followed by every final state in the order of the initial ones.
        """
        first, *given = inputs
        values, mask = values_of(first), first.mask
        if mask is not None:
            check_mask(mask, *values.shape[:2])
        is_whole = not given and self._is_plain[mask is not None] and self._weight_hh.is_cpu
        if is_whole and self._engine_of(values, mask) == "fused":
            output = run_whole(self._at_once(values), values, mask)
            return Masked(output, mask if self._directions[FORWARD].return_sequences else None)
        initial = self._initial_states(values, [values_of(state) for state in given])
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
            finals_of = [states for _, states in outcomes]
            penalize(self.activity_losses, self.spec.directions, by_itself, finals_of)
        outputs = merged(self.spec, by_itself, mask)
        if self._directions[FORWARD].return_state:
            outputs += tuple(Masked(state) for state in finals)
        return outputs[0] if len(outputs) == 1 else outputs

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
        run = ENGINES[self._engine_of(values, mask)]
        depth = max(len(states) for states in initial.values())
        if depth == 1:
            found = run(self._at_once(values, initial), values, mask)
            return [(sequence, [state]) for sequence, state in found]
        sequences = dict.fromkeys(self._directions, values)
        finals: dict[str, list[State]] = {suffix: [] for suffix in self._directions}
        for suffix, level, cell in self.cells():
            below = sequences[suffix]
            direction = self._direction(suffix, level, cell, initial[suffix][level], below)
            ((sequences[suffix], state),) = run([direction], below, mask)
            finals[suffix].append(state)
        return [(sequences[suffix], finals[suffix]) for suffix in self._directions]

    def _engine_of(self, values: Any, mask: Tensor | None) -> str:
        """The name of the engine that runs a batch."""
        batch, time = values.shape[:2]
        return self.engine(batch * time, mask is not None).name

    def _at_once(
        self, values: Any, initial: dict[str, list[State]] | None = None
    ) -> list[Direction]:
        """The directions of a layer without stacks; they start from zeros where not told."""
        return [
            self._direction(suffix, 0, cell, initial[suffix][0] if initial else (), values)
            for suffix, _, cell in self.cells()
        ]

    def _direction(
        self, suffix: str, level: int, cell: Recurrent, state: State, inputs: Tensor
    ) -> Direction:
        """What an engine needs to run one cell over these inputs."""
        dropout = DropoutFactors()
        if self.training and (cell.dropout or cell.recurrent_dropout):
            key = f"{DIRECTION_NAMES[suffix]}.{level}"
            dropout = dropout_factors(self.noise, key, cell, inputs)
        direction = self._directions[suffix]
        wants_sequence = direction.return_sequences or level + 1 < len(direction.cells)
        weights, wants_memory = self.weights(suffix, level), self._wants_memory(direction)
        return Direction(cell, weights, state, dropout, wants_sequence, wants_memory)
