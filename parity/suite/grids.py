"""A grid is a name for many cases: what the suite checks in one run."""

from collections.abc import Iterator
from dataclasses import replace

from parity.suite.cases import every_case, quick_cases
from parity.suite.choices import activation_choices, full_choices, quick_choices
from parity.suite.other_choices import other_cases
from parity.suite.runner import AnyCase

GRIDS = ("quick", "full")


def grid(name: str) -> tuple[AnyCase, ...]:
    """The cases of a grid; ``"quick"`` varies one thing at a time, ``"full"`` many together.

    Raises:
        ValueError: no such grid.
    """
    if name not in GRIDS:
        raise ValueError(f"grid must be one of {', '.join(GRIDS)}; got {name!r}.")
    cases = _quick() if name == "quick" else _full()
    return tuple({case.name: case for case in cases}.values())


def find_case(name: str) -> AnyCase:
    """The case of this name, from any grid; raises ValueError for none."""
    for one in GRIDS:
        for case in grid(one):
            if case.name == name:
                return case
    raise ValueError(f"no case of a grid has the name {name!r}.")


def _quick() -> Iterator[AnyCase]:
    yield from quick_cases()
    for index, choice in enumerate(quick_choices()):
        # Every fourth case costs more: gradients in float32, and bfloat16.
        if index % 4:
            yield choice.build()
        else:
            yield choice.build(dtypes=("float32", "bfloat16"), gradients="all")
    for case in other_cases():
        # As in training the arithmetic is that of inference: float64 sees the rest.
        yield replace(case, dtypes=()) if case.training else case


def _full() -> Iterator[AnyCase]:
    yield from every_case()
    for index, choice in enumerate(full_choices()):
        if index % 4:
            yield choice.build()
        else:
            yield choice.build(dtypes=("float32", "bfloat16"), gradients="all")
    yield from other_cases()
    for choice in activation_choices():
        # With weights of the usual size seven steps of exponentials leave float64's range.
        grows = "exponential" in choice.activations.values()
        yield choice.build(dtypes=(), weight_scale=0.25 if grows else 1.0)
