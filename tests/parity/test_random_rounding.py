"""Every operation errs by one rounding, and what the errors make of a result is measured."""

import numpy as np
import torch

from parity.random_rounding import DRAWS, RandomRounding, operation_spreads

UNIT = 2.0**-10


def test_a_result_moves_by_one_rounding_up_or_down() -> None:
    values = torch.full((7, 11), 3.0, dtype=torch.float64)
    with RandomRounding(UNIT, 0):
        found = values * 2
    moves = (found / 6 - 1).unique().tolist()
    assert moves == [-UNIT, UNIT]


def test_views_and_whole_numbers_stay_as_they_are() -> None:
    values = torch.arange(6.0, dtype=torch.float64)
    with RandomRounding(UNIT, 0):
        view, whole = values.view(2, 3), torch.arange(6) + 1
    assert torch.equal(view.flatten(), values)
    assert whole.tolist() == [1, 2, 3, 4, 5, 6]


def test_every_draw_errs_in_its_own_way() -> None:
    found = set()
    for seed in range(DRAWS):
        with RandomRounding(UNIT, seed):
            found.add(tuple((torch.ones(5) * 2).tolist()))
    assert len(found) > DRAWS // 2


def test_it_sees_what_cancels() -> None:
    """(1000 + x) - 1000 loses about 1000 roundings of 1, whatever x is."""
    x = torch.tensor([0.25], dtype=torch.float64)

    def compute() -> list[dict[str, np.ndarray]]:
        return [{"difference": ((x + 1000) - 1000).numpy(), "product": (x * 3).numpy()}]

    (spread,) = operation_spreads(compute, compute(), UNIT)
    assert 999 * UNIT < spread["difference"] < 1002 * UNIT
    assert spread["product"] == 0.75 * UNIT


def test_a_result_that_is_no_number_is_infinitely_far() -> None:
    def compute() -> list[dict[str, np.ndarray]]:
        return [{"root": torch.sqrt(torch.tensor([-1.0]) * 1).numpy()}]

    (spread,) = operation_spreads(compute, [{"root": np.zeros(1, "float32")}], UNIT)
    assert spread["root"] == np.inf
