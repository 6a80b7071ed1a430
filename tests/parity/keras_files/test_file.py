"""A file is known by its content, and what is no Keras file is refused in one line."""

import io
import json
import pickle
import zipfile

import h5py
import numpy as np
import pytest

from parity.keras_files.file import open_keras_file
from parity.keras_files.weights import read_weights
from parity.results import ParityUnavailable
from tests.parity.keras_files import files_by_hand as by_hand
from tests.parity.keras_files.saved_models import table

ROWS = table(by_hand.PATHS)


def read(path):
    file = open_keras_file(path)
    return read_weights(file, file.config or by_hand.CONFIG, ROWS, by_hand.SHAPES)


def assert_read(path):
    found = read(path)
    assert found.keys() == by_hand.arrays().keys()
    for row, array in by_hand.arrays().items():
        np.testing.assert_array_equal(found[row], array)


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip_under_any_name(name, compression, tmp_path):
    path = by_hand.keras_zip(tmp_path / name, compression)
    file = open_keras_file(path)
    assert (file.container, file.keras_version, file.class_name) == (
        "keras zip",
        "3.4.1",
        "Sequential",
    )
    assert file.config == by_hand.CONFIG
    assert file.assets["layers/lookup/vocabulary.txt"]() == b"a\nb"
    assert_read(path)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize("split", [False, True])
def test_whole_hdf5_under_any_name(name, split, tmp_path):
    path = by_hand.whole_hdf5(tmp_path / name, split)
    file = open_keras_file(path)
    assert (file.container, file.keras_version, file.backend) == ("hdf5", "2.4.0", "tensorflow")
    assert file.config == by_hand.CONFIG
    assert_read(path)


@pytest.mark.parametrize("make", [by_hand.legacy_weights, by_hand.store_weights])
def test_weights_alone(make, tmp_path):
    path = make(tmp_path / "some.weights.h5")
    assert open_keras_file(path).container == "weights"
    assert_read(path)


def test_config_split_over_attributes_of_a_bare_list(tmp_path):
    path = tmp_path / "model.h5"
    text = json.dumps({"class_name": "Sequential", "config": by_hand.CONFIG["layers"]})
    with h5py.File(path, "w") as file:
        file.attrs["model_config0"], file.attrs["model_config1"] = text[:70], text[70:]
        by_hand.write_legacy(file.create_group("model_weights"))
    file = open_keras_file(path)
    assert file.config == {"layers": by_hand.CONFIG["layers"]}
    assert (file.keras_version, file.backend) == (None, None)
    assert_read(path)


def test_architecture_with_other_layer_names_takes_weights_in_order(tmp_path):
    renamed = json.loads(json.dumps(by_hand.CONFIG).replace("head", "top"))
    rows = table([path.replace("head", "top") for path in by_hand.PATHS])
    (tmp_path / "model.json").write_text(
        json.dumps({"class_name": "Sequential", "config": renamed})
    )
    file = open_keras_file(tmp_path / "model.json")
    assert (file.container, file.config, file.weights) == ("architecture json", renamed, None)
    weights = open_keras_file(by_hand.legacy_weights(tmp_path / "weights.h5"))
    found = read_weights(weights, file.config, rows)
    np.testing.assert_array_equal(found["top/kernel"], by_hand.arrays()["head/kernel"])
    with pytest.raises(ParityUnavailable, match=r"architecture json without weights"):
        read_weights(file, file.config, rows)


def test_layers_in_another_order_are_refused(tmp_path):
    reordered = {"layers": by_hand.CONFIG["layers"][::-1]}
    weights = open_keras_file(by_hand.legacy_weights(tmp_path / "weights.h5"))
    with pytest.raises(ParityUnavailable, match="in another order"):
        read_weights(weights, reordered, ROWS)


def _zip_of_pickled_weights():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("config.json", json.dumps(by_hand.MODEL))
        archive.writestr("model.weights.npz", b"")
    return stream.getvalue()


def _zip_bomb():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * 2**24)
    return stream.getvalue()


FOREIGN = {
    "pickle": (pickle.dumps({"a": 1}), "a pickle, which is never read"),
    "pickled weights": (_zip_of_pickled_weights(), "pickled in model.weights.npz"),
    "zip bomb": (_zip_bomb(), "are said to become 16,777,216"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    "web page": (b"<!DOCTYPE html>", "a web page"),
    "yaml": (b"backend: tensorflow\nclass_name: Sequential\n", "YAML"),
    "empty": (b"", "an empty file"),
    "noise": (b"\x00\x01\x02", "no Keras file"),
    "shards": (b'{"weight_map": {}}', "weights in several files"),
    "deep json": (b'{"a":' * 300 + b"1" + b"}" * 300, "nested more than 200 levels"),
    "deeper json": (b'{"a":' * 100_000, "nested too deeply"),
    "broken json": (b'{"a": ', "is not valid JSON"),
    "no model": (b"{}", "no 'class_name'"),
    "subclass": (b'{"class_name": "Mine", "config": {}}', "does not list its layers"),
    "truncated zip": (b"PK\x03\x04 and no more", "damaged or truncated"),
    "other zip": (b"PK\x05\x06" + bytes(18), "a zip without 'config.json'"),
}


@pytest.mark.parametrize(("content", "reason"), FOREIGN.values(), ids=list(FOREIGN))
def test_what_is_no_keras_file_is_refused(content, reason, tmp_path):
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(ParityUnavailable, match=reason) as caught:
        open_keras_file(tmp_path / "model.keras")
    assert str(caught.value).startswith("model.keras: ")
    assert "\n" not in str(caught.value)


def test_folders_and_missing_files_are_refused(tmp_path):
    with pytest.raises(ParityUnavailable, match="no such file"):
        open_keras_file(tmp_path / "missing.keras")
    with pytest.raises(ParityUnavailable, match="a folder"):
        open_keras_file(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(ParityUnavailable, match="TensorFlow SavedModel"):
        open_keras_file(tmp_path)
