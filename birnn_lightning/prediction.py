"""Predicting is the same whatever was trained: batches in, what the Keras twin returns out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from birnn_lightning.checkpoint import CheckpointedModule
from birnn_lightning.data.batch import Batch
from birnn_lightning.inputs import Array, Arrays, as_list, check_same_length
from birnn_lightning.nn import Masked, SequenceModel
from birnn_lightning.nn.parts import parts_of


class PredictingModule(CheckpointedModule):
    """A module whose model predicts in evaluation mode.

    Attributes:
        model: the torch module.
    """

    model: SequenceModel

    def masked_outputs(
        self, inputs: Arrays, lengths: Array | None = None, mask: Array | None = None
    ) -> tuple[Masked, ...]:
        """The logits of every output, each in its layer's shape, with their masks."""
        raise NotImplementedError

    def probabilities(self, logits: Tensor) -> Tensor:
        """The last layer's activation of the logits, in their shape."""
        return self.model.activate(logits)

    @torch.no_grad()
    def predict(
        self,
        inputs: Arrays,
        lengths: Array | None = None,
        mask: Array | None = None,
        batch_size: int = 256,
    ) -> Any:
        """What the Keras twin's ``predict`` returns: probabilities for a classifier.

        Args:
            inputs: see `forward`.
            lengths: see `forward`.
            mask: see `forward`.
            batch_size: how many sequences are computed at once.

        Returns:
            ``(batch, 1)`` for binary, ``(batch, num_classes)`` otherwise; with a time axis after
            the batch axis when every step has a label. A list for a model of several outputs.
        """
        arrays = as_list(inputs)
        check_same_length(array for array in (*arrays, lengths, mask) if array is not None)
        parts = []
        with evaluating(self.model):
            for start in range(0, max(len(arrays[0]), 1), batch_size):
                rows = slice(start, start + batch_size)
                parts.append(
                    self._predicted(
                        [array[rows] for array in arrays],
                        None if lengths is None else lengths[rows],
                        None if mask is None else mask[rows],
                    )
                )
        outputs = [_to_numpy(batches) for batches in zip(*parts, strict=True)]
        return outputs[0] if len(outputs) == 1 else outputs

    def _predicted(
        self, inputs: Arrays, lengths: Array | None, mask: Array | None
    ) -> tuple[Tensor, ...]:
        """Every output of one batch, each in its layer's shape."""
        outputs = self.masked_outputs(inputs, lengths, mask)
        return tuple(self.model.activate(one.values, i) for i, one in enumerate(outputs))

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """What `predict` returns, in the shape of the logits."""
        batch = Batch(*batch)
        return self.probabilities(self.forward(batch.inputs, mask=batch.mask))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a ``with`` block; then every part has the mode that it had."""
    training = [part for part in parts_of(model) if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _to_numpy(batches: Sequence[Tensor]) -> np.ndarray:
    """All batches as one in NumPy, which has no bfloat16; an array of the caller's own."""
    output = (batches[0] if len(batches) == 1 else torch.cat([*batches])).cpu()
    array = (output.float() if output.dtype == torch.bfloat16 else output).numpy()
    return array.copy() if len(batches) == 1 else array  # it may be a layer's state, or an input
