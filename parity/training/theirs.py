"""A Keras model trains step by step as ``fit`` trains it, in a graph, and shows everything."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn.specs import Input, ModelSpec
from parity.keras_model import (
    as_called,
    find_variable,
    float64_kept,
    fresh_states,
    keras,
    max_pooling_may_drop_masks,
    states_of,
)
from parity.keras_noise import noise_shared
from parity.layout import rows
from parity.results import ParityUnavailable
from parity.runs import shared_noise
from parity.training.keras_optimizers import floatx, takes_indices
from parity.training.trajectory import Array, Noise, Step, TrainingBatch

NoiseSource = Callable[[str, str, tuple[int, ...]], Any]


class KerasTraining:
    """A Keras model under its optimiser.

    Args:
        model: trained in place; its layers have the names of the spec's nodes.
        spec: of the model.
        settings: our classifier, whose task says what labels mean.
        make_optimizer: makes the optimiser; called where Keras's floats have the model's dtype.
        make_loss: makes the loss, likewise.
        noise: draws what dropout drops.

    Raises:
        ParityUnavailable: Keras runs on another backend than TensorFlow.
    """

    def __init__(
        self,
        model: keras.Model,
        spec: ModelSpec,
        settings: SequenceClassifier,
        make_optimizer: Callable[[], Any],
        make_loss: Callable[[], Any],
        noise: Noise = shared_noise,
    ) -> None:
        """Compiles the model as ``fit`` would find it."""
        if keras.backend.backend() != "tensorflow":
            raise ParityUnavailable(
                "training is compared with Keras on TensorFlow; KERAS_BACKEND is "
                f"{keras.backend.backend()!r}."
            )
        self.model, self.spec, self.settings, self.noise = model, spec, settings, noise
        self.dtype = str(model.weights[0].dtype)
        self.table = rows(spec)
        self.trained = {
            row.keras: variable
            for row in self.table
            if (variable := find_variable(model, row.keras)).trainable
        }
        with floatx(self.dtype):
            self.optimizer = make_optimizer()
            plain: Any = False  # which Keras annotates as str
            self.model.compile(self.optimizer, make_loss(), jit_compile=plain)
            self.optimizer.build(list(self.trained.values()))
        self._compiled: Any = None
        held = [*model.variables, *states_of(model), *self.optimizer.variables]
        self._start = [(variable, _array(variable)) for variable in held]

    def restart(self) -> None:
        """Goes back to the start; the graph stays, for tracing it takes longer than many steps."""
        for variable, value in self._start:
            variable.assign(value)

    def weights(self) -> dict[str, Array]:
        """Every weight by path."""
        return {row.keras: _array(find_variable(self.model, row.keras)) for row in self.table}

    @float64_kept()
    @max_pooling_may_drop_masks()
    def step(self, batch: TrainingBatch, number: int, rate: float | None = None) -> Step:
        """Trains on a batch, always at the rate of its own schedule."""
        with floatx(self.dtype):
            data = self._data(batch)
            if self._compiled is None:
                self._compiled = self._compile(data)
            rate = float(_array(self.optimizer.learning_rate))
            noise = {
                f"{name}|{draw}": self.noise(name, draw, shape, number)
                for (name, draw), shape in self._noise_shapes.items()
            }
            loss, found = self._compiled(*data, noise)
        return Step(
            learning_rate=rate,
            loss={"loss": _array(loss)},
            gradients={path: _array(gradient) for path, gradient in found.items()},
            states=self._states(),
            weights=self.weights(),
        )

    def _data(self, batch: TrainingBatch) -> tuple[Any, Any, Any]:
        """Inputs, labels and weights as tensors."""
        import tensorflow as tf

        whole = [np.issubdtype(array.dtype, np.integer) for array in batch.arrays]
        arrays = [
            tf.constant(array if tokens else array.astype(self.dtype))
            for array, tokens in zip(batch.arrays, whole, strict=True)
        ]
        if batch.mask is not None:
            arrays.append(tf.constant(batch.mask))
        weights = self.settings.class_weights
        each = batch.sample_weights
        if weights is not None:
            of_class = weights.numpy().astype("float64")[batch.labels.astype("int64")]
            each = of_class if each is None else each * of_class
        given = None if each is None else tf.constant(np.asarray(each, self.dtype))
        return as_called(self.model, arrays), self._labels(batch), given

    def _labels(self, batch: TrainingBatch) -> Any:
        """Labels in the shape and type that the loss takes."""
        import tensorflow as tf

        labels = batch.labels
        if self.settings.task == "multiclass":
            indices = labels.ndim < len(self.model.outputs[0].shape)
            if indices and takes_indices(self.model.loss):
                return tf.constant(labels)
            if indices:
                labels = np.eye(self.settings.num_classes)[labels]
        elif self.settings.task == "binary":
            labels = labels[..., None]
        return tf.constant(labels.astype(self.dtype))

    def _compile(self, data: tuple[Any, Any, Any]) -> Any:
        """The step as a graph, which takes the deviates of its noise as arguments.

        One forward pass outside finds out which deviates the layers ask for.
        """
        import tensorflow as tf

        shapes: dict[tuple[str, str], tuple[int, ...]] = {}

        def record(name: str, key: str, shape: tuple[int, ...]) -> Array:
            shapes[name, key] = shape
            return shared_noise(name, key, shape)

        kept = {path: _array(variable) for path, variable in self._untrained().items()}
        with fresh_states(self.model), noisy_layers(self.model, self.spec, record):
            self.model(data[0], training=True)
        for path, variable in self._untrained().items():
            variable.assign(kept[path])
        self._noise_shapes = shapes

        def step(inputs: Any, labels: Any, weights: Any, noise: dict[str, Any]) -> Any:
            with (
                noisy_layers(self.model, self.spec, lambda name, key, _: noise[f"{name}|{key}"]),
                tf.GradientTape() as tape,
            ):
                outputs = self.model(inputs, training=True)
                loss = self.model.compute_loss(
                    x=inputs, y=labels, y_pred=outputs, sample_weight=weights, training=True
                )
            variables = list(self.trained.values())
            values: list[Any] = [variable.value for variable in variables]
            total: Any = loss
            found = tape.gradient(total, values)
            self.optimizer.apply(found, variables)
            shown = {
                path: tf.zeros(variable.shape, variable.dtype)
                if gradient is None
                else tf.convert_to_tensor(gradient)
                for (path, variable), gradient in zip(self.trained.items(), found, strict=True)
            }
            return loss, shown

        return tf.function(step, jit_compile=False)

    def _untrained(self) -> dict[str, Any]:
        """Moving statistics by path."""
        found = {row.keras: find_variable(self.model, row.keras) for row in self.table}
        return {path: variable for path, variable in found.items() if path not in self.trained}

    def _states(self) -> dict[str, Array]:
        """What the optimiser keeps for each weight, by ``<state>/<path>``."""
        found: dict[str, Array] = {}
        for held in vars(self.optimizer).values():
            if not isinstance(held, list) or len(held) != len(self.trained) or held[0] is None:
                continue
            for (path, variable), state in zip(self.trained.items(), held, strict=True):
                if not isinstance(state, keras.Variable) or state is variable:
                    break
                found[f"{_state_name(state, variable)}/{path}"] = _array(state)
        return found


def _state_name(state: Any, variable: Any) -> str:
    """``velocity`` of ``lstm_cell_kernel_velocity``."""
    path = variable.path.replace("/", "_")
    return state.name.removeprefix(f"{path}_").removeprefix(f"{variable.name}_")


def _array(tensor: Any) -> Array:
    return np.array(keras.ops.convert_to_numpy(tensor))


@contextmanager
def noisy_layers(model: keras.Model, spec: ModelSpec, source: NoiseSource) -> Iterator[None]:
    """Within, the layers of a functional model draw their noise from a source.

    Args:
        model: whose layers have the names of the spec's nodes.
        spec: of the model.
        source: called with a node's name, a key of `birnn_lightning.nn.noise` and a shape.
    """
    with ExitStack() as stack:
        for node in spec.nodes:
            if not isinstance(node.layer, Input):
                stack.enter_context(_noisy_layer(model.get_layer(node.name), node, source))
        yield


@contextmanager
def _noisy_layer(layer: Any, node: Any, source: NoiseSource) -> Iterator[None]:
    original = layer.call

    def call(*args: Any, **kwargs: Any) -> Any:
        shape = tuple(keras.tree.flatten(args)[0].shape)
        with noise_shared(node.name, layer, node.layer, shape, source):
            return original(*args, **kwargs)

    layer.call = call
    try:
        yield
    finally:
        del layer.call
