"""The states that directions start from where none are given."""

from collections.abc import Sequence
from functools import wraps

from torch import Tensor

from birnn_lightning.nn.engines.interface import Direction, Engine, Outcome
from birnn_lightning.nn.specs import STATES, Recurrent


def with_states(engine: Engine) -> Engine:
    """An engine that is given zeros where a direction has no initial state."""

    @wraps(engine)
    def run(directions: Sequence[Direction], inputs: Tensor, mask: Tensor | None) -> list[Outcome]:
        if not all(one.state for one in directions):
            zeros = iter(zero_states([one.spec for one in directions], inputs))
            states = [tuple(next(zeros) for _ in STATES[one.spec.cell]) for one in directions]
            directions = [
                one._replace(state=one.state or state)
                for one, state in zip(directions, states, strict=True)
            ]
        return engine(directions, inputs, mask)

    return run


def zero_states(cells: Sequence[Recurrent], like: Tensor) -> list[Tensor]:
    """Initial states, cell by cell; those of a kind follow each other in one piece of memory.

    Args:
        cells: of directions that run at once.
        like: ``(batch, ...)``: gives their number of rows, type and device.
    """
    shapes = {(len(STATES[cell.cell]), cell.hidden_size) for cell in cells}
    if len(shapes) > 1:
        return [like.new_zeros(len(like), c.hidden_size) for c in cells for _ in STATES[c.cell]]
    ((kinds, size),) = shapes
    count = len(cells)
    zeros = like.new_zeros(kinds * count, len(like), size).unbind(0)
    return [zeros[kind * count + cell] for cell in range(count) for kind in range(kinds)]
