"""A part held out of the training data is the same on every machine and in every process."""

from collections.abc import Sequence

import numpy as np


def check_fraction(name: str, fraction: float) -> None:
    """Raise ValueError unless the fraction is at least 0 and under 1."""
    if not 0 <= fraction < 1:
        raise ValueError(
            f"{name} must be at least 0 and under 1; got {fraction}. Pass a smaller part, e.g. 0.1."
        )


def hold_out(
    count: int, fraction: float, seed: int, classes: Sequence[str] | None = None
) -> tuple[list[int], list[int]]:
    """Choose examples at random, the same share of every class.

    Args:
        count: the number of examples.
        fraction: the share to hold out, at least 0 and under 1; a positive share holds out at least
            one example.
        seed: the seed of the choice.
        classes: the class of each example, to stratify by; every class keeps an example in the
            remaining part. None chooses without regard to classes.

    Returns:
        The indices that remain and the indices held out, both rising.

    Raises:
        ValueError: when the share leaves no example, or none can be spared.
    """
    if fraction == 0:
        return list(range(count)), []
    generator = np.random.default_rng(seed)
    groups: dict[str, list[int]] = {}
    for index in range(count):
        groups.setdefault(classes[index] if classes is not None else "", []).append(index)
    wanted = max(1, round(fraction * count))
    # Each group gives the floor of its share; what is still wanted comes from the largest rests.
    shares = {name: fraction * len(group) for name, group in groups.items()}
    given = {name: min(int(shares[name]), len(group) - 1) for name, group in groups.items()}
    for name in sorted(groups, key=lambda name: (given[name] - shares[name], name)):
        if sum(given.values()) < wanted and given[name] < len(groups[name]) - 1:
            given[name] += 1
    if sum(given.values()) == 0:
        raise ValueError(
            f"a fraction must leave every class an example to train on; got {fraction} of {count} "
            "examples. Add examples, or pass the part as a file of its own."
        )
    held: list[int] = []
    for name in sorted(groups):
        held.extend(generator.permutation(groups[name])[: given[name]].tolist())
    chosen = set(held)
    return [index for index in range(count) if index not in chosen], sorted(held)
