"""However a model's config was changed, reading it gives a model or one clear error."""

import copy
import io
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import h5py
import pytest

from birnn_lightning import SequenceClassifier
from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, Node
from parity import ParityUnavailable, from_keras
from parity.keras_files.saving import write_keras

LSTM = specs.Recurrent(cell="lstm", hidden_size=3, return_sequences=True)
INNER = ModelSpec(
    (
        Node(name="steps", layer=specs.Input(shape=(None, 6))),
        Node(name="dense", layer=specs.Dense(units=5, kernel_regularizer=specs.L2())),
        Node(name="batch", layer=specs.BatchNormalization()),
    )
)
SPEC = ModelSpec(
    (
        Node(name="words", layer=specs.Input(shape=(7,), dtype="int64")),
        Node(name="features", layer=specs.Input(shape=(7, 5))),
        Node(
            name="table",
            layer=specs.Embedding(vocab_size=11, embedding_dim=5, mask_zero=True),
            inputs=("words",),
        ),
        Node(name="reader", layer=specs.Bidirectional(forward=LSTM)),
        Node(name="inner", layer=specs.Submodel(model=INNER)),
        Node(name="convolved", layer=specs.Conv1D(filters=5, kernel_size=3, padding="same")),
        Node(name="other", layer=specs.Dense(units=5), inputs=("features",)),
        Node(
            name="other_call_2", layer=specs.Dense(units=5), inputs=("convolved",), shares="other"
        ),
        Node(name="sum", layer=specs.Add(), inputs=("other_call_2", "other")),
        Node(name="frames", layer=specs.TimeDistributed(layer=specs.Dense(units=4))),
        Node(name="pool", layer=specs.GlobalAveragePooling1D()),
        Node(name="head", layer=specs.Dense(units=2, activation="softmax")),
    )
)
WRONG = (None, -1, 0, 2**40, 1.5, float("nan"), "", "x", [], {}, [None], ["dense", 0, 0], True)
WORDS = ("LSTM", "Dense", "Lambda", "Functional", "Add", "../x", "head", "channels_first", "ave")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    path = tmp_path_factory.mktemp("files") / "model.keras"
    write_keras(path, SequenceClassifier(SPEC))
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def containers(value: Any) -> list[Any]:
    """Every dict and list in a config."""
    inner = value.values() if isinstance(value, dict) else value
    found = [value]
    for one in inner:
        if isinstance(one, dict | list):
            found += containers(one)
    return found


def mutated(config: Any, generator: random.Random) -> Any:
    """The config with one to three things dropped, replaced, doubled or exchanged."""
    config = copy.deepcopy(config)
    for _ in range(generator.randint(1, 3)):
        place = generator.choice([one for one in containers(config) if one])
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key, other = generator.choice(keys), generator.choice(keys)
        change = generator.randrange(5)
        if change == 0:
            del place[key]
        elif change == 1:
            place[key] = copy.deepcopy(generator.choice(WRONG))
        elif change == 2:
            place[key] = generator.choice(WORDS)
        elif change == 3:
            place[key], place[other] = place[other], place[key]
        elif isinstance(place, list):
            place.insert(key, copy.deepcopy(place[other]))
        else:
            place[f"{key}_2"] = place[key]
    return config


def write(path: Path, parts: dict[str, bytes], config: Any) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            changed = json.dumps(config).encode() if name == "config.json" else content
            archive.writestr(name, changed)


def test_the_unchanged_model_is_read(parts: dict[str, bytes], tmp_path: Path) -> None:
    config = json.loads(parts["config.json"])
    write(tmp_path / "model.keras", parts, config)
    assert from_keras(tmp_path / "model.keras").spec == SPEC


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(6))
def test_a_changed_config_is_read_or_refused(
    seed: int, parts: dict[str, bytes], tmp_path: Path
) -> None:
    generator, path = random.Random(seed), tmp_path / "model.keras"
    config, refused = json.loads(parts["config.json"]), 0
    for _ in range(20):
        write(path, parts, mutated(config, generator))
        try:
            from_keras(path)
        except ParityUnavailable as error:
            refused += len(str(error).splitlines())
    assert 3 < refused <= 20


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(2))
def test_a_changed_config_in_hdf5_is_read_or_refused(
    seed: int, parts: dict[str, bytes], tmp_path: Path
) -> None:
    """Without weights: what is read of the config is compared with nothing."""
    generator, path = random.Random(seed), tmp_path / "model.h5"
    config = json.loads(parts["config.json"])
    for _ in range(20):
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            file.attrs["model_config"] = json.dumps(mutated(config, generator))
            file.attrs["keras_version"] = generator.choice(["1.2.2", "2.2.4", "2.13.1", "3.1.0"])
            file.create_group("model_weights").attrs["layer_names"] = [b"head"]
        path.write_bytes(buffer.getvalue())
        with pytest.raises(ParityUnavailable):
            from_keras(path)
