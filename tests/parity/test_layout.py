"""L2, L3 and torch's half of L4: the weight table covers each tensor once and loses nothing."""

import numpy as np
import pytest
import torch

from birnn_lightning.nn import SequenceModel, specs
from birnn_lightning.nn.specs import ModelSpec, Node
from parity import layout
from parity.layout import keras_arrays, rows, torch_arrays
from parity.suite.cases import quick_cases


def recurrent(cell, **settings):
    return specs.Recurrent(cell=cell, hidden_size=5, **settings)


def around(layer):
    """A model of one recurrent layer and a head."""
    return ModelSpec(
        (
            Node(name="features", layer=specs.Input(shape=(None, 3))),
            Node(name="layer", layer=layer),
            Node(name="head", layer=specs.Dense(units=11, use_bias=False)),
        )
    )


SPECS = {case.name: case.build().spec for case in quick_cases()} | {
    "gru, reset before": around(recurrent("gru", reset_after=False)),
    "gru, reset before, bidirectional": around(
        specs.Bidirectional(forward=recurrent("gru", reset_after=False))
    ),
    **{f"{cell}, no bias": around(recurrent(cell, use_bias=False)) for cell in specs.CELL_NAMES},
    "lstm, backwards": around(recurrent("lstm", go_backwards=True)),
    "lstm and gru": around(
        specs.Bidirectional(
            forward=recurrent("lstm"),
            backward=specs.Recurrent(cell="gru", hidden_size=7, go_backwards=True),
        )
    ),
}
STACK = specs.RecurrentStack(cells=(recurrent("lstm"), recurrent("gru"), recurrent("rnn")))
SPECS |= {
    "stack": around(STACK),
    "stack of one": around(specs.RecurrentStack(cells=(recurrent("gru", use_bias=False),))),
    "bidirectional stack": around(specs.Bidirectional(forward=STACK)),
    "stack and layer": around(
        specs.Bidirectional(forward=STACK, backward=recurrent("gru", go_backwards=True))
    ),
}
EVERY_SPEC = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def covered(spec):
    return [name for row in rows(spec) for name in row.torch]


def random_state(spec, seed=0):
    """Every tensor of the model random, buffers too, with both zeros among the values."""
    generator = np.random.default_rng(seed)
    state = {}
    for name, tensor in SequenceModel(spec).state_dict().items():
        array = generator.standard_normal(tensor.shape).astype("float32")
        array.flat[0], array.flat[-1] = -0.0, 0.0
        state[name] = array
    return state


@EVERY_SPEC
def test_each_tensor_stands_in_exactly_one_row(spec):
    assert sorted(covered(spec)) == sorted(SequenceModel(spec).state_dict())


def test_a_layer_without_rows_would_be_noticed(monkeypatch):
    monkeypatch.delitem(layout._LAYER_ROWS, specs.Dense)
    spec = around(recurrent("gru"))
    assert set(SequenceModel(spec).state_dict()) - set(covered(spec)) == {"layers.head.weight"}


@EVERY_SPEC
def test_each_row_names_another_keras_array(spec):
    paths = [row.keras for row in rows(spec)]
    assert len(set(paths)) == len(paths)


@EVERY_SPEC
def test_keras_to_torch_to_keras_is_bit_exact(spec):
    arrays = keras_arrays(rows(spec), random_state(spec))
    for path, array in arrays.items():  # any array will do, not only one that came from torch
        array[...] = np.random.default_rng(len(path)).standard_normal(array.shape)
        array.flat[0] = -0.0
    back = keras_arrays(rows(spec), torch_arrays(rows(spec), arrays))
    assert back.keys() == arrays.keys()
    for path, array in arrays.items():
        assert back[path].tobytes() == array.tobytes()


@EVERY_SPEC
def test_torch_to_keras_to_torch_keeps_matrices_and_effective_biases(spec):
    state = random_state(spec)
    back = torch_arrays(rows(spec), keras_arrays(rows(spec), state))
    assert back.keys() == state.keys()
    for row in rows(spec):
        if row.form.name == "summed":
            assert np.array_equal(sum(back[n] for n in row.torch), sum(state[n] for n in row.torch))
        else:
            for name in row.torch:
                assert back[name].tobytes() == state[name].tobytes()


@pytest.mark.parametrize(
    ("spec", "path", "shape"),
    [
        pytest.param(recurrent("rnn"), "layer/cell/kernel", (3, 5), id="rnn kernel"),
        pytest.param(recurrent("lstm"), "layer/cell/recurrent_kernel", (5, 20), id="recurrent"),
        pytest.param(recurrent("lstm"), "layer/cell/bias", (20,), id="one bias"),
        pytest.param(recurrent("gru"), "layer/cell/bias", (2, 15), id="two biases"),
        pytest.param(
            recurrent("gru", reset_after=False), "layer/cell/bias", (15,), id="reset before"
        ),
    ],
)
def test_shapes_are_those_of_keras(spec, path, shape):
    model = around(spec)
    assert keras_arrays(rows(model), random_state(model))[path].shape == shape


def test_a_gru_spelled_out():
    """Blocks z, r, n in Keras, r, z, n in torch (S2)."""
    spec = around(recurrent("gru"))
    state = random_state(spec)
    arrays = keras_arrays(rows(spec), state)
    r, z, n = np.split(state["layers.layer.weight_ih_l0"], 3)
    assert np.array_equal(arrays["layer/cell/kernel"], np.concatenate([z.T, r.T, n.T], axis=1))
    r, z, n = np.split(state["layers.layer.bias_hh_l0"], 3)
    assert np.array_equal(arrays["layer/cell/bias"][1], np.concatenate([z, r, n]))


def test_a_stack_spelled_out():
    """Cell by cell in Keras's order, levels in torch's names."""
    table = rows(around(specs.Bidirectional(forward=STACK)))
    paths = {row.torch[0]: row.keras for row in table if row.keras.endswith("/recurrent_kernel")}
    cells = ("layer/forward_layer/cell/cells", "layer/backward_layer/cell/cells")
    assert paths == {
        f"layers.layer.weight_hh_l{level}{suffix}": f"{owner}/{level}/recurrent_kernel"
        for suffix, owner in zip(("", "_reverse"), cells, strict=True)
        for level in range(3)
    }
    shapes = {row.torch[0]: shape_of(row) for row in table if row.keras.endswith("cells/1/kernel")}
    assert shapes == {
        "layers.layer.weight_ih_l1": (5, 15),
        "layers.layer.weight_ih_l1_reverse": (5, 15),
    }


def shape_of(row):
    """Of the Keras array, in a model of a bidirectional stack."""
    state = random_state(around(specs.Bidirectional(forward=STACK)))
    return row.to_keras(*(state[name] for name in row.torch)).shape


def test_a_row_shows_both_sides_form_and_gates():
    bias = next(row for row in rows(around(recurrent("gru"))) if row.keras.endswith("bias"))
    assert str(bias) == (
        "layers.layer.bias_ih_l0 + layers.layer.bias_hh_l0 -> layer/cell/bias "
        "(stacked, gates rzn -> zrn)"
    )


def test_tensors_load_back_into_the_module():
    spec = around(recurrent("lstm"))
    arrays = torch_arrays(rows(spec), keras_arrays(rows(spec), random_state(spec)))
    model = SequenceModel(spec)
    model.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})
    assert not model.state_dict()["layers.layer.bias_hh_l0"].any()
