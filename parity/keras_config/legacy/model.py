"""A model's config of any Keras version becomes the config that today's Keras would write.

Sources: the ``get_config`` and ``from_config`` of Keras 1.2, 2.2, 2.3, 2.15 and 3.15.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from parity.keras_config.legacy.checks import listing, malformed, mapping
from parity.keras_config.legacy.functional import functional
from parity.keras_config.legacy.layers import MODEL_NAMES, Config
from parity.keras_config.legacy.masks import checked_masks
from parity.keras_config.legacy.merged import is_merged, merged_inputs
from parity.keras_config.legacy.sequential import sequential
from parity.keras_config.legacy.written import Semantics, Written, written_by
from parity.results import ParityUnavailable

DEEPEST = 16


@dataclass(frozen=True, kw_only=True)
class NormalizedModel:
    """A model as Keras 3.15 would write it.

    Attributes:
        class_name: ``"Sequential"`` or ``"Functional"``.
        config: what the model's ``get_config`` would return; a layer whose weights the file has in
            another form bears the key ``"weight_form"``, a name in
            `parity.keras_files.weight_forms.WEIGHT_FORMS`.
        semantics: whose functions and masks are meant.
        notes: sentences about what the version's own meaning changed.
    """

    class_name: str
    config: Config
    semantics: Semantics
    notes: tuple[str, ...] = ()


def normalized_model(
    class_name: str,
    config: Any,
    *,
    keras_version: str | None,
    backend: str | None,
    semantics: str = "auto",
) -> NormalizedModel:
    """The config that today's Keras would write for a model of any version.

    Args:
        class_name: the model's class in the file, e.g. ``"Model"``.
        config: the model's config in the file; of a Sequential also a bare list of layers.
        keras_version: of what wrote the file, e.g. ``"2.2.4-tf"``; None where it is not named.
        backend: ``"tensorflow"``, ``"theano"``, ...; None where it is not named.
        semantics: whose ``hard_sigmoid`` and masks are meant: ``"keras2"``, ``"keras3"``, or
            ``"auto"`` for those of the version that wrote the file.

    Raises:
        ParityUnavailable: not the config of a Sequential or functional model, or a setting or a
            mask that means something which today's Keras cannot say; the message names the layer.
    """
    if class_name == "Graph":
        raise ParityUnavailable(
            "a Keras model of class Graph is not supported: Keras 1.0 took it away. Build it again "
            "as a functional model, and save that."
        )
    if class_name not in MODEL_NAMES:
        raise ParityUnavailable(
            f"a Keras model of class {class_name} is not supported. Use Sequential or functional."
        )
    written = written_by(keras_version, backend, semantics, config)
    model_class, normalized = _model(MODEL_NAMES[class_name], config, written, depth=0)
    if written.major < 3 and written.semantics == "keras2":
        checked_masks(model_class, normalized, written)
    return NormalizedModel(
        class_name=model_class,
        config=normalized,
        semantics=written.semantics,
        notes=tuple(written.notes),
    )


def _model(class_name: str, config: Any, written: Written, depth: int) -> tuple[str, Config]:
    if depth > DEEPEST:
        raise ParityUnavailable(
            f"the model has models inside models {depth} deep; at most {DEEPEST} are supported."
        )

    def submodel(inner_class: str, inner: Any) -> tuple[str, Config]:
        return _model(inner_class, inner, written, depth + 1)

    if isinstance(config, list | tuple):
        config = {"layers": list(config)}
    config = mapping(config, "the config of a model")
    layers = listing(config.get("layers"), "the layers of a model")
    if not layers or not all(isinstance(layer, Mapping) for layer in layers):
        raise malformed("the layers of a model", layers, "a list of layers, at least one")
    config["layers"] = layers
    if class_name == "Sequential" and is_merged(layers):
        class_name, config = "Functional", merged_inputs(config)
    if class_name == "Sequential":
        return class_name, sequential(config, written, submodel)
    return class_name, functional(config, written, submodel)
