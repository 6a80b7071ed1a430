"""Mistakes in the layers around the recurrent ones: pooling, attention, embedding, the head."""

from collections.abc import Callable

import torch

from birnn_lightning.nn import SequenceModel, layers
from birnn_lightning.nn.masks import Masked
from parity.suite.cases import Case
from parity.suite.mutants.mutant import AROUND, Mutant, Patch, attribute

MASKING = layers.Masking.forward


def mask_forgotten(layer: layers.Masking, given: Masked) -> Masked:
    """Masked steps are zeroed, and then they count."""
    return Masked(MASKING(layer, given).values)


def forward(layer: type, wrong: Callable[..., Masked]) -> Patch:
    """What a layer computes, from the layer and its inputs."""
    return attribute(layer, "forward", wrong)


def largest_valid(_: object, given: Masked) -> Masked:
    """Padding never wins."""
    values, mask = given
    assert mask is not None
    return Masked(values.masked_fill(~mask[..., None], -torch.inf).amax(1))


def unmasked_embedding(layer: layers.Embedding, given: Masked) -> Masked:
    """Token 0 is a token."""
    return Masked(layer.weight[given.values])


def unmasked_attention(_: object, query: Masked, value: Masked) -> Masked:
    """Padding is attended to."""
    scores = query.values @ value.values.transpose(1, 2)
    return Masked(torch.softmax(scores, dim=-1) @ value.values, query.mask)


def scaled_attention(_: object, query: Masked, value: Masked) -> Masked:
    """Scores are divided by the root of the size (Vaswani et al. 2017)."""
    assert value.mask is not None
    scores = query.values @ value.values.transpose(1, 2) / query.values.shape[-1] ** 0.5
    scores = scores.masked_fill(~value.mask[:, None], -torch.inf)
    return Masked(torch.softmax(scores, dim=-1) @ value.values, query.mask)


def scaled_dropout(layer: layers.Dropout, given: Masked) -> Masked:
    """Evaluation scales by what training keeps (Srivastava et al. 2014)."""
    return Masked(given.values * (1 - layer.spec.rate), given.mask)


MUTANTS = (
    Mutant(
        name="mean over all steps",
        change="padding counts in the mean",
        case=AROUND["GlobalAveragePooling1D, inference"],
        patch=forward(layers.GlobalAveragePooling1D, lambda _, given: Masked(given.values.mean(1))),
        says=("layer 'layer_1', output",),
    ),
    Mutant(
        name="sum for mean",
        change="the sum is not divided",
        case=AROUND["GlobalAveragePooling1D, inference"],
        patch=forward(layers.GlobalAveragePooling1D, lambda _, given: Masked(given.values.sum(1))),
        says=("layer 'layer_1', output",),
    ),
    Mutant(
        name="max over valid steps",
        change="padding, which is 0 in Keras, does not take part",
        case=AROUND["GlobalMaxPooling1D, inference"],
        patch=forward(layers.GlobalMaxPooling1D, largest_valid),
        says=("layer 'layer_1', output",),
    ),
    Mutant(
        name="attention to padding",
        change="masked steps are attended to",
        case=AROUND["Attention, inference"],
        patch=forward(layers.Attention, unmasked_attention),
        says=("layer 'merge', output",),
    ),
    Mutant(
        name="attention scaled",
        change="scores are divided by the root of the feature size",
        case=AROUND["Attention, inference"],
        patch=forward(layers.Attention, scaled_attention),
        says=("layer 'merge', output",),
    ),
    Mutant(
        name="embedding without mask",
        change="token 0 is a token like others",
        case=AROUND["Embedding, inference"],
        patch=forward(layers.Embedding, unmasked_embedding),
        says=("layer 'first', output, forward and backward directions",),
    ),
    Mutant(
        name="masking layer without mask",
        change="masked steps are zeroed, and then they count",
        case=AROUND["Masking, inference"],
        patch=forward(
            layers.Masking, lambda layer, given: MASKING(layer, given)._replace(mask=None)
        ),
        says=("layer 'first', output, forward and backward directions",),
    ),
    Mutant(
        name="dropout scales in inference",
        change="evaluation scales by what training keeps",
        case=AROUND["Dropout, inference"],
        patch=forward(layers.Dropout, scaled_dropout),
        says=("layer 'layer_1', output",),
    ),
    Mutant(
        name="logits for probabilities",
        change="the last activation is left out",
        case=Case(cell="rnn", task="binary", inputs="features"),
        patch=attribute(SequenceModel, "activate", lambda _, values, output=0: values),
        says=("layer 'head'",),
    ),
)
