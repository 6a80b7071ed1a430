"""Which Keras wrote a file decides what the file means."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from parity.results import ParityUnavailable

Semantics = Literal["keras2", "keras3"]
SEMANTICS = ("auto", "keras2", "keras3")


@dataclass(frozen=True, kw_only=True)
class Written:
    """What wrote a file, and as what its functions are to be read.

    Attributes:
        version: release numbers, e.g. ``(2, 2, 4)``; None where the file names none.
        major: 1, 2 or 3; found by the form of the config where the file names no version.
        within_tensorflow: whether it was ``tf.keras``.
        backend: ``"tensorflow"``, ``"theano"``, ``"cntk"``, ...; None where unknown.
        semantics: whose functions and masks are meant.
        notes: sentences about what the version's own meaning changed; grows while reading.
    """

    version: tuple[int, ...] | None
    major: int
    within_tensorflow: bool
    backend: str | None
    semantics: Semantics
    notes: list[str] = field(default_factory=list, compare=False)

    def note(self, sentence: str) -> None:
        """Keeps a sentence, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    @property
    def repeats_outputs(self) -> bool:
        """Before TensorFlow 1.13 both directions repeated their last output at masked steps."""
        version = self.version or (2,)
        return self.major < 3 and not (self.within_tensorflow and version >= (2, 2, 4))

    @property
    def flips_kernels(self) -> bool:
        """Theano's convolution reads its kernels from the end."""
        return self.backend == "theano"


def written_by(keras_version: Any, backend: Any, semantics: str, config: Any) -> Written:
    """What wrote a model's config.

    Args:
        keras_version: as the file has it, e.g. ``"2.2.4-tf"``, or None.
        backend: as the file has it, or None.
        semantics: ``"auto"`` (by the version), ``"keras2"`` or ``"keras3"``.
        config: the model's config, whose form tells the version where the file does not.

    Raises:
        ParityUnavailable: an unknown version or semantics.
    """
    if semantics not in SEMANTICS:
        raise ParityUnavailable(
            f"semantics must be one of {', '.join(SEMANTICS)}; got {semantics!r}."
        )
    version, within_tensorflow = _numbers(keras_version), "tf" in str(keras_version)
    keys = _setting_names(config)
    major = version[0] if version else _major(keys)
    if major not in (0, 1, 2, 3):
        raise ParityUnavailable(
            f"the file was written by Keras {keras_version}; supported are Keras 1, 2 and 3."
        )
    major = max(major, 1)
    if version and version[0] == 2 and version[1] >= 4:
        within_tensorflow = True
    return Written(
        version=version,
        major=major,
        within_tensorflow=within_tensorflow,
        backend=str(backend).lower() if backend else None,
        semantics=semantics if semantics != "auto" else "keras3" if major == 3 else "keras2",
    )


def _numbers(keras_version: Any) -> tuple[int, ...] | None:
    if not keras_version:
        return None
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", str(keras_version))
    if found is None:
        raise ParityUnavailable(
            f"the file's Keras version is {str(keras_version)[:40]!r}, no version of Keras."
        )
    return tuple(int(part or 0) for part in found.groups())


ONLY_IN_1 = {"init", "inner_activation", "W_regularizer", "nb_filter", "border_mode"}
NOT_IN_1 = {"units", "filters", "kernel_initializer", "embeddings_initializer"}


def _major(names: set[str]) -> int:
    """The major version by the names of the settings: the versions renamed them."""
    if names & ONLY_IN_1 and not names & NOT_IN_1:
        return 1
    if "DTypePolicy" in names or {"batch_shape", "registered_name"} <= names:
        return 3
    return 2


def _setting_names(config: Any) -> set[str]:
    """Every key, and every class name, in a config."""
    names: set[str] = set()
    parts = [config]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            names.update(key for key in part if isinstance(key, str))
            if isinstance(part.get("class_name"), str):
                names.add(part["class_name"])
            parts.extend(part.values())
        elif isinstance(part, list | tuple):
            parts.extend(part)
    return names
