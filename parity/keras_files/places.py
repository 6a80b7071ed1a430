"""Where a row of the weight table stands among a model's layers, read off the model's config."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from parity.keras_config.names import module_name
from parity.keras_files.names import numbered
from parity.keras_files.refusals import quoted
from parity.results import ParityUnavailable

Config = Mapping[str, Any]

MODELS = ("Functional", "Sequential", "Model")
INNER: Mapping[str, tuple[str, ...]] = {
    "layer": ("layer",),
    "forward_layer": ("layer",),
    "backward_layer": ("backward_layer", "layer"),
    "cell": ("cell",),
}
"""Where a layer's config describes the layer that it has as an attribute; the first that is set."""
NOT_TRAINED = frozenset({"moving_mean", "moving_variance", "adapt_mean", "adapt_variance"})


@dataclass(frozen=True, kw_only=True)
class Layers:
    """A list in the walk from a model to a variable: whose layers Keras's files count by class.

    Attributes:
        names: of the layers, as their model calls them.
        classes: their classes.
        chosen: place in the list.
    """

    names: tuple[str, ...]
    classes: tuple[str, ...]
    chosen: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """One variable.

    Attributes:
        row: `Row.keras`.
        walk: from the model to the variable's owner: attribute names, and `Layers` for lists.
        indices: places in the lists of layers on the way; variables of a model sort by it.
        leaf: the start of ``row`` up to the innermost layer of the config.
        weight_form: of that layer, a key of ``WEIGHT_FORMS``; None where it has Keras 3's.
        class_name: of that layer.
        layers: names of the layers of models on the way.
        trainable: whether each layer on the way is, outermost first, then the variable itself.
    """

    row: str
    walk: tuple[str | Layers, ...] = ()
    indices: tuple[int, ...] = ()
    leaf: str = ""
    weight_form: str | None = None
    class_name: str = ""
    layers: tuple[str, ...] = ()
    trainable: tuple[bool, ...] = field(default=())

    @property
    def layer(self) -> str:
        """The layer of the whole model that it belongs to."""
        return self.row.split("/")[0]

    @property
    def variable(self) -> str:
        """The variable's name, e.g. ``"kernel"``."""
        return self.row.split("/")[-1]

    def owner(self, root: str, doubled: frozenset[str] | None = None) -> str:
        """The path of the object that has the variable, as Keras's ``.weights.h5`` files call it.

        Args:
            root: what a model's list of layers is called.
            doubled: names of layers that the file counts twice.
        """
        parts = [
            part
            if isinstance(part, str)
            else f"{root if part.names else 'cells'}/{_counted(part, doubled or frozenset())}"
            for part in self.walk
        ]
        return "/".join(parts)


def _counted(layers: Layers, doubled: frozenset[str]) -> str:
    times = [2 if name in doubled else 1 for name in layers.names or layers.classes]
    each = zip(layers.classes, times, strict=True)
    counted = list(numbered([name for name, number in each for _ in range(number)]))
    return counted[sum(times[: layers.chosen])]


def places(config: Config, rows: Iterable[str], written: Config | None = None) -> list[Place]:
    """The rows' places in the order of the model's layers, rows of one layer as they come.

    Args:
        config: of the model, normalised.
        rows: `Row.keras` of each.
        written: the config as in the file, whose classes are those that the file counts.

    Raises:
        ParityUnavailable: a row of a layer that the config does not have.
    """
    found = []
    for row in rows:
        parts = row.split("/")
        place = Place(row=row, trainable=(parts[-1] not in NOT_TRAINED,))
        found.append(_in_model(place, config, written or config, parts, 0))
    return sorted(found, key=lambda place: place.indices)


def _in_model(place: Place, model: Config, written: Config, parts: list[str], at: int) -> Place:
    """Goes on to the layer ``parts[at]`` of a model."""
    entries = {entry_name(entry): entry for entry in model["layers"]}
    listed = [one for one in written.get("layers", ()) if not _is_operation(one)]
    names = [entry_name(entry) for entry in listed]
    if parts[at] not in entries:
        raise ParityUnavailable(
            f"the weight {place.row} is of a layer {quoted(parts[at])} that the model does not "
            f"have. It has {', '.join(entries)}."
        )
    if parts[at] not in names:
        listed = [one for one in model["layers"] if not _is_operation(one)]
        names = [entry_name(entry) for entry in listed]
    chosen = names.index(parts[at])
    layers = Layers(
        names=tuple(names), classes=tuple(one["class_name"] for one in listed), chosen=chosen
    )
    place = replace(
        place,
        walk=(*place.walk, layers),
        indices=(*place.indices, list(entries).index(parts[at])),
        layers=(*place.layers, parts[at]),
    )
    return _in_layer(place, entries[parts[at]], listed[chosen], parts, at + 1)


def _in_layer(
    place: Place, entry: Config | None, written: Config | None, parts: list[str], at: int
) -> Place:
    """Goes on from a layer through its attributes to the variable.

    Args:
        place: as far as the way has come.
        entry: the layer's class and config; None in what has no config of its own.
        written: the same as in the file.
        parts: of the row's path; ``parts[at:]`` are below the layer.
        at: see ``parts``.
    """
    if entry is not None:
        config = entry["config"]
        place = replace(
            place,
            leaf="/".join(parts[:at]),
            weight_form=entry.get("weight_form"),
            class_name=entry["class_name"],
            trainable=(*place.trainable, config.get("trainable", True) is not False),
        )
        if entry["class_name"] in MODELS:
            inner = (written or entry)["config"]
            return _in_model(place, config, _as_model(inner), parts, at)
    if at == len(parts) - 1:
        return place
    name = parts[at]
    if name == "cells" and entry is not None:
        cells, chosen = entry["config"]["cells"], int(parts[at + 1])
        classes = tuple(cell["class_name"] for cell in cells)
        layers = Layers(names=(), classes=classes, chosen=chosen)
        place = replace(place, walk=(*place.walk, layers), indices=(*place.indices, chosen))
        return _in_layer(place, cells[chosen], None, parts, at + 2)
    place = replace(place, walk=(*place.walk, name))
    if name == "backward_layer":
        place = replace(place, indices=(*place.indices, 1))
    elif name == "forward_layer":
        place = replace(place, indices=(*place.indices, 0))
    return _in_layer(place, _inner(entry, name), _inner(written, name), parts, at + 1)


def _inner(entry: Config | None, attribute: str) -> Config | None:
    """The config of a layer that another has as an attribute, or None."""
    if entry is None:
        return None
    config = entry["config"]
    found = (config.get(key) for key in INNER.get(attribute, ()))
    return next((one for one in found if isinstance(one, Mapping) and "config" in one), None)


def _as_model(config: Any) -> Config:
    return config if isinstance(config, Mapping) else {"layers": config}


def entry_name(entry: Config) -> str:
    """The name of a model's layer, as the weight table has it."""
    return module_name(str(entry.get("name") or entry["config"]["name"]))


def _is_operation(entry: Config) -> bool:
    """Whether an entry of a functional model is an operation, which Keras does not count."""
    return ".ops" in (entry.get("module") or "")


def inner_layers(found: Sequence[Place]) -> frozenset[str]:
    """Names of all layers of models that these places lie in."""
    return frozenset(name for place in found for name in place.layers)
