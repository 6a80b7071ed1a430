"""Whether float64 is precise enough to compare a network at all: chaotic ones magnify roundings."""

from collections.abc import Mapping

import numpy as np

from birnn_lightning.nn import RecurrentLayer, SequenceModel
from parity.inputs import Inputs
from parity.random_rounding import operation_spreads
from parity.runs import run_ours
from parity.suite.layer_cases import LayerCase
from parity.tolerance import UNIT_ROUNDOFF, float64_bound, inner_roundings


def float64_decides(case: LayerCase) -> bool:
    """Whether no number overflows, and roundings move no tensor by more than `float64_bound`.

    Masked steps count as well: Keras computes them and throws them away, but what overflows there
    is NaN in its gradients.
    """
    batches = [case.inputs(batch) for batch in range(case.batches)]
    model = _on_scan(case.build())
    truth = _computed(model, case, batches)
    spreads = operation_spreads(
        lambda: _computed(model, case, batches), truth, UNIT_ROUNDOFF["float64"]
    )
    roundings = inner_roundings(model)
    return not _overflows(model, case, batches) and all(
        roundings * spread[name] <= float64_bound(array)
        for batch, spread in zip(truth, spreads, strict=True)
        for name, array in batch.items()
    )


def _computed(
    model: SequenceModel, case: LayerCase, batches: list[Inputs]
) -> list[Mapping[str, np.ndarray]]:
    """Every output and gradient, batch by batch."""
    model.reset_states()
    runs = [run_ours(model, one, training=case.training, gradients=True) for one in batches]
    return [
        {
            **{f"outputs {name}": array for name, array in run.outputs.items()},
            **{f"gradients {name}": array for name, array in run.gradients.items()},
        }
        for run in runs
    ]


def _on_scan(model: SequenceModel) -> SequenceModel:
    for layer in model.modules():
        if isinstance(layer, RecurrentLayer):
            layer.requested_engine = "scan"
    return model


def _overflows(model: SequenceModel, case: LayerCase, batches: list[Inputs]) -> bool:
    """Whether a number is not finite, or would not be if no step were masked."""
    unmasked = [one._replace(mask=None) for one in batches]
    return any(
        not np.isfinite(array).all()
        for given in ((batches, unmasked) if batches[0].mask is not None else (batches,))
        for batch in _computed(model, case, given)
        for array in batch.values()
    )
