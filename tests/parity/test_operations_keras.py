"""Operations between layers compute what Keras's compute, and are written as Keras writes them."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from birnn_lightning.nn import Masked, specs
from birnn_lightning.nn.layer import build_layer
from birnn_lightning.nn.specs import Operation, reference
from parity.keras_config.calls import TensorArgument
from parity.keras_config.operations import OPERATIONS, is_operation, keras_operation, operation_spec

pytestmark = pytest.mark.tensorflow
tf: Any = pytest.importorskip("tensorflow", reason="the reference is Keras on TensorFlow")
keras: Any = pytest.importorskip("keras", reason="the reference is Keras")

from parity.keras_model import float64_kept  # noqa: E402
from tests.parity.operation_samples import SAMPLES, Sample  # noqa: E402

BATCH, OPEN = 2, 7
KINDS = {torch.bool: "b", torch.int32: "i", torch.int64: "i", torch.float64: "f"}


def model_of(sample: Sample) -> Any:
    inputs = [
        keras.Input(shape, dtype=sample.dtype, name=f"input_{index}")
        for index, shape in enumerate(sample.shapes)
    ]
    return keras.Model(inputs, sample.build(*inputs))


def read_call(layer: dict[str, Any]) -> tuple[list[Any], list[str]]:
    """The arguments of an operation's only call, and references to the tensors among them."""
    sources: list[str] = []

    def placed(value: Any) -> Any:
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            source, _, index = value["config"]["keras_history"]
            sources.append(reference(source, index))
            return TensorArgument(len(sources) - 1)
        return [placed(part) for part in value] if isinstance(value, list) else value

    (call,) = layer["inbound_nodes"]
    assert call["kwargs"] == {}
    return [placed(value) for value in call["args"]], sources


def operations(model: Any) -> Iterator[tuple[dict[str, Any], Operation, list[Any], list[str]]]:
    for layer in json.loads(json.dumps(model.get_config()))["layers"]:
        if layer["class_name"] != "InputLayer":
            assert is_operation(layer["class_name"], layer["config"], layer["module"])
            assert is_operation(layer["class_name"], layer["config"], None)
            arguments, sources = read_call(layer)
            spec = operation_spec(layer["class_name"], layer["config"], arguments)
            yield layer, spec, arguments, sources


def arrays(sample: Sample) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    shapes = [(BATCH, *(size or OPEN for size in shape)) for shape in sample.shapes]
    if sample.dtype == "float64":
        return [random.uniform(-1, 1, shape) for shape in shapes]
    return [random.integers(-3, 5, shape).astype(sample.dtype) for shape in shapes]


def ours(model: Any, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """The model's outputs, computed by specs alone."""
    computed = {f"input_{index}": values for index, values in enumerate(inputs)}
    sizes: dict[str, specs.Shape] = {
        name: tuple(values.shape[1:]) for name, values in computed.items()
    }
    for layer, spec, _, sources in operations(model):
        built = build_layer(spec, *(sizes[name] for name in sources)).double()
        result = built(*(Masked(computed[name]) for name in sources))
        outputs = (result,) if isinstance(result, Masked) else result
        expected = spec.output_shapes(*(sizes[name] for name in sources))
        for index, (output, shape) in enumerate(zip(outputs, expected, strict=True)):
            name = reference(layer["name"], index)
            assert tuple(output.values.shape[1:]) == shape
            computed[name], sizes[name] = output.values, shape
    history = (one._keras_history for one in keras.tree.flatten(model.output))
    return [computed[reference(one.operation.name, one.tensor_index)] for one in history]


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_outputs_and_gradients(sample: Sample) -> None:
    with float64_kept():
        model = model_of(sample)
        inputs = arrays(sample)
        given = [tf.constant(array) for array in inputs]
        with tf.GradientTape() as tape:
            tape.watch(given)
            theirs = keras.tree.flatten(model(given))
            loss = sum(tf.reduce_sum(tf.sin(one)) for one in theirs if one.dtype.is_floating)
        tensors = [torch.from_numpy(array) for array in inputs]
        differs = sample.dtype == "float64" and not isinstance(loss, int)
        if differs:
            tensors = [tensor.requires_grad_() for tensor in tensors]
        outputs = ours(model, tensors)
    for output, expected in zip(outputs, theirs, strict=True):
        assert KINDS[output.dtype] == np.asarray(expected).dtype.kind
        assert_close(output.detach().numpy(), np.asarray(expected))
    if differs:
        total = sum(one.sin().sum() for one in outputs if one.is_floating_point())
        if total.requires_grad:  # type: ignore[union-attr]
            total.backward()  # type: ignore[union-attr]
        gradients = tape.gradient(loss, given, unconnected_gradients="zero")
        for tensor, gradient in zip(tensors, gradients, strict=True):
            found = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad.numpy()
            assert_close(found, np.asarray(gradient))


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    if expected.dtype == np.float32:  # what Keras makes of integers, whatever the precision
        np.testing.assert_array_max_ulp(found.astype("float32"), expected, maxulp=2)
        return
    found, expected = found.astype(float), expected.astype(float)
    scale = max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_written_as_keras_writes_it(sample: Sample) -> None:
    for layer, spec, arguments, _ in operations(model_of(sample)):
        name, module, config, given, keywords = keras_operation(spec, dtype="float64")
        if layer["class_name"] == "ReLU":  # which computes what Relu does
            assert name == "Relu"
            continue
        assert (name, module, keywords) == (layer["class_name"], layer["module"], {})
        expected = {key: value for key, value in layer["config"].items() if key != "name"}
        assert (json.loads(json.dumps(config)), given) == (expected, arguments)


def test_every_operation_is_in_the_samples() -> None:
    seen = {
        layer["class_name"]
        for sample in SAMPLES.values()
        for layer, *_ in operations(model_of(sample))
    }
    assert seen == {*OPERATIONS}


@pytest.mark.parametrize("kept", ["float32", "float64"])
def test_a_mask_is_kept_where_keras_hands_back_the_same_tensor(kept: str) -> None:
    tokens = keras.Input((7,), dtype="int64")
    embedded = keras.layers.Embedding(11, 3, mask_zero=True, dtype="float32")(tokens)
    seen = []

    class Spy(keras.layers.Layer):
        supports_masking = True

        def call(self, x: Any, mask: Any = None) -> Any:
            seen.append(mask is not None)
            return x

    model = keras.Model(tokens, Spy()(keras.ops.cast(embedded, kept)))
    seen.clear()
    model(np.array([[1, 2, 0, 3, 0, 0, 0]]))
    assert seen == [kept == "float32"]
    layer = build_layer(Operation(name="cast", settings=(("dtype", "float"),)), (7, 3))
    mask = torch.ones(1, 7, dtype=torch.bool)
    values = torch.zeros(1, 7, 3, dtype=getattr(torch, kept))
    assert (layer(Masked(values, mask)).mask is mask) == (kept == "float32")
    added = specs.Operation(name="add", arguments=(specs.Operand(index=0), 1.0))
    assert build_layer(added, (7, 3))(Masked(values, mask)).mask is None
