"""A file that Keras cannot load is refused in one line with its name."""

import zipfile
from typing import Any

import pytest

from parity import ParityUnavailable
from parity.keras_model import load
from parity.suite.cases import Case
from tests.parity.keras_models import L, keras, of_series

pytestmark = pytest.mark.tensorflow
h5py: Any = pytest.importorskip("h5py", reason="files are spoilt with it")


class Doubling(L.Layer):
    def call(self, inputs):
        return 2 * inputs


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory, twin_of):
    path = tmp_path_factory.mktemp("files") / "good.keras"
    twin_of(Case(cell="gru")).save(path)
    return path


def garbage(path, good):
    path.with_suffix(".keras").write_bytes(b"no model")
    return path.with_suffix(".keras")


def truncated(path, good):
    path.write_bytes(good.read_bytes()[:5000])
    return path


def damaged(path, good):
    content = good.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(200) + content[middle + 200 :])
    return path


def empty_zip(path, good):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "nothing")
    return path


def bad_config(path, good):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{")
        archive.writestr("metadata.json", "{}")
    return path


def empty_h5(path, good):
    h5py.File(path.with_suffix(".h5"), "w").close()
    return path.with_suffix(".h5")


def weights_alone(path, good):
    keras.saving.load_model(good).save_weights(path.with_suffix(".weights.h5"))
    return path.with_suffix(".weights.h5")


def custom_layer(path, good):
    of_series(Doubling(), L.GRU(5)).save(path)
    return path


def function(path, good):
    of_series(L.Lambda(lambda v: v), L.GRU(5)).save(path)
    return path


def text(path, good):
    path.with_suffix(".txt").write_text("no model")
    return path.with_suffix(".txt")


@pytest.mark.parametrize(
    "spoil",
    [
        garbage,
        truncated,
        damaged,
        empty_zip,
        bad_config,
        empty_h5,
        weights_alone,
        custom_layer,
        function,
        text,
    ],
)
def test_a_file_that_keras_cannot_load_is_refused_with_its_name(spoil, tmp_path, keras_file):
    path = spoil(tmp_path / "bad.keras", keras_file)
    with pytest.raises(ParityUnavailable, match=r"^Keras [\d.]+ cannot load .*bad\.") as refused:
        load(path)
    assert "\n" not in str(refused.value)


def test_the_file_that_was_spoilt_loads(keras_file):
    assert load(keras_file).output_shape == (None, 7)


@pytest.mark.parametrize("path", ["nowhere.keras", "."])
def test_a_file_that_is_not_there_is_refused(path):
    with pytest.raises(ParityUnavailable, match=f"Keras file not found: {path}"):
        load(path)
