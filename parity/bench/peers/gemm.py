"""The machine's limit, measured among the peers: the rate of torch's matrix product."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from birnn_lightning.nn.specs import ModelSpec
from parity.bench.configuration import Configuration
from parity.bench.gemm_size import SIZE
from parity.bench.peers.interface import Place


class Gemm:
    """``torch.mm`` of two float32 matrices; see `Peer`."""

    parameters = 0
    note = ""

    def __init__(self, device: str) -> None:
        """Draws the matrices."""
        torch.backends.cuda.matmul.allow_tf32 = False
        self._left, self._right = torch.rand(2, SIZE, SIZE, device=device)
        self._product = torch.empty(SIZE, SIZE, device=device)

    def run(self) -> list[float]:
        """One product."""
        torch.mm(self._left, self._right, out=self._product)
        return [float(self._product[0, 0])]


def build(
    configuration: Configuration,
    spec: ModelSpec,
    weights: Mapping[str, np.ndarray],
    place: Place,
    **options: Any,
) -> Gemm:
    """The same matrices for every configuration."""
    return Gemm(place.device)
