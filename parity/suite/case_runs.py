"""Everything that a case computes, by both frameworks, batch after batch."""

from collections.abc import Sequence

from birnn_lightning.nn import RecurrentLayer, SequenceModel
from parity.inputs import Inputs
from parity.layout import keras_arrays, rows
from parity.runs import Run, run_ours
from parity.suite.layer_cases import LayerCase

Runs = Sequence[Run]

COMPARED = {
    "outputs": "outputs and states",
    "gradients": "gradients",
    "variables": "weights and statistics",
}
"""What reports call each part of a run."""


def requested_engine(model: SequenceModel, engine: str) -> None:
    """Makes every recurrent layer run on an engine, or on the one that suits it (``"auto"``)."""
    for layer in model.modules():
        if isinstance(layer, RecurrentLayer):
            layer.requested_engine = engine


def run_ours_on(
    case: LayerCase, model: SequenceModel, batches: Sequence[Inputs], gradients: bool
) -> Runs:
    """Everything that a model of ours computes, which is unchanged afterwards."""
    model.reset_states()
    statistics = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = [
        run_ours(model, batch, training=case.training, gradients=gradients) for batch in batches
    ]
    model.load_state_dict(statistics)
    return found


def run_theirs_on(
    case: LayerCase,
    model: SequenceModel,
    dtype: str,
    batches: Sequence[Inputs],
    gradients: bool,
) -> Runs:
    """Everything that the Keras twin computes from a case's batches, in ``dtype``."""
    from parity.keras_model import write_variables
    from parity.keras_runs import run_keras
    from parity.keras_twin import build_keras_model

    twin = build_keras_model(case.spec, dtype, batch_size=len(batches[0].arrays[0]))
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    write_variables(twin, keras_arrays(rows(case.spec), state))
    return [
        run_keras(twin, case.spec, batch, training=case.training, gradients=gradients)
        for batch in batches
    ]
