"""The vocabulary's own rules; its equality with Keras is in test_vocabulary_keras.py."""

from pathlib import Path

import pytest
import torch

from birnn_lightning.data import Vocabulary
from birnn_lightning.data.vocabulary import tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        pytest.param("It's GOOD, really-good!", ["its", "good", "reallygood"], id="punctuation"),
        pytest.param("a\tb\nc\vd\fe\rf g", list("abcdefg"), id="six-kinds-of-space"),
        pytest.param("a\x1cb a\u00a0b a\u0085b", ["a\x1cb", "a\u00a0b", "a\u0085b"], id="no-space"),
        pytest.param("ÄRGER Ärger", ["Ärger", "Ärger"], id="only-ascii-is-lowered"),
        pytest.param("?! ...", [], id="only-punctuation"),
        pytest.param("\ud800", ["\ud800"], id="lone-surrogate"),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert [token.decode("utf-8", "surrogatepass") for token in tokenize(text)] == tokens


def test_order_is_by_frequency_then_by_falling_token() -> None:
    vocabulary = Vocabulary.from_texts(["b c a", "c b", "d"])
    assert vocabulary.tokens == ("", "[UNK]", "c", "b", "d", "a")


def test_max_tokens_counts_the_special_ones() -> None:
    vocabulary = Vocabulary.from_texts(["b c a", "c b"], max_tokens=3)
    assert len(vocabulary) == 3
    assert vocabulary.encode("a b c") == [1, 1, 2]


def test_no_token_gives_no_id() -> None:
    assert Vocabulary.from_texts(["b"]).encode("!?") == []


def test_config_survives_a_checkpoint(tmp_path: Path) -> None:
    vocabulary = Vocabulary.from_texts(["ä b\x00 c", "\ud800"])
    torch.save(vocabulary.to_config(), tmp_path / "config.pt")
    restored = Vocabulary.from_config(torch.load(tmp_path / "config.pt", weights_only=True))
    assert restored == vocabulary
    assert restored.encode("c ä") == vocabulary.encode("c ä")


def test_different_vocabularies_differ() -> None:
    assert Vocabulary.from_texts(["a"]) != Vocabulary.from_texts(["b"])


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        pytest.param(["a", "b"], r"must begin with .*got \['a', 'b'\]", id="no-special"),
        pytest.param(["", "[UNK]", "a", "a"], "got 'a' more than once", id="repeated"),
    ],
)
def test_wrong_tokens_are_refused(tokens: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Vocabulary(tokens)


def test_too_small_a_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match=r"max_tokens must be at least 2 .*got 1"):
        Vocabulary.from_texts(["a"], max_tokens=1)
