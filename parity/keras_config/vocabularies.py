"""A Keras layer that takes strings becomes the preprocessing that makes its tokens.

A `.keras` file holds what such a layer has learned as an asset, one token a line; a vocabulary
that was given to the layer stands in its settings. An HDF5 file holds the latter alone.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from birnn_lightning.data import TextPreprocessing, Vocabulary
from birnn_lightning.data.vocabulary import PADDING_TOKEN, UNKNOWN_TOKEN
from parity.keras_config.activations import shown
from parity.keras_config.entry import TRAINING_SETTINGS
from parity.results import ParityUnavailable

STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation", None)
SPLIT = ("whitespace", "character", None)
_ASIDE = TRAINING_SETTINGS | {
    *("vocabulary", "vocabulary_size", "max_tokens", "pad_to_max_tokens", "oov_token"),
    *("oov_method", "salt", "batch_input_shape"),
}
"""Settings that are read below, or that change nothing where tokens are whole numbers."""
_COMMON = {
    "output_mode": ("int",),
    "sparse": (False,),
    "idf_weights": (None,),
    "encoding": ("utf-8",),
}
_SUPPORTED: dict[str, dict[str, tuple[Any, ...]]] = {
    "TextVectorization": {
        **_COMMON,
        "standardize": STANDARDIZE,
        "split": SPLIT,
        "ngrams": (None,),
        "ragged": (False,),
    },
    "StringLookup": {
        **_COMMON,
        "invert": (False,),
        "num_oov_indices": (1,),
        "mask_token": (None, PADDING_TOKEN),
    },
}
"""What the settings of each layer may be."""

TEXT_LAYERS = tuple(_SUPPORTED)
"""The Keras layers that take strings and can be expressed."""


def text_preprocessing(
    class_name: str,
    config: Mapping[str, Any],
    assets: Mapping[str, Callable[[], bytes]],
    *,
    before: int = 0,
    class_names: Sequence[str] = (),
) -> TextPreprocessing:
    """What turns strings into the tokens that a Keras layer makes of them.

    Args:
        class_name: of the layer, one of `TEXT_LAYERS`.
        config: its settings.
        assets: readers of the file's assets by path.
        before: how many layers of this class stand before it in the same model.
        class_names: of the classifier's classes.

    Raises:
        ParityUnavailable: a setting that changes the tokens and cannot be expressed, or a
            vocabulary that is not in the file or not readable; the message names the layer.
    """
    where = f"layer {config.get('name')!r} of class {class_name}"
    if class_name not in _SUPPORTED:
        raise ParityUnavailable(
            f"{where} is not supported. Supported: {', '.join(TEXT_LAYERS)}. Take it out of the "
            "model and give the model the tokens."
        )
    _check_settings(class_name, config, where)
    tokens = config.get("vocabulary")
    if tokens is None:
        tokens = _asset_tokens(class_name, config, assets, before, where)
    elif not isinstance(tokens, list | tuple) or not all(isinstance(one, str) for one in tokens):
        raise ParityUnavailable(
            f"{where}: vocabulary must be a list of strings; got {shown(tokens)[:60]}. Save the "
            "model with the vocabulary itself, not with the name of a file."
        )
    length = config.get("output_sequence_length")
    if length is not None and (type(length) is not int or length < 1):
        raise ParityUnavailable(
            f"{where}: output_sequence_length={length!r} is not supported. Supported: None and "
            "whole numbers of at least 1."
        )
    try:
        return TextPreprocessing(
            vocabulary=_vocabulary(class_name, config, list(tokens)),
            class_names=tuple(class_names),
            max_length=length,
            padding="post",
            truncation="post",
            pad_to="longest" if length is None else "max_length",
            empty="padding",
        )
    except ValueError as error:
        raise ParityUnavailable(f"{where}: {error}") from None


def _check_settings(class_name: str, config: Mapping[str, Any], where: str) -> None:
    supported = _SUPPORTED[class_name]
    for setting, value in config.items():
        if setting in _ASIDE or (setting, class_name) == (
            "output_sequence_length",
            "TextVectorization",
        ):
            continue
        if value not in supported.get(setting, ()):
            allowed = " or ".join(map(repr, supported.get(setting, ()))) or "no such setting"
            raise ParityUnavailable(
                f"{where}: {setting}={shown(value)} is not supported. Supported: {allowed}."
            )


def _vocabulary(class_name: str, config: Mapping[str, Any], tokens: list[str]) -> Vocabulary:
    """The special tokens first, whether they stand among the tokens or not."""
    is_text = class_name == "TextVectorization"
    padded = is_text or config.get("mask_token") is not None
    unknown = UNKNOWN_TOKEN if is_text else config.get("oov_token", UNKNOWN_TOKEN)
    special = [PADDING_TOKEN, unknown] if padded else [unknown]
    learned = tokens[len(special) :] if tokens[: len(special)] == special else tokens
    return Vocabulary(
        [*([PADDING_TOKEN] if padded else []), UNKNOWN_TOKEN, *learned],
        standardize=config.get("standardize", STANDARDIZE[0]) if is_text else None,
        split=config.get("split", "whitespace") if is_text else None,
        padded=padded,
    )


def _asset_tokens(
    class_name: str,
    config: Mapping[str, Any],
    assets: Mapping[str, Callable[[], bytes]],
    before: int,
    where: str,
) -> list[str]:
    """The lines of the layer's asset; Keras names its folder after the class and a count."""
    folder = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", class_name).lower()
    folder = f"{folder}_{before}" if before else folder
    found = [path for path in assets if f"/{path}".endswith(f"/{folder}/vocabulary.txt")]
    if len(found) != 1:
        raise ParityUnavailable(
            f"{where}: the file must hold its vocabulary once, as {folder}/vocabulary.txt; it does "
            f"{len(found)} times. Save the model as .keras, or give the layer its vocabulary."
        )
    try:
        text = assets[found[0]]().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParityUnavailable(f"{where}: {found[0]} is not UTF-8: {error}.") from None
    lines = text.splitlines()
    size = config.get("vocabulary_size", len(lines))
    plain = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if lines != plain or size != len(lines) or not lines or not lines[-1]:
        raise ParityUnavailable(
            f"{where}: {found[0]} has {len(lines)} lines for {size} tokens, because a token holds "
            "a line break, so Keras reads it as other tokens too. Give the layer its vocabulary as "
            "a list and save the model again."
        )
    return lines
