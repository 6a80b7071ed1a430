"""L1: every form gives a Keras array back bit for bit; gate orders are permutations of blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from parity.forms import KERNEL, SAME, STACKED, SUMMED, TRANSPOSED, Form
from parity.layout import KERAS_GATES, permute_gates

SIZE = st.integers(1, 7)
SHAPES = {
    SAME: st.lists(SIZE, min_size=1, max_size=3).map(tuple),
    TRANSPOSED: st.lists(SIZE, min_size=2, max_size=3).map(tuple),
    KERNEL: st.lists(SIZE, min_size=3, max_size=4).map(tuple),
    SUMMED: st.tuples(SIZE),
    STACKED: st.tuples(st.just(2), SIZE),
}
FORMS = pytest.mark.parametrize("form", SHAPES, ids=lambda form: form.name)


def any_array(shape):
    """Every float there is: both zeros, subnormals, infinities, NaN."""
    return st.sampled_from([32, 64]).flatmap(
        lambda width: arrays(f"float{width}", shape, elements=st.floats(width=width))  # type: ignore[arg-type]
    )


def same_bits(first, second):
    """Equal bit for bit, except that one NaN is as good as another."""
    if (first.shape, first.dtype) != (second.shape, second.dtype):
        return False
    bits = f"u{first.dtype.itemsize}"
    equal = np.ascontiguousarray(first).view(bits) == np.ascontiguousarray(second).view(bits)
    return bool(np.all(equal | (np.isnan(first) & np.isnan(second))))


@FORMS
@given(data=st.data())
def test_a_keras_array_comes_back_bit_for_bit(form, data):
    array = data.draw(any_array(SHAPES[form]))
    assert same_bits(form.join(*form.split(array)), array)


@pytest.mark.parametrize("form", [SAME, TRANSPOSED, STACKED], ids=lambda form: form.name)
@given(data=st.data())
def test_torch_arrays_come_back_bit_for_bit(form, data):
    parts = form.split(data.draw(any_array(SHAPES[form])))
    for back, part in zip(form.split(form.join(*parts)), parts, strict=True):
        assert same_bits(back, part)


@given(data=st.data())
def test_summed_biases_come_back_as_their_sum(data):
    numbers = arrays("float32", 5, elements=st.floats(-1e6, 1e6, width=32))
    first, second = data.draw(numbers), data.draw(numbers)
    effective, rest = SUMMED.split(SUMMED.join(first, second))
    np.testing.assert_array_equal(effective, first + second)
    np.testing.assert_array_equal(rest, 0)


def test_a_form_that_only_adds_breaks_the_law_at_minus_zero():
    adding = Form(name="adding", join=lambda a, b: a + b, split=SUMMED.split)
    minus_zero = np.array([-0.0, 1.5])
    assert not same_bits(adding.join(*adding.split(minus_zero)), minus_zero)
    assert same_bits(SUMMED.join(*SUMMED.split(minus_zero)), minus_zero)


@given(data=st.data(), letters=st.sampled_from(["h", "ifgo", "rzn"]))
def test_a_gate_order_and_its_inverse(data, letters):
    source, target = ("".join(data.draw(st.permutations(letters))) for _ in range(2))
    rows, size = data.draw(SIZE), data.draw(SIZE)
    array = data.draw(any_array((rows, len(letters) * size)))
    moved = permute_gates(array, source, target)
    assert same_bits(permute_gates(moved, target, source), array)
    for letter in letters:
        block = slice(source.index(letter) * size, (source.index(letter) + 1) * size)
        there = slice(target.index(letter) * size, (target.index(letter) + 1) * size)
        assert same_bits(moved[:, there], array[:, block])


def test_keras_gate_orders():
    z, r, n = np.split(permute_gates(np.arange(6.0), "rzn", KERAS_GATES["gru"]), 3)
    assert (z.tolist(), r.tolist(), n.tolist()) == ([2, 3], [0, 1], [4, 5])
    assert KERAS_GATES["lstm"] == "ifgo"  # Keras writes i f c o
