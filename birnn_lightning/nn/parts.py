"""What a module consists of, without the names that cost torch's own iterators their time."""

from collections.abc import Iterator

from torch import nn


def parts_of(module: nn.Module) -> Iterator[nn.Module]:
    """The module and all inside, in torch's order; a shared one as often as it stands there."""
    waiting: list[nn.Module | None] = [module]
    while waiting:
        part = waiting.pop()
        if part is not None:
            yield part
            waiting.extend(reversed(part._modules.values()))


def first_parameter(module: nn.Module) -> nn.Parameter:
    """The first of its parameters, to tell the place and type of all.

    Raises:
        StopIteration: there is none.
    """
    return next(
        parameter
        for part in parts_of(module)
        for parameter in part._parameters.values()
        if parameter is not None
    )
