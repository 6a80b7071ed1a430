"""The arrays that old files hold for a layer become the arrays of today's layer.

A form says how many arrays a file has for one layer without layers inside, in the file's order, and
what they are in Keras 3, in Keras 3's order. The formulas follow from how each version computed:

- Keras 1 kept one array a gate: of an LSTM kernel, recurrent kernel and bias of the gates
  ``i, c, f, o``, of a GRU those of ``z, r, h``. Keras 3 has one array a kind, gates ``i, f, c, o``
  and ``z, r, h``.
- Keras 1 computed a Conv1D as a two-dimensional convolution over an axis of one: its kernel is
  ``(length, 1, in, out)``, before version 1.1 ``(out, in, length, 1)``.
- Theano convolves, the others correlate: its kernels are read from the end along every spatial
  axis.
- cuDNN computes ``W x`` with ``W`` of ``(units, features)`` in the memory that Keras calls
  ``(features, units)``, and adds two biases.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from parity.results import ParityUnavailable

Arrays = Sequence[np.ndarray]


@dataclass(frozen=True)
class WeightForm:
    """How a file's arrays of one layer become Keras 3's.

    Attributes:
        count: how many arrays the file has for the layer.
        canonical: those arrays, in the file's order, to Keras 3's, in Keras 3's order. Raises
            ParityUnavailable for shapes that no file of this form has.
    """

    count: int
    canonical: Callable[[Arrays], list[np.ndarray]]


def _shapes(arrays: Arrays) -> str:
    return ", ".join(str(array.shape) for array in arrays)


def _require(holds: bool, form: str, arrays: Arrays) -> None:
    if not holds:
        raise ParityUnavailable(
            f"weights of the form {form} cannot have the shapes {_shapes(arrays)}. The file is "
            "damaged, or its layer is not what its config says."
        )


def _gates_apart(form: str, order: Sequence[int]) -> WeightForm:
    """Kernel, recurrent kernel and bias a gate become one array a kind, in the given order."""

    def canonical(arrays: Arrays) -> list[np.ndarray]:
        _require(len(arrays) == 3 * len(order), form, arrays)
        for kind, rank in enumerate((2, 2, 1)):
            shapes = {array.shape for array in arrays[kind::3]}
            _require(len(shapes) == 1 and len(next(iter(shapes))) == rank, form, arrays)
        return [
            np.concatenate([arrays[3 * gate + kind] for gate in order], axis=-1)
            for kind in range(3)
        ]

    return WeightForm(3 * len(order), canonical)


def _cudnn(form: str, gates: int, bias: Callable[[np.ndarray], np.ndarray]) -> WeightForm:
    """Kernels are transposed gate by gate, the input's in the memory of its transpose."""

    def canonical(arrays: Arrays) -> list[np.ndarray]:
        _require([array.ndim for array in arrays] == [2, 2, 1], form, arrays)
        units = arrays[1].shape[0]
        _require(
            arrays[0].shape[1] == arrays[1].shape[1] == gates * units
            and arrays[2].shape == (2 * gates * units,),
            form,
            arrays,
        )
        kernels = [
            np.concatenate(
                [
                    np.ascontiguousarray(gate).reshape(units, -1).T
                    for gate in np.split(kernel, gates, axis=1)
                ],
                axis=1,
            )
            for kernel in arrays[:2]
        ]
        return [*kernels, bias(arrays[2])]

    return WeightForm(3, canonical)


def _convolution(form: str, use_bias: bool, read: Callable[[np.ndarray], np.ndarray]) -> WeightForm:
    def canonical(arrays: Arrays) -> list[np.ndarray]:
        _require(len(arrays) == 1 + use_bias and arrays[0].ndim >= 3, form, arrays)
        return [read(arrays[0]), *arrays[1:]]

    return WeightForm(1 + use_bias, canonical)


def _flipped(kernel: np.ndarray) -> np.ndarray:
    """A kernel ``(*space, in, out)`` from its end, along every axis of space."""
    return np.flip(kernel, axis=tuple(range(kernel.ndim - 2)))


def _keras1_conv1d(kernel: np.ndarray) -> np.ndarray:
    _require(
        kernel.ndim == 4 and 1 in (kernel.shape[1], kernel.shape[3]), "keras1_conv1d", [kernel]
    )
    if kernel.shape[1] != 1:
        kernel = kernel.transpose(2, 3, 1, 0)
    return kernel[:, 0]


def _channels_first(kernel: np.ndarray) -> np.ndarray:
    """``(out, in, *space)`` to ``(*space, in, out)``."""
    return kernel.transpose(*range(2, kernel.ndim), 1, 0)


def _as_it_is(kernel: np.ndarray) -> np.ndarray:
    return kernel


KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "keras1_conv1d": _keras1_conv1d,
    "keras1_conv_channels_first": _channels_first,
    "conv": _as_it_is,
}
"""How a convolution's kernel becomes ``(*space, in, out)``."""
FLIPPED, NO_BIAS = "_flipped", "_no_bias"


def convolution_form(kernel: str, flipped: bool, use_bias: bool) -> str | None:
    """The name of a convolution's form; None for Keras 3's own.

    Args:
        kernel: one of `KERNELS`.
        flipped: whether Theano wrote it.
        use_bias: whether there is a bias.
    """
    if kernel == "conv" and not flipped:
        return None
    return kernel + FLIPPED * flipped + NO_BIAS * (not use_bias)


def _convolutions() -> dict[str, WeightForm]:
    forms: dict[str, WeightForm] = {}
    for kernel, read in KERNELS.items():
        for flipped in (False, True):
            for use_bias in (True, False):
                name = convolution_form(kernel, flipped, use_bias)
                if name is not None:
                    forms[name] = _convolution(name, use_bias, _chosen(read, flipped))
    return forms


def _chosen(
    read: Callable[[np.ndarray], np.ndarray], flipped: bool
) -> Callable[[np.ndarray], np.ndarray]:
    return (lambda kernel: _flipped(read(kernel))) if flipped else read


WEIGHT_FORMS: dict[str, WeightForm] = {
    "keras1_lstm": _gates_apart("keras1_lstm", (0, 2, 1, 3)),
    "keras1_gru": _gates_apart("keras1_gru", (0, 1, 2)),
    "cudnn_lstm": _cudnn("cudnn_lstm", 4, lambda bias: bias.reshape(2, -1).sum(axis=0)),
    "cudnn_gru": _cudnn("cudnn_gru", 3, lambda bias: bias.reshape(2, -1)),
    **_convolutions(),
}
"""Every form by the name that a normalised config gives it."""
