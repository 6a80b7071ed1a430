"""The recurrent layer: its parameters under torch's names, its engine, and how directions merge."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from birnn_lightning.nn import initializers
from birnn_lightning.nn.cells import Weights, cell_of
from birnn_lightning.nn.engines import ENGINES, Direction, EngineChoice, Outcome, choose_engine
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.masks import Masked, carry_outputs
from birnn_lightning.nn.specs import Bidirectional, Recurrent, Shape

MERGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "concat": lambda forward, backward: torch.cat([forward, backward], dim=-1),
    "sum": torch.add,
    "mul": torch.mul,
    "ave": lambda forward, backward: (forward + backward) / 2,
}
FORWARD, BACKWARD = "", "_reverse"


@layer_for(Recurrent)
@layer_for(Bidirectional)
class RecurrentLayer(Layer):
    """One or two directions of a recurrent layer.

    Parameters carry torch's names: ``weight_ih_l0 (gate * hidden, input)``, ``weight_hh_l0``,
    ``bias_ih_l0``, ``bias_hh_l0``, the backward direction's with the suffix ``_reverse``. RNN, LSTM
    and GRU with ``reset_after=False`` train one bias; where torch has a second (RNN, LSTM) it is a
    buffer of zeros.

    Attributes:
        spec: what is computed.
        requested_engine: ``"auto"`` or an engine's name; may be changed at any time.
    """

    def __init__(self, spec: Recurrent | Bidirectional, shape: Shape) -> None:
        """Makes and initialises the parameters for inputs ``(time, feature)``."""
        super().__init__()
        input_size = shape[-1]
        if input_size is None:
            raise ValueError("a recurrent layer needs inputs of a known feature size; got None.")
        self.spec = spec
        self.requested_engine = "auto"
        directions = spec.directions if isinstance(spec, Bidirectional) else (spec,)
        self._directions = dict(zip((FORWARD, BACKWARD), directions, strict=False))
        for suffix, direction in self._directions.items():
            self._add_parameters(direction, input_size, suffix)
        self.reset_parameters()

    def _add_parameters(self, spec: Recurrent, input_size: int, suffix: str) -> None:
        cell = cell_of(spec)
        rows = len(cell.gates) * spec.hidden_size
        self.register_parameter(
            f"weight_ih_l0{suffix}", nn.Parameter(torch.empty(rows, input_size))
        )
        self.register_parameter(
            f"weight_hh_l0{suffix}", nn.Parameter(torch.empty(rows, spec.hidden_size))
        )
        if not spec.use_bias:
            return
        self.register_parameter(f"bias_ih_l0{suffix}", nn.Parameter(torch.empty(rows)))
        if cell.trains_bias_hh:
            self.register_parameter(f"bias_hh_l0{suffix}", nn.Parameter(torch.empty(rows)))
        elif spec.cell != "gru":
            self.register_buffer(f"bias_hh_l0{suffix}", torch.zeros(rows))

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draws Keras's initial weights."""
        for suffix, spec in self._directions.items():
            gates = cell_of(spec).gates
            weights = self.weights(suffix)
            initializers.glorot_uniform_(weights.weight_ih)
            initializers.orthogonal_(weights.weight_hh)
            if weights.bias_ih is not None:
                forget_gates = gates if spec.unit_forget_bias else ""
                initializers.forget_bias_(weights.bias_ih, forget_gates)
            if weights.bias_hh is not None:
                weights.bias_hh.zero_()

    def weights(self, suffix: str) -> Weights:
        """The parameters of the direction with this suffix."""
        return Weights(*(getattr(self, f"{name}_l0{suffix}", None) for name in Weights._fields))  # type: ignore[arg-type]

    @property
    def cell_name(self) -> str:
        """What kind of layer this is, e.g. ``"bilstm"`` or ``"gru"``."""
        prefix = "bi" if isinstance(self.spec, Bidirectional) else ""
        return prefix + self._directions[FORWARD].cell

    def extra_repr(self) -> str:
        """Shows the kind and the sizes."""
        rows = [f"{self.cell_name}"]
        for suffix, spec in self._directions.items():
            size = self.weights(suffix).weight_ih.shape[1]
            rows.append(f"{size} -> {spec.hidden_size}")
        return ", ".join(rows)

    def engine(self) -> EngineChoice:
        """The engine that runs this layer, and why; raises ValueError for an impossible request."""
        return choose_engine(tuple(self._directions.values()), self.requested_engine)

    def forward(self, *inputs: Masked) -> Masked:
        """``(batch, time, feature)`` to ``(batch, [time,] hidden)``, the directions merged."""
        ((values, mask),) = inputs
        directions = [
            Direction(spec, self.weights(suffix), self._zero_state(spec, values))
            for suffix, spec in self._directions.items()
        ]
        outcomes = ENGINES[self.engine().name](directions, values, mask)
        outputs = [
            direction_output(direction.spec, outcome, mask)
            for direction, outcome in zip(directions, outcomes, strict=True)
        ]
        if isinstance(self.spec, Bidirectional):
            output = MERGES[self.spec.merge_mode](*outputs)
        else:
            (output,) = outputs
        if not directions[0].spec.return_sequences:
            return Masked(output)
        reversed_order = isinstance(self.spec, Recurrent) and self.spec.go_backwards
        return Masked(output.flip(1) if reversed_order else output, mask)

    @staticmethod
    def _zero_state(spec: Recurrent, values: Tensor) -> tuple[Tensor, ...]:
        zeros = values.new_zeros(values.shape[0], spec.hidden_size)
        return (zeros,) * len(cell_of(spec).states)


def direction_output(spec: Recurrent, outcome: Outcome, mask: Tensor | None) -> Tensor:
    """One direction's sequence in the order of the input, or its last output.

    A masked step's output is the one before it in processing order (0 before the first valid one),
    or 0 with ``zero_output_for_mask``.
    """
    sequence, state = outcome
    if spec.return_sequences:
        if mask is None or spec.zero_output_for_mask:
            return sequence
        return carry_outputs(sequence, mask, spec.go_backwards)
    if mask is None:
        return state[0]
    last = 0 if spec.go_backwards else -1
    valid = mask[:, last] if spec.zero_output_for_mask else mask.any(1)
    return torch.where(valid[:, None], state[0], 0)
