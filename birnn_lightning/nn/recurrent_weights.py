"""The parameters of one recurrent cell: their shapes, names and first values."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from birnn_lightning.nn.cells import KERAS_GATES, Weights, cell_of
from birnn_lightning.nn.initializers import draw
from birnn_lightning.nn.specs import Recurrent
from birnn_lightning.nn.variables import Variable, variable


def add_weights(module: nn.Module, cell: Recurrent, input_size: int, suffix: str) -> None:
    """Registers a cell's parameters, and the zeros that stand where torch has a second bias."""
    kind = cell_of(cell)
    rows = len(kind.gates) * cell.hidden_size
    shapes: dict[str, tuple[int, ...]] = {
        "weight_ih": (rows, input_size),
        "weight_hh": (rows, cell.hidden_size),
    }
    if cell.use_bias:
        shapes["bias_ih"] = (rows,)
        if kind.trains_bias_hh:
            shapes["bias_hh"] = (rows,)
        elif cell.cell != "gru":
            module.register_buffer(f"bias_hh{suffix}", torch.zeros(rows))
    for name, shape in shapes.items():
        module.register_parameter(f"{name}{suffix}", nn.Parameter(torch.empty(shape)))


@torch.no_grad()
def reset_weights(cell: Recurrent, weights: Weights) -> None:
    """Draws a cell's first values as Keras does: each array whole, over all gates at once.

    Source: `keras.layers.LSTM` and its siblings; ``unit_forget_bias`` after Jozefowicz et al. 2015.
    """
    rows, input_size = weights.weight_ih.shape
    kernel = draw(cell.kernel_initializer, (input_size, rows))
    weights.weight_ih.copy_(_in_our_order(cell, kernel).T)
    recurrent = draw(cell.recurrent_initializer, (cell.hidden_size, rows))
    weights.weight_hh.copy_(_in_our_order(cell, recurrent).T)
    if weights.bias_ih is None:
        return
    if cell_of(cell).trains_bias_hh:
        assert weights.bias_hh is not None
        both = _in_our_order(cell, draw(cell.bias_initializer, (2, rows)))
        weights.bias_ih.copy_(both[0])
        weights.bias_hh.copy_(both[1])
        return
    if cell.cell == "lstm" and cell.unit_forget_bias:
        size = cell.hidden_size
        first, rest = (draw(cell.bias_initializer, (count,)) for count in (size, 2 * size))
        weights.bias_ih.copy_(torch.cat([first, torch.ones(size), rest]))
    else:
        weights.bias_ih.copy_(_in_our_order(cell, draw(cell.bias_initializer, (rows,))))
    if weights.bias_hh is not None:
        weights.bias_hh.zero_()


def cell_variables(cell: Recurrent, weights: Weights) -> Iterator[Variable]:
    """What a cell trains; both biases of a GRU are one array, and zeros that stay are none."""
    yield from variable(cell, "kernel", weights.weight_ih)
    yield from variable(cell, "recurrent_kernel", weights.weight_hh, settings="recurrent")
    yield from variable(cell, "bias", weights.bias_ih, weights.bias_hh)


def _in_our_order(cell: Recurrent, array: Tensor) -> Tensor:
    """Moves the gate blocks of the last axis from Keras's order to ours."""
    order = KERAS_GATES[cell.cell]
    blocks = array.chunk(len(order), dim=-1)
    return torch.cat([blocks[order.index(gate)] for gate in cell_of(cell).gates], dim=-1)
