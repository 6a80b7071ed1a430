"""What a Keras recurrent layer returns, computed in NumPy float64 by neither framework.

The textbook recurrence, one step at a time: where two fast implementations differ, it says which of
them is right. It shares no code with either, nor with the weight table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from birnn_lightning.nn.specs import Bidirectional, Recurrent, RecurrentStack
from parity.oracle.cells import Array, Factor, OracleCell, oracle_cell

FactorsByKey = Mapping[str, Factor]
"""Dropout factors by direction, cell and what they drop: ``forward.0.inputs``,
``backward.1.recurrent``. A layer in one direction has ``forward`` ones, whichever way it reads.
"""

KINDS = ("inputs", "recurrent")

MERGES: dict[str, Callable[[Array, Array], Array]] = {
    "concat": lambda forward, backward: np.concatenate([forward, backward], axis=-1),
    "sum": lambda forward, backward: forward + backward,
    "mul": lambda forward, backward: forward * backward,
    "ave": lambda forward, backward: (forward + backward) / 2,
}


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What a layer computed.

    Attributes:
        outputs: the output ``(batch, [time,] hidden)``; both directions' with ``merge_mode=None``.
        states: the final states ``(batch, hidden)``, in Keras's order, whether the layer returns
            them or not.
        mask: of each output, ``(batch, time)`` bool, as it came: Keras does not reverse it where
            ``go_backwards`` reverses the sequence. None where there is no time left.
    """

    outputs: tuple[Array, ...]
    states: tuple[Array, ...]
    mask: Array | None

    @property
    def output(self) -> Array:
        """The only output, or the forward direction's."""
        return self.outputs[0]


def compute(
    spec: Recurrent | RecurrentStack | Bidirectional,
    arrays: Mapping[str, ArrayLike],
    inputs: ArrayLike,
    mask: Array | None = None,
    initial_states: Sequence[ArrayLike] | None = None,
    dropout: FactorsByKey | None = None,
) -> Computed:
    """What the layer returns.

    Args:
        spec: the layer. ``stateful`` is the caller's business: states come in and go out.
        arrays: Keras's weights by their path in the layer: ``cell/kernel``,
            ``forward_layer/cell/recurrent_kernel``, ``cell/cells/0/bias``.
        inputs: ``(batch, time, feature)``.
        mask: ``(batch, time)`` bool, True where a step is valid.
        initial_states: ``(batch, hidden)`` each, in the order of the final states; zeros if None.
        dropout: what Keras in training would have drawn; nothing is dropped without it.

    Returns:
        The outputs, states and mask.

    Raises:
        KeyError: a weight is missing; the message is its path.
        ValueError: the number of initial states is not the spec's, or the spec has no place for a
            dropout factor.
    """
    sequence = _float64(inputs)
    weights = {path: _float64(array) for path, array in arrays.items()}
    sizes = spec.state_sizes
    if initial_states is None:
        initial_states = [np.zeros((len(sequence), size)) for size in sizes]
    if len(initial_states) != len(sizes):
        raise ValueError(
            f"initial_states must hold {len(sizes)} arrays; got {len(initial_states)}."
        )
    states = [_float64(state) for state in initial_states]
    dropout = dropout or {}
    _check_keys(spec, dropout)
    if isinstance(spec, Bidirectional):
        return _both_directions(spec, weights, sequence, mask, states, dropout)
    cells = _cells(spec, weights, "cell", "forward", dropout)
    return _one_direction(spec, cells, sequence, mask, states)


def _float64(values: ArrayLike) -> Array:
    return np.asarray(values, dtype=np.float64)


def _check_keys(spec: Recurrent | RecurrentStack | Bidirectional, dropout: FactorsByKey) -> None:
    both = spec.directions if isinstance(spec, Bidirectional) else (spec,)
    known = {
        f"{name}.{index}.{kind}"
        for name, direction in zip(("forward", "backward"), both, strict=False)
        for index in range(len(direction.cells))
        for kind in KINDS
    }
    unknown = sorted(dropout.keys() - known)
    if unknown:
        raise ValueError(f"dropout: unknown keys {unknown}; known are {sorted(known)}.")


def _both_directions(
    spec: Bidirectional,
    arrays: Mapping[str, Array],
    inputs: Array,
    mask: Array | None,
    states: Sequence[Array],
    dropout: FactorsByKey,
) -> Computed:
    """Both directions see the whole input; the second one's sequence is turned around."""
    count = len(spec.directions[0].state_sizes)
    forward, backward = (
        _one_direction(
            direction,
            _cells(direction, arrays, f"{name}_layer/cell", name, dropout),
            inputs,
            mask,
            own_states,
        )
        for direction, name, own_states in zip(
            spec.directions,
            ("forward", "backward"),
            (states[:count], states[count:]),
            strict=True,
        )
    )
    second = backward.output[:, ::-1] if spec.forward.return_sequences else backward.output
    pair = forward.output, second
    return Computed(
        outputs=(MERGES[spec.merge_mode](*pair),) if spec.merge_mode else pair,
        states=(*forward.states, *backward.states),
        mask=forward.mask,
    )


def _one_direction(
    spec: Recurrent | RecurrentStack,
    cells: Sequence[OracleCell],
    inputs: Array,
    mask: Array | None,
    states: Sequence[Array],
) -> Computed:
    """A masked step leaves every state, and repeats the output before it or gives 0.

    The output before the first step is 0, whatever the initial state.
    """
    batch, time, _ = inputs.shape
    output = np.zeros((batch, cells[-1].hidden_size))
    sequence = []
    for step in reversed(range(time)) if spec.go_backwards else range(time):
        valid = np.ones((batch, 1), bool) if mask is None else mask[:, step, None]
        new_output, new_states = _through(cells, inputs[:, step], states)
        output = np.where(valid, new_output, 0 if spec.zero_output_for_mask else output)
        states = [np.where(valid, new, old) for new, old in zip(new_states, states, strict=True)]
        sequence.append(output)
    return Computed(
        outputs=(np.stack(sequence, axis=1) if spec.return_sequences else output,),
        states=tuple(states),
        mask=mask if spec.return_sequences else None,
    )


def _through(
    cells: Sequence[OracleCell], x: Array, states: Sequence[Array]
) -> tuple[Array, list[Array]]:
    """One step through every cell, each fed with the output of the one before."""
    after: list[Array] = []
    for cell in cells:
        own = states[len(after) : len(after) + cell.state_count]
        new = cell(x, own)
        after.extend(new)
        x = new[0]
    return x, after


def _cells(
    spec: Recurrent | RecurrentStack,
    arrays: Mapping[str, Array],
    path: str,
    direction: str,
    dropout: FactorsByKey,
) -> list[OracleCell]:
    """The direction's cells, the one nearest to the input first."""
    stacked = isinstance(spec, RecurrentStack)
    return [
        oracle_cell(
            cell,
            arrays,
            f"{path}/cells/{index}" if stacked else path,
            {
                kind: dropout[key]
                for kind in KINDS
                if (key := f"{direction}.{index}.{kind}") in dropout
            },
        )
        for index, cell in enumerate(spec.cells)
    ]
