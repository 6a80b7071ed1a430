"""A Keras file is known by its content; its name tells nothing."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import h5py

from parity.keras_files import hdf5
from parity.keras_files.archive import CONFIG, METADATA, WEIGHTS, KerasArchive
from parity.keras_files.foreign import refuse_folder, refuse_foreign
from parity.keras_files.json_text import parsed
from parity.keras_files.legacy import LAYER_NAMES, MODEL_WEIGHTS
from parity.keras_files.refusals import MAX_CONFIG_BYTES, damage_refused, quoted, refusal
from parity.keras_files.store import is_store

Container = Literal["keras zip", "hdf5", "architecture json", "weights"]
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
HEAD_BYTES = 4096
HDF5_OFFSETS = (0, 512, 1024, 2048)
"""Where an HDF5 file may start, within the head."""


@dataclass(frozen=True, kw_only=True)
class WeightSource:
    """Where a file's weights are.

    Attributes:
        path: of the file.
        layout: ``"legacy"``, by layer name, or ``"store"``, by object path.
        group: the group in the HDF5 file that holds them.
        archive: the zip with the HDF5 file; None where ``path`` is one.
    """

    path: Path
    layout: Literal["legacy", "store"]
    group: str = ""
    archive: KerasArchive | None = None

    @contextmanager
    def opened(self) -> Iterator[h5py.Group]:
        """The group that holds them, as long as the context lasts.

        Raises:
            ParityUnavailable: damaged.
        """
        if self.archive is not None:
            with self.archive.copied(WEIGHTS) as copy, hdf5.opened(copy, self.path) as root:
                yield root
            return
        with hdf5.opened(self.path) as root:
            yield hdf5.subgroup(self.path, root, self.group) if self.group else root


@dataclass(frozen=True, kw_only=True)
class KerasFile:
    """What a file says about a model; its weights are read when they are asked for.

    Attributes:
        path: of the file.
        container: what kind of file it is.
        keras_version: that wrote it; None where the file does not say.
        backend: of that Keras; None where the file does not say.
        class_name: of the model; empty for weights alone.
        config: of the model, as in the file; ``{"layers": [...]}`` for a bare list; empty for
            weights alone.
        weights: where they are; None where there are none.
        assets: readers of the zip's assets by their path below ``assets/``.
    """

    path: Path
    container: Container
    keras_version: str | None = None
    backend: str | None = None
    class_name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    weights: WeightSource | None = None
    assets: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)


def open_keras_file(path: str | Path, backend: str | None = None) -> KerasFile:
    """Reads what a file says about its model.

    Args:
        path: a ``.keras`` zip, a whole model or weights alone in HDF5, or an architecture in JSON;
            whatever the name ends in.
        backend: of the Keras that wrote the file, where the file does not say.

    Raises:
        ParityUnavailable: no such file, no Keras file, damaged, or above a limit.
    """
    path = Path(path)
    if path.is_dir():
        refuse_folder(path)
    if not path.is_file():
        raise refusal(path, f"there is no such file ({path}).")
    with damage_refused(path), path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    file = _opened(path, head)
    return replace(file, backend=file.backend or backend)


def _opened(path: Path, head: bytes) -> KerasFile:
    if head.startswith(ZIP):
        return _zip(path)
    if any(head[start : start + 8] == hdf5.SIGNATURE for start in HDF5_OFFSETS):
        return _hdf5(path)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _architecture(path)
    refuse_foreign(path, head)


def _zip(path: Path) -> KerasFile:
    archive = KerasArchive(path)
    if CONFIG not in archive.names:
        raise refusal(path, f"a zip without {CONFIG!r}, so no Keras model. Save it with Keras.")
    has_metadata = METADATA in archive.names
    metadata = parsed(path, archive.text(METADATA), METADATA) if has_metadata else {}
    if WEIGHTS not in archive.names and "model.weights.npz" in archive.names:
        raise refusal(
            path,
            "its weights are pickled in model.weights.npz, which is never read. Save the model "
            "with weights_format='h5', which is Keras's default.",
        )
    has_weights = WEIGHTS in archive.names
    class_name, config = _model(path, parsed(path, archive.text(CONFIG), CONFIG), CONFIG)
    return KerasFile(
        path=path,
        container="keras zip",
        keras_version=_text(metadata.get("keras_version")),
        class_name=class_name,
        config=config,
        weights=WeightSource(path=path, layout="store", archive=archive) if has_weights else None,
        assets=archive.assets(),
    )


def _hdf5(path: Path) -> KerasFile:
    with hdf5.opened(path) as root:
        weights = hdf5.child(path, root, MODEL_WEIGHTS)
        group = weights if isinstance(weights, h5py.Group) else root
        config = hdf5.text_attribute(path, root, "model_config")
        version, backend = (
            hdf5.text_attribute(path, root, name) or hdf5.text_attribute(path, group, name)
            for name in ("keras_version", "backend")
        )
        has_names = any(name in group.attrs for name in (LAYER_NAMES, f"{LAYER_NAMES}0"))
        source = None
        if has_names:
            name = MODEL_WEIGHTS if group is weights else ""
            source = WeightSource(path=path, layout="legacy", group=name)
        elif is_store(root):
            source = WeightSource(path=path, layout="store")
    if config is None and source is None:
        raise refusal(
            path,
            "an HDF5 file without a Keras model: it has no 'model_config', no 'layer_names' and "
            "no 'layers'. Save the model or its weights with Keras.",
        )
    class_name, settings = "", {}
    if config is not None:
        class_name, settings = _model(path, parsed(path, config, "model_config"), "model_config")
    return KerasFile(
        path=path,
        container="weights" if config is None else "hdf5",
        keras_version=version,
        backend=backend,
        class_name=class_name,
        config=settings,
        weights=source,
    )


def _architecture(path: Path) -> KerasFile:
    size = path.stat().st_size
    if size > MAX_CONFIG_BYTES:
        raise refusal(path, f"JSON of {size:,} bytes; allowed: {MAX_CONFIG_BYTES:,}.")
    with damage_refused(path):
        document = parsed(path, path.read_bytes(), "the file")
    if "weight_map" in document:
        raise refusal(
            path,
            "weights in several files (.weights.json) are not supported. Save them in one: "
            "model.save_weights('model.weights.h5').",
        )
    class_name, config = _model(path, document, "the file")
    return KerasFile(
        path=path,
        container="architecture json",
        keras_version=_text(document.get("keras_version")),
        backend=_text(document.get("backend")),
        class_name=class_name,
        config=config,
    )


def _model(path: Path, document: Mapping[str, Any], what: str) -> tuple[str, dict[str, Any]]:
    """Class and config of a serialized model."""
    class_name, config = document.get("class_name"), document.get("config")
    if isinstance(config, list):
        config = {"layers": config}
    if not isinstance(class_name, str) or not isinstance(config, dict):
        raise refusal(path, f"{what} is no model: it has no 'class_name' with a 'config'.")
    if not isinstance(config.get("layers"), list):
        raise refusal(
            path,
            f"its model is of class {quoted(class_name)}, which does not list its layers. "
            "Supported: Sequential and functional models; build such a one and load the weights.",
        )
    return class_name, config


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
