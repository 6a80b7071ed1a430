"""Texts as numbers: what is split together, in parts or one by one means the same."""

from itertools import pairwise

import pytest

from birnn_lightning.data import TextPreprocessing, Vocabulary
from birnn_lightning.data.tokens import TokenizedTexts
from birnn_lightning.data.vocabulary import tokenize

TEXTS = ["Sea sea, sand.", "", "sand and SEA", "!?", "und der Sand — \u00a0é", "and"]
DEFAULTS = ("lower_and_strip_punctuation", "whitespace")


def texts_of(tokenized: TokenizedTexts) -> list[list[bytes]]:
    numbers = tokenized.numbered(range(len(tokenized.tokens)))
    return [[tokenized.tokens[number] for number in text] for text in numbers]


@pytest.mark.parametrize("standardize", ["lower_and_strip_punctuation", "lower", None])
@pytest.mark.parametrize("split", ["whitespace", "character", None])
def test_tokens_of_each_text(standardize, split) -> None:
    tokenized = TokenizedTexts.of(TEXTS, standardize, split)
    assert texts_of(tokenized) == [tokenize(text, standardize, split) for text in TEXTS]
    assert len(set(tokenized.tokens)) == len(tokenized.tokens)


@pytest.mark.parametrize("cuts", [(0, 6), (0, 1, 6), (0, 2, 2, 3, 6)], ids=str)
def test_joined_parts_equal_the_whole(cuts) -> None:
    parts = [TokenizedTexts.of(TEXTS[start:stop], *DEFAULTS) for start, stop in pairwise(cuts)]
    whole, joined = TokenizedTexts.of(TEXTS, *DEFAULTS), TokenizedTexts.joined(parts)
    assert texts_of(joined) == texts_of(whole)
    assert joined.counts() == whole.counts()


def test_counts() -> None:
    counts = TokenizedTexts.of(TEXTS[:3], *DEFAULTS).counts()
    assert counts == {b"sea": 3, b"sand": 2, b"and": 1}


def test_no_texts() -> None:
    for nothing in (TokenizedTexts.of([], *DEFAULTS), TokenizedTexts.joined([])):
        assert nothing.counts() == {}
        assert nothing.numbered([]) == []


@pytest.mark.parametrize("empty", ["unknown", "padding"])
@pytest.mark.parametrize("max_length", [None, 2])
def test_encoded_together_equals_one_by_one(empty, max_length) -> None:
    vocabulary = Vocabulary.from_texts(TEXTS[:4], 5)
    preprocessing = TextPreprocessing(
        vocabulary=vocabulary, class_names=("a", "b"), max_length=max_length, empty=empty
    )
    together = preprocessing.encode_all(TokenizedTexts.of(TEXTS, *DEFAULTS))
    one_by_one = [preprocessing.encode(text) for text in TEXTS]
    assert [one.tolist() for one in together] == [one.tolist() for one in one_by_one]
    assert {one.dtype for one in together} == {one.dtype for one in one_by_one}


def test_a_vocabulary_of_counts() -> None:
    counts = TokenizedTexts.of(TEXTS, *DEFAULTS).counts()
    assert Vocabulary.from_counts(counts, 7) == Vocabulary.from_texts(TEXTS, 7)
