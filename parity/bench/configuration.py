"""What is measured: a model, a batch and a workload, as primitives that processes exchange."""

from dataclasses import asdict, dataclass
from typing import Any

CELLS = ("rnn", "lstm", "gru")
MASKS = ("unmasked", "ragged", "left", "interior")
WORKLOADS = ("train", "infer", "epoch")
PLAIN = "plain"


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One thing that every peer measures.

    Attributes:
        cell: ``rnn``, ``lstm`` or ``gru``.
        hidden: units of each direction.
        time: steps of a padded sequence.
        batch: sequences at once.
        mask: ``unmasked``; ``ragged``, padded at the end; ``left``, padded at the start;
            ``interior``, a tenth of the steps masked anywhere.
        workload: ``train``, a whole step (forward, binary cross entropy, backward, Adam);
            ``infer``, the probabilities of one batch in NumPy; ``epoch``, all reviews once.
        variant: a setting that may leave a fast path, by name; see `parity.bench.cliffs`.
        reviews: sequences of an epoch.
        vocabulary: tokens, padding included.
        embedding: features of a token's vector.
        layers: bidirectional layers.
        text: a file of encoded reviews for the epoch; empty for synthetic ones.
        test_reviews: how many others of that file are predicted after the last epoch.
    """

    cell: str
    hidden: int = 64
    time: int = 200
    batch: int = 32
    mask: str = "unmasked"
    workload: str = "train"
    variant: str = PLAIN
    reviews: int = 1024
    vocabulary: int = 20_000
    embedding: int = 128
    layers: int = 2
    text: str = ""
    test_reviews: int = 0

    @property
    def masked(self) -> bool:
        """Whether token 0 is padding that the model skips."""
        return self.mask != "unmasked"

    @property
    def dtype(self) -> str:
        """Of the weights and the arithmetic."""
        return "float64" if self.variant == "float64" else "float32"

    @property
    def name(self) -> str:
        """Short and unique in a run: ``lstm 64, 200 × 32, ragged, train``."""
        parts = (
            f"{self.cell} {self.hidden}",
            f"{self.time} × {self.batch}",
            self.mask,
            self.workload,
        )
        return ", ".join(parts if self.variant == PLAIN else (*parts, self.variant))

    def to_config(self) -> dict[str, Any]:
        """The fields as a dict."""
        return asdict(self)
