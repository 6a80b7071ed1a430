"""A model's variables are the arrays of the weight table that are trained, under its names."""

import numpy as np
import pytest
import torch

from birnn_lightning.nn import specs
from birnn_lightning.nn.layer import build_layer
from parity.layout import layer_rows
from tests.nn.samples import randomise
from tests.parity.layer_samples import ATTENTION, DISTRIBUTED, LAYERS, SEQUENCE, Sample


def recurrent(cell: specs.CellName, **settings) -> specs.Recurrent:
    return specs.Recurrent(cell=cell, hidden_size=5, **settings)


RECURRENT = {
    **{cell: recurrent(cell) for cell in specs.CELL_NAMES},
    "gru, reset before": recurrent("gru", reset_after=False),
    "lstm without bias": recurrent("lstm", use_bias=False),
    "two directions": specs.Bidirectional(
        forward=recurrent("gru"), backward=recurrent("lstm", go_backwards=True)
    ),
    "stacks": specs.Bidirectional(
        forward=specs.RecurrentStack(cells=(recurrent("gru"), recurrent("rnn")))
    ),
}
SAMPLES: dict[str, Sample] = {
    **LAYERS,
    **ATTENTION,
    **DISTRIBUTED,
    "Embedding": Sample(spec=specs.Embedding(vocab_size=23, embedding_dim=3), shapes=((None,),)),
    "Dense": Sample(spec=specs.Dense(units=5)),
    **{name: Sample(spec=spec) for name, spec in RECURRENT.items()},
}
NOT_TRAINED = ("moving_mean", "moving_variance", "adapt_mean", "adapt_variance")


@pytest.mark.parametrize("sample", [pytest.param(one, id=name) for name, one in SAMPLES.items()])
def test_variables_are_the_trained_rows_of_the_table(sample: Sample) -> None:
    layer = build_layer(sample.spec, *sample.shapes).double()
    randomise(layer)
    variables = {one.name: one for one in layer.variables()}
    # Names of the table hold the layer's, which variables of a layer do not know.
    table = {
        row.keras.partition("/")[2]: row
        for row in layer_rows(sample.spec, "layer", "module")
        if not row.keras.endswith(NOT_TRAINED)
    }
    assert variables.keys() == table.keys()
    state = {f"module.{name}": tensor.numpy() for name, tensor in layer.state_dict().items()}
    for name, row in table.items():
        array = row.to_keras(*(state[torch_name] for torch_name in row.torch))
        ours = variables[name].array().detach().numpy()
        assert ours.shape == array.shape, name
        # Gates lie in another order along the last axis.
        mine, theirs = (np.sort(np.atleast_1d(one)) for one in (ours, array))
        np.testing.assert_array_equal(mine, theirs, name)
    trained = [id(parameter) for one in variables.values() for parameter in one.parameters]
    assert sorted(trained) == sorted(map(id, layer.parameters()))


def test_the_biases_of_a_gru_are_one_array_and_those_of_an_lstm_are_one_bias() -> None:
    counts = {
        cell: len(list(build_layer(recurrent(cell), SEQUENCE).variables())[-1].parameters)
        for cell in specs.CELL_NAMES
    }
    assert counts == {"rnn": 1, "lstm": 1, "gru": 2}


def test_fields_reach_the_variable_that_they_are_of() -> None:
    fields = {
        f"{name}_{kind}": factory(index + 1)
        for kind, factory in (
            ("regularizer", lambda size: specs.L2(l2=size)),
            ("constraint", lambda size: specs.MaxNorm(max_value=size)),
        )
        for index, name in enumerate(("kernel", "recurrent", "bias"))
    }
    layer = build_layer(recurrent("gru", **fields), SEQUENCE)
    found = {one.name: (one.regularizer, one.constraint) for one in layer.variables()}
    assert found == {
        "cell/kernel": (specs.L2(l2=1), specs.MaxNorm(max_value=1)),
        "cell/recurrent_kernel": (specs.L2(l2=2), specs.MaxNorm(max_value=2)),
        "cell/bias": (specs.L2(l2=3), specs.MaxNorm(max_value=3)),
    }


def test_a_frozen_weight_is_left_alone() -> None:
    layer = build_layer(specs.Dense(units=5, kernel_constraint=specs.UnitNorm()), SEQUENCE)
    kernel = next(layer.variables())
    before = kernel.array().detach().clone()
    kernel.parameters[0].requires_grad_(False)
    kernel.apply_constraint()
    assert torch.equal(kernel.array(), before)
    kernel.parameters[0].requires_grad_(True)
    kernel.apply_constraint()
    assert not torch.equal(kernel.array(), before)
