"""Files of other kinds are refused by the name of their kind, unread."""

from pathlib import Path
from typing import NoReturn

from parity.keras_files.refusals import refusal

KINDS = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself. Run: git lfs pull."),
    (b"\x1f\x8b", "compressed by gzip. Unpack it first."),
    (b"7z\xbc\xaf", "a 7z archive. Unpack it first."),
    (b"Rar!", "a RAR archive. Unpack it first."),
    (b"<", "a web page or XML, perhaps a failed download. Download the file itself."),
    (b"\x93NUMPY", "a NumPy array. Give a Keras model."),
)
PICKLE = (
    "a pickle, which is never read: loading one runs code. Load it where you trust it, and save "
    "the model with model.save('model.keras')."
)
SAVED_MODEL = (
    "a TensorFlow SavedModel, which is not supported. Load it with Keras 2 and save the model "
    "with model.save('model.keras')."
)
YAML = "YAML, which Keras no longer reads. Save the architecture with model.to_json()."
UNKNOWN = "no Keras file. Supported: .keras zips, HDF5 (.h5), and an architecture in JSON."


def refuse_folder(path: Path) -> NoReturn:
    """Raises ParityUnavailable for a folder."""
    names = {one.name for one in path.iterdir()}
    if names & {"saved_model.pb", "saved_model.pbtxt", "keras_metadata.pb"}:
        raise refusal(path, SAVED_MODEL)
    if {"config.json", "model.weights.h5"} <= names:
        raise refusal(path, "a .keras file that was unpacked. Zip the folder's content again.")
    raise refusal(path, f"a folder. {UNKNOWN}")


def refuse_foreign(path: Path, head: bytes) -> NoReturn:
    """Raises ParityUnavailable for a file that starts with these bytes."""
    if not head:
        raise refusal(path, "an empty file.")
    for start, kind in KINDS:
        if head.startswith(start):
            raise refusal(path, kind)
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        raise refusal(path, PICKLE)
    if head[4:8] == b"TFL3":
        raise refusal(path, "a TensorFlow Lite model, which is not supported. Give a Keras file.")
    if head[8:9] == b"{":
        raise refusal(path, "safetensors, which hold no Keras model. Give a Keras file.")
    if head.startswith(b"\x08") and b"saved_model_schema_version" in head:
        raise refusal(path, SAVED_MODEL)
    if b"class_name:" in head or head.startswith(b"backend:"):
        raise refusal(path, YAML)
    raise refusal(path, UNKNOWN)
