"""Synthetic reviews are as long as those of IMDB, so that padding costs what it costs there."""

import numpy as np

from parity.bench.configuration import Configuration

QUANTILES = (
    *(10, 64, 90, 110, 119, 127, 134, 142, 151, 162),
    *(174, 188, 205, 226, 251, 283, 323, 375, 457, 595, 2469),
)
"""Tokens of a review of IMDB's training part (Maas et al. 2011), 25,000 reviews split as our
`Vocabulary` does: the quantiles at 0, 5, ..., 100%. Mean 233, median 174; padding takes 21% of a
random batch that is cut at 200 tokens, 48% of one that is cut at 400."""

INTERIOR_SHARE = 0.1


def length_at(share: np.ndarray, longest: int) -> np.ndarray:
    """Lengths at these shares (0 to 1) of the distribution, cut at ``longest``; int64."""
    shares = np.linspace(0, 1, len(QUANTILES))
    return np.clip(np.interp(share, shares, QUANTILES).round(), 1, longest).astype(np.int64)


def batch_lengths(configuration: Configuration) -> np.ndarray:
    """The lengths of one batch, ``(batch,)``: its rows stand at equal shares of the distribution.

    So a single batch is as a mean one, and not as short or as long as it happened to be drawn.
    """
    batch, time = configuration.batch, configuration.time
    if configuration.mask not in ("ragged", "left"):
        return np.full(batch, time)
    lengths = length_at((np.arange(batch) + 0.5) / batch, time)
    return np.random.default_rng(batch).permutation(lengths)


def valid_steps(configuration: Configuration) -> int:
    """The steps of one batch that a model must compute: those that are not masked."""
    return int((batch_tokens(configuration) != 0).sum())


def batch_tokens(configuration: Configuration) -> np.ndarray:
    """The tokens ``(batch, time)`` int64 of one batch, the same in every process."""
    batch, time = configuration.batch, configuration.time
    generator = np.random.default_rng([batch, time])
    tokens = generator.integers(1, configuration.vocabulary, (batch, time))
    steps, lengths = np.arange(time), batch_lengths(configuration)[:, None]
    if configuration.mask == "left":
        tokens[steps < time - lengths] = 0
    elif configuration.mask == "interior":
        tokens[generator.random((batch, time)) < INTERIOR_SHARE] = 0
    else:
        tokens[steps >= lengths] = 0
    return tokens


def batch_labels(configuration: Configuration) -> np.ndarray:
    """Labels ``(batch,)`` int64 of 0 and 1, the same in every process."""
    return np.random.default_rng(configuration.batch + 1).integers(0, 2, configuration.batch)
