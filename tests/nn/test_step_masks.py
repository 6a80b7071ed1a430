"""A model that runs on every step gets the step's mask, or says that it needs one."""

from typing import Any

import pytest
import torch

from birnn_lightning.nn import Masked, SequenceModel, specs
from birnn_lightning.nn.layer import Layer, build_layer
from birnn_lightning.nn.specs import L2, LayerSpec, ModelSpec, Node, Submodel
from tests.nn.samples import BATCH, HIDDEN, INPUT, TIME, rows, uniform

STEPS = 4
SHAPE = (TIME, STEPS, INPUT)
OF_STEPS = rows("xx..xxx", "x.x....")
LSTM = specs.Recurrent(cell="lstm", hidden_size=HIDDEN)
MEAN = specs.GlobalAveragePooling1D()
EMBEDDING = specs.Embedding(vocab_size=11, embedding_dim=INPUT, mask_zero=True)
WORDS = specs.Input(shape=(STEPS,), dtype="int64")


def chain(*layers: LayerSpec, entrance: LayerSpec | None = None) -> Submodel:
    """A model of layers one after the other."""
    layers = (entrance or specs.Input(shape=(STEPS, INPUT)), *layers)
    nodes = (Node(name=f"layer_{index}", layer=layer) for index, layer in enumerate(layers))
    return Submodel(model=ModelSpec(tuple(nodes)))


def merging(layer: LayerSpec, units: int = INPUT) -> Submodel:
    """Features and a Dense layer of them, merged."""
    nodes = (
        Node(name="steps", layer=specs.Input(shape=(STEPS, INPUT))),
        Node(name="dense", layer=specs.Dense(units=units)),
        Node(name="merged", layer=layer, inputs=("dense", "steps")),
        Node(name="flat", layer=specs.Flatten()),
    )
    return Submodel(model=ModelSpec(nodes))


def distributed(layer: LayerSpec, shape: tuple[int, ...] = SHAPE) -> Layer:
    return build_layer(specs.TimeDistributed(layer=layer), shape).double()


def steps_mask() -> torch.Tensor:
    """``(batch, time, step)``, with a valid step everywhere."""
    mask = uniform(BATCH, TIME, STEPS, seed=3) > 0
    mask[..., 1] = True
    return mask


INNER = {
    "LSTM": chain(LSTM),
    "mean": chain(specs.Dense(units=HIDDEN), MEAN),
    "attention": merging(specs.Attention()),
    "product": merging(specs.Multiply()),
    "model in model": chain(specs.Dense(units=INPUT), chain(LSTM)),
}


@pytest.mark.parametrize("inner", INNER.values(), ids=INNER)
def test_each_step_has_the_mask_of_its_own_steps(inner: Submodel) -> None:
    layer: Any = distributed(inner)
    values, mask = uniform(BATCH, *SHAPE, seed=0), steps_mask()
    output = layer(Masked(values, mask))
    for step in range(TIME):
        expected = layer.layer(Masked(values[:, step], mask[:, step])).values
        torch.testing.assert_close(output.values[:, step], expected, rtol=0, atol=1e-12)
    assert output.mask is mask
    assert not torch.allclose(output.values, layer(Masked(values)).values)


REFUSED = {
    **INNER,
    "LSTM alone": LSTM,
    "mean alone": MEAN,
    "concatenation": merging(specs.Concatenate()),
    "maximum": merging(specs.Maximum()),
}


@pytest.mark.parametrize("inner", REFUSED.values(), ids=REFUSED)
def test_a_mask_without_the_steps_of_a_step_is_refused(inner: LayerSpec) -> None:
    layer = distributed(inner)
    message = (
        r"^mask must be a bool tensor of shape \(14, 4\), .* got torch.bool of shape \(14,\)\. "
        r"Inside TimeDistributed .* with the axes \(batch, time, step\)\.$"
    )
    with pytest.raises(ValueError, match=message):
        layer(Masked(uniform(BATCH, *SHAPE, seed=0), OF_STEPS))


def test_softmax_needs_a_mask_of_its_values() -> None:
    with pytest.raises(ValueError, match=r"Softmax: .* shape \(14, 4, 3\) .* got \(14,\)"):
        distributed(specs.Softmax())(Masked(uniform(BATCH, *SHAPE, seed=0), OF_STEPS))


def test_deeper_still() -> None:
    """A mask of rows is that of each of their steps, where a step has steps of its own."""
    deep = (TIME, 13, STEPS, INPUT)
    entrance = specs.Input(shape=deep[1:])
    values = Masked(uniform(BATCH, *deep, seed=0), OF_STEPS)
    layer = distributed(chain(specs.TimeDistributed(layer=chain(LSTM)), entrance=entrance), deep)
    with pytest.raises(ValueError, match=r"shape \(182, 4\), .* got torch.bool of shape \(182,\)"):
        layer(values)
    inner = specs.TimeDistributed(layer=chain(specs.Flatten(), specs.BatchNormalization()))
    layer = distributed(chain(inner, entrance=entrance), deep)
    assert layer(values).values.shape == (BATCH, TIME, 13, STEPS * INPUT)


UNMASKED = {
    "dense": chain(specs.Dense(units=HIDDEN), specs.Flatten()),
    "sum": merging(specs.Add()),
    "dropped before": chain(specs.Conv1D(filters=HIDDEN, kernel_size=2), LSTM),
    "found inside": chain(specs.Masking(mask_value=0.5), LSTM),
}


@pytest.mark.parametrize("inner", UNMASKED.values(), ids=UNMASKED)
def test_a_model_that_looks_at_no_mask_from_outside(inner: Submodel) -> None:
    layer = distributed(inner)
    values = uniform(BATCH, *SHAPE, seed=0)
    values[:, :, 2] = 0.5
    output = layer(Masked(values, OF_STEPS))
    assert torch.equal(output.values, layer(Masked(values)).values)
    assert output.mask is OF_STEPS


def test_a_mask_found_inside_replaces_that_of_the_steps() -> None:
    """As in Keras; outside `TimeDistributed` both hold."""
    values, mask = uniform(BATCH, *SHAPE, seed=0), steps_mask()
    values[:, :, 2] = 0.5
    inner: Any = distributed(UNMASKED["found inside"])
    alone = inner(Masked(values)).values
    assert torch.equal(inner(Masked(values, mask)).values, alone)
    step: Any = build_layer(UNMASKED["found inside"], SHAPE[1:]).double()
    step.load_state_dict(inner.layer.state_dict())
    assert not torch.allclose(step(Masked(values[:, 0], mask[:, 0])).values, alone[:, 0])


def test_words_with_a_mask_of_sentences() -> None:
    tokens = torch.randint(1, 11, (BATCH, TIME, STEPS), generator=torch.Generator().manual_seed(1))
    tokens[:, :, 3] = 0
    sentences = distributed(chain(EMBEDDING, LSTM, entrance=WORDS), (TIME, STEPS))
    output = sentences(Masked(tokens, OF_STEPS))
    assert torch.equal(output.values, sentences(Masked(tokens)).values)
    embedded = build_layer(EMBEDDING, (TIME, STEPS))(Masked(tokens, OF_STEPS))
    assert embedded.mask is not None
    assert torch.equal(embedded.mask, OF_STEPS[..., None] & (tokens != 0))


def test_masks_of_different_axes_are_not_merged() -> None:
    nodes = (
        Node(name="steps", layer=specs.Input(shape=(STEPS, INPUT))),
        Node(name="masking", layer=specs.Masking(mask_value=0.5)),
        Node(name="sum", layer=specs.Add(), inputs=("steps", "masking")),
    )
    layer = distributed(Submodel(model=ModelSpec(nodes)))
    with pytest.raises(ValueError, match=r"Add: .* the same axes; got \(14,\), \(14, 4\)\."):
        layer(Masked(uniform(BATCH, *SHAPE, seed=0), OF_STEPS))


def test_penalties_of_outputs_inside_count_every_step_once() -> None:
    dense = specs.Dense(units=HIDDEN, activity_regularizer=L2(l2=0.5))
    entrance = Node(name="steps", layer=specs.Input(shape=SHAPE))
    each = Node(
        name="each",
        layer=specs.TimeDistributed(layer=chain(dense, specs.Activation(activation="tanh"))),
    )
    model = SequenceModel(ModelSpec((entrance, each))).double()
    assert model.is_regularized
    values = uniform(BATCH, *SHAPE, seed=0)
    model([Masked(values)])
    inner: Any = model.layers["each"]
    (weights, bias) = inner.layer.model.layers["layer_1"].parameters()
    outputs = values @ weights.T + bias
    torch.testing.assert_close(
        model.regularization_loss(), 0.5 * outputs.square().sum() / BATCH, rtol=0, atol=1e-12
    )
