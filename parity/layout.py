"""The weight table: one row a Keras array, from which both directions of a copy follow.

Two facts tell the whole difference between the frameworks for one weight: its form (`parity.forms`)
and the order of its gate blocks along the last axis of the Keras array.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from birnn_lightning.nn import specs
from birnn_lightning.nn.cells import KERAS_GATES, cell_of
from birnn_lightning.nn.specs import LayerSpec, ModelSpec
from birnn_lightning.nn.specs.custom import custom_layer
from parity.forms import KERNEL, SAME, STACKED, SUMMED, TRANSPOSED, Form

Array = np.ndarray

KERAS_CLASSES = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One Keras array and the torch arrays it is made of.

    Attributes:
        keras: ``<layer>/<owner...>/<variable>``, the owners being attribute names or, after
            ``cells``, an index, e.g. ``bidirectional_1/forward_layer/cell/cells/0/kernel``.
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


def recurrent_rows(
    spec: specs.Recurrent | specs.RecurrentStack, keras: str, torch: str, suffix: str
) -> Iterator[Row]:
    """The rows of one direction, cell by cell.

    Args:
        spec: the direction.
        keras: path of the Keras layer's ``cell``.
        torch: name of the torch module.
        suffix: of the torch names, ``"_reverse"`` for the second direction.
    """
    for level, cell in enumerate(spec.cells):
        owner = keras if isinstance(spec, specs.Recurrent) else f"{keras}/cells/{level}"
        yield from _cell_rows(cell, owner, torch, f"_l{level}{suffix}")


def _cell_rows(spec: specs.Recurrent, keras: str, torch: str, suffix: str) -> Iterator[Row]:
    cell = cell_of(spec)
    gates = {"torch_gates": cell.gates, "keras_gates": KERAS_GATES[spec.cell]}
    for variable, name in (("kernel", "weight_ih"), ("recurrent_kernel", "weight_hh")):
        owner = f"{torch}.{name}{suffix}"
        yield Row(keras=f"{keras}/{variable}", torch=(owner,), form=TRANSPOSED, **gates)
    if not spec.use_bias:
        return
    ih, hh = f"{torch}.bias_ih{suffix}", f"{torch}.bias_hh{suffix}"
    if cell.trains_bias_hh:
        yield Row(keras=f"{keras}/bias", torch=(ih, hh), form=STACKED, **gates)
    elif spec.cell == "gru":
        yield Row(keras=f"{keras}/bias", torch=(ih,), form=SAME, **gates)
    else:
        yield Row(keras=f"{keras}/bias", torch=(ih, hh), form=SUMMED, **gates)


def _recurrent(
    spec: specs.Recurrent | specs.RecurrentStack, keras: str, torch: str
) -> Iterator[Row]:
    yield from recurrent_rows(spec, f"{keras}/cell", torch, "")


def _bidirectional(spec: specs.Bidirectional, keras: str, torch: str) -> Iterator[Row]:
    forward, backward = spec.directions
    yield from recurrent_rows(forward, f"{keras}/forward_layer/cell", torch, "")
    yield from recurrent_rows(backward, f"{keras}/backward_layer/cell", torch, "_reverse")


def _embedding(spec: specs.Embedding, keras: str, torch: str) -> Iterator[Row]:
    yield Row(keras=f"{keras}/embeddings", torch=(f"{torch}.weight",), form=SAME)


def _dense(spec: specs.Dense, keras: str, torch: str) -> Iterator[Row]:
    yield Row(keras=f"{keras}/kernel", torch=(f"{torch}.weight",), form=TRANSPOSED)
    yield from _same(keras, torch, bias=spec.use_bias)


def _convolution(
    spec: specs.Conv1D | specs.Conv2D | specs.Conv1DTranspose | specs.DepthwiseConv1D,
    keras: str,
    torch: str,
) -> Iterator[Row]:
    yield Row(keras=f"{keras}/kernel", torch=(f"{torch}.weight",), form=KERNEL)
    yield from _same(keras, torch, bias=spec.use_bias)


def _separable(spec: specs.SeparableConv1D, keras: str, torch: str) -> Iterator[Row]:
    for name in ("depthwise", "pointwise"):
        yield Row(keras=f"{keras}/{name}_kernel", torch=(f"{torch}.{name}",), form=KERNEL)
    yield from _same(keras, torch, bias=spec.use_bias)


def _same(keras: str, torch: str, **names: bool) -> Iterator[Row]:
    """Rows of arrays that are the same in both, under the same names, where they are asked for."""
    for name, asked in names.items():
        if asked:
            yield Row(keras=f"{keras}/{name}", torch=(f"{torch}.{name}",), form=SAME)


def _trained_normalization(
    spec: specs.LayerNormalization | specs.BatchNormalization | specs.GroupNormalization,
    keras: str,
    torch: str,
) -> Iterator[Row]:
    yield from _same(keras, torch, gamma=spec.scale, beta=spec.center)


def _batch_normalization(spec: specs.BatchNormalization, keras: str, torch: str) -> Iterator[Row]:
    yield from _trained_normalization(spec, keras, torch)
    yield from _same(keras, torch, moving_mean=True, moving_variance=True)


def _rms_normalization(spec: specs.RMSNormalization, keras: str, torch: str) -> Iterator[Row]:
    yield from _same(keras, torch, scale=True)


def _normalization(spec: specs.Normalization, keras: str, torch: str) -> Iterator[Row]:
    for name in ("mean", "variance") if spec.mean is None else ():
        yield Row(keras=f"{keras}/adapt_{name}", torch=(f"{torch}.{name}",), form=SAME)


def _prelu(spec: specs.PReLU, keras: str, torch: str) -> Iterator[Row]:
    yield from _same(keras, torch, alpha=True)


def _attention(spec: specs.Attention, keras: str, torch: str) -> Iterator[Row]:
    concatenates = spec.score_mode == "concat"
    yield from _same(keras, torch, scale=spec.use_scale, concat_score_weight=concatenates)


def _additive_attention(spec: specs.AdditiveAttention, keras: str, torch: str) -> Iterator[Row]:
    yield from _same(keras, torch, scale=spec.use_scale)


def _time_distributed(spec: specs.TimeDistributed, keras: str, torch: str) -> Iterator[Row]:
    yield from layer_rows(spec.layer, f"{keras}/layer", f"{torch}.layer")


def _custom(spec: specs.Custom, keras: str, torch: str) -> Iterator[Row]:
    for variable, name in custom_layer(spec.class_name).weights.items():
        form = TRANSPOSED if name.endswith(".T") else SAME
        owner = f"{torch}.module.{name.removesuffix('.T')}"
        yield Row(keras=f"{keras}/{variable}", torch=(owner,), form=form)


def _submodel(spec: specs.Submodel, keras: str, torch: str) -> Iterator[Row]:
    yield from rows(spec.model, f"{keras}/", f"{torch}.model.")


_LAYER_ROWS: dict[type[LayerSpec], Callable[..., Iterator[Row]]] = {
    specs.Recurrent: _recurrent,
    specs.RecurrentStack: _recurrent,
    specs.Bidirectional: _bidirectional,
    specs.Embedding: _embedding,
    specs.Dense: _dense,
    specs.Conv1D: _convolution,
    specs.Conv2D: _convolution,
    specs.Conv1DTranspose: _convolution,
    specs.DepthwiseConv1D: _convolution,
    specs.SeparableConv1D: _separable,
    specs.LayerNormalization: _trained_normalization,
    specs.GroupNormalization: _trained_normalization,
    specs.RMSNormalization: _rms_normalization,
    specs.Normalization: _normalization,
    specs.BatchNormalization: _batch_normalization,
    specs.PReLU: _prelu,
    specs.Attention: _attention,
    specs.AdditiveAttention: _additive_attention,
    specs.TimeDistributed: _time_distributed,
    specs.Submodel: _submodel,
    specs.Custom: _custom,
}


def layer_rows(spec: LayerSpec, keras: str, torch: str) -> tuple[Row, ...]:
    """The rows of one layer whose Keras layer and torch module have these names."""
    find = _LAYER_ROWS.get(type(spec))
    return tuple(find(spec, keras, torch)) if find else ()


def rows(spec: ModelSpec, keras: str = "", torch: str = "") -> tuple[Row, ...]:
    """Every row of a model, in the order of its nodes; a shared layer has them once.

    Args:
        spec: the model.
        keras: what the Keras paths start with, for a model inside another.
        torch: what the torch names start with, likewise.
    """
    return tuple(
        row
        for node in spec.nodes
        if not node.shares
        for row in layer_rows(node.layer, f"{keras}{node.name}", f"{torch}layers.{node.name}")
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


def keras_shapes(
    table: tuple[Row, ...], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """The shapes of the Keras arrays by path that torch arrays of these shapes make."""
    return {row.keras: row.form.shape(*(shapes[name] for name in row.torch)) for row in table}
