"""What a recurrent layer drops in training: the same at every step."""

import torch
from torch import Tensor

from birnn_lightning.nn.cells import cell_of
from birnn_lightning.nn.engines import DropoutFactors
from birnn_lightning.nn.noise import NoiseSource, dropout_factor
from birnn_lightning.nn.specs import Recurrent


def dropout_factors(
    source: NoiseSource | None, key: str, cell: Recurrent, inputs: Tensor
) -> DropoutFactors:
    """The factors of one cell; each gate has its own when the state is dropped too.

    Args:
        source: where the deviates come from; None for torch's own generator.
        key: names the cell within its layer.
        cell: its rates and sizes.
        inputs: ``(batch, time, feature)``.
    """
    batch, _, features = inputs.shape
    gates = cell_of(cell).gates if cell.recurrent_dropout else "*"

    def factor(of: str, rate: float, size: int) -> Tensor | None:
        if not rate:
            return None
        shape = (batch, size)
        factors = [
            dropout_factor(source, f"{key}.{of}.{gate}", shape, rate, inputs) for gate in gates
        ]
        return torch.stack(factors, dim=1)

    return DropoutFactors(
        factor("inputs", cell.dropout, features),
        factor("recurrent", cell.recurrent_dropout, cell.hidden_size),
    )
