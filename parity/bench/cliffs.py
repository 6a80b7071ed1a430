"""The settings that make a framework leave its fast path, each with what it changes in the spec."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from parity.bench.configuration import CELLS, PLAIN, Configuration

GATED = ("lstm", "gru")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One such setting.

    Attributes:
        settings: fields of `birnn_lightning.nn.specs.Recurrent` that differ from their defaults.
        backward: the same for the backward direction alone.
        cells: those that have the setting.
        masks: the masks with which it is measured.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    backward: Mapping[str, Any] = field(default_factory=dict)
    cells: Sequence[str] = CELLS
    masks: Sequence[str] = ("unmasked",)


VARIANTS: dict[str, Variant] = {
    PLAIN: Variant(masks=("unmasked", "ragged", "left", "interior")),
    "recurrent dropout": Variant(settings={"recurrent_dropout": 0.2}),
    "dropout": Variant(settings={"dropout": 0.2}),
    "reset before": Variant(settings={"reset_after": False}, cells=("gru",)),
    "relu": Variant(settings={"activation": "relu"}),
    "hard sigmoid": Variant(settings={"recurrent_activation": "hard_sigmoid"}, cells=GATED),
    "backward without bias": Variant(backward={"use_bias": False}),
    "backward relu": Variant(backward={"activation": "relu"}),
    "float64": Variant(),
    "stateful": Variant(settings={"stateful": True}),
}


def cliff_configurations(base: Configuration) -> list[Configuration]:
    """The plain configuration of a cell and workload first, then every setting the cell has."""
    return [
        replace(base, variant=name, mask=mask)
        for name, variant in VARIANTS.items()
        if base.cell in variant.cells
        for mask in variant.masks
    ]


def plain_of(configuration: Configuration) -> Configuration:
    """What a setting is compared with."""
    return replace(configuration, variant=PLAIN, mask="unmasked")


def setting_name(configuration: Configuration) -> str:
    """What the table of cliffs calls it: the variant, or the mask of a plain one."""
    plain = configuration.variant == PLAIN
    return configuration.mask if plain and configuration.masked else configuration.variant
