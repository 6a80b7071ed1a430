"""A Keras model's masks are those that ours would have, or its config is refused by name."""

import pytest

from parity import ParityUnavailable
from tests.parity.keras_configs import attention, entry, layer, lstm, mask, masked, spec_of

WRONG_MASKS = {
    "another value": (*masked()[:2], layer("not_equal", "NotEqual", "tokens", 1)),
    "another operation": (*masked()[:2], layer("not_equal", "Equal", "tokens", 0)),
    "an embedding that makes none": (
        masked()[0],
        layer("embedding", "Embedding", "tokens", input_dim=23, output_dim=3),
        masked()[2],
    ),
    "another input": (
        *masked(mask_of="others")[:2],
        entry("others", (None,)),
        layer("not_equal", "NotEqual", "others", 0),
    ),
    "an operation on the tokens": (
        *masked()[:2],
        layer("positive", "Abs", "tokens"),
        layer("not_equal", "NotEqual", "positive", 0),
    ),
}


@pytest.mark.parametrize("layers", WRONG_MASKS.values(), ids=WRONG_MASKS)
def test_a_mask_that_the_layers_do_not_make_is_refused(layers):
    names = [["tokens", 0, 0]]
    with pytest.raises(ParityUnavailable, match="layer 'last' has a mask that no classifier"):
        spec_of(*layers, lstm("last", "embedding", call=mask("not_equal")), inputs=names)


def test_a_mask_input_that_a_layer_before_goes_without_is_refused():
    with pytest.raises(ParityUnavailable, match="layer 'first' has a mask"):
        spec_of(
            entry("series"),
            entry("valid", (None,), "bool"),
            lstm("first", "series", return_sequences=True),
            lstm("last", "first", call=mask("valid")),
        )


def test_the_mask_of_another_branch_is_refused():
    embed = {"input_dim": 23, "output_dim": 3, "mask_zero": True}
    with pytest.raises(ParityUnavailable, match="layer 'a last' has a mask"):
        spec_of(
            entry("a", (None,)),
            entry("b", (None,)),
            layer("a embedding", "Embedding", "a", **embed),
            layer("b embedding", "Embedding", "b", **embed),
            layer("b mask", "NotEqual", "b", 0),
            lstm("a last", "a embedding", return_sequences=True, call=mask("b mask")),
            lstm("b last", "b embedding", return_sequences=True, call=mask("b mask")),
            attention("both", "a last", "b last"),
        )


def test_a_second_masking_layer_is_refused_since_keras_forgets_the_first():
    with pytest.raises(ParityUnavailable, match="layer 'last' has a mask"):
        spec_of(
            entry("series"),
            layer("first", "Masking", "series", mask_value=0.0),
            layer("second", "Masking", "first", mask_value=5.0),
            lstm("last", "second"),
        )


def test_a_mask_along_another_axis_is_refused():
    with pytest.raises(ParityUnavailable, match="layer 'last' has a mask"):
        spec_of(
            entry("series"),
            layer("masking", "Masking", "series", mask_value=0.5),
            layer("not_equal", "NotEqual", "series", 0.5),
            layer("any", "Any", "not_equal", axis=1, keepdims=False),
            lstm("last", "masking", call=mask("any")),
        )


def test_attention_takes_the_masks_that_reach_it():
    first = lstm("first", "series", return_sequences=True, call=mask("valid"))
    inputs = (entry("series"), entry("valid", (None,), "bool"), first)
    for call in ({}, mask("valid", "valid")):
        assert spec_of(*inputs, attention("self", "first", "first", **call))
    with pytest.raises(ParityUnavailable, match="layer 'self' has a mask"):
        spec_of(*inputs, attention("self", "first", "first", **mask(None, "valid")))
