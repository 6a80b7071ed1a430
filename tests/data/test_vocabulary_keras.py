"""The vocabulary numbers tokens exactly as Keras's TextVectorization does."""

from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from birnn_lightning.data import Vocabulary

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="the reference is Keras on TensorFlow")

_NASTY = (
    "aAbB0"
    + "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"
    + " \t\n\v\f\r\x00\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2003\u2028\u200b\u3000\ufeff"
    + "äÄßİΣ日😀\u0131\u017f\u212a\u0301\u2019\u201c"
)
_TEXTS = st.lists(
    st.one_of(
        st.text(st.sampled_from(_NASTY), max_size=23),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=13),
        st.lists(st.sampled_from(["[UNK]", "unk", "a", "A", "b.", "é"])).map(" ".join),
    ),
    min_size=1,
    max_size=7,
)


def keras_layer(texts: list[str], max_tokens: int | None) -> Any:
    import keras

    layer = keras.layers.TextVectorization(max_tokens=max_tokens, ragged=True)
    layer.adapt(texts)
    return layer


@settings(max_examples=60, deadline=None)
@given(texts=_TEXTS, unseen=_TEXTS, max_tokens=st.one_of(st.none(), st.integers(3, 7)))
@example(texts=["b c a", "c b", "d"], unseen=["a b c d e"], max_tokens=None)
@example(texts=["é z ~ a", "Z É"], unseen=["É é"], max_tokens=5)
def test_equals_text_vectorization(
    texts: list[str], unseen: list[str], max_tokens: int | None
) -> None:
    ours = Vocabulary.from_texts(texts, max_tokens)
    assume(len(ours) > 2)  # Keras cannot build a lookup table without a learned token
    theirs = keras_layer(texts, max_tokens)
    # Not get_vocabulary(): NumPy strips NUL from the end of the tokens that it shows.
    tokens, ids = theirs._lookup_layer.lookup_table.export()
    ours_by_token = {token.encode(): id_ for id_, token in enumerate(ours.tokens) if id_ > 1}
    assert ours_by_token == dict(zip(tokens.numpy(), ids.numpy(), strict=True))
    reference = theirs([*texts, *unseen])
    assert [ours.encode(text) for text in [*texts, *unseen]] == reference.to_list()


def test_a_vocabulary_in_another_order_would_be_noticed() -> None:
    theirs = keras_layer(["b c a", "c b", "d"], None).get_vocabulary()
    ours = Vocabulary.from_texts(["b c a", "c b", "d"])
    assert list(ours.tokens) == theirs
    assert sorted(theirs) != theirs
