"""Keras's initial weights, drawn in torch's layout."""

import torch
from torch import Tensor, nn


def glorot_uniform_(weight: Tensor) -> Tensor:
    """Fills ``(out, in)`` from U(-a, a), a = sqrt(6 / (in + out)); the fan-out counts all gates.

    Source: Glorot & Bengio 2010, as `keras.initializers.GlorotUniform`.
    """
    return nn.init.xavier_uniform_(weight)


def orthogonal_(weight: Tensor) -> Tensor:
    """Fills ``(gate * hidden, hidden)`` with orthonormal columns, over all gates at once.

    Source: Saxe et al. 2014, as `keras.initializers.Orthogonal` of the transposed shape.
    """
    return nn.init.orthogonal_(weight)


def embedding_uniform_(weight: Tensor) -> Tensor:
    """Fills from U(-0.05, 0.05), as `keras.layers.Embedding`."""
    return nn.init.uniform_(weight, -0.05, 0.05)


def forget_bias_(bias: Tensor, gates: str) -> Tensor:
    """Zeros, with ones in the block of gate ``f`` where the cell has one.

    Source: Jozefowicz et al. 2015, as ``unit_forget_bias`` of `keras.layers.LSTM`.
    """
    with torch.no_grad():
        bias.zero_()
        if "f" in gates:
            bias.chunk(len(gates))[gates.index("f")].fill_(1)
    return bias
