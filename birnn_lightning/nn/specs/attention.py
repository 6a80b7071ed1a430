"""The specs of the layers that weigh the steps of one sequence by another."""

from dataclasses import dataclass
from typing import Literal

from birnn_lightning.nn.specs.base import Shape, check_choice, check_rank, check_rate
from birnn_lightning.nn.specs.layer import LayerSpec

ScoreMode = Literal["dot", "concat"]


@dataclass(frozen=True, kw_only=True)
class _Attention(LayerSpec):
    """Inputs ``query``, ``value`` and perhaps ``key``, which is ``value`` otherwise.

    Masked steps of the value get no weight; masked steps of the query give 0.
    """

    def input_counts(self) -> tuple[int, ...]:
        """Query and value, or query, value and key."""
        return (2, 3)

    def output_shape(self, *shapes: Shape) -> Shape:
        """``(query time, feature)`` and ``(time, value)`` to ``(query time, value)``."""
        owner = type(self).__name__
        for shape in shapes:
            check_rank(owner, shape, 2, "time, feature")
        query, value, key = shapes if len(shapes) == 3 else (*shapes, shapes[1])
        if query[-1] != key[-1]:
            raise ValueError(f"{owner}: needs a query and a key of equal size; got {shapes}.")
        if key[0] != value[0] and None not in (key[0], value[0]):
            raise ValueError(f"{owner}: needs as many keys as values; got {shapes}.")
        return (query[0], value[-1])


@dataclass(frozen=True, kw_only=True)
class Attention(_Attention):
    """Attention by dot products, or by a sum of tanh (Luong et al. 2015).

    Attributes:
        use_scale: whether a trained number multiplies the scores (``"dot"``) or what enters the
            tanh (``"concat"``).
        score_mode: ``"dot"`` is ``query · key``; ``"concat"`` a trained number times the sum of
            ``tanh(query + key)`` over the features.
        dropout: in training, the rate at which weights are dropped.
    """

    use_scale: bool = False
    score_mode: ScoreMode = "dot"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        check_choice("Attention", "score_mode", self.score_mode, ("dot", "concat"))
        check_rate("Attention", "dropout", self.dropout)


@dataclass(frozen=True, kw_only=True)
class AdditiveAttention(_Attention):
    """Attention by ``sum(scale * tanh(query + key))`` (Bahdanau et al. 2015).

    Attributes:
        use_scale: whether ``scale`` is a trained vector, or 1.
        dropout: in training, the rate at which weights are dropped.
    """

    use_scale: bool = True
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        check_rate("AdditiveAttention", "dropout", self.dropout)
