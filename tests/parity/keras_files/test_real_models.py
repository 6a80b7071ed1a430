"""Models that others trained and saved, with any Keras since 2.1, compute what they computed."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import parity
from birnn_lightning import CustomLayer
from birnn_lightning.nn.specs.custom import CUSTOM_LAYERS
from parity.results import ParityUnavailable

FOLDER = Path(os.environ.get("BIRNN_DATA", "")) / "models"
PATHS = sorted(path for path in FOLDER.glob("*") if path.suffix != ".npz")
if "BIRNN_DATA" not in os.environ or not PATHS:
    pytest.skip("needs the folder of models in BIRNN_DATA", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore::parity.keras_source.KerasFileNote")
CUSTOM = "oluwakoya12+FYP-final__8cba7cf_models_bigru_model.keras"


class Attention(torch.nn.Module):
    """The custom layer of one of the models, as its own repository describes it."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.attention = torch.nn.Linear(shape[-1], 1)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        scores = torch.softmax(torch.tanh(self.attention(values)), dim=1)
        return (scores * values).sum(1)


ATTENTION = CustomLayer(
    build=lambda settings, shape: Attention(shape),
    weights={"attention/kernel": "attention.weight.T", "attention/bias": "attention.bias"},
)


def reference(path: Path) -> tuple[list[np.ndarray], np.ndarray]:
    with np.load(f"{path}.npz") as arrays:
        inputs = [arrays[name] for name in sorted(arrays.files) if name.startswith("x")]
        return inputs, arrays["y0"]


def largest_error(path: Path, **options: Any) -> float:
    inputs, expected = reference(path)
    outputs = parity.from_keras(path, **options).predict(inputs)
    return float(np.abs(outputs - expected).max()) / max(1.0, float(np.abs(expected).max()))


@pytest.mark.parametrize("path", [one for one in PATHS if one.name != CUSTOM], ids=lambda p: p.name)
def test_a_model_computes_what_it_computed(path: Path) -> None:
    assert largest_error(path) <= 1e-5


def test_all_are_here() -> None:
    assert len(PATHS) == 13


def test_a_custom_layer_is_refused_by_name_and_can_be_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = FOLDER / CUSTOM
    with pytest.raises(ParityUnavailable, match="'attention_layer' is of the custom class Attenti"):
        parity.from_keras(path)
    for name in CUSTOM_LAYERS:
        monkeypatch.setitem(CUSTOM_LAYERS, name, CUSTOM_LAYERS[name])
    monkeypatch.setitem(CUSTOM_LAYERS, "AttentionLayer", ATTENTION)
    assert largest_error(path, custom_layers={"AttentionLayer": ATTENTION}) <= 1e-5


def test_the_semantics_of_another_version_are_another_model() -> None:
    """The files' own semantics are not what makes everything pass."""
    path = next(path for path in PATHS if "bilstm_model.h5" in path.name)
    assert largest_error(path, semantics="keras3") > 1e-3
