"""The weight table: one row a Keras array, from which both directions of a copy follow.

Two facts tell the whole difference between the frameworks for one weight: its form (`parity.forms`)
and the order of its gate blocks along the last axis of the Keras array.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from birnn_lightning.nn import specs
from birnn_lightning.nn.cells import cell_of
from birnn_lightning.nn.specs import LayerSpec, ModelSpec
from parity.forms import SAME, STACKED, SUMMED, TRANSPOSED, Form

Array = np.ndarray

KERAS_GATES = {"rnn": "h", "lstm": "ifgo", "gru": "zrn"}
"""Gate blocks in Keras's order, in our letters (Keras calls the LSTM's ``g`` ``c``)."""

KERAS_CLASSES = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One Keras array and the torch arrays it is made of.

    Attributes:
        keras: ``<layer>/<owner...>/<variable>``, the owners being attribute names, e.g.
            ``bidirectional_1/forward_layer/cell/kernel``.
        torch: names in the `SequenceModel`'s ``state_dict``.
        form: how the torch arrays make the Keras array.
        torch_gates: letters of the blocks in torch's order; empty where there are no gates.
        keras_gates: the same letters in Keras's order.
    """

    keras: str
    torch: tuple[str, ...]
    form: Form
    torch_gates: str = ""
    keras_gates: str = ""

    def to_keras(self, *arrays: Array) -> Array:
        """The Keras array that these torch arrays make."""
        return permute_gates(self.form.join(*arrays), self.torch_gates, self.keras_gates)

    def to_torch(self, array: Array) -> tuple[Array, ...]:
        """The torch arrays that make this Keras array; inverse of `to_keras`."""
        return self.form.split(permute_gates(array, self.keras_gates, self.torch_gates))

    def __str__(self) -> str:
        """The row as errors and documents show it."""
        gates = f", gates {self.torch_gates} -> {self.keras_gates}" if self.torch_gates else ""
        return f"{' + '.join(self.torch)} -> {self.keras} ({self.form.name}{gates})"


def permute_gates(array: Array, source: str, target: str) -> Array:
    """Moves the gate blocks of the last axis from one order of letters to another."""
    if source == target:
        return array
    blocks = np.split(array, len(source), axis=-1)
    return np.concatenate([blocks[source.index(gate)] for gate in target], axis=-1)


def recurrent_rows(spec: specs.Recurrent, keras: str, torch: str, suffix: str) -> Iterator[Row]:
    """The rows of one direction."""
    cell = cell_of(spec)
    gates = {"torch_gates": cell.gates, "keras_gates": KERAS_GATES[spec.cell]}
    names = {name: f"{torch}.{name}_l0{suffix}" for name in ("weight_ih", "weight_hh")}
    ih, hh = f"{torch}.bias_ih_l0{suffix}", f"{torch}.bias_hh_l0{suffix}"
    yield Row(keras=f"{keras}/kernel", torch=(names["weight_ih"],), form=TRANSPOSED, **gates)
    yield Row(
        keras=f"{keras}/recurrent_kernel", torch=(names["weight_hh"],), form=TRANSPOSED, **gates
    )
    if not spec.use_bias:
        return
    if cell.trains_bias_hh:
        yield Row(keras=f"{keras}/bias", torch=(ih, hh), form=STACKED, **gates)
    elif spec.cell == "gru":
        yield Row(keras=f"{keras}/bias", torch=(ih,), form=SAME, **gates)
    else:
        yield Row(keras=f"{keras}/bias", torch=(ih, hh), form=SUMMED, **gates)


def _recurrent(spec: specs.Recurrent, keras: str, torch: str) -> Iterator[Row]:
    yield from recurrent_rows(spec, f"{keras}/cell", torch, "")


def _bidirectional(spec: specs.Bidirectional, keras: str, torch: str) -> Iterator[Row]:
    forward, backward = spec.directions
    yield from recurrent_rows(forward, f"{keras}/forward_layer/cell", torch, "")
    yield from recurrent_rows(backward, f"{keras}/backward_layer/cell", torch, "_reverse")


def _embedding(spec: specs.Embedding, keras: str, torch: str) -> Iterator[Row]:
    yield Row(keras=f"{keras}/embeddings", torch=(f"{torch}.weight",), form=SAME)


def _dense(spec: specs.Dense, keras: str, torch: str) -> Iterator[Row]:
    yield Row(keras=f"{keras}/kernel", torch=(f"{torch}.weight",), form=TRANSPOSED)
    if spec.use_bias:
        yield Row(keras=f"{keras}/bias", torch=(f"{torch}.bias",), form=SAME)


_LAYER_ROWS: dict[type[LayerSpec], Callable[..., Iterator[Row]]] = {
    specs.Recurrent: _recurrent,
    specs.Bidirectional: _bidirectional,
    specs.Embedding: _embedding,
    specs.Dense: _dense,
}


def layer_rows(spec: LayerSpec, keras: str, torch: str) -> tuple[Row, ...]:
    """The rows of one layer whose Keras layer and torch module have these names."""
    find = _LAYER_ROWS.get(type(spec))
    return tuple(find(spec, keras, torch)) if find else ()


def rows(spec: ModelSpec) -> tuple[Row, ...]:
    """Every row of a model, in the order of its nodes."""
    return tuple(
        row
        for node in spec.nodes
        for row in layer_rows(node.layer, node.name, f"layers.{node.name}")
    )


def keras_arrays(table: tuple[Row, ...], state: Mapping[str, Array]) -> dict[str, Array]:
    """The Keras arrays by path that torch's arrays make."""
    return {row.keras: row.to_keras(*(state[name] for name in row.torch)) for row in table}


def torch_arrays(table: tuple[Row, ...], arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The torch arrays by name that make these Keras arrays; inverse of `keras_arrays`."""
    return {
        name: array
        for row in table
        for name, array in zip(row.torch, row.to_torch(arrays[row.keras]), strict=True)
    }
