"""A mutant is one mistake that a port makes, the case that has to notice it, and how to make it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any
from unittest import mock

from parity.suite.layer_cases import LayerCase
from parity.suite.other_choices import other_cases
from parity.suite.runner import AnyCase

Patch = Callable[[], AbstractContextManager[Any]]
"""Gives a context within which the mistake is made."""

MARGIN = 100.0
AROUND = {case.name.removeprefix("around: "): case for case in other_cases()}
"""The cases of the layers around the recurrent ones, by name."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One mistake.

    Attributes:
        name: unique among the mutants.
        change: what is computed instead, in one line.
        case: of the quick grid, which has to notice.
        patch: makes the mistake, in the weight table or in our layers on the engine ``scan``.
        says: what the report of the failure must say, in these words.
        margin: how many times the float32 bound the mistake is at least; None for one that leaves
            every output alone.
    """

    name: str
    change: str
    case: AnyCase
    patch: Patch
    says: tuple[str, ...] = ()
    margin: float | None = MARGIN

    @property
    def place(self) -> str:
        """The node whose output differs first: the case's recurrent layer unless ``says`` says."""
        named = next((text for text in self.says if text.startswith("layer ")), None)
        if named:
            return named
        return (
            "layer 'recurrent'" if isinstance(self.case, LayerCase) else "layer 'bidirectional_1'"
        )


def attribute(owner: Any, name: str, value: Any) -> Patch:
    """Another value for an attribute of a module or a class."""
    return lambda: mock.patch.object(owner, name, value)


def entry(dictionary: dict[Any, Any], key: Any, value: Any) -> Patch:
    """Another value under a key."""
    return lambda: mock.patch.dict(dictionary, {key: value})


def together(*patches: Patch) -> Patch:
    """Several patches at once."""

    def patch() -> AbstractContextManager[Any]:
        with ExitStack() as stack:
            for one in patches:
                stack.enter_context(one())
            return stack.pop_all()

    return patch
