"""Regularisers and constraints are data: by Keras's names or as specs, checked, and kept."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from birnn_lightning.nn import specs
from birnn_lightning.nn.constraints import constrained
from birnn_lightning.nn.specs import L1, L1L2, L2, MaxNorm, MinMaxNorm, UnitNorm, spec_from_config

RECURRENT: dict[str, Any] = {"cell": "gru", "hidden_size": 5}


def test_names_become_specs() -> None:
    spec = specs.Recurrent(
        **RECURRENT,
        kernel_regularizer="l2",  # type: ignore[arg-type]
        activity_regularizer="l1",  # type: ignore[arg-type]
        bias_constraint="unit_norm",  # type: ignore[arg-type]
    )
    found = (spec.kernel_regularizer, spec.activity_regularizer, spec.bias_constraint)
    assert found == (L2(l2=0.01), L1(l1=0.01), UnitNorm())
    assert spec.recurrent_regularizer is None


@pytest.mark.parametrize(
    "layer",
    [
        specs.Masking(activity_regularizer="l2"),  # type: ignore[arg-type]
        specs.Softmax(activity_regularizer="l2"),  # type: ignore[arg-type]
        specs.Dropout(rate=0.5, activity_regularizer="l2"),  # type: ignore[arg-type]
        specs.MaxPooling1D(activity_regularizer="l2"),  # type: ignore[arg-type]
        specs.Concatenate(activity_regularizer="l2"),  # type: ignore[arg-type]
        specs.Attention(activity_regularizer="l2"),  # type: ignore[arg-type]
        specs.Reshape(target_shape=(3,), activity_regularizer="l2"),  # type: ignore[arg-type]
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_every_layer_takes_an_activity_regulariser(layer: specs.LayerSpec) -> None:
    assert layer.activity_regularizer == L2()


def test_they_survive_a_config_and_do_not_count_in_comparisons() -> None:
    constraint = MinMaxNorm(min_value=0.25, rate=0.5, axis=(0, 1))
    spec = specs.Conv1D(
        filters=2,
        kernel_size=3,
        kernel_regularizer=L1L2(l1=0.5, l2=0.25),
        kernel_constraint=constraint,
    )
    back = spec_from_config(spec.to_config())
    assert back.to_config() == spec.to_config()
    assert (back.kernel_regularizer, back.kernel_constraint) == (L1L2(l1=0.5, l2=0.25), constraint)
    assert spec == specs.Conv1D(filters=2, kernel_size=3)


ACTIVE = specs.Recurrent(**RECURRENT, activity_regularizer=L2(l2=0.5))
REFUSED: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: specs.Dense(units=2, kernel_regularizer="l3"),  # type: ignore[arg-type]
        "regularizer must be one of l1, l2, l1l2, a spec such as L2(l2=1e-4), or None; got 'l3'.",
    ),
    (
        lambda: specs.Dense(units=2, bias_constraint="small"),  # type: ignore[arg-type]
        "constraint must be one of max_norm, min_max_norm, unit_norm, non_neg, a spec such as "
        "MaxNorm(max_value=3), or None; got 'small'.",
    ),
    (lambda: L2(l2=-0.5), "L2: l2 must be a finite number of at least 0; got -0.5."),
    (lambda: MaxNorm(max_value=-1), "MaxNorm: max_value must be finite and at least 0; got -1."),
    (
        lambda: MinMaxNorm(min_value=2.0),
        "MinMaxNorm: min_value must not be above max_value; got 2.0 and 1.0.",
    ),
    (lambda: UnitNorm(axis=()), "UnitNorm: axis must be an integer or several; got ()."),
    (
        lambda: specs.Input(shape=(3,), activity_regularizer=L2()),
        "Input: an input has no activity_regularizer; got L2(l2=0.01).",
    ),
    (
        lambda: specs.RecurrentStack(cells=(ACTIVE,)),
        "RecurrentStack: activity_regularizer belongs to the stack, not to its cells; got "
        "activity_regularizer=L2(l2=0.5) in a gru cell.",
    ),
    *(
        (
            lambda layer=layer: specs.TimeDistributed(layer=layer),
            "TimeDistributed: layer must not have an activity_regularizer, which Keras would not "
            "look at. Give it to TimeDistributed itself.",
        )
        for layer in (ACTIVE, specs.Bidirectional(forward=ACTIVE))
    ),
    (
        lambda: constrained(UnitNorm(axis=(0, 2)), torch.ones(3, 5)),
        "UnitNorm: axis must be axes of an array (3, 5), as Keras shapes it; got (0, 2).",
    ),
]


@pytest.mark.parametrize(("build", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        build()
