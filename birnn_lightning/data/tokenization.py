"""The texts of a data set are split in as many processes as pay, and only the first time."""

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_all_start_methods, get_context

from birnn_lightning.data import token_cache
from birnn_lightning.data.tokens import TokenizedTexts
from birnn_lightning.data.vocabulary import Split, Standardize

CHARACTERS_A_PROCESS = 8_000_000
"""With fewer, another process takes longer to start than it saves."""
LEAST_CORES = 4
"""With fewer, to hand the texts out and to join the results takes as long as is saved."""
CHARACTERS_WORTH_KEEPING = 1_000_000
"""Fewer are split as fast as they are found again."""


@dataclass(frozen=True, kw_only=True)
class Tokenizer:
    """Splits many texts; the result depends on the texts and the settings alone.

    Attributes:
        processes: how many share the texts; None takes as many as there are cores, and as pay.
        cached: whether the result of a large set is kept for the next time, and then taken.
    """

    processes: int | None = None
    cached: bool = True

    def __post_init__(self) -> None:
        """Check the fields."""
        if self.processes is not None and self.processes < 1:
            raise ValueError(
                "tokenizer_processes must be at least 1, or null for as many as pay; got "
                f"{self.processes}. Pass 1 to split the texts in the main process."
            )

    def __call__(
        self,
        texts: Sequence[str],
        standardize: Standardize | None = "lower_and_strip_punctuation",
        split: Split | None = "whitespace",
    ) -> TokenizedTexts:
        """Split texts; for the settings see `birnn_lightning.data.vocabulary.tokenize`."""
        split_some = partial(TokenizedTexts.of, standardize=standardize, split=split)
        characters = sum(map(len, texts))
        if not self.cached or characters < CHARACTERS_WORTH_KEEPING:
            return self._shared(split_some, texts, characters)
        path = token_cache.cache_file(texts, standardize, split)
        result = token_cache.read(path)
        if result is None:
            result = self._shared(split_some, texts, characters)
            token_cache.write(path, result)
        return result

    def _shared(
        self, split_some: "partial[TokenizedTexts]", texts: Sequence[str], characters: int
    ) -> TokenizedTexts:
        """Split texts in this process or, each of about as many characters, in several."""
        processes = self.processes or _processes(characters)
        if processes < 2 or "fork" not in get_all_start_methods():
            return split_some(texts)
        shares = list(_shares(texts, characters / processes))
        with warnings.catch_warnings():
            # A child must not wait for a lock that another thread holds; this one takes none.
            warnings.filterwarnings("ignore", ".*multi-threaded.*", DeprecationWarning)
            with ProcessPoolExecutor(len(shares), get_context("fork")) as pool:
                return TokenizedTexts.joined(pool.map(split_some, shares))


def _processes(characters: int) -> int:
    """As many as pay on the cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(cores, characters // CHARACTERS_A_PROCESS) if cores >= LEAST_CORES else 1


def _shares(texts: Sequence[str], characters: float) -> Iterator[Sequence[str]]:
    """The texts in their order, cut where so many characters are full."""
    start, count = 0, 0
    for stop, text in enumerate(texts, start=1):
        count += len(text)
        if count >= characters or stop == len(texts):
            yield texts[start:stop]
            start, count = stop, 0
