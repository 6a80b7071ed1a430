"""The specs of the recurrent layers."""

from dataclasses import dataclass, replace
from typing import Literal

from birnn_lightning.nn.activations import check_activation
from birnn_lightning.nn.specs.base import (
    LayerSpec,
    Shape,
    check_choice,
    check_positive,
    check_rank,
)

CellName = Literal["rnn", "lstm", "gru"]
MergeMode = Literal["concat", "sum", "mul", "ave"]
CELL_NAMES = ("rnn", "lstm", "gru")
MERGE_MODES = ("concat", "sum", "mul", "ave")


@dataclass(frozen=True, kw_only=True)
class Recurrent(LayerSpec):
    """One recurrent layer in one direction.

    Attributes:
        cell: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        hidden_size: features of the state.
        activation: of the candidate and the output.
        recurrent_activation: of the gates; an RNN has none and ignores it.
        use_bias: whether there are biases.
        reset_after: GRU only: whether the reset gate acts after the recurrent product.
        unit_forget_bias: LSTM only: whether the forget gate's bias starts at 1.
        return_sequences: whether every step's output is returned, or the last alone.
        go_backwards: whether time runs from the end; the sequence is then in processing order.
        zero_output_for_mask: whether a masked step's output is 0 instead of the one before.
    """

    cell: CellName
    hidden_size: int
    activation: str = "tanh"
    recurrent_activation: str = "sigmoid"
    use_bias: bool = True
    reset_after: bool = True
    unit_forget_bias: bool = True
    return_sequences: bool = False
    go_backwards: bool = False
    zero_output_for_mask: bool = False

    def __post_init__(self) -> None:
        """Checks the fields."""
        check_choice("Recurrent", "cell", self.cell, CELL_NAMES)
        check_positive("Recurrent", "hidden_size", self.hidden_size)
        check_activation("Recurrent", "activation", self.activation)
        check_activation("Recurrent", "recurrent_activation", self.recurrent_activation)

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(time, feature)`` to ``(time, hidden_size)`` or ``(hidden_size,)``."""
        check_rank(f"Recurrent ({self.cell})", shapes[0], 2, "time, feature")
        return (*((shapes[0][0],) if self.return_sequences else ()), self.hidden_size)


@dataclass(frozen=True, kw_only=True)
class Bidirectional(LayerSpec):
    """A recurrent layer that reads in both directions.

    Attributes:
        forward: the layer that reads from the start.
        backward: the layer that reads from the end; None becomes the same settings as ``forward``.
            In both ``zero_output_for_mask`` becomes ``return_sequences``, as Keras forces it.
        merge_mode: how the two outputs become one.
    """

    forward: Recurrent
    backward: Recurrent | None = None
    merge_mode: MergeMode = "concat"

    def __post_init__(self) -> None:
        """Makes ``backward`` explicit, sets the mask flag that Keras forces, checks the pair."""
        check_choice("Bidirectional", "merge_mode", self.merge_mode, MERGE_MODES)
        given = (self.forward, self.backward or replace(self.forward, go_backwards=True))
        for name, spec in zip(("forward", "backward"), given, strict=True):
            forced = replace(spec, zero_output_for_mask=self.forward.return_sequences)
            object.__setattr__(self, name, forced)
        forward, backward = self.directions
        if forward.go_backwards or not backward.go_backwards:
            raise ValueError(
                "Bidirectional: forward must have go_backwards=False and backward True; got "
                f"{forward.go_backwards} and {backward.go_backwards}."
            )
        if forward.return_sequences != backward.return_sequences:
            raise ValueError("Bidirectional: forward and backward must agree in return_sequences.")
        if self.merge_mode != "concat" and forward.hidden_size != backward.hidden_size:
            raise ValueError(
                f"Bidirectional: merge_mode {self.merge_mode!r} needs equal hidden sizes; got "
                f"{forward.hidden_size} and {backward.hidden_size}. Use 'concat'."
            )

    @property
    def directions(self) -> tuple[Recurrent, Recurrent]:
        """Forward, backward."""
        assert self.backward is not None
        return self.forward, self.backward

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(time, feature)`` to the merged features, with or without time."""
        forward, backward = (direction.output_shape(*shapes) for direction in self.directions)
        if self.merge_mode != "concat":
            return forward
        assert forward[-1] is not None
        assert backward[-1] is not None
        return (*forward[:-1], forward[-1] + backward[-1])
