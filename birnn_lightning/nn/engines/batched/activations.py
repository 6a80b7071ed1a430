"""Activations that write where they are told, and the products of a gradient with their slopes."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from birnn_lightning.nn.activations import ACTIVATIONS

aten = torch.ops.aten

ACROSS_UNITS = ("softmax", "log_softmax", "sparsemax")
"""Those whose outputs depend on other units than their own."""


@dataclass(frozen=True)
class OfOutput:
    """An activation whose slope its output tells: nothing else has to be kept.

    Attributes:
        into: ``(x, out)``; both may be one tensor.
        times_slope: ``(gradient, output, out)``.
    """

    into: Callable[[Tensor, Tensor], object]
    times_slope: Callable[[Tensor, Tensor, Tensor], object]

    def apply_(self, x: Tensor) -> Tensor:
        """The output, in the place of ``x``, which is lost."""
        self.into(x, x)
        return x

    def kept(self, x: Tensor) -> Tensor:
        """What the other methods take as ``kept``, from ``x``, which stays."""
        output = torch.empty_like(x)
        self.into(x, output)
        return output

    def either(self, x: Tensor, output: Tensor) -> Tensor:
        """Which of both is ``kept``."""
        return output

    def output(self, kept: Tensor) -> Tensor:
        """The output."""
        return kept

    def pull(self, gradient: Tensor, kept: Tensor, out: Tensor) -> Tensor:
        """``gradient * slope``, written to ``out``."""
        self.times_slope(gradient, kept, out)
        return out


@dataclass(frozen=True)
class OfInput:
    """Any other element-wise activation: its inputs are kept, and autograd finds the slope.

    Attributes:
        function: the activation.
    """

    function: Callable[[Tensor], Tensor]

    def into(self, x: Tensor, out: Tensor) -> None:
        """Writes the output of ``x`` to ``out``."""
        out.copy_(self.function(x))

    def apply_(self, x: Tensor) -> Tensor:
        """The output; ``x`` stays."""
        return self.function(x)

    def kept(self, x: Tensor) -> Tensor:
        """What the other methods take as ``kept``: ``x`` itself."""
        return x

    def either(self, x: Tensor, output: Tensor) -> Tensor:
        """Which of both is ``kept``."""
        return x

    def output(self, kept: Tensor) -> Tensor:
        """The output, computed again."""
        return self.function(kept)

    def pull(self, gradient: Tensor, kept: Tensor, out: Tensor) -> Tensor:
        """``gradient * slope``, written to ``out``."""
        with torch.enable_grad():
            x = kept.detach().requires_grad_()
            (product,) = torch.autograd.grad(self.function(x), x, gradient)
        return out.copy_(product)


Elementwise = OfOutput | OfInput


def _hard_sigmoid_into(x: Tensor, out: Tensor) -> None:
    torch.add(x, 3, out=out).clamp_(0, 6).div_(6)


def _times_slope_of_hard_sigmoid(gradient: Tensor, output: Tensor, out: Tensor) -> None:
    torch.mul(gradient, (output > 0) & (output < 1), out=out).div_(6)


OF_OUTPUT: dict[str, OfOutput] = {
    "linear": OfOutput(lambda x, out: out.copy_(x), lambda gradient, _, out: out.copy_(gradient)),
    "tanh": OfOutput(
        lambda x, out: torch.tanh(x, out=out),
        lambda gradient, y, out: aten.tanh_backward.grad_input(gradient, y, grad_input=out),
    ),
    "sigmoid": OfOutput(
        lambda x, out: torch.sigmoid(x, out=out),
        lambda gradient, y, out: aten.sigmoid_backward.grad_input(gradient, y, grad_input=out),
    ),
    "relu": OfOutput(
        lambda x, out: torch.clamp(x, min=0, out=out),
        lambda gradient, y, out: aten.threshold_backward.grad_input(gradient, y, 0, grad_input=out),
    ),
    "hard_sigmoid": OfOutput(_hard_sigmoid_into, _times_slope_of_hard_sigmoid),
}


def elementwise(name: str) -> Elementwise:
    """The activation of a name that is not one of `ACROSS_UNITS`."""
    return OF_OUTPUT.get(name) or OfInput(ACTIVATIONS[name])
