"""Keras is a reference only where it computes by itself, and not through torch's own kernels."""

import sys

import torch

from parity.results import ParityUnavailable


def check_backend(backend: str) -> None:
    """Refuses a Keras that would run the very kernels that it is to be compared with.

    On its torch backend Keras hands LSTM and GRU on CUDA to the kernels that `torch.nn` calls, so
    that an error in them, or in our use of them, would be on both sides.

    Args:
        backend: what ``keras.backend.backend()`` returns.

    Raises:
        ParityUnavailable: Keras runs on torch and puts its tensors on CUDA.
    """
    if backend == "torch" and torch.cuda.is_available() and _device().startswith("cuda"):
        raise ParityUnavailable(
            "Keras runs on its torch backend on CUDA, where it calls the same kernels as PyTorch: "
            "not an independent reference. Set KERAS_TORCH_DEVICE=cpu, or KERAS_BACKEND=tensorflow "
            "or jax, before Keras is imported."
        )


def _device() -> str:
    """Where Keras on torch puts its tensors; its own default where it is not asked yet."""
    core = sys.modules.get("keras.src.backend.torch.core")
    return "cuda" if core is None else str(core.get_device())
