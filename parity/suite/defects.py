"""Keras's known defects, as data with reasons: attributed, and noticed when Keras mends them."""

import json
from dataclasses import dataclass

from birnn_lightning.nn.specs import (
    Bidirectional,
    LayerSpec,
    ModelSpec,
    Node,
    Recurrent,
    RecurrentStack,
    Shape,
    reference,
)
from parity.layout import layer_rows
from parity.results import ParityUnavailable
from parity.runs import run_ours
from parity.suite.layer_cases import LayerCase


@dataclass(frozen=True, kw_only=True)
class Defect:
    """Something that Keras 3.15.1 does and does not mean to.

    Attributes:
        id: how documents and reports call it.
        title: one line.
        reason: where it comes from.
        backends: of Keras on which it shows.
        consequence: what this project does about it.
    """

    id: str
    title: str
    reason: str
    backends: tuple[str, ...] = ("tensorflow", "jax", "torch")
    consequence: str


DEFECTS = {
    defect.id: defect
    for defect in (
        Defect(
            id="B1",
            title="unroll=True + Bidirectional + return_sequences + mask: wrong outputs",
            reason="the unrolled loop repeats a masked output where zero_output_for_mask asks "
            "for 0",
            backends=("tensorflow",),
            consequence="a Keras model that unrolls compares unequal under a mask",
        ),
        Defect(
            id="B2",
            title="unroll=True + mask + go_backwards: an exception",
            reason="the torch backend asks a tuple of masks, one a step, for its shape to turn it",
            backends=("torch",),
            consequence="such a Keras model cannot be compared on this backend",
        ),
        Defect(
            id="B3",
            title="Bidirectional(return_state=True, stateful=True) cannot be called: TypeError",
            reason="Bidirectional.compute_mask multiplies a generator by 2",
            consequence="the grid expects the exception; ours computes what each half means",
        ),
        Defect(
            id="B4",
            title="LSTM or GRU with implementation=1 and dropout: an exception in training",
            reason="the cell takes one mask for a list of masks",
            consequence="the setting is refused by name",
        ),
        Defect(
            id="B6",
            title="embedding gradients are not summed per row before element-wise optimiser steps",
            reason="elementwise_unary works on the rows of tf.IndexedSlices as they come",
            backends=("tensorflow",),
            consequence="gradients are compared summed; optimisers differ until Keras mends it",
        ),
        Defect(
            id="B7",
            title="a legacy .h5 functional model with mask_zero cannot be loaded again",
            reason="the operation that computes the mask is not deserialised",
            consequence="save as .keras",
        ),
        Defect(
            id="B8",
            title="on a GPU, LSTM with go_backwards returns its sequence in the wrong order",
            reason="the fused JAX path flips the output once too often",
            backends=("jax",),
            consequence="compare on a CPU, or on TensorFlow",
        ),
        Defect(
            id="B9",
            title="a layer that is given initial_state forgets the mask of its sequence",
            reason="with several tensor arguments Layer.__call__ looks for sequences_mask, which "
            "no recurrent layer takes",
            consequence="the twin is given mask= by hand; a Keras model without it is refused",
        ),
        Defect(
            id="B10",
            title="sparsemax need not sum to 1 (keras#23425)",
            reason="its threshold adds up cumulative sums where one sum is meant",
            consequence="ours computes what Keras computes, so that a trained model stays the same",
        ),
        Defect(
            id="B11",
            title="Bidirectional gives the forward layer half of the list of initial states",
            reason="the halves are not the directions' where these differ in states (or, stacks, "
            "in cells): an LSTM with a GRU or SimpleRNN backward gets one of two, IndexError; a "
            "stack leaves out the cells for which there is no state",
            consequence="the IndexError is expected; with stacks there is nothing to compare",
        ),
        Defect(
            id="B12",
            title="Bidirectional tells the shape of its forward layer twice",
            reason="compute_output_shape does not ask the backward layer; where that has another "
            "size, the layers after it in a functional model are built for a wrong one",
            consequence="such a model cannot be built; the layer alone is compared",
        ),
        Defect(
            id="B13",
            title="RNN([cell]), a stack of one, cannot be called under a mask: ValueError",
            reason="StackedRNNCells.call returns the state of a single cell without its list; "
            "TensorFlow's loop refuses the other structure (unrolled it is the LSTM without a mask "
            "that fails)",
            backends=("tensorflow",),
            consequence="the grid expects the exception; ours computes what one cell means",
        ),
        Defect(
            id="B14",
            title="leaky_relu and gelu multiply with float32 constants in float64",
            reason="tf.nn casts 0.2 and sqrt(1/2) to float32 first",
            backends=("tensorflow",),
            consequence="ours multiplies with the same constants, 1e-8 from the formula's",
        ),
        Defect(
            id="B15",
            title="TimeDistributed runs as many steps as there are rows, in a graph whose batch "
            "and time are both open",
            reason="its call reads the time axis before it transposes",
            backends=("tensorflow",),
            consequence="give the time axis a size; the suite calls layers eagerly, which is right",
        ),
        Defect(
            id="B16",
            title="float64 matrices are multiplied as float32",
            reason="the type promotion of Keras turns every 64-bit type into its 32-bit one",
            backends=("jax", "torch"),
            consequence="the suite keeps Keras from it while it compares",
        ),
        Defect(
            id="B17",
            title="elu and selu lose the digits of small negative values",
            reason="tf.nn computes exp(x) - 1, which near 0 errs by a rounding of 1",
            backends=("tensorflow",),
            consequence="in models with them a rounding counts as one of 1 at least",
        ),
    )
}


Raised = tuple[type[Exception], ...]


def expected_exception(case: LayerCase) -> tuple[Defect, Raised] | None:
    """The defect that keeps Keras from running a case, and what it raises; None for none.

    Where several do, whichever layer comes first raises: any of their exceptions.
    """
    layers = [node.layer for node in case.spec.nodes]
    found: list[tuple[str, tuple[type[Exception], ...]]] = []
    if any(_is_stateful_with_states(layer) for layer in layers):
        found.append(("B3", (TypeError,)))
    if _misbuilt(case.spec):
        found.append(("B12", (ParityUnavailable, ValueError, KeyError)))
    if any(_starves_forward(node) for node in case.spec.nodes):
        found.append(("B11", (IndexError,)))
    if any(_has_stack_of_one(layer) for layer in layers) and _masked_stack_of_one(case):
        found.append(("B13", (ValueError,)))
    if not found:
        return None
    raised = tuple(exception for _, exceptions in found for exception in exceptions)
    return DEFECTS[found[0][0]], raised


COARSE_ACTIVATIONS = {"leaky_relu", "gelu", "hard_sigmoid"}
"""Those with a constant that TensorFlow, or torch in a gradient, rounds to float32."""


def has_coarse_constants(case: LayerCase, backend: str) -> bool:
    """Whether float64 results differ by a float32 constant (B14): ours has TensorFlow's."""
    if backend == "tensorflow":
        return False
    config = json.dumps(case.spec.to_config())
    return '"kind": "LeakyReLU"' in config or any(
        f'ctivation": "{name}"' in config for name in COARSE_ACTIVATIONS
    )


def spoiling_defect(case: LayerCase) -> Defect | None:
    """The defect because of which Keras computes something else, or fails somehow; None for none.

    What happens depends on the sizes, so that no trial can expect it.
    """
    for node in case.spec.nodes:
        layer = node.layer
        if isinstance(layer, Bidirectional) and len(node.inputs) > 1:
            counts = [_state_entries(direction) for direction in layer.directions]
            if sum(counts) // 2 != counts[0] and not _starves_forward(node):
                return DEFECTS["B11"]
    return None


def _is_stateful_with_states(layer: LayerSpec) -> bool:
    """B3."""
    return (
        isinstance(layer, Bidirectional) and layer.forward.stateful and layer.forward.return_state
    )


def _state_entries(direction: Recurrent | RecurrentStack) -> int:
    """How many entries Keras's list of initial states has: one a state, in a stack one a cell."""
    if isinstance(direction, RecurrentStack):
        return len(direction.cells)
    return len(direction.state_sizes)


def _starves_forward(node: Node) -> bool:
    """B11: the forward layer, an LSTM, gets one state instead of two."""
    layer = node.layer
    if not isinstance(layer, Bidirectional) or len(node.inputs) == 1:
        return False
    forward, backward = (_state_entries(direction) for direction in layer.directions)
    return isinstance(layer.forward, Recurrent) and (forward + backward) // 2 < forward


def _misbuilt(spec: ModelSpec) -> bool:
    """B12: whether Keras builds a layer for shapes that its inputs will not have."""
    right, believed = spec.shapes(), dict[str, Shape]()
    for node in spec.nodes:
        if any(name not in believed for name in node.inputs):
            return True
        given = [believed[name] for name in node.inputs]
        if isinstance(node.layer, Recurrent | RecurrentStack | Bidirectional):
            given[1:] = [right[name] for name in node.inputs[1:]]  # states build nothing
        if given != [right[name] for name in node.inputs] and layer_rows(node.layer, "", ""):
            return True
        try:
            outputs = node.layer.output_shapes(*given)
        except ValueError:
            return True
        if isinstance(node.layer, Bidirectional):
            outputs = _forward_twice(node.layer, given)
        believed |= {reference(node.name, index): shape for index, shape in enumerate(outputs)}
    return False


def _forward_twice(layer: Bidirectional, given: list[Shape]) -> tuple[Shape, ...]:
    output, *states = layer.forward.output_shapes(given[0])
    assert output[-1] is not None
    if layer.merge_mode is None:
        return (output, output, *states, *states)
    size = output[-1] * (2 if layer.merge_mode == "concat" else 1)
    return ((*output[:-1], size), *states, *states)


def _has_stack_of_one(layer: LayerSpec) -> bool:
    directions = layer.directions if isinstance(layer, Bidirectional) else (layer,)
    return any(isinstance(one, RecurrentStack) and len(one.cells) == 1 for one in directions)


def _masked_stack_of_one(case: LayerCase) -> bool:
    """B13: whether a mask reaches a stack of one."""
    given = case.inputs()
    masks = run_ours(case.build(), given).masks
    masks[case.spec.inputs[0].name] = given.mask
    return any(
        masks.get(node.inputs[0]) is not None
        for node in case.spec.nodes
        if _has_stack_of_one(node.layer)
    )


def defects_table() -> str:
    """A Markdown table of `DEFECTS`."""
    lines = ["| id | defect of Keras 3.15.1 | backends | reason | consequence |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for defect in DEFECTS.values():
        backends = "all" if len(defect.backends) == 3 else ", ".join(defect.backends)
        row = (defect.id, defect.title, backends, defect.reason, defect.consequence)
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)
