"""A Keras model as calls of layers: what each takes, from where, and under which masks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TensorArgument:
    """Where a tensor stands among the arguments of a call.

    Attributes:
        index: which of `KerasNode.inputs` it is.
    """

    index: int


@dataclass(frozen=True, kw_only=True)
class KerasNode:
    """One call of a layer of a Keras model.

    Attributes:
        name: the layer's name; of a further call of the same layer, one of its own.
        class_name: the layer's class.
        config: its settings.
        inputs: references to the outputs that it takes; a recurrent layer's initial states last.
        arguments: of the call, by position, with a `TensorArgument` for each of its inputs.
        keywords: of the call, likewise; without masks.
        masks: for each input the name of the layer whose output is its mask, or None; None where
            the config names no mask, so that Keras hands on the one that the inputs carry.
        module: where the class is defined; None where the config does not say.
        shares: name of the first call of the layer; empty for that call itself.
    """

    name: str
    class_name: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    masks: tuple[str | None, ...] | None = None
    module: str | None = None
    shares: str = ""

    @property
    def constants(self) -> tuple[Any, ...]:
        """The arguments by position that are no tensors, e.g. the number of a comparison."""
        return tuple(
            value for value in self.arguments if value is not None and not holds_tensors(value)
        )


@dataclass(frozen=True, kw_only=True)
class KerasGraph:
    """The calls of a model.

    Attributes:
        nodes: in an order in which they can be computed.
        inputs: names of the model's inputs, in the order in which it takes them.
        outputs: references to its outputs, in the order in which it returns them.
    """

    nodes: tuple[KerasNode, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def holds_tensors(value: Any) -> bool:
    """Whether a `TensorArgument` occurs in an argument of a call."""
    if isinstance(value, Mapping):
        return any(map(holds_tensors, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_tensors, value))
    return isinstance(value, TensorArgument)
