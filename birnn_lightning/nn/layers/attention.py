"""Attention: the mean of a value's steps, weighed for each step of a query."""

from collections.abc import Iterator

import torch
from torch import Tensor

from birnn_lightning.nn import specs
from birnn_lightning.nn.initializers import draw
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.layers.core import parameter
from birnn_lightning.nn.masks import Masked, check_mask
from birnn_lightning.nn.noise import dropout_factor
from birnn_lightning.nn.specs.core import known_size
from birnn_lightning.nn.specs.initializers import GLOROT_UNIFORM
from birnn_lightning.nn.variables import Variable, variable


class _Attention(Layer):
    """Attention by some score; masked where the value is, 0 where the query is."""

    def __init__(self, dropout: float) -> None:
        """Takes the rate."""
        super().__init__()
        self.dropout = dropout

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """``(batch, q, feature)`` and ``(batch, time, feature)`` to ``(batch, q, time)``."""
        raise NotImplementedError

    def forward(self, *inputs: Masked) -> Masked:
        """A query ``(batch, q, feature)`` and a value ``(batch, time, v)`` to ``(batch, q, v)``.

        A third input is the key ``(batch, time, feature)``, whose mask nobody looks at. The query's
        mask passes.
        """
        (query, query_mask), (value, value_mask), *others = inputs
        for values, mask in inputs[:2]:
            if mask is not None:
                check_mask(mask, *values.shape[:2])
        scores = self.scores(query, others[0].values if others else value)
        if value_mask is not None:
            scores = torch.where(value_mask[:, None], scores, scores - _large(scores))
        weights = torch.softmax(scores, dim=-1)
        if self.training and self.dropout:
            shape = tuple(weights.shape)
            weights = weights * dropout_factor(self.noise, "inputs", shape, self.dropout, weights)
        attended = weights @ value
        if query_mask is not None:
            attended = torch.where(query_mask[..., None], attended, 0)
        return Masked(attended, query_mask)


def _large(scores: Tensor) -> float:
    """What Keras subtracts from a masked score: 1e9, or float16's largest finite value."""
    return 65504.0 if scores.dtype == torch.float16 else 1e9


@layer_for(specs.Attention)
class Attention(_Attention):
    """Scores by dot products or a sum of tanh (Luong et al. 2015).

    Parameters ``scale ()`` and ``concat_score_weight ()``, each None where not asked for.
    """

    def __init__(self, spec: specs.Attention, *shapes: specs.Shape) -> None:
        """Starts both parameters at 1."""
        super().__init__(spec.dropout)
        self.spec = spec
        concatenates = spec.score_mode == "concat"
        self.scale = parameter(torch.ones(())) if spec.use_scale else None
        self.concat_score_weight = parameter(torch.ones(())) if concatenates else None

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """``scale (query · key)``, or ``weight sum(tanh(scale (query + key)))``."""
        if self.concat_score_weight is None:
            scores = query @ key.transpose(1, 2)
            return scores if self.scale is None else scores * self.scale
        both = query[:, :, None] + key[:, None]
        both = both if self.scale is None else self.scale * both
        return self.concat_score_weight * torch.tanh(both).sum(-1)

    def variables(self) -> Iterator[Variable]:
        """The trained numbers that there are."""
        yield from variable(self.spec, "scale", self.scale)
        yield from variable(self.spec, "concat_score_weight", self.concat_score_weight)


@layer_for(specs.AdditiveAttention)
class AdditiveAttention(_Attention):
    """Scores by a weighed sum of tanh (Bahdanau et al. 2015); parameter ``scale (feature,)``."""

    def __init__(self, spec: specs.AdditiveAttention, *shapes: specs.Shape) -> None:
        """Draws the scale as Keras does."""
        super().__init__(spec.dropout)
        self.spec = spec
        size = known_size("AdditiveAttention", shapes[0])
        self.scale = parameter(draw(GLOROT_UNIFORM, (size,))) if spec.use_scale else None

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """``sum(scale tanh(query + key))`` over the features."""
        terms = torch.tanh(query[:, :, None] + key[:, None])
        return (terms if self.scale is None else self.scale * terms).sum(-1)

    def variables(self) -> Iterator[Variable]:
        """The scale, if any."""
        yield from variable(self.spec, "scale", self.scale)
