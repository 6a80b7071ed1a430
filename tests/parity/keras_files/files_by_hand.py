"""Keras files of one small model, made without Keras: every layout, with random numbers."""

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np

from tests.parity.keras_files.saved_models import both, under

LSTM = {"class_name": "LSTM", "config": {"name": "lstm"}}
CONFIG = {
    "name": "model",
    "layers": [
        {"class_name": "Embedding", "config": {"name": "tokens"}},
        {"class_name": "Bidirectional", "config": {"name": "reader", "layer": LSTM}},
        {"class_name": "Dense", "config": {"name": "head"}},
    ],
}
MODEL = {"class_name": "Sequential", "config": CONFIG}
PATHS = ["tokens/embeddings", *both("reader"), *under("head", "kernel", "bias")]
CELL_SHAPES = [(3, 20), (5, 20), (20,)]
SHAPES = dict(zip(PATHS, [(11, 3), *CELL_SHAPES, *CELL_SHAPES, (10, 2), (2,)], strict=True))
OWNERS = {
    "tokens": "layers/embedding",
    "reader/forward_layer/cell": "layers/bidirectional/forward_layer/cell",
    "reader/backward_layer/cell": "layers/bidirectional/backward_layer/cell",
    "head": "layers/dense",
}


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Random float32 weights by path."""
    generator = np.random.default_rng(seed)
    return {path: generator.random(shape, np.float32) for path, shape in SHAPES.items()}


def write_legacy(group: h5py.Group, split: bool = False) -> None:
    """Weights by layer name, whose lists may be split over several attributes."""
    _write_names(group, "layer_names", ["tokens", "reader", "head"], split)
    for layer in ("tokens", "reader", "head"):
        its_paths = [path for path in PATHS if path.startswith(f"{layer}/")]
        inner = group.create_group(layer)
        _write_names(inner, "weight_names", [f"{path}:0" for path in its_paths], split)
        for path in its_paths:
            inner.create_dataset(f"{path}:0", data=arrays()[path])


def _write_names(group: h5py.Group, key: str, names: list[str], split: bool) -> None:
    encoded = [name.encode() for name in names]
    if not split:
        group.attrs[key] = encoded
    for index, part in enumerate(encoded if split else ()):
        group.attrs[f"{key}{index}"] = [part]


def write_store(root: h5py.Group) -> None:
    """Weights by object path."""
    for owner, stored in OWNERS.items():
        group = root.create_group(f"{stored}/vars")
        its_paths = [path for path in PATHS if path.rsplit("/", 1)[0] == owner]
        for index, path in enumerate(its_paths):
            group.create_dataset(str(index), data=arrays()[path])


def whole_hdf5(path: Path, split: bool = False) -> Path:
    """A whole model in HDF5, as Keras 1 and 2 write it."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(MODEL).encode()
        group = file.create_group("model_weights")
        group.attrs["keras_version"], group.attrs["backend"] = b"2.4.0", b"tensorflow"
        write_legacy(group, split)
    return path


def legacy_weights(path: Path) -> Path:
    """Weights alone, by layer name."""
    with h5py.File(path, "w") as file:
        write_legacy(file)
    return path


def store_weights(path: Path) -> Path:
    """Weights alone, by object path."""
    with h5py.File(path, "w") as file:
        write_store(file)
    return path


def keras_zip(path: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    """A zip as Keras 3 writes it."""
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        write_store(file)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.4.1"}))
        archive.writestr("config.json", json.dumps(MODEL))
        archive.writestr("model.weights.h5", weights.getvalue())
        archive.writestr("assets/layers/lookup/vocabulary.txt", "a\nb")
    return path
