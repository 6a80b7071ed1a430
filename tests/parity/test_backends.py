"""A Keras that calls torch's own kernels is refused; any other is a reference."""

import sys
from types import SimpleNamespace

import pytest
import torch

from parity.backends import check_backend
from parity.results import ParityUnavailable

CORE = "keras.src.backend.torch.core"


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with CUDA on which Keras's tensors go there by default."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, CORE, SimpleNamespace(get_device=lambda: "cuda"))
    return monkeypatch


@pytest.mark.usefixtures("cuda")
def test_torch_on_cuda_is_refused() -> None:
    with pytest.raises(ParityUnavailable, match=r"not an independent reference.*TORCH_DEVICE=cpu"):
        check_backend("torch")


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_other_backends_are_references_on_cuda_too(backend: str) -> None:
    check_backend(backend)


def test_torch_is_one_where_keras_computes_on_the_cpu(cuda: pytest.MonkeyPatch) -> None:
    cuda.setitem(sys.modules, CORE, SimpleNamespace(get_device=lambda: "cpu"))
    check_backend("torch")


def test_torch_is_one_without_cuda(cuda: pytest.MonkeyPatch) -> None:
    cuda.setattr(torch.cuda, "is_available", lambda: False)
    check_backend("torch")
