"""Texts as numbers, before there is a vocabulary: tokens are numbered as they are met."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from birnn_lightning.data.vocabulary import Split, Standardize, tokenize


@dataclass(frozen=True)
class TokenizedTexts:
    """Texts that were split.

    Attributes:
        tokens: the different tokens, in UTF-8.
        places: int32, for each token of all texts, one text after the other: its place in
            `tokens`.
        ends: int64, one a text: where it ends in `places`.
    """

    tokens: list[bytes]
    places: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(
        cls, texts: Iterable[str], standardize: Standardize | None, split: Split | None
    ) -> "TokenizedTexts":
        """Split texts, here and now; for the settings see `tokenize`."""
        place_of, places, ends = _Places(), array("i"), []
        for text in texts:
            places.extend(map(place_of.__getitem__, tokenize(text, standardize, split)))
            ends.append(len(places))
        return cls(list(place_of), np.array(places, np.int32), np.array(ends, np.int64))

    @classmethod
    def joined(cls, parts: Iterable["TokenizedTexts"]) -> "TokenizedTexts":
        """The texts of all parts, one part after the other."""
        place_of = _Places()
        places, ends, count = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)], 0
        for part in parts:
            moved = np.array([place_of[token] for token in part.tokens], np.int32)
            places.append(moved[part.places])
            ends.append(part.ends + count)
            count += len(part.places)
        return cls(list(place_of), np.concatenate(places), np.concatenate(ends))

    def counts(self) -> dict[bytes, int]:
        """How often each token occurs."""
        counts = np.bincount(self.places, minlength=len(self.tokens))
        return dict(zip(self.tokens, counts.tolist(), strict=True))

    def numbered(self, ids: Sequence[int]) -> list[np.ndarray]:
        """Each text with other numbers: ``(time,)`` int32.

        Args:
            ids: the number of each of `tokens`.
        """
        flat = np.array(ids, np.int32)[self.places]
        return np.split(flat, self.ends[:-1]) if len(self.ends) else []


class _Places(dict[bytes, int]):
    """Numbers tokens as they are looked up."""

    def __missing__(self, token: bytes) -> int:
        self[token] = place = len(self)
        return place
