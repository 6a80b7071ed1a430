"""Strings become the tokens that Keras's own layers make of them, from the files that it writes."""

import json
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from birnn_lightning.data import TextPreprocessing
from parity.keras_config.vocabularies import text_preprocessing

pytestmark = pytest.mark.tensorflow
tf: Any = pytest.importorskip("tensorflow", reason="the reference is Keras on TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the reference is Keras")

TEXTS = [
    "A good, good film. It's 10/10!",
    "  two   spaces\tand\ttabs\nlines\r\nmore \v\f ends ",
    "",
    " \t\n",
    "!?...",
    "Été ÉTÉ été İstanbul ΣΊΣΥΦΟΣ Straße",
    "日本語 のテキスト 😀😀 e\u0301 \u200bzero\u200b \u00a0nbsp\u00a0 a\u3000b",
    "[UNK] unk [unk] <br /><br />",
    "under_score hy-phen back\\slash `tick` ^caret^ ~tilde~ \u2019quote\u2019",
    "good " * 3001 + "film",
    "A\u0301A",
    "a good film",
]
LEARNED = ["a good film", "good it's its 10/10 été é 日本語 😀😀 [UNK]", "ends br a\u3000b film a"]


def ours(layer: Any, folder: Path) -> TextPreprocessing:
    """From the file of a model that begins with the layer."""
    inputs = keras.Input((1,), dtype="string")
    keras.Model(inputs, layer(inputs)).save(folder / "model.keras")
    with zipfile.ZipFile(folder / "model.keras") as archive:
        (saved,) = (
            one
            for one in json.loads(archive.read("config.json"))["config"]["layers"]
            if one["class_name"] == type(layer).__name__
        )
        contents = {name: archive.read(name) for name in archive.namelist() if "assets/" in name}
    assets = {
        name.removeprefix("assets/"): partial(bytes, content) for name, content in contents.items()
    }
    return text_preprocessing(saved["class_name"], saved["config"], assets)


@pytest.mark.parametrize("adapted", [True, False], ids=["adapted", "given"])
@pytest.mark.parametrize("length", [None, 5])
@pytest.mark.parametrize("split", ["whitespace", "character", None])
@pytest.mark.parametrize(
    "standardize", ["lower_and_strip_punctuation", "lower", "strip_punctuation", None]
)
def test_text_vectorization(
    standardize: str | None, split: str | None, length: int | None, adapted: bool, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"standardize": standardize, "split": split}
    layer = keras.layers.TextVectorization(output_sequence_length=length, **settings)
    layer.adapt(LEARNED)
    if not adapted:
        vocabulary = [str(token) for token in layer.get_vocabulary()]
        layer = keras.layers.TextVectorization(
            output_sequence_length=length, vocabulary=vocabulary, **settings
        )
    expected = np.asarray(layer(tf.constant(TEXTS)[:, None]))
    assert (expected > 1).any()
    made = ours(layer, tmp_path)
    assert made(TEXTS).inputs.tolist() == expected.tolist()


def test_a_limit_of_tokens(tmp_path: Path) -> None:
    layer = keras.layers.TextVectorization(max_tokens=5, pad_to_max_tokens=True)
    layer.adapt(LEARNED)
    made = ours(layer, tmp_path)
    assert len(made.vocabulary) == 5
    expected = np.asarray(layer(tf.constant(TEXTS)[:, None]))
    assert made(TEXTS).inputs.tolist() == expected.tolist()


@pytest.mark.parametrize("mask_token", [None, ""])
@pytest.mark.parametrize("oov_token", ["[UNK]", "?"])
@pytest.mark.parametrize("adapted", [True, False], ids=["adapted", "given"])
def test_string_lookup(
    mask_token: str | None, oov_token: str, adapted: bool, tmp_path: Path
) -> None:
    words = [["Film", "good", "", "?"], ["film", "Film", "[UNK]", "été"]]
    settings = {"mask_token": mask_token, "oov_token": oov_token}
    known = ["Film", "été", "good"]
    layer = keras.layers.StringLookup(vocabulary=None if adapted else known, **settings)
    if adapted:
        layer.adapt(known)
    made = ours(layer, tmp_path)
    assert made(words).inputs.tolist() == np.asarray(layer(tf.constant(words))).tolist()


def test_keras_reads_another_vocabulary_where_a_token_holds_a_line_break(tmp_path: Path) -> None:
    """Why such a file is refused: what it was trained with and what Keras reads differ."""
    layer = keras.layers.TextVectorization()
    layer.adapt(["a\u0085b c c"])
    inputs = keras.Input((1,), dtype="string")
    keras.Model(inputs, layer(inputs)).save(tmp_path / "broken.keras")
    loaded = keras.saving.load_model(tmp_path / "broken.keras").layers[1]
    assert list(loaded.get_vocabulary()) == ["", "[UNK]", "c", "a", "b"]
    assert list(layer.get_vocabulary()) == ["", "[UNK]", "c", "a\u0085b"]
