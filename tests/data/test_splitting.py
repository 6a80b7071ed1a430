"""A held-out part is stratified, seeded, disjoint and never empties a class."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birnn_lightning.data.splitting import check_fraction, hold_out


@given(
    classes=st.lists(st.sampled_from("abcde"), min_size=7, max_size=101),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 3),
)
def test_parts_are_disjoint_and_keep_every_class(classes, fraction, seed) -> None:
    kept, held = hold_out(len(classes), fraction, seed, classes)
    assert sorted(kept + held) == list(range(len(classes)))
    assert held
    assert {classes[index] for index in kept} == set(classes)
    for name, total in Counter(classes).items():
        share = sum(classes[index] == name for index in held)
        assert abs(share - fraction * total) <= 1 or share == total - 1


def test_total_is_the_fraction() -> None:
    classes = ["a"] * 101 + ["b"] * 67 + ["c"] * 29
    assert len(hold_out(197, 0.1, 0, classes)[1]) == 20


def test_seed_decides() -> None:
    assert hold_out(101, 0.2, 3) == hold_out(101, 0.2, 3)
    assert hold_out(101, 0.2, 3) != hold_out(101, 0.2, 5)


def test_nothing_held_out() -> None:
    assert hold_out(3, 0.0, 0) == ([0, 1, 2], [])


def test_a_part_that_cannot_be_spared_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got 0.5 of 2 examples"):
        hold_out(2, 0.5, 0, ["a", "b"])


@pytest.mark.parametrize("fraction", [-0.1, 1.0])
def test_wrong_fractions_are_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match=f"part must .*got {fraction}"):
        check_fraction("part", fraction)
