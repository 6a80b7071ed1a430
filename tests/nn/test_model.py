"""The model runs its spec's layers in order, along any graph, up to the logits."""

import pytest
import torch

from birnn_lightning.nn import Masked, SequenceModel
from birnn_lightning.nn.specs import (
    Attention,
    Bidirectional,
    Dense,
    Flatten,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    Input,
    LayerSpec,
    ModelSpec,
    Node,
    Recurrent,
)
from tests.nn.samples import BATCH, CLASSES, HIDDEN, INPUT, MASKS, features, randomise, uniform


def model_of(*nodes: tuple[str, LayerSpec, tuple[str, ...]]) -> SequenceModel:
    """A float64 model with random weights."""
    spec = ModelSpec(tuple(Node(name=name, layer=layer, inputs=i) for name, layer, i in nodes))
    model = SequenceModel(spec).double()
    randomise(model)
    return model


SEQUENCE = Bidirectional(forward=Recurrent(cell="gru", hidden_size=HIDDEN, return_sequences=True))
BRANCHES = (
    ("features", Input(shape=(None, INPUT)), ()),
    ("gru", SEQUENCE, ()),
    ("mean", GlobalAveragePooling1D(), ("gru",)),
    ("max", GlobalMaxPooling1D(), ("gru",)),
    ("value", Dense(units=2 * HIDDEN), ("gru",)),
    ("attention", Attention(), ("value", "gru")),
    ("head", Dense(units=CLASSES, activation="softmax"), ("mean",)),
)


def test_stages_are_what_the_layers_give() -> None:
    model = model_of(*BRANCHES)
    inputs = Masked(features(), MASKS["interior"])
    stages = model.stages([inputs])
    assert list(stages) == [name for name, _, _ in BRANCHES]
    for name, _, sources in BRANCHES[2:]:
        expected = model.layers[name](*(stages[source] for source in sources))
        assert torch.equal(stages[name].values, expected.values)
    assert torch.equal(model([inputs]).values, stages["head"].values)


def test_the_mask_travels_beside_the_tensor() -> None:
    stages = model_of(*BRANCHES).stages([Masked(features(), MASKS["right"])])
    masked = {name for name, stage in stages.items() if stage.mask is not None}
    assert masked == {"features", "gru", "value", "attention"}
    assert all(stages[name].mask is MASKS["right"] for name in masked)


def test_logits_are_before_the_activation_and_outputs_after_it() -> None:
    model = model_of(*BRANCHES)
    logits = model([Masked(features())]).values
    assert (logits.sum(-1) - 1).abs().min() > 1e-3
    assert torch.equal(model.activate(logits), torch.softmax(logits, dim=-1))
    assert model.spec.output.layer == Dense(units=CLASSES, activation="softmax")


def test_inner_activations_stay() -> None:
    model = model_of(
        ("x", Input(shape=(INPUT,)), ()),
        ("inner", Dense(units=HIDDEN, activation="relu"), ()),
        ("head", Dense(units=CLASSES), ()),
    )
    assert (model.stages([Masked(uniform(BATCH, INPUT, seed=1))])["inner"].values >= 0).all()
    assert model.output_activations == ("linear",)


def test_a_last_layer_without_activation_gives_its_output() -> None:
    model = model_of(("x", Input(shape=(None, INPUT)), ()), ("gru", SEQUENCE, ()))
    logits = model([Masked(features())]).values
    assert model.activate(logits) is logits


def test_several_inputs_come_in_the_order_of_their_nodes() -> None:
    model = model_of(
        ("query", Input(shape=(2, INPUT)), ()),
        ("value", Input(shape=(None, INPUT)), ()),
        ("attention", Attention(), ("query", "value")),
        ("flat", Flatten(), ()),
    )
    query, value = uniform(BATCH, 2, INPUT, seed=1), features()
    expected = torch.softmax(query @ value.mT, dim=-1) @ value
    output = model([Masked(query), Masked(value)]).values
    torch.testing.assert_close(output, expected.flatten(1), rtol=0, atol=1e-14)
    with pytest.raises(ValueError, match="shorter"):
        model([Masked(query)])


def test_a_node_name_is_the_name_in_the_state_dict() -> None:
    names = {name.split(".")[1] for name in model_of(*BRANCHES).state_dict()}
    assert names == {"gru", "value", "head"}
