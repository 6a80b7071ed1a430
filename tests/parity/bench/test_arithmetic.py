"""Operations are those that torch counts; lengths are those of IMDB; all draw the same batch."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from birnn_lightning.module import SequenceClassifier
from parity.bench.arithmetic import operations
from parity.bench.lengths import batch_lengths, batch_tokens, length_at, valid_steps
from parity.bench.models import build_spec
from parity.bench.reviews import accuracy, encode_texts, reviews_of
from tests.parity.bench.samples import tiny


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_operations_are_those_of_the_matrix_products(cell):
    configuration = tiny(cell, workload="infer")
    model = SequenceClassifier(build_spec(configuration), "binary", engine="scan")
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model(batch_tokens(configuration))
    head = 2 * 2 * configuration.hidden * configuration.batch
    assert operations(configuration) == counter.get_total_flops() - head
    assert operations(tiny(cell, workload="train")) == 3 * operations(configuration)


def test_masked_steps_need_no_operations():
    whole, ragged = tiny(time=400, batch=23), tiny(time=400, batch=23, mask="ragged")
    assert operations(ragged) * 23 * 400 == operations(whole) * batch_lengths(ragged).sum()
    epoch = tiny(time=400, mask="left", workload="epoch")
    steps = sum(map(len, reviews_of(epoch).tokens))
    assert operations(epoch) * valid_steps(ragged) == operations(ragged) * steps
    assert steps < 13 * 400


@pytest.mark.parametrize(("longest", "padding"), [(200, 0.205), (400, 0.482)])
def test_lengths_are_those_of_imdb(longest, padding):
    lengths = length_at(np.linspace(0, 1, 10_001), longest)
    assert abs(1 - lengths.mean() / longest - padding) < 0.01
    assert lengths.min() == 10
    assert abs(np.median(lengths) - 174) < 1


def test_a_batch_has_the_mask_it_says():
    masks = {
        name: batch_tokens(tiny(time=211, batch=5, mask=name)) != 0
        for name in ("unmasked", "ragged", "left", "interior")
    }
    assert masks["unmasked"].all()
    for name, mask in (("ragged", masks["ragged"]), ("left", masks["left"][:, ::-1])):
        assert (mask == (np.arange(211) < mask.sum(1, keepdims=True))).all(), name
        assert len(set(mask.sum(1))) > 1, name
    assert 0.05 < 1 - masks["interior"].mean() < 0.15
    again = batch_tokens(tiny(time=211, batch=5, mask="left"))
    assert (again == batch_tokens(tiny("lstm", time=211, batch=5, mask="left"))).all()


def test_reviews_are_padded_on_either_side():
    reviews = reviews_of(tiny(time=211))
    for front in (False, True):
        padded = reviews.padded(223, front)
        for row, review in zip(padded, reviews.tokens, strict=True):
            kept = row[223 - len(review) :] if front else row[: len(review)]
            assert (kept == review).all()
            assert (row != 0).sum() == len(review) <= 211


def write_reviews(path, rows):
    path.write_text("label\ttext\n" + "".join(f"{label}\t{text}\n" for text, label in rows))
    return str(path)


@pytest.mark.parametrize(("mask", "kept"), [("left", "c d e"), ("ragged", "a b c")])
def test_long_texts_are_cut_where_short_ones_are_padded(tmp_path, mask, kept):
    rows = [("a b c d e", "neg"), (kept, "pos")]
    target = str(tmp_path / "reviews.npz")
    encode_texts(write_reviews(tmp_path / "reviews.tsv", rows), None, 29, target)
    first, second = reviews_of(tiny(text=target, reviews=2, time=3, mask=mask)).tokens
    assert (first == second).all()


@pytest.mark.parametrize("trims", [True, False])
@pytest.mark.parametrize("mask", ["unmasked", "left", "ragged"])
def test_accuracy_is_the_share_of_the_test_reviews(tmp_path, monkeypatch, mask, trims):
    """A review is said to be positive where it has two words or more."""
    train = write_reviews(tmp_path / "train.tsv", [("a b c d e f g h", "neg"), ("b", "pos")])
    rows = [("a b", "pos"), ("c", "neg"), ("d e f", "neg"), ("g", "neg"), ("a b c d", "pos")]
    test, target = write_reviews(tmp_path / "test.tsv", rows), str(tmp_path / "reviews.npz")
    assert encode_texts(train, test, 29, target) == (2, 5)
    monkeypatch.setattr("parity.bench.reviews.TEST_BATCH", 2)
    times = []

    def predict(tokens):
        times.append(tokens.shape[1])
        return (tokens != 0).sum(1) >= 2

    configuration = tiny(text=target, reviews=2, test_reviews=5, time=7, mask=mask)
    assert accuracy(configuration, predict, trims) == 4 / 5
    assert times == ([1, 3, 4] if trims and mask == "ragged" else [7, 7, 7])


def test_a_test_review_of_another_class_is_named(tmp_path):
    train = write_reviews(tmp_path / "train.tsv", [("a", "neg"), ("b", "pos")])
    test = write_reviews(tmp_path / "test.tsv", [("a", "neg"), ("b", "ugly")])
    with pytest.raises(ValueError, match=r"classes \(neg, pos\); got 'ugly' at .*test\.tsv"):
        encode_texts(train, test, 29, str(tmp_path / "reviews.npz"))


def test_real_texts_are_encoded_once(tmp_path):
    rows = [("a b c", "neg"), ("c c", "pos"), ("b a c c d", "pos"), ("c", "neg")]
    source, target = write_reviews(tmp_path / "reviews.tsv", rows), str(tmp_path / "reviews.npz")
    assert encode_texts(source, None, 29, target) == (4, 0)
    found = reviews_of(tiny(text=target, reviews=3, time=4))
    assert [len(one) for one in found.tokens] == [3, 2, 4]
    assert found.labels.tolist() == [0, 1, 1]
    assert (found.tokens[1] == found.tokens[0][2]).all()
