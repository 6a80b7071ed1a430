"""What turns raw examples into a batch is data of primitives, so it travels in the checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch import Tensor

from birnn_lightning.data.batch import Batch
from birnn_lightning.data.padding import Side, check_side, pad_sequences, truncate
from birnn_lightning.data.tokens import TokenizedTexts
from birnn_lightning.data.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True)
class TextPreprocessing:
    """Texts to token ids.

    A text without any token (empty, or only punctuation) becomes one unknown token, ``[1]``: Keras
    gives an all-padding row there, whose masked mean is NaN. ``empty="padding"`` does as Keras.

    Attributes:
        vocabulary: the tokens of the training part.
        class_names: the classes in the order of their indices.
        max_length: the number of tokens kept of a text; None keeps all.
        padding: where padding goes, "pre" or "post".
        truncation: where tokens are dropped from a longer text, "pre" or "post".
        pad_to: "longest" pads to the longest text of the batch, "max_length" always to max_length.
        empty: what stands for a text without any token, "unknown" or "padding".
    """

    vocabulary: Vocabulary
    class_names: tuple[str, ...]
    max_length: int | None = 200
    padding: Side = "pre"
    truncation: Side = "pre"
    pad_to: Literal["longest", "max_length"] = "longest"
    empty: Literal["unknown", "padding"] = "unknown"

    def __post_init__(self) -> None:
        """Check the fields."""
        check_side("padding", self.padding)
        check_side("truncation", self.truncation)
        _check_max_length(self.max_length)
        if self.empty not in ("unknown", "padding"):
            raise ValueError(f'empty must be "unknown" or "padding"; got {self.empty!r}.')
        if self.pad_to not in ("longest", "max_length"):
            raise ValueError(
                f'pad_to must be "longest" or "max_length"; got {self.pad_to!r}. '
                "Choose one of the two."
            )
        if self.pad_to == "max_length" and self.max_length is None:
            raise ValueError(
                'pad_to="max_length" needs a max_length; got None. Set it, or pad_to="longest".'
            )

    def __call__(self, texts: Sequence[str | Sequence[str]]) -> Batch:
        """Turn raw texts, or sequences of their parts, into a batch without labels."""
        inputs, mask = self.collate([self.encode(text) for text in texts])
        return Batch(inputs=inputs, mask=mask)

    def encode(self, text: str | Sequence[str]) -> np.ndarray:
        """Turn one text into its token ids, ``(time,)`` int32, truncated but not padded."""
        return self._kept(np.array(self.vocabulary.encode(text), dtype=np.int32))

    def encode_all(self, texts: TokenizedTexts) -> list[np.ndarray]:
        """Turn texts that were split as the vocabulary splits them into what `encode` returns."""
        return [self._kept(ids) for ids in texts.numbered(self.vocabulary.ids(texts.tokens))]

    def _kept(self, ids: np.ndarray) -> np.ndarray:
        if not len(ids) and self.empty == "unknown":
            ids = np.array([self.vocabulary.unknown_id], dtype=np.int32)
        return truncate(ids, self.max_length, self.truncation)

    def collate(self, examples: Sequence[np.ndarray]) -> tuple[Tensor, None]:
        """Pad encoded texts to ``(batch, time)`` int64; the mask is the model's (``mask_zero``)."""
        length = self.max_length if self.pad_to == "max_length" else None
        return pad_sequences(examples, length, self.padding, self.truncation)[0], None

    def to_config(self) -> dict[str, Any]:
        """Describe this by primitives, for a checkpoint."""
        return {
            "kind": "text",
            "vocabulary": self.vocabulary.to_config(),
            "class_names": list(self.class_names),
            "max_length": self.max_length,
            "padding": self.padding,
            "truncation": self.truncation,
            "pad_to": self.pad_to,
            "empty": self.empty,
        }


@dataclass(frozen=True, kw_only=True)
class SeriesPreprocessing:
    """Numeric sequences to normalised float32 features, padded with zeros at the end.

    A missing value (NaN) takes the feature's value in ``fill``, the training mean: 0 once it is
    normalised. Infinite values are refused, and NaN where there is no ``fill``.

    Attributes:
        input_size: the number of features of a step.
        class_names: the classes in the order of their indices.
        mean: what is subtracted from each feature; None leaves the features as they are.
        std: what each feature is divided by afterwards; given exactly when mean is.
        fill: what stands for a missing value of each feature, before normalisation.
        max_length: the number of steps kept of a sequence; None keeps all.
        truncation: where steps are dropped from a longer sequence, "pre" or "post".
    """

    input_size: int
    class_names: tuple[str, ...]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    fill: tuple[float, ...] | None = None
    max_length: int | None = None
    truncation: Side = "post"

    def __post_init__(self) -> None:
        """Check the fields."""
        check_side("truncation", self.truncation)
        _check_max_length(self.max_length)
        if (self.mean is None) != (self.std is None):
            raise ValueError(
                f"mean and std go together; got mean={self.mean} and std={self.std}. "
                "Pass both, or neither."
            )
        for name in ("mean", "std", "fill"):
            values = getattr(self, name)
            if values is not None and len(values) != self.input_size:
                raise ValueError(
                    f"{name} must hold input_size = {self.input_size} numbers, one a feature; got "
                    f"{len(values)}. Pass one for each feature."
                )
        if self.std is not None and min(self.std) <= 0:
            raise ValueError(
                f"std must be over 0 for every feature; got {min(self.std)}. Use 1 for a constant."
            )

    def __call__(self, series: Sequence[np.ndarray]) -> Batch:
        """Turn raw arrays ``(time, input_size)`` into a batch without labels."""
        inputs, mask = self.collate([self.encode(one, index) for index, one in enumerate(series)])
        return Batch(inputs=inputs, mask=mask)

    def encode(self, series: np.ndarray, index: int | str = 0) -> np.ndarray:
        """Normalise one sequence ``(time, input_size)``; float32, truncated but not padded.

        Args:
            series: raw features; ``(time,)`` will do when ``input_size`` is 1.
            index: what an error calls the sequence.

        Raises:
            ValueError: when the shape is wrong, no step is there, or a value is not finite.
        """
        array = np.asarray(series, dtype=np.float64)
        if array.ndim == 1 and self.input_size == 1:
            array = array[:, np.newaxis]
        if array.ndim != 2 or array.shape[1] != self.input_size or len(array) == 0:
            raise ValueError(
                f"a sequence must have the shape (time, {self.input_size}) with at least one step; "
                f"got {array.shape} in sequence {index}. Correct or drop it."
            )
        array = truncate(array, self.max_length, self.truncation)
        if self.fill is not None:
            array = np.where(np.isnan(array), self.fill, array)
        if not np.isfinite(array).all():
            step, feature = np.argwhere(~np.isfinite(array))[0]
            raise ValueError(
                f"features must be finite; got {array[step, feature]} at step {step}, feature "
                f"{feature} of sequence {index}. Correct the value or drop the sequence."
            )
        if self.mean is not None and self.std is not None:
            array = (array - np.asarray(self.mean)) / np.asarray(self.std)
        return array.astype(np.float32)

    def collate(self, examples: Sequence[np.ndarray]) -> tuple[Tensor, Tensor | None]:
        """Pad to ``(batch, time, input_size)`` float32; a mask only where lengths differ."""
        inputs, mask = pad_sequences(examples, None, "post", self.truncation)
        return inputs, None if bool(mask.all()) else mask

    def to_config(self) -> dict[str, Any]:
        """Describe this by primitives, for a checkpoint."""
        return {
            "kind": "series",
            "input_size": self.input_size,
            "class_names": list(self.class_names),
            "mean": None if self.mean is None else list(self.mean),
            "std": None if self.std is None else list(self.std),
            "fill": None if self.fill is None else list(self.fill),
            "max_length": self.max_length,
            "truncation": self.truncation,
        }


Preprocessing = TextPreprocessing | SeriesPreprocessing


def preprocessing_from_config(config: dict[str, Any]) -> Preprocessing:
    """Rebuild what ``to_config`` described.

    Raises:
        ValueError: when ``config["kind"]`` is not known.
    """
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in config.items()
    }
    kind = fields.pop("kind", None)
    if kind == "text":
        fields["vocabulary"] = Vocabulary.from_config(fields["vocabulary"])
        return TextPreprocessing(**fields)
    if kind == "series":
        return SeriesPreprocessing(**fields)
    raise ValueError(
        f'kind must be "text" or "series"; got {kind!r}. '
        "Load a checkpoint that this version of birnn-lightning wrote."
    )


def _check_max_length(max_length: int | None) -> None:
    if max_length is not None and max_length < 1:
        raise ValueError(
            f"max_length must be at least 1 or None; got {max_length}. Pass 1 or more."
        )
