"""A model spec becomes the functional config that Keras 3 writes of its twin, without Keras."""

from collections.abc import Iterator, Sequence
from typing import Any

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import LayerSpec, ModelSpec, Node, Shape, reference
from parity.keras_config.calls import TensorArgument
from parity.keras_config.operations import keras_operation
from parity.keras_config.table import keras_layer
from parity.keras_files.layer_order import in_keras_order
from parity.keras_files.names import snake_case
from parity.keras_files.written_masks import TAKE_MASKS, Tensor, output_mask
from parity.results import ParityUnavailable

RecurrentSpec = specs.Recurrent | specs.RecurrentStack | specs.Bidirectional

INNER_NAMES = {"layer": "forward_", "backward_layer": "backward_"}


def keras_model_config(
    spec: ModelSpec, dtype: str, name: str = "functional", batch_size: int | None = None
) -> dict[str, Any]:
    """The model as Keras 3.15 serializes a functional one; its ``config`` is what loads by.

    Args:
        spec: the model; layer names are node names.
        dtype: ``"float32"`` or ``"float64"``, given to every layer and to those inside.
        name: of the Keras model.
        batch_size: of every call; Keras needs it to make a stateful layer.

    Raises:
        ParityUnavailable: a stateful layer without ``batch_size``.
    """
    graph = _Graph(spec, dtype, batch_size)
    for node in spec.nodes:
        graph.add_node(node)
    outputs = [graph.tensors[one].history for one in spec.outputs]
    written = [graph.as_output(one) for one in outputs]
    config = {
        "name": name,
        "trainable": True,
        "layers": in_keras_order(graph.layers, [one[:2] for one in outputs]),
        "input_layers": [[node.name, 0, 0] for node in spec.inputs],
        "output_layers": written[0] if len(written) == 1 else written,
    }
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": config,
        "registered_name": "Functional",
        "build_config": {"input_shape": None},
    }


class _Graph:
    """The layers and operations of a Keras graph, added in an order in which they can be computed.

    Attributes:
        layers: the config's entries by name.
        tensors: what the spec's references stand for.
        masks: the mask that Keras hands on with each of them.
    """

    def __init__(self, spec: ModelSpec, dtype: str, batch_size: int | None) -> None:
        self.dtype = dtype
        self.batch_size = batch_size
        self.layers: dict[str, dict[str, Any]] = {}
        self.tensors: dict[str, Tensor] = {}
        self.masks: dict[str, Tensor | None] = {}
        self._shapes = spec.shapes()
        self._names = {node.name for node in spec.nodes}

    def add_node(self, node: Node) -> None:
        """Adds a node: its layer, its call, and the operations that compute its mask."""
        if isinstance(node.layer, specs.Input):
            self._add_input(node.name, node.layer)
            return
        self._check_batch_size(node)
        owner = node.shares or node.name
        if owner == node.name:
            self.layers[owner] = self._layer(node)
        class_name, config = (self.layers[owner][key] for key in ("class_name", "config"))
        given = [self.tensors[name] for name in node.inputs]
        masks = [self.masks.get(name) for name in node.inputs]
        call = self._call(owner, *self._arguments(class_name, node.layer, given, masks))
        for index in range(len(node.layer.output_shapes(*(one.shape for one in given)))):
            name = reference(node.name, index)
            self.tensors[name] = Tensor((owner, call, index), self._shapes[name], self.dtype)
        if isinstance(node.layer, specs.Operation):
            return  # which is no layer, and hands no mask on
        mask = output_mask(class_name, config, given, masks, self._operation)
        self.masks[node.name] = mask
        if class_name == "Bidirectional" and config["merge_mode"] is None:
            self.masks[reference(node.name, 1)] = mask

    def as_output(self, history: tuple[str, int, int]) -> list[Any]:
        """An output of the whole model; there an inner model's calls are counted from 1."""
        name, call, index = history
        return [name, call + (self.layers[name]["class_name"] == "Functional"), index]

    def _layer(self, node: Node) -> dict[str, Any]:
        if isinstance(node.layer, specs.Submodel):
            inner = keras_model_config(node.layer.model, self.dtype, node.name, self.batch_size)
            return {**inner, "name": node.name, "inbound_nodes": []}
        if isinstance(node.layer, specs.Operation):
            class_name, module, settings, _, _ = keras_operation(node.layer, self.dtype)
            return _entry(module, class_name, {"name": node.name, **settings}, class_name)
        class_name, config = written_layer(node.name, node.layer, self.dtype)
        return _entry("keras.layers", class_name, config, registered=None)

    def _add_input(self, name: str, layer: specs.Input) -> None:
        dtype = "int64" if layer.dtype == "int64" else self.dtype
        config = {
            "batch_shape": [self.batch_size, *layer.shape],
            "dtype": dtype,
            "sparse": False,
            "ragged": False,
            "name": name,
            "optional": False,
        }
        self.layers[name] = _entry("keras.layers", "InputLayer", config, registered=None)
        self.tensors[name] = Tensor((name, 0, 0), layer.shape, dtype)

    def _arguments(
        self,
        class_name: str,
        layer: LayerSpec,
        given: Sequence[Tensor],
        masks: Sequence[Tensor | None],
    ) -> tuple[list[Any], dict[str, Any]]:
        """A call's arguments: initial states by name, and the mask that Keras gives or forgets."""
        if isinstance(layer, specs.Operation):
            _, _, _, args, kwargs = keras_operation(layer, self.dtype)
            return self._placed(args, given), self._placed(kwargs, given)
        first = self._written(given[0])
        kwargs = {}
        if class_name in TAKE_MASKS and masks[0] is not None:
            kwargs["mask"] = self._written(masks[0])
        if len(given) == 1 and layer.input_counts():
            return [first], kwargs
        if class_name == "Functional" and any(masks):
            kwargs["mask"] = self._written(list(masks))
        if isinstance(layer, RecurrentSpec):
            states = iter([self._written(state) for state in given[1:]])
            return [first], {"initial_state": nested_states(layer, states), **kwargs}
        return [[self._written(one) for one in given]], kwargs

    def _placed(self, value: Any, given: Sequence[Tensor]) -> Any:
        """An operation's arguments with its tensors in their places."""
        if isinstance(value, TensorArgument):
            return self._written(given[value.index])
        if isinstance(value, dict):
            return {key: self._placed(part, given) for key, part in value.items()}
        return [self._placed(part, given) for part in value] if isinstance(value, list) else value

    def _call(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> int:
        """Adds a call of a layer that is there; returns which of its calls it is."""
        calls = self.layers[name]["inbound_nodes"]
        calls.append({"args": args, "kwargs": kwargs})
        return len(calls) - 1

    def _operation(
        self,
        class_name: str,
        *args: Any,
        shape: Shape,
        dtype: str = "bool",
        config: dict[str, Any] | None = None,
    ) -> Tensor:
        """Adds an operation on tensors, whose result is a mask or part of one."""
        name = self._free_name(snake_case(class_name))
        settings = {"name": name, **(config or {})}
        if class_name in ("OnesLike", "ZerosLike"):
            settings["dtype"] = dtype
        self.layers[name] = _entry("keras.src.ops.numpy", class_name, settings, class_name)
        call = self._call(name, [self._written(one) for one in args], {})
        return Tensor((name, call, 0), shape, dtype)

    def _free_name(self, name: str) -> str:
        number, free = 0, name
        while free in self._names:
            number += 1
            free = f"{name}_{number}"
        self._names.add(free)
        return free

    def _written(self, value: Any) -> Any:
        """An argument as Keras serializes it."""
        if isinstance(value, list):
            return [self._written(one) for one in value]
        if not isinstance(value, Tensor):
            return value
        config = {
            "shape": [self.batch_size, *value.shape],
            "dtype": value.dtype,
            "keras_history": list(value.history),
        }
        return {"class_name": "__keras_tensor__", "config": config}

    def _check_batch_size(self, node: Node) -> None:
        direction = getattr(node.layer, "forward", node.layer)
        if getattr(direction, "stateful", False) and self.batch_size is None:
            raise ParityUnavailable(
                f"layer {node.name!r} is stateful, so Keras needs to know the batch size. Give "
                "batch_size."
            )


def written_layer(name: str, spec: LayerSpec, dtype: str) -> tuple[str, dict[str, Any]]:
    """A layer's Keras class and its settings with name, dtype and every layer inside it."""
    if isinstance(spec, specs.Submodel):
        return "Functional", keras_model_config(spec.model, dtype, name)["config"]
    class_name, config = _settings(name, spec, dtype)
    return class_name, {
        "name": name,
        "dtype": _policy(dtype),
        **_completed(config, dtype),
    }


def _settings(name: str, spec: LayerSpec, dtype: str) -> tuple[str, dict[str, Any]]:
    if isinstance(spec, specs.TimeDistributed) and isinstance(spec.layer, specs.Submodel):
        return "TimeDistributed", {"layer": keras_model_config(spec.layer.model, dtype)}
    try:
        return keras_layer(spec)
    except KeyError:
        raise ParityUnavailable(
            f"layer {name!r} of kind {type(spec).__name__} cannot be written to a Keras file. "
            "Write a .ckpt or .safetensors file."
        ) from None


def nested_states(spec: RecurrentSpec, states: Iterator[Any]) -> list[Any]:
    """Initial states as Keras nests them: those of a stack cell by cell."""
    if isinstance(spec, specs.Bidirectional):
        return [state for one in spec.directions for state in nested_states(one, states)]
    by_cell = [[next(states) for _ in specs.STATES[cell.cell]] for cell in spec.cells]
    return by_cell if isinstance(spec, specs.RecurrentStack) else by_cell[0]


def _completed(value: Any, dtype: str, prefix: str = "") -> Any:
    """Settings whose inner layers have a name and the dtype: a wrapper's own reaches none."""
    if isinstance(value, list | tuple):
        return [_completed(part, dtype) for part in value]
    if not isinstance(value, dict):
        return value
    inner = {key: _completed(one, dtype, INNER_NAMES.get(key, "")) for key, one in value.items()}
    if value.get("module") == "keras.layers":
        name = prefix + snake_case(value["class_name"])
        inner["config"] = {"name": name, "dtype": _policy(dtype), **inner["config"]}
    return inner


def _policy(dtype: str) -> dict[str, Any]:
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": dtype},
        "registered_name": None,
    }


def _entry(
    module: str, class_name: str, config: dict[str, Any], registered: str | None
) -> dict[str, Any]:
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": registered,
        "name": config["name"],
        "inbound_nodes": [],
    }
