"""Padding gives the numbers of keras.utils.pad_sequences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birnn_lightning.data import pad_sequences

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="the reference is Keras on TensorFlow")

_SIDE = st.sampled_from(["pre", "post"])
_LENGTH = st.one_of(st.none(), st.integers(1, 7))
_LENGTHS = st.lists(st.integers(0, 11), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(lengths=_LENGTHS, length=_LENGTH, padding=_SIDE, truncation=_SIDE)
def test_tokens_equal_keras(lengths, length, padding, truncation) -> None:
    import keras

    sequences = [list(range(1, count + 1)) for count in lengths]
    ours, mask = pad_sequences(sequences, length, padding, truncation)
    theirs = keras.utils.pad_sequences(
        sequences, maxlen=length, padding=padding, truncating=truncation
    )
    np.testing.assert_array_equal(ours.numpy(), theirs)
    np.testing.assert_array_equal(mask.numpy(), theirs != 0)


@settings(max_examples=50, deadline=None)
@given(lengths=_LENGTHS, length=_LENGTH, padding=_SIDE, truncation=_SIDE)
def test_features_equal_keras(lengths, length, padding, truncation) -> None:
    import keras

    generator = np.random.default_rng(3)
    sequences = [generator.normal(size=(count + 1, 3)).astype(np.float32) for count in lengths]
    ours, _ = pad_sequences(sequences, length, padding, truncation)
    theirs = keras.utils.pad_sequences(
        sequences, maxlen=length, dtype="float32", padding=padding, truncating=truncation
    )
    np.testing.assert_array_equal(ours.numpy(), theirs)
