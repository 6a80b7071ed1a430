"""Random weights and inputs leave nothing zero, nothing alike and no length untried."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from birnn_lightning import SequenceClassifier
from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, Node
from parity.inputs import BATCH, TIME, ragged_mask, random_inputs, randomise_weights
from parity.suite.cases import NUM_CLASSES, VOCAB_SIZE, Case, every_case, quick_cases
from parity.suite.grids import GRIDS, grid


def test_every_parameter_becomes_random():
    model = Case(cell="gru").build()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    randomise_weights(model, seed=3)
    for name, parameter in model.named_parameters():
        assert len(parameter.unique()) == parameter.numel(), name


def test_weights_depend_on_the_seed_alone():
    first, again, other = (Case(cell="rnn").build() for _ in range(3))
    randomise_weights(other, seed=1)
    pairs = zip(first.parameters(), again.parameters(), other.parameters(), strict=True)
    for one, same, another in pairs:
        assert torch.equal(one, same)
        assert not torch.equal(one, another)


def test_the_trained_bias_alone_is_touched():
    state = Case(cell="lstm").build().model.state_dict()
    assert not state["layers.bidirectional_1.bias_hh_l0"].any()


@pytest.mark.parametrize("seed", range(5))
def test_ragged_masks_are_right_padded_and_try_the_extremes(seed):
    mask = ragged_mask(BATCH, TIME, seed)
    lengths = mask.sum(1)
    assert np.array_equal(mask, np.arange(TIME) < lengths[:, None])
    assert {1, TIME} <= set(lengths.tolist())


def test_masked_tokens_are_padded_with_zero_and_hold_no_other():
    (tokens,), mask = random_inputs(Case(cell="gru").build())
    assert mask is None
    assert np.array_equal(tokens != 0, ragged_mask(BATCH, TIME))
    assert tokens.max() < VOCAB_SIZE


def test_unmasked_tokens_try_token_zero():
    (tokens,), _ = random_inputs(Case(cell="gru", inputs="tokens").build())
    assert (tokens == 0).any()


def test_the_smallest_vocabularies():
    for mask_zero in (True, False):
        embedding = specs.Embedding(vocab_size=2, embedding_dim=3, mask_zero=mask_zero)
        nodes = (
            Node(name="tokens", layer=specs.Input(shape=(None,), dtype="int64")),
            Node(name="embedding", layer=embedding),
            Node(name="last", layer=specs.Recurrent(cell="rnn", hidden_size=5)),
        )
        (tokens,), _ = random_inputs(SequenceClassifier(ModelSpec(nodes), "regression"))
        assert set(np.unique(tokens)) == {0, 1}


def test_a_masking_layer_finds_its_value():
    model = Case(cell="gru", inputs="features, mask value").build()
    (features,), _ = random_inputs(model)
    assert np.array_equal((features != 0).all(-1), ragged_mask(BATCH, TIME))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_features_have_the_models_precision(dtype):
    (features,), _ = random_inputs(Case(cell="rnn", inputs="features", dtype=dtype).build())
    assert features.dtype == dtype
    assert len(np.unique(features)) == features.size


def test_an_explicit_mask_comes_apart():
    (features,), mask = random_inputs(Case(cell="rnn", inputs="features").build(), True)
    assert mask is not None
    assert np.array_equal(mask, ragged_mask(BATCH, TIME))
    assert features.all()


def test_some_of_the_examples():
    given = random_inputs(Case(cell="rnn", inputs="features").build(), True)
    some = given.take(np.array([1, 3]))
    assert given.mask is not None
    assert some.mask is not None
    assert np.array_equal(some.arrays[0], given.arrays[0][[1, 3]])
    assert np.array_equal(some.mask, given.mask[[1, 3]])


def test_the_quick_grid_varies_each_thing_and_names_each_case():
    cases = quick_cases()
    assert {case.cell for case in cases} == set(specs.CELL_NAMES)
    for field, count in {"inputs": 5, "pooling": 5, "task": 4, "num_layers": 3, "dtype": 2}.items():
        assert len({getattr(case, field) for case in cases}) == count
    assert len(set(cases)) == len(cases)


def test_the_full_grid_holds_the_quick_ones_configurations():
    full = set(every_case())
    assert {replace(case, dtype="float32") for case in quick_cases()} <= full
    assert len(full) == len(every_case())


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_has_a_name_for_each_of_its_cases(name):
    cases = grid(name)
    names = {case.name for case in cases}
    assert len(names) == len(cases)
    assert names > {case.name for case in (quick_cases() if name == "quick" else every_case())}


def test_there_is_no_other_grid():
    with pytest.raises(ValueError, match="grid must be one of quick, full; got 'tiny'"):
        grid("tiny")


def test_a_case_builds_what_it_says():
    model = Case(cell="gru", pooling="tagging", num_layers=3, dtype="float64").build()
    assert model.tagging
    assert model.num_classes == NUM_CLASSES
    assert len(model.recurrent_layers) == 3
    assert next(model.parameters()).dtype == torch.float64
