"""Keras layers of specs, written out for the oracle: no table of the project is in between."""

from typing import Any

from birnn_lightning.nn.specs import Bidirectional, Recurrent
from tests.parity.recurrent_samples import Array, Spec

KERAS_CLASSES = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
SEQUENCE_FIELDS = ("return_sequences", "return_state", "go_backwards", "zero_output_for_mask")


def cell_settings(spec: Recurrent) -> dict[str, Any]:
    names = ["activation", "use_bias", "dropout", "recurrent_dropout"]
    names += ["recurrent_activation"] if spec.cell != "rnn" else []
    names += ["reset_after"] if spec.cell == "gru" else []
    return {"units": spec.hidden_size} | {name: getattr(spec, name) for name in names}


def keras_layer(spec: Spec) -> Any:
    """The float64 Keras layer of a spec."""
    import keras

    layers: Any = keras.layers
    if isinstance(spec, Bidirectional):
        forward, backward = (keras_layer(direction) for direction in spec.directions)
        return layers.Bidirectional(
            forward, backward_layer=backward, merge_mode=spec.merge_mode, dtype="float64"
        )
    settings: dict[str, Any] = {name: getattr(spec, name) for name in SEQUENCE_FIELDS}
    settings["dtype"] = "float64"
    if isinstance(spec, Recurrent):
        build = getattr(layers, KERAS_CLASSES[spec.cell])
        return build(**cell_settings(spec), **settings)
    cells = [
        getattr(layers, f"{KERAS_CLASSES[one.cell]}Cell")(**cell_settings(one), dtype="float64")
        for one in spec.cells
    ]
    # RNN([...]) would make a float32 StackedRNNCells around cells of whatever type.
    return layers.RNN(layers.StackedRNNCells(cells, dtype="float64"), **settings)


def nested(spec: Spec, flat: list[Array]) -> list[Any]:
    """Initial states as Keras takes them: for a stack, a list for each cell."""
    directions = spec.directions if isinstance(spec, Bidirectional) else (spec,)
    if isinstance(directions[0], Recurrent):
        return flat
    rest = iter(flat)
    return [
        [next(rest) for _ in one.state_sizes] for direction in directions for one in direction.cells
    ]
