"""Two models are compared on the same inputs, and a difference is either rounding or reported."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from birnn_lightning.inputs import Array, Arrays, as_list, masked_inputs
from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn.layers import Masking
from parity.gradients import gradient_row
from parity.inputs import Inputs, random_inputs
from parity.output_rows import classes_row, float32_bound, float32_row, float64_row
from parity.results import ParityReport, ParityRow, ParityUnavailable
from parity.runs import fresh_states
from parity.stages import first_difference
from parity.training.batches import given_batches, random_batches

if TYPE_CHECKING:
    import keras


def compare(
    model: SequenceClassifier,
    keras_model: "keras.Model",
    inputs: Arrays | None = None,
    lengths: Array | None = None,
    mask: Array | None = None,
    *,
    gradients: bool = False,
    training_steps: int = 0,
    labels: Array | None = None,
    case: str = "model",
) -> ParityReport:
    """Compares a classifier with a Keras model, weights and all.

    Three questions: do both compute the same in float64 (copies of both are made); is each one, in
    its own precision, within rounding of that; do they predict the same classes.

    Args:
        model: ours; neither model is changed.
        keras_model: theirs, of any names; e.g. from `parity.to_keras`.
        inputs: as for ``model.predict``; default: random and ragged.
        lengths: as for ``model.predict``.
        mask: as for ``model.predict``. With ``lengths`` or ``mask`` the Keras model must take a
            mask as its last input (``to_keras(model, mask_input=True)``).
        gradients: whether the gradients of every parameter and input are compared too, in float64.
        training_steps: for how many steps copies of both are trained on the same batches and
            dropout, every step compared; see `parity.training.check.compare_training`.
        labels: to train on, an entry an example of ``inputs``; default: random ones.
        case: how the report calls the comparison.

    Returns:
        One row for each question and precision.

    Raises:
        ParityUnavailable: the comparison cannot be tried.
        ValueError: inputs that the model refuses.
    """
    from parity import keras_model as theirs

    _check_training(training_steps, labels, inputs)
    explicit = theirs.takes_mask(keras_model, model.spec)
    batch = theirs.batch_size_of(keras_model)
    given = _inputs(model, inputs, lengths, mask, explicit, batch)
    reference = float64_reference(model)
    reference_theirs = theirs.to_float64(keras_model)
    spec = theirs.spec_of(keras_model)
    rows = _output_rows(case, model, keras_model, reference, reference_theirs, given)
    if gradients:
        rows.append(gradient_row(case, reference, reference_theirs, spec, given))
    if training_steps:
        from parity.training.check import compare_training

        batches = (
            random_batches(model, training_steps, explicit, batch)
            if inputs is None
            else given_batches(model, given, labels, training_steps, batch)
        )
        rows += compare_training(model, keras_model, batches, case=case).report.rows
    return ParityReport(tuple(rows))


def _output_rows(
    case: str,
    model: SequenceClassifier,
    keras_model: "keras.Model",
    reference: SequenceClassifier,
    reference_theirs: "keras.Model",
    given: Inputs,
) -> list[ParityRow]:
    """The rows of every output, which Keras must have as many of."""
    from parity import keras_model as theirs

    truths, exact = _ours(reference, given), _theirs(reference_theirs, given)
    if len(truths) != len(exact):
        raise ParityUnavailable(
            f"the models have {len(truths)} and {len(exact)} outputs; they must have as many."
        )
    spec = theirs.spec_of(keras_model)
    single = len(truths) == 1
    compared = ["outputs"] if single else [f"output {name}" for name in model.spec.outputs]

    def explain() -> str:
        return first_difference(reference, reference_theirs, spec, given)

    rows = [
        float64_row(case, name, ours, other, explain)
        for name, ours, other in zip(compared, truths, exact, strict=True)
    ]
    both_float32 = theirs.dtype_of(keras_model) == "float32" and (
        next(model.parameters()).dtype == torch.float32
    )
    if not both_float32:
        return rows
    narrow = zip(compared, _ours(model, given), _theirs(keras_model, given), truths, strict=True)
    for index, (name, ours, other, truth) in enumerate(narrow):
        if ours.shape != other.shape:
            continue

        def predict(network: SequenceClassifier, some: Inputs, index: int = index) -> np.ndarray:
            return _ours(network, some)[index]

        bound = float32_bound(reference, predict, given, truth, ours, other)
        rows.append(float32_row(case, name, ours, other, truth, bound))
        if single and model.task in ("binary", "multiclass"):
            rows.append(classes_row(case, ours, other, bound))
    return rows


def _check_training(steps: int, labels: Array | None, inputs: Arrays | None) -> None:
    if steps < 0:
        raise ValueError(f"training_steps must not be negative; got {steps}.")
    if labels is not None and (inputs is None or not steps):
        raise ValueError("labels belong to inputs and training_steps; give all three.")


def assert_parity(
    model: SequenceClassifier, keras_model: "keras.Model", *args: Any, **kwargs: Any
) -> ParityReport:
    """`compare`, raising `ParityError` with where and by how much when the models differ."""
    report = compare(model, keras_model, *args, **kwargs)
    report.raise_for_failures()
    return report


def float64_reference(model: SequenceClassifier) -> SequenceClassifier:
    """A float64 copy that runs on the readable reference engine."""
    reference = SequenceClassifier.from_config({**model.to_config(), "engine": "scan"}).double()
    state = {
        name: tensor.detach().cpu().double() for name, tensor in model.model.state_dict().items()
    }
    reference.model.load_state_dict(state)
    if next(model.parameters()).dtype == torch.float32:
        for layer in reference.model.modules():
            if isinstance(layer, Masking):  # which goes on looking for what float32 made of it
                layer.mask_value = float(np.float32(layer.mask_value))
    return reference.eval()


def _inputs(
    model: SequenceClassifier,
    inputs: Arrays | None,
    lengths: Array | None,
    mask: Array | None,
    explicit: bool,
    batch: int | None,
) -> Inputs:
    """The arrays for both models, with one explicit mask where the Keras model takes it."""
    if inputs is None:
        if lengths is not None or mask is not None:
            raise ValueError("lengths and mask belong to inputs; give the inputs too.")
        return random_inputs(model, explicit, batch=batch)
    arrays = [torch.as_tensor(array).detach().cpu().numpy() for array in as_list(inputs)]
    if lengths is None and mask is None:
        valid = np.ones(arrays[0].shape[:2], bool) if explicit else None
        return Inputs(arrays, valid)
    if not explicit:
        raise ParityUnavailable(
            "lengths and mask need a Keras model that takes a mask as its last input; build it "
            "with parity.to_keras(model, mask_input=True)."
        )
    like = next(model.parameters()).detach().cpu()
    valid = masked_inputs(model.spec, arrays, lengths, mask, like)[0].mask
    assert valid is not None
    return Inputs(arrays, valid.numpy())


def _ours(model: SequenceClassifier, given: Inputs) -> list[np.ndarray]:
    """Every output."""
    with fresh_states(model.model):
        outputs = model.predict(given.arrays, mask=given.mask)
    return outputs if isinstance(outputs, list) else [outputs]


def _theirs(model: "keras.Model", given: Inputs) -> list[np.ndarray]:
    """Every output."""
    from parity import keras_model

    with keras_model.fresh_states(model):
        return keras_model.predictions(model, given.all())
