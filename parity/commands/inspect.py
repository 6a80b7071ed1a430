"""python -m parity inspect: what is in a model file, and everything that would be refused."""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from birnn_lightning.model_files import is_own_file, is_safetensors, load_classifier
from birnn_lightning.nn.specs import ModelSpec
from parity.commands.layer_lines import LayerLine, layer_lines, layer_table, shown_shape
from parity.keras_config.legacy import NormalizedModel
from parity.keras_config.model import read_node, task_of
from parity.keras_config.nodes import model_graph
from parity.keras_files.file import KerasFile, open_keras_file
from parity.keras_files.reading import read_config, read_spec
from parity.keras_files.refusals import malformed_refused
from parity.report.terminal import aligned
from parity.report.wording import visible
from parity.results import ParityUnavailable


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What a file holds.

    Attributes:
        about: facts in the order in which they are told.
        layers: of a model that can be converted.
        keras_layers: name and class of each layer, of one that cannot.
        inputs: name to shape.
        outputs: reference to shape.
        notes: what the file's version means otherwise.
        refused: what cannot be converted and why, all of it.
    """

    about: dict[str, Any]
    layers: tuple[LayerLine, ...] = ()
    keras_layers: tuple[tuple[str, str], ...] = ()
    inputs: Mapping[str, tuple[int | None, ...]]
    outputs: Mapping[str, tuple[int | None, ...]]
    notes: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as primitives."""
        return {
            **self.about,
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "outputs": {name: list(shape) for name, shape in self.outputs.items()},
            "parameters": sum(one.parameters for one in self.layers),
            "layers": [one.to_json() for one in self.layers]
            or [{"name": name, "class_name": kind} for name, kind in self.keras_layers],
            "notes": list(self.notes),
            "refused": list(self.refused),
        }


def run_inspect(options: argparse.Namespace) -> bool:
    """Prints what the file holds; returns whether it can be converted.

    Raises:
        ParityUnavailable: the file cannot be read.
    """
    found = inspect_file(options.file, options.semantics, options.backend)
    print(json.dumps(found.to_json(), indent=2) if options.json else report(found))
    return not found.refused


def inspect_file(path: str, semantics: str = "auto", backend: str | None = None) -> Inspection:
    """What is in a file, by its content; see `run_inspect`."""
    if not Path(path).is_file():
        raise ParityUnavailable(f"model file not found: {path}.")
    if is_own_file(path):
        return _own_file(path)
    return _keras_file(open_keras_file(path, backend), semantics)


def report(found: Inspection) -> str:
    """The inspection as people read it."""
    lines = [f"{name}: {visible(str(value))}" for name, value in found.about.items() if value]
    for title, shapes in (("inputs", found.inputs), ("outputs", found.outputs)):
        shown = (f"{visible(name)} {shown_shape(shape)}" for name, shape in shapes.items())
        if shapes:
            lines.append(f"{title}: {', '.join(shown)}")
    if found.layers:
        lines += ["", layer_table(found.layers)]
    elif found.keras_layers:
        rows = [(visible(name), visible(kind)) for name, kind in found.keras_layers]
        lines += ["", *aligned([("layer", "class"), *rows], numbers=0)]
    for number, note in enumerate(found.notes, 1):
        lines += [""] * (number == 1) + [f"Note {number}: {visible(note)}"]
    if found.refused:
        lines += ["", "Would be refused:", *(f"- {visible(one)}" for one in found.refused)]
    return "\n".join(lines)


def _own_file(path: str) -> Inspection:
    try:
        model = load_classifier(path)
    except (ValueError, OSError) as error:
        raise ParityUnavailable(str(error)) from None
    preprocessing = model.preprocessing
    about = {
        "container": "safetensors" if is_safetensors(path) else "lightning checkpoint",
        "task": model.task,
        "precision": str(next(model.parameters()).dtype).removeprefix("torch."),
        "preprocessing": None if preprocessing is None else preprocessing.to_config()["kind"],
    }
    return _of_spec(about, model.spec, ())


def _keras_file(file: KerasFile, semantics: str) -> Inspection:
    about = {
        "container": file.container,
        "saved by": f"Keras {file.keras_version}" if file.keras_version else "an unknown Keras",
        "backend": file.backend,
        "model": file.class_name,
        "assets": ", ".join(file.assets),
    }
    if not file.class_name:
        return Inspection(about=about, inputs={}, outputs={}, refused=_weights_alone())
    names = tuple(_names(file.config))
    try:
        model = read_config(file, semantics)
    except ParityUnavailable as error:
        refused = tuple(dict.fromkeys([*_refused_apart(file, semantics), str(error)]))
        return Inspection(about=about, keras_layers=names, inputs={}, outputs={}, refused=refused)
    about["semantics"] = model.semantics
    try:
        _, spec, preprocessing = read_spec(file, model)
    except ParityUnavailable as error:
        refused = tuple(dict.fromkeys([*_refused_layers(file.path, model), str(error)]))
        return Inspection(
            about=about,
            keras_layers=names,
            inputs={},
            outputs={},
            notes=tuple(model.notes),
            refused=refused,
        )
    if file.weights is None:
        about["weights"] = "none; give convert a file of them with --weights"
    about["preprocessing"] = None if preprocessing is None else "text, with its vocabulary"
    return _of_spec({**about, "task": task_of(spec)}, spec, tuple(model.notes))


def _of_spec(about: dict[str, Any], spec: ModelSpec, notes: tuple[str, ...]) -> Inspection:
    shapes = spec.shapes()
    return Inspection(
        about=about,
        layers=tuple(layer_lines(spec, notes)),
        inputs={node.name: shapes[node.name] for node in spec.inputs},
        outputs={name: shapes[name] for name in spec.outputs},
        notes=notes,
    )


def _weights_alone() -> tuple[str, ...]:
    return (
        "The file holds weights without a model. Give convert the model's architecture as SOURCE, "
        "and this file with --weights.",
    )


def _names(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and class of each layer in a config of any version."""
    for layer in config["layers"]:
        if isinstance(layer, Mapping):
            settings = layer.get("config")
            inner = settings.get("name") if isinstance(settings, Mapping) else None
            yield str(layer.get("name") or inner or "?"), str(layer.get("class_name"))


def _refused_apart(file: KerasFile, semantics: str) -> Iterator[str]:
    """Why each layer's config cannot be read, where one cannot: the layers one by one."""
    for layer in file.config["layers"]:
        alone = KerasFile(
            path=file.path,
            container=file.container,
            keras_version=file.keras_version,
            backend=file.backend,
            class_name="Sequential",
            config={"layers": [layer]},
        )
        try:
            model = read_config(alone, semantics)
        except ParityUnavailable as error:
            yield str(error)
        else:
            yield from _refused_layers(file.path, model)


def _refused_layers(path: Path, model: NormalizedModel) -> Iterator[str]:
    """Why each layer that is refused is refused."""
    try:
        with malformed_refused(path):
            nodes = model_graph(model.class_name, model.config).nodes
    except ParityUnavailable:
        return  # which the whole model's error says
    for node in nodes:
        if node.class_name != "InputLayer" and not node.shares:
            try:
                with malformed_refused(path):
                    read_node(node)
            except ParityUnavailable as error:
                yield str(error)
