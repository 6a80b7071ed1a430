"""A converted model is compared with Keras, or with the NumPy oracle where Keras cannot tell."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from birnn_lightning.model_files import load_classifier
from birnn_lightning.module import SequenceClassifier
from parity.commands.source import Source
from parity.comparison import compare, float64_reference
from parity.convert import torch_state
from parity.differences import largest_difference
from parity.inputs import random_inputs
from parity.results import ParityReport, ParityRow, ParityUnavailable
from parity.runs import run_ours
from parity.suite.verdict import oracle_outputs, recurrent_nodes
from parity.tolerance import float64_bound


def check_conversion(
    path: str, source: Source, target: str, classifier: SequenceClassifier
) -> tuple[str, ParityReport]:
    """Compares what was written with where it came from.

    Args:
        path: the source's.
        source: as it was read.
        target: the written file.
        classifier: what was written into it.

    Returns:
        A sentence that says what was compared with what, and the comparison.
    """
    if source.keras_file is None and not target.endswith(".keras"):
        if target.endswith(".weights.h5"):
            return _by_oracle("A .weights.h5 holds no model for Keras to open", classifier)
        report = ParityReport(tuple(_bits(torch_state(load_classifier(target)), classifier)))
        return "Compared the written tensors with those of the source, bit by bit.", report
    keras_path = path if source.keras_file is not None else target
    return compare_with_source(keras_path, source, classifier)


def compare_with_source(
    path: str, source: Source, classifier: SequenceClassifier
) -> tuple[str, ParityReport]:
    """Compares a classifier with a Keras file, as Keras opens it, else with the oracle.

    Args:
        path: of the Keras file.
        source: what was read, for what is known about it.
        classifier: ours.

    Returns:
        As `check_conversion`.
    """
    if source.semantics == "keras2" and source.notes:
        return _by_oracle("Keras 3 means something else by this file, see the notes", classifier)
    try:
        from parity import keras_model

        theirs = keras_model.load(path)
        report = compare(classifier, theirs, case=Path(path).name)
        version = keras_model.keras.__version__
    except ParityUnavailable as error:
        return _by_oracle(f"Keras cannot be asked: {error}", classifier)
    return f"Compared with Keras {version} on random inputs.", report


def _by_oracle(reason: str, classifier: SequenceClassifier) -> tuple[str, ParityReport]:
    """Every recurrent layer against the textbook recurrence, in float64."""
    reference = float64_reference(classifier)
    given = random_inputs(reference)
    ours = run_ours(reference.model, given)
    rows = []
    for node in recurrent_nodes(reference.spec):
        truth = oracle_outputs(reference.model, node, given, ours, training=False)
        for name, expected in truth.items():
            difference = largest_difference(ours.outputs[name], expected)
            allowed = float64_bound(expected)
            rows.append(
                ParityRow(
                    case=node.name,
                    compared="oracle" if name == node.name else f"oracle, output {name}",
                    dtype="float64",
                    max_difference=difference,
                    allowed=allowed,
                    passed=difference <= allowed,
                )
            )
    how = f"{reason}. Compared the recurrent layers with the NumPy oracle on random inputs."
    return how.replace("..", "."), ParityReport(tuple(rows))


def _bits(written: Mapping[str, np.ndarray], classifier: SequenceClassifier) -> list[ParityRow]:
    return [
        ParityRow(
            case=name,
            compared="bits",
            dtype=str(array.dtype),
            max_difference=largest_difference(written[name], array),
            allowed=0.0,
            passed=written[name].tobytes() == array.tobytes(),
        )
        for name, array in torch_state(classifier).items()
    ]
