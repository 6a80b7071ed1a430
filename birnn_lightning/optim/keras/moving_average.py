"""Moving averages of weights, as Keras keeps them."""

from collections.abc import Sequence

from torch import Tensor

from birnn_lightning.optim.keras import foreach
from birnn_lightning.optim.keras.gradients import by_kind
from birnn_lightning.optim.keras.rounding import number


def update_averages(averages: dict[Tensor, Tensor], momentum: float) -> None:
    """``average = momentum * average + (1 - momentum) * weight``, in place.

    Args:
        averages: by parameter.
        momentum: rounded to the dtype of the parameters before it is subtracted from 1.
    """
    for parameters in by_kind(averages):
        kept = number(parameters[0].dtype)(momentum)
        part = [averages[parameter] for parameter in parameters]
        foreach.mul_(part, float(kept))
        foreach.add_(part, parameters, alpha=float(1 - kept))


def overwrite(parameters: Sequence[Tensor], averages: Sequence[Tensor]) -> None:
    """Gives parameters the values of their averages."""
    if parameters:
        foreach.copy_(list(parameters), list(averages))
