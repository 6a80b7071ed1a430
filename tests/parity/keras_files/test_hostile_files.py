"""No damaged or hostile file crashes us, hangs, takes memory, or gives numbers that it has not."""

import random
import resource
from pathlib import Path

import h5py
import numpy as np
import pytest

from parity.keras_files.file import open_keras_file
from parity.keras_files.weights import read_weights
from parity.results import ParityUnavailable
from tests.parity.keras_files import files_by_hand as by_hand
from tests.parity.keras_files.saved_models import table

ROWS = table(by_hand.PATHS)
KERNEL = "head/head/kernel:0"
NAMES = [b"head/kernel:0", b"head/bias:0"]


def read(path):
    file = open_keras_file(path)
    return read_weights(file, file.config or by_hand.CONFIG, ROWS, by_hand.SHAPES)


def _replaced(group, name, **settings):
    del group[name]
    return group.create_dataset(name, **settings)


def _external_link(group, folder):
    del group[KERNEL]
    group[KERNEL] = h5py.ExternalLink(str(folder / "secret.h5"), "/kernel")


def _soft_link(group, folder):
    del group["head/head"]
    group["head/head"] = h5py.SoftLink("/model_weights/tokens")


def _external_storage(group, folder):
    (folder / "secret").write_bytes(bytes(80))
    _replaced(group, KERNEL, shape=(10, 2), dtype="f4", external=[(folder / "secret", 0, 80)])


def _virtual(group, folder):
    layout = h5py.VirtualLayout((10, 2), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "kernel", shape=(10, 2))
    del group[KERNEL]
    group.create_virtual_dataset(KERNEL, layout)


def _huge(group, folder):
    _replaced(group, KERNEL, shape=(10**6, 10**6), dtype="f4", chunks=(10, 10), compression="gzip")


def _never_written(group, folder):
    _replaced(group, KERNEL, shape=(10, 2), dtype="f4")


def _texts(group, folder):
    _replaced(group, KERNEL, data=np.full((10, 2), b"x"))


def _references(group, folder):
    _replaced(group, KERNEL, shape=(10, 2), dtype=h5py.ref_dtype)


def _nan(group, folder):
    group[KERNEL][3, 1] = np.nan


def _infinite(group, folder):
    group[KERNEL][3, 1] = -np.inf


def _wrong_shape(group, folder):
    _replaced(group, KERNEL, data=np.ones((2, 10), "f4"))


def _dropped(group, folder):
    del group[KERNEL]


def _swapped_names(group, folder):
    group["head"].attrs["weight_names"] = NAMES[::-1]


def _no_names(group, folder):
    del group.attrs["layer_names"]


def _numbers_as_names(group, folder):
    group.attrs["layer_names"] = [1, 2, 3]


def _name_upwards(group, folder):
    group["head"].attrs["weight_names"] = [b"../head/head/kernel:0", NAMES[1]]


def _more_layers(group, folder):
    group.attrs["layer_names"] = [b"tokens", b"reader", b"head", b"extra"]
    group.create_dataset("extra/kernel:0", data=np.ones(2, "f4"))
    group["extra"].attrs["weight_names"] = [b"kernel:0"]


HOSTILE = {
    _external_link: "a link to somewhere else",
    _soft_link: "a link to somewhere else",
    _external_storage: "lies in another file",
    _virtual: "lies in another file",
    _huge: "4,000,000,000,000 bytes",
    _never_written: "should have 80 bytes but 0 are in the file",
    _texts: "weights are floats",
    _references: "weights are floats",
    _nan: "head/kernel .* has 1 of 20 values that are NaN or infinite",
    _infinite: "head/kernel .* has 1 of 20 values that are NaN or infinite",
    _wrong_shape: r"has the shape \(2, 10\); the model needs \(10, 2\)",
    _dropped: "has no weight 'head/kernel:0'",
    _swapped_names: "not what the model needs: head/kernel, head/bias",
    _no_names: "without a Keras model|has no list|architecture|hdf5 without weights",
    _numbers_as_names: "is no text",
    _name_upwards: "not a name that Keras gives",
    _more_layers: "weights of 4 layers .* the model needs those of 3",
}


@pytest.mark.parametrize(("change", "reason"), HOSTILE.items(), ids=lambda one: str(one)[:20])
def test_a_hostile_file_is_refused(change, reason, tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["kernel"] = np.ones((10, 2), "f4")
    path = by_hand.whole_hdf5(tmp_path / "model.h5")
    with h5py.File(path, "a") as file:
        change(file["model_weights"], tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ParityUnavailable, match=reason) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**17  # KiB


@pytest.mark.parametrize("change", ["extra", "missing", "renamed", "more"])
def test_other_objects_in_a_store_are_refused(change, tmp_path):
    path = by_hand.store_weights(tmp_path / "model.weights.h5")
    with h5py.File(path, "a") as file:
        if change == "extra":
            file["layers/dense_1/vars/0"] = np.ones(3, "f4")
        elif change == "missing":
            del file["layers/dense/vars/1"]
        elif change == "renamed":
            file.move("layers/dense", "layers/dense_9")
        else:
            file["layers/dense/vars/2"] = np.ones(3, "f4")
    with pytest.raises(ParityUnavailable, match="Do file and model belong together"):
        read(path)


def test_a_file_that_makes_the_library_hang_is_refused(tmp_path, monkeypatch):
    path = by_hand.whole_hdf5(tmp_path / "model.h5")
    monkeypatch.setattr("parity.keras_files.hdf5.PATIENCE", 0)
    with pytest.raises(ParityUnavailable, match="trial run took too long"):
        read(path)


def _mutated(content: bytes, generator: random.Random) -> bytes:
    damaged = bytearray(content)
    if generator.random() < 0.2:
        return bytes(damaged[: generator.randrange(len(damaged))])
    for _ in range(generator.choice([1, 2, 16])):
        damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
    return bytes(damaged)


def _arrays_in(content: bytes, found: dict[str, np.ndarray]) -> bool:
    """Whether the bytes of every array stand in the file: a flipped weight is what it says."""
    return all(array.tobytes() in content for array in found.values())


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "make",
    [by_hand.whole_hdf5, by_hand.store_weights, by_hand.keras_zip],
    ids=["whole", "store", "zip"],
)
def test_mutated_files_give_their_own_numbers_or_an_error(make, seed, tmp_path):
    """HDF5 has no checksum over an array's bytes, so a flipped bit there is a weight like any.

    A zip has one: what it gives is what was saved.
    """
    path: Path = make(tmp_path / "model")
    content = _mutated(path.read_bytes(), random.Random(seed))
    path.write_bytes(content)
    try:
        found = read(path)
    except ParityUnavailable:
        return
    assert {row: array.shape for row, array in found.items()} == by_hand.SHAPES
    assert all(np.isfinite(array).all() for array in found.values())
    assert _arrays_in(content, found)
    if make is by_hand.keras_zip:
        for row, array in by_hand.arrays().items():
            np.testing.assert_array_equal(found[row], array)
