"""Two models are compared on the same inputs, and a difference is either rounding or reported."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from birnn_lightning.inputs import Array, Arrays, as_list, masked_inputs
from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn.layers import Masking
from birnn_lightning.nn.specs import ModelSpec
from parity.convert import aligned_nodes
from parity.differences import distance, largest_difference
from parity.gradients import gradient_row
from parity.inputs import Inputs, random_inputs
from parity.layout import layer_rows
from parity.results import ParityReport, ParityRow, ParityUnavailable
from parity.runs import fresh_states
from parity.tolerance import float64_bound, rounding_bound
from parity.training.batches import given_batches, random_batches

if TYPE_CHECKING:
    import keras


HARDEST = 32


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
    truth = _ours(reference, given)
    reference_theirs = theirs.to_float64(keras_model)
    spec = theirs.spec_of(keras_model)
    outputs = _theirs(reference_theirs, given)
    rows = [_float64_row(case, reference, reference_theirs, spec, given, truth, outputs)]
    if gradients:
        rows.append(gradient_row(case, reference, reference_theirs, spec, given))
    if (
        next(model.parameters()).dtype == torch.float32
        and theirs.dtype_of(keras_model) == "float32"
    ):
        ours32, theirs32 = _ours(model, given), _theirs(keras_model, given)
        if ours32.shape == theirs32.shape:
            rows_to_explain = hardest_rows(truth, ours32, theirs32)
            hardest = given.take(rows_to_explain)
            bound = rounding_bound(
                reference, lambda network: _ours(network, hardest), truth[rows_to_explain]
            )
            rows.append(_float32_row(case, ours32, theirs32, truth, bound))
            if model.task in ("binary", "multiclass"):
                rows.append(_classes_row(case, ours32, theirs32, bound))
    if training_steps:
        from parity.training.check import compare_training

        batches = (
            random_batches(model, training_steps, explicit, batch)
            if inputs is None
            else given_batches(model, given, labels, training_steps, batch)
        )
        rows += compare_training(model, keras_model, batches, case=case).report.rows
    return ParityReport(tuple(rows))


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


def hardest_rows(truth: np.ndarray, *outputs: np.ndarray) -> np.ndarray:
    """Indices of the examples with the largest float32 errors, `HARDEST` of them at most.

    The bound must explain the largest error, so the sensitivity is measured where that is.
    """
    errors = np.maximum.reduce([distance(output, truth) for output in outputs])
    largest = np.nan_to_num(errors).reshape(len(truth), -1).max(1)
    return np.sort(np.argsort(-largest, kind="stable")[:HARDEST])


def float64_reference(model: SequenceClassifier) -> SequenceClassifier:
    """A float64 copy that runs on the readable reference engine."""
    reference = SequenceClassifier.from_config({**model.to_config(), "engine": "scan"}).double()
    state = {
        name: tensor.detach().cpu().double() for name, tensor in model.model.state_dict().items()
    }
    reference.model.load_state_dict(state)
    if next(model.parameters()).dtype == torch.float32:
        for layer in reference.model.layers.values():
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


def _ours(model: SequenceClassifier, given: Inputs) -> np.ndarray:
    with fresh_states(model.model):
        return model.predict(given.arrays, mask=given.mask)


def _theirs(model: "keras.Model", given: Inputs) -> np.ndarray:
    from parity import keras_model

    with keras_model.fresh_states(model):
        return keras_model.predict(model, _with_mask(given))


def _with_mask(given: Inputs) -> list[np.ndarray]:
    return given.arrays if given.mask is None else [*given.arrays, given.mask]


def _float64_row(
    case: str,
    reference: SequenceClassifier,
    reference_theirs: "keras.Model",
    spec: ModelSpec,
    given: Inputs,
    ours: np.ndarray,
    theirs: np.ndarray,
) -> ParityRow:
    row = {"case": case, "compared": "outputs", "dtype": "float64", "allowed": float64_bound(ours)}
    if ours.shape != theirs.shape:
        detail = f"shapes differ: ours {ours.shape}, theirs {theirs.shape}."
        return ParityRow(max_difference=float("nan"), passed=False, detail=detail, **row)
    difference = largest_difference(ours, theirs)
    passed = difference <= row["allowed"]
    detail = "" if passed else first_difference(reference, reference_theirs, spec, given)
    return ParityRow(max_difference=difference, passed=passed, detail=detail, **row)


def _float32_row(
    case: str, ours: np.ndarray, theirs: np.ndarray, truth: np.ndarray, bound: float
) -> ParityRow:
    """Both within ``bound`` of the truth, so within twice of it of each other."""
    errors = {"ours": largest_difference(ours, truth), "theirs": largest_difference(theirs, truth)}
    worst = max(errors, key=lambda name: errors[name])
    passed = all(error <= bound for error in errors.values())
    detail = f"{worst} is {errors[worst]:.3g} from float64, rounding explains {bound:.3g}."
    return ParityRow(
        case=case,
        compared="outputs",
        dtype="float32",
        max_difference=largest_difference(ours, theirs),
        allowed=2 * bound,
        passed=passed,
        detail="" if passed else detail,
    )


def _classes_row(case: str, ours: np.ndarray, theirs: np.ndarray, bound: float) -> ParityRow:
    """Counts the predictions that differ though the decision is not a tie within rounding."""
    binary = ours.shape[-1] == 1
    if binary:
        differ, margin = (ours > 0.5) != (theirs > 0.5), np.abs(ours - 0.5)
    else:
        differ = ours.argmax(-1) != theirs.argmax(-1)
        top = np.sort(ours, axis=-1)
        margin = top[..., -1] - top[..., -2]
    count = int(np.sum(differ & (margin > 2 * bound)))
    return ParityRow(
        case=case,
        compared=f"predicted classes ({differ.size})",
        dtype="float32",
        max_difference=float(np.sum(differ)),
        allowed=float(np.sum(differ) - count),
        passed=count == 0,
        detail="" if count == 0 else f"{count} of {differ.size} predictions differ.",
    )


def first_difference(
    ours: SequenceClassifier, theirs: "keras.Model", spec: ModelSpec, given: Inputs
) -> str:
    """Which layer's output differs first, where, by how much, and its rows of the weight table.

    Args:
        ours: in float64.
        theirs: in float64.
        spec: of theirs, as it was before its copy to float64.
        given: the inputs of both.
    """
    from parity import keras_model

    try:
        pairs = aligned_nodes(ours.spec, spec)
    except ParityUnavailable as error:
        return f"The models are not the same: {error}"
    pairs = [pair for pair in pairs if pair[0] not in ours.spec.inputs]
    with torch.no_grad(), fresh_states(ours.model):
        like = next(ours.parameters())
        computed = ours.model.stages(masked_inputs(ours.spec, given.arrays, None, given.mask, like))
    names = [pair[1].name for pair in pairs]
    with keras_model.fresh_states(theirs):
        their_stages = keras_model.stages(theirs, names, _with_mask(given))
    for (our_node, their_node), their_values in zip(pairs, their_stages, strict=True):
        values = computed[our_node.name].values
        if our_node is ours.spec.output:
            values = ours.model.activate(values)
        text = _stage_difference(values.numpy(), their_values)
        if text:
            rows = layer_rows(our_node.layer, their_node.name, f"layers.{our_node.name}")
            quoted = "; ".join(str(row) for row in rows) or "it has no weights"
            return f"First in layer {our_node.name!r}: {text} Table: {quoted}."
    return "Every layer agrees by itself; the outputs differ."


def _stage_difference(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Empty where two arrays agree."""
    if ours.shape != theirs.shape:
        return f"shapes {ours.shape} and {theirs.shape}."
    if largest_difference(ours, theirs) <= float64_bound(ours):
        return ""
    worst = int(np.argmax(distance(ours, theirs)))  # NaN counts as the largest
    where = tuple(int(i) for i in np.unravel_index(worst, ours.shape))
    return f"{ours[where]:.6g} is {theirs[where]:.6g} in Keras at {where}."


__all__: Sequence[str] = ("assert_parity", "compare", "first_difference", "float64_reference")
