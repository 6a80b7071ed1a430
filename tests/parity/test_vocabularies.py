"""A layer that takes strings becomes a preprocessing, from its settings or from an asset."""

import re
from typing import Any

import pytest
import torch

from birnn_lightning.data import TextPreprocessing, Vocabulary, preprocessing_from_config
from parity.keras_config.vocabularies import text_preprocessing
from parity.results import ParityUnavailable

ASSET = "\n[UNK]\nfilm\ngood\nété"
ASSETS = {
    "layers/text_vectorization/_lookup_layer/vocabulary.txt": lambda: b"never read",
    "layers/text_vectorization/vocabulary.txt": lambda: ASSET.encode(),
    "layers/text_vectorization_1/vocabulary.txt": lambda: b"\r\n[UNK]\r\nother\r\n",
    "layers/string_lookup/vocabulary.txt": lambda: b"?\nfilm",
}


def vectorization(**changes: Any) -> TextPreprocessing:
    return text_preprocessing("TextVectorization", {"name": "words", **changes}, ASSETS)


def lookup(**changes: Any) -> TextPreprocessing:
    return text_preprocessing("StringLookup", {"name": "words", **changes}, ASSETS)


def test_the_vocabulary_of_an_asset() -> None:
    made = vectorization(vocabulary=None, vocabulary_size=5, output_sequence_length=3)
    assert made.vocabulary == Vocabulary(["", "[UNK]", "film", "good", "été"])
    texts = ["Good, good film! it was good", "", "ÉTÉ été"]
    assert made(texts).inputs.tolist() == [[3, 3, 2], [0, 0, 0], [1, 4, 0]]


def test_the_asset_of_the_second_layer() -> None:
    config = {"name": "words_1", "vocabulary": None}
    made = text_preprocessing("TextVectorization", config, ASSETS, before=1, class_names=("a", "b"))
    assert made.vocabulary.tokens == ("", "[UNK]", "other")
    assert made.class_names == ("a", "b")


@pytest.mark.parametrize("special", [[], ["", "[UNK]"]])
def test_the_vocabulary_of_the_settings(special: list[str]) -> None:
    made = vectorization(vocabulary=[*special, "a", "b"], split="character", standardize="lower")
    assert made(["Ab-", "b"]).inputs.tolist() == [[2, 3, 1], [3, 0, 0]]


def test_words_one_by_one() -> None:
    made = lookup(vocabulary=["Film", "a b"], mask_token=None)
    assert made([["Film", "film"], ["a b", "?"]]).inputs.tolist() == [[1, 0], [2, 0]]
    made = lookup(vocabulary=["Film"], mask_token="")
    assert made([["Film", "film"], ["", "Film"]]).inputs.tolist() == [[2, 1], [0, 2]]
    assert lookup(oov_token="?").vocabulary.tokens == ("[UNK]", "film")


def test_it_survives_a_checkpoint() -> None:
    for made in (vectorization(split=None, standardize=None), lookup(vocabulary=["a"])):
        assert preprocessing_from_config(made.to_config()) == made


def test_an_old_checkpoint_means_what_it_meant() -> None:
    config = vectorization().to_config()
    del config["empty"]
    config["vocabulary"] = {"tokens": config["vocabulary"]["tokens"]}
    old = preprocessing_from_config(config)
    assert isinstance(old, TextPreprocessing)
    assert old(["", "Film!"]).inputs.tolist() == [[1], [2]]
    assert old != vectorization()


def test_a_batch_of_empty_texts_has_no_step() -> None:
    assert vectorization()(["", "!"]).inputs.shape == torch.Size([2, 0])


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "ngrams": ({"ngrams": 2}, "ngrams=2 is not supported. Supported: None."),
    "count": ({"output_mode": "count"}, "output_mode='count' is not supported. Supported: 'int'."),
    "a function": (
        {"standardize": {"class_name": "function", "config": "mine"}},
        "standardize='mine' is not supported. Supported: 'lower_and_strip_punctuation' or 'lower'",
    ),
    "ragged": ({"ragged": True}, "ragged=True is not supported"),
    "encoding": ({"encoding": "utf-16"}, "encoding='utf-16' is not supported"),
    "idf": ({"idf_weights": [1.0]}, "idf_weights=[1.0] is not supported"),
    "length": ({"output_sequence_length": 0}, "output_sequence_length=0 is not supported"),
    "unknown": ({"stem": True}, "stem=True is not supported. Supported: no such setting"),
    "a file": ({"vocabulary": "words.txt"}, "vocabulary must be a list of strings"),
    "twice": ({"vocabulary": ["a", "a"]}, "tokens must differ from each other; got 'a'"),
    "line break": ({"vocabulary_size": 4}, "has 5 lines for 4 tokens"),
}


@pytest.mark.parametrize(("changes", "reason"), REFUSED.values(), ids=REFUSED)
def test_refused_by_name(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ParityUnavailable, match=re.escape(reason)) as refusal:
        vectorization(**changes)
    assert str(refusal.value).startswith("layer 'words' of class TextVectorization")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"num_oov_indices": 2}, "num_oov_indices=2 is not supported. Supported: 1."),
        ({"mask_token": "PAD"}, "mask_token='PAD' is not supported. Supported: None or ''."),
        ({"invert": True}, "invert=True is not supported"),
    ],
)
def test_lookups_refused_by_name(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ParityUnavailable, match=re.escape(reason)):
        lookup(**changes)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\n[UNK]\na\x0bb", "has 4 lines for 4 tokens, because a token holds a line break"),
        ("\n[UNK]\na\u2028b".encode(), "because a token holds a line break"),
        (b"\n[UNK]\na\n\n", "because a token holds a line break"),
        (b"\n[UNK]\n\xff", "is not UTF-8"),
    ],
)
def test_an_asset_that_keras_reads_differently_is_refused(content: bytes, reason: str) -> None:
    assets = {"layers/text_vectorization/vocabulary.txt": lambda: content}
    with pytest.raises(ParityUnavailable, match=re.escape(reason)):
        text_preprocessing("TextVectorization", {"name": "words"}, assets)


def test_a_file_without_the_vocabulary_is_refused() -> None:
    with pytest.raises(ParityUnavailable, match=r"text_vectorization/vocabulary.txt; it does 0 ti"):
        text_preprocessing("TextVectorization", {"name": "words"}, {})
    with pytest.raises(ParityUnavailable, match="class IntegerLookup is not supported"):
        text_preprocessing("IntegerLookup", {"name": "numbers"}, {})
