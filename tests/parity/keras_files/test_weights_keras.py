"""What Keras 2 and 3 save, in each of their formats, is read as the arrays that were saved."""

import h5py
import pytest

from parity.keras_files.file import open_keras_file
from parity.keras_files.weights import read_weights
from parity.keras_files.writing import write_weights
from tests.parity.keras_files.saved_models import (
    SAMPLES,
    assert_same,
    config_of,
    randomise,
    table,
    variables,
)

pytestmark = pytest.mark.tensorflow
pytest.importorskip("tensorflow", reason="files are written by Keras on TensorFlow")

FORMATS = ("keras", "h5", "weights.h5")
OLD_FORMAT = "ignore:You are saving your model as an HDF5 file:UserWarning"


@pytest.fixture(scope="module", params=SAMPLES.values(), ids=list(SAMPLES))
def keras3(request):
    import keras

    model, paths = request.param(keras)
    randomise(model, seed=1)
    return model, paths


@pytest.fixture(scope="module", params=SAMPLES.values(), ids=list(SAMPLES))
def keras2(request):
    import tf_keras

    model, paths = request.param(tf_keras)
    randomise(model, seed=2)
    return model, paths


def save(model, path):
    (model.save_weights if path.name.endswith(".weights.h5") else model.save)(path)


@pytest.mark.parametrize("ending", FORMATS)
def test_weights_of_keras3(keras3, ending, tmp_path):
    model, paths = keras3
    save(model, tmp_path / f"model.{ending}")
    file = open_keras_file(tmp_path / f"model.{ending}")
    shapes = {path: array.shape for path, array in variables(model, paths).items()}
    assert_same(read_weights(file, config_of(model), table(paths), shapes), model, paths)


@pytest.mark.filterwarnings(OLD_FORMAT)
@pytest.mark.parametrize("ending", FORMATS)
def test_weights_of_keras2(keras2, ending, tmp_path):
    model, paths = keras2
    save(model, tmp_path / f"model.{ending}")
    file = open_keras_file(tmp_path / f"model.{ending}")
    assert_same(read_weights(file, config_of(model), table(paths)), model, paths)


@pytest.mark.parametrize("doubled", [True, False], ids=["2.12", "windows"])
def test_weights_of_early_zips(keras2, doubled, tmp_path, monkeypatch):
    from tf_keras.src.saving import saving_lib

    if doubled:
        monkeypatch.setattr(saving_lib, "_walk_trackable", _walk_of_keras_2_12)
        monkeypatch.setattr(saving_lib, "_save_container_state", _save_container_of_keras_2_12)
    else:
        monkeypatch.setattr(saving_lib.tf.io.gfile, "join", _join_of_windows)
    model, paths = keras2
    saving_lib.save_weights_only(model, tmp_path / "model.weights.h5")
    file = open_keras_file(tmp_path / "model.weights.h5")
    assert_same(read_weights(file, config_of(model), table(paths)), model, paths)


def _walk_of_keras_2_12(trackable):
    """Keras 2.12 and 2.13 went through all attributes in order, this one first for a model."""
    from tf_keras.src.saving import saving_lib

    skipped = saving_lib.ATTR_SKIPLIST - {"_layer_checkpoint_dependencies"}
    for name in dir(trackable):
        if not name.startswith("__") and name not in skipped:
            try:
                yield name, getattr(trackable, name)
            except (AttributeError, ValueError, RuntimeError, NotImplementedError):
                continue


def _save_container_of_keras_2_12(
    container, weights_store, assets_store, inner_path, visited_trackables
):
    """They counted an object again that they had saved before."""
    from tf_keras.src.saving import saving_lib
    from tf_keras.src.utils.generic_utils import to_snake_case

    counts = {}
    for one in list(container.values()) if isinstance(container, dict) else container:
        if saving_lib._is_keras_trackable(one):
            name = to_snake_case(type(one).__name__)
            counts[name] = counts.get(name, -1) + 1
            name = f"{name}_{counts[name]}" if counts[name] else name
            saving_lib._save_state(
                one, weights_store, assets_store, f"{inner_path}/{name}", visited_trackables
            )


def _join_of_windows(*parts):
    return "\\".join(part for part in parts if part)


@pytest.mark.parametrize("order", ["given", "reversed"])
def test_weights_for_keras3(keras3, order, tmp_path):
    model, paths = keras3
    arrays = variables(model, paths)
    target = type(model).from_config(model.get_config())
    randomise(target, seed=3)
    layers = list(dict.fromkeys(path.split("/")[0] for path in paths))
    layers = layers if order == "given" else layers[::-1]
    ordered = {
        path: arrays[path] for name in layers for path in paths if path.startswith(f"{name}/")
    }
    with h5py.File(tmp_path / "ours.weights.h5", "w") as file:
        write_weights(file, config_of(model), ordered)
    assert any((a != arrays[path]).any() for path, a in variables(target, paths).items())
    target.load_weights(tmp_path / "ours.weights.h5")
    assert_same(arrays, target, paths)


def test_a_count_of_batches_is_no_weight(tmp_path):
    import keras

    layer = keras.layers.Normalization(name="scaled")
    model = keras.Sequential([keras.Input((3,)), layer, keras.layers.Dense(2, name="head")])
    randomise(model, seed=4)
    paths = ["scaled/adapt_mean", "scaled/adapt_variance", "head/kernel", "head/bias"]
    model.save_weights(tmp_path / "theirs.weights.h5")
    file = open_keras_file(tmp_path / "theirs.weights.h5")
    arrays = read_weights(file, config_of(model), table(paths))
    assert_same(arrays, model, paths)
    with h5py.File(tmp_path / "ours.weights.h5", "w") as ours:
        write_weights(ours, config_of(model), arrays)
    randomise(model, seed=5)
    model.load_weights(tmp_path / "ours.weights.h5")
    assert_same(arrays, model, paths)
