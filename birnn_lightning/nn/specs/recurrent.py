"""The specs of the recurrent layers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from birnn_lightning.nn.activations import check_activation
from birnn_lightning.nn.specs.base import (
    Shape,
    check_choice,
    check_positive,
    check_rank,
    check_rate,
)
from birnn_lightning.nn.specs.constraints import Constraint
from birnn_lightning.nn.specs.initializers import (
    GLOROT_UNIFORM,
    Initializer,
    Orthogonal,
    Zeros,
)
from birnn_lightning.nn.specs.layer import LayerSpec
from birnn_lightning.nn.specs.regularizers import Regularizer

CellName = Literal["rnn", "lstm", "gru"]
MergeMode = Literal["concat", "sum", "mul", "ave"]
STATES: dict[CellName, tuple[str, ...]] = {"rnn": ("h",), "lstm": ("h", "c"), "gru": ("h",)}
CELL_NAMES: tuple[CellName, ...] = tuple(STATES)
OF_SOME_CELLS: dict[str, tuple[tuple[CellName, ...], object]] = {
    "recurrent_activation": (("lstm", "gru"), "sigmoid"),
    "reset_after": (("gru",), True),
    "unit_forget_bias": (("lstm",), True),
}
"""Settings that not every cell has: which cells have them, and their default."""

MERGE_MODES = ("concat", "sum", "mul", "ave", None)


@dataclass(frozen=True, kw_only=True)
class _Direction(LayerSpec):
    """What every layer that reads a sequence in one direction has.

    Attributes:
        return_sequences: whether every step's output is returned, or the last alone.
        return_state: whether the final states follow as outputs of their own.
        stateful: whether a batch starts from the final states of the batch before.
        go_backwards: whether time runs from the end; the sequence is then in processing order.
        zero_output_for_mask: whether a masked step's output is 0 instead of the one before.
    """

    return_sequences: bool = False
    return_state: bool = False
    stateful: bool = False
    go_backwards: bool = False
    zero_output_for_mask: bool = False

    @property
    def cells(self) -> "tuple[Recurrent, ...]":
        """The cells through which a step goes, the one nearest to the input first."""
        raise NotImplementedError

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Features of each state, cell by cell."""
        return tuple(cell.hidden_size for cell in self.cells for _ in STATES[cell.cell])

    def input_counts(self) -> tuple[int, ...]:
        """The sequence, then perhaps every initial state."""
        return (1, 1 + len(self.state_sizes))

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(time, feature)`` to ``(time, hidden_size)`` or ``(hidden_size,)``."""
        sequence, *initial = shapes
        check_rank(type(self).__name__, sequence, 2, "time, feature")
        check_initial_states(type(self).__name__, self.state_sizes, initial)
        time = (sequence[0],) if self.return_sequences else ()
        return (*time, self.cells[-1].hidden_size)

    def output_shapes(self, *shapes: Shape) -> tuple[Shape, ...]:
        """The output, then perhaps each final state ``(hidden_size,)``."""
        states = [(size,) for size in self.state_sizes] if self.return_state else []
        return (self.output_shape(*shapes), *states)


def check_initial_states(owner: str, sizes: Sequence[int], shapes: Sequence[Shape]) -> None:
    """Raises ValueError unless the initial states, if any, have these sizes."""
    wanted = [(size,) for size in sizes]
    if shapes and list(shapes) != wanted:
        raise ValueError(f"{owner}: initial states must have the shapes {wanted}; got {shapes}.")


@dataclass(frozen=True, kw_only=True)
class Recurrent(_Direction):
    """One recurrent layer in one direction.

    Attributes:
        cell: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        hidden_size: features of the state.
        activation: of the candidate and the output.
        recurrent_activation: LSTM and GRU only: of the gates.
        use_bias: whether there are biases.
        reset_after: GRU only: whether the reset gate acts after the recurrent product.
        unit_forget_bias: LSTM only: whether the forget gate's bias starts at 1.
        dropout: in training, the rate at which input features are dropped, the same ones at every
            step; a mask for each gate when ``recurrent_dropout`` is above 0, one for all otherwise.
        recurrent_dropout: in training, the rate at which features of the state are dropped on their
            way into the recurrent product, the same ones at every step.
        kernel_initializer: of ``weight_ih``; an initialiser or Keras's name of one.
        recurrent_initializer: of ``weight_hh``.
        bias_initializer: of every bias.
        kernel_regularizer: penalty of ``weight_ih``, summed over all gates.
        recurrent_regularizer: penalty of ``weight_hh``.
        bias_regularizer: penalty of every bias.
        kernel_constraint: of ``weight_ih`` after every update.
        recurrent_constraint: of ``weight_hh`` after every update.
        bias_constraint: of the bias after every update; both of a GRU are one array.
    """

    cell: CellName
    hidden_size: int
    activation: str = "tanh"
    recurrent_activation: str = "sigmoid"
    use_bias: bool = True
    reset_after: bool = True
    unit_forget_bias: bool = True
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    kernel_initializer: Initializer = field(default=GLOROT_UNIFORM, compare=False)
    recurrent_initializer: Initializer = field(default=Orthogonal(), compare=False)
    bias_initializer: Initializer = field(default=Zeros(), compare=False)
    kernel_regularizer: Regularizer | None = field(default=None, compare=False)
    recurrent_regularizer: Regularizer | None = field(default=None, compare=False)
    bias_regularizer: Regularizer | None = field(default=None, compare=False)
    kernel_constraint: Constraint | None = field(default=None, compare=False)
    recurrent_constraint: Constraint | None = field(default=None, compare=False)
    bias_constraint: Constraint | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        check_choice("Recurrent", "cell", self.cell, CELL_NAMES)
        check_positive("Recurrent", "hidden_size", self.hidden_size)
        check_activation("Recurrent", "activation", self.activation)
        check_activation("Recurrent", "recurrent_activation", self.recurrent_activation)
        for name, (cells, default) in OF_SOME_CELLS.items():
            if self.cell not in cells and getattr(self, name) != default:
                raise ValueError(
                    f"Recurrent: {name} is a setting of {' and '.join(cells)} alone; got "
                    f"{getattr(self, name)!r} for {self.cell!r}. Leave it out."
                )
        check_rate("Recurrent", "dropout", self.dropout)
        check_rate("Recurrent", "recurrent_dropout", self.recurrent_dropout)

    @property
    def cells(self) -> "tuple[Recurrent, ...]":
        """Itself alone."""
        return (self,)


@dataclass(frozen=True, kw_only=True)
class RecurrentStack(_Direction):
    """Several cells, each fed at every step with the output of the one before: ``RNN([cells])``.

    In a `Bidirectional` each direction has a stack of its own, which never sees the other: not the
    same as stacked bidirectional layers.

    Attributes:
        cells: the one nearest to the input first. What a layer does with sequences and states is
            said once, for the whole stack, so the cells keep the defaults there.
    """

    cells: tuple[Recurrent, ...] = ()  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Checks the cells."""
        super().__post_init__()
        if not self.cells:
            raise ValueError("RecurrentStack: cells must hold at least one cell; got none.")
        for cell in self.cells:
            for shared in fields(_Direction):
                value = getattr(cell, shared.name)
                if value:
                    raise ValueError(
                        f"RecurrentStack: {shared.name} belongs to the stack, not to its cells; "
                        f"got {shared.name}={value!r} in a {cell.cell} cell."
                    )


@dataclass(frozen=True, kw_only=True)
class Bidirectional(LayerSpec):
    """A recurrent layer that reads in both directions.

    Attributes:
        forward: the first direction, usually from the start.
        backward: the other direction; None becomes the same settings as ``forward``. In both
            ``zero_output_for_mask`` becomes ``return_sequences``, as Keras forces it.
        merge_mode: how the two outputs become one; None keeps them as two outputs.
    """

    forward: Recurrent | RecurrentStack
    backward: Recurrent | RecurrentStack | None = None
    merge_mode: MergeMode | None = "concat"

    def __post_init__(self) -> None:
        """Makes ``backward`` explicit, sets the mask flag that Keras forces, checks the pair."""
        super().__post_init__()
        check_choice("Bidirectional", "merge_mode", self.merge_mode, MERGE_MODES)
        given = (self.forward, self.backward or replace(self.forward, go_backwards=True))
        for name, spec in zip(("forward", "backward"), given, strict=True):
            forced = replace(spec, zero_output_for_mask=self.forward.return_sequences)
            object.__setattr__(self, name, forced)
        forward, backward = self.directions
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "Bidirectional: forward and backward must differ in go_backwards; got "
                f"{forward.go_backwards} in both."
            )
        for name in ("return_sequences", "return_state", "stateful"):
            if getattr(forward, name) != getattr(backward, name):
                raise ValueError(
                    f"Bidirectional: forward and backward must agree in {name}; got "
                    f"{getattr(forward, name)} and {getattr(backward, name)}."
                )
        sizes = forward.cells[-1].hidden_size, backward.cells[-1].hidden_size
        if self.merge_mode not in ("concat", None) and sizes[0] != sizes[1]:
            raise ValueError(
                f"Bidirectional: merge_mode {self.merge_mode!r} needs equal hidden sizes; got "
                f"{sizes[0]} and {sizes[1]}. Use 'concat'."
            )

    @property
    def directions(self) -> tuple[Recurrent | RecurrentStack, Recurrent | RecurrentStack]:
        """Forward, backward."""
        assert self.backward is not None
        return self.forward, self.backward

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Features of each state, the forward direction's first."""
        return tuple(size for direction in self.directions for size in direction.state_sizes)

    def input_counts(self) -> tuple[int, ...]:
        """The sequence, then perhaps every initial state, the forward direction's first."""
        return (1, 1 + len(self.state_sizes))

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(time, feature)`` to the merged features, with or without time."""
        check_initial_states("Bidirectional", self.state_sizes, shapes[1:])
        forward, backward = (direction.output_shape(shapes[0]) for direction in self.directions)
        if self.merge_mode != "concat":
            return forward
        assert forward[-1] is not None
        assert backward[-1] is not None
        return (*forward[:-1], forward[-1] + backward[-1])

    def output_shapes(self, *shapes: Shape) -> tuple[Shape, ...]:
        """The merged output or the two, then perhaps each final state, forward first."""
        merged = self.output_shape(*shapes)
        second = () if self.merge_mode else (self.directions[1].output_shape(shapes[0]),)
        states = [(size,) for size in self.state_sizes] if self.forward.return_state else []
        return (merged, *second, *states)
