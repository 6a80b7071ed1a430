"""A layer case is a small model, its inputs and how it runs: what one trial compares, as data."""

import zlib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch

from birnn_lightning.nn import SequenceModel
from birnn_lightning.nn.specs import Embedding, Input, Masking, ModelSpec, Spec
from parity.inputs import Inputs

# Sizes are distinct primes, so that no shape agrees by chance.
BATCH, TIME = 3, 7

MASKS: dict[str, tuple[str, str, str]] = {
    "right": ("xxxxxxx", "xxx....", "x......"),
    "left": ("xxxxxxx", "...xxxx", "......x"),
    "interior": ("x..xx.x", ".xx.x..", "xxx.xxx"),
    "one valid step": ("...x...", "x......", "......x"),
    "empty row": ("xx.xx.x", ".......", "..xxxxx"),
    "all rows empty": (".......", ".......", "......."),
}
"""A row of a batch each, ``x`` where a step is valid."""


@dataclass(frozen=True, kw_only=True)
class LayerCase:
    """One model to compare with its Keras twin, layer by layer.

    Attributes:
        name: unique in its grid.
        spec: the model.
        mask: a key of `MASKS`, rows such as ``("xx.", "x..")``, or None for no mask. A model that
            finds its masks itself (Masking, Embedding with ``mask_zero``) finds this one in its
            inputs; others are given it.
        training: whether it runs as in training, both frameworks on the same noise.
        batches: how many batches run one after the other, which a stateful layer notices.
        dtypes: what it runs in besides float64: ``"float32"`` and ``"bfloat16"``.
        gradients: ``"float64"`` for gradients in float64 alone, or ``"all"`` for float32 too.
        batch: sequences in a batch.
        time: steps of every input whose time axis is open.
        weight_scale: times what the weights are otherwise; large ones saturate the gates.
    """

    name: str
    spec: ModelSpec
    mask: str | tuple[str, ...] | None = None
    training: bool = False
    batches: int = 1
    dtypes: tuple[str, ...] = ("float32",)
    gradients: str = "float64"
    batch: int = BATCH
    time: int = TIME
    weight_scale: float = 1.0

    def __post_init__(self) -> None:
        """Checks that the mask has a row a sequence and a step a time."""
        if self.mask_array is not None and self.mask_array.shape != (self.batch, self.time):
            raise ValueError(
                f"mask must have {self.batch} rows of {self.time} steps; got {self.mask!r}."
            )

    @cached_property
    def mask_array(self) -> np.ndarray | None:
        """The mask ``(batch, time)``."""
        if self.mask is None:
            return None
        rows = MASKS[self.mask] if isinstance(self.mask, str) else self.mask
        return np.array([[step == "x" for step in row] for row in rows])

    @property
    def finds_masks(self) -> bool:
        """Whether the model finds its masks in its inputs."""
        return any(
            isinstance(node.layer, Masking) or getattr(node.layer, "mask_zero", False)
            for node in self.spec.nodes
        )

    def to_config(self) -> dict[str, Any]:
        """The case as nested primitives, without what is as by default; see `from_config`."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "spec"}
        kept = {one.name: values[one.name] for one in fields(self) if _differs(one, values)}
        return {**kept, "spec": _without_defaults(self.spec.to_config())}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The case that `to_config` described, also after a journey through JSON."""
        values = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in config.items()
        }
        return cls(**{**values, "spec": ModelSpec.from_config(config["spec"])})

    def build(self) -> SequenceModel:
        """The model in float64 and evaluation mode; every weight is random, and exact in bfloat16.

        Weights are drawn from U(-a, a), a = 1.5 / sqrt(fan-in) times `weight_scale`; variances from
        U(0.5, 1.5).
        """
        model = SequenceModel(self.spec).double().eval()
        state = model.state_dict()
        trained = {name for name, _ in model.named_parameters()}
        for name, tensor in state.items():
            if name in trained or "moving" in name:
                generator = self._generator(name)
                fan_in = max(tensor.shape[-1] if tensor.dim() > 1 else 4, 1)
                bound = 1.5 * self.weight_scale / fan_in**0.5
                values = generator.uniform(-bound, bound, tuple(tensor.shape))
                if "variance" in name:
                    values = generator.uniform(0.5, 1.5, tuple(tensor.shape))
                tensor.copy_(exact_in_bfloat16(values))
        model.load_state_dict(state)
        return model

    def inputs(self, batch: int = 0) -> Inputs:
        """The inputs of one of the batches, float64 and exact in bfloat16, and the mask if given.

        An input without an open time axis, such as an initial state, has its own shape.
        """
        explicit = None if self.finds_masks else self.mask_array
        return Inputs(
            [self._array(node.name, node.layer, batch) for node in self.spec.inputs], explicit
        )

    def _array(self, name: str, layer: object, batch: int) -> np.ndarray:
        assert isinstance(layer, Input)
        generator = self._generator(f"{name} {batch}")
        shape = (self.batch, *(self.time if size is None else size for size in layer.shape))
        masked = None if self.mask_array is None else ~self.mask_array
        if layer.dtype == "int64":
            embeddings = [n.layer for n in self.spec.nodes if isinstance(n.layer, Embedding)]
            array = generator.integers(1, min(one.vocab_size for one in embeddings), shape)
            if masked is not None and self.finds_masks:
                array[masked] = 0
            return array
        array = exact_in_bfloat16(generator.standard_normal(shape)).numpy()
        for node in self.spec.nodes:
            if isinstance(node.layer, Masking) and masked is not None and len(shape) == 3:
                array[masked] = node.layer.mask_value
        return array

    def _generator(self, name: str) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(f"{self.name} {name}".encode()))


def _differs(one: Any, values: Mapping[str, Any]) -> bool:
    return one.name in values and (one.default is MISSING or values[one.name] != one.default)


def _without_defaults(config: Any) -> Any:
    """The config of a spec without the fields that say what they say by default."""
    if isinstance(config, list):
        return [_without_defaults(part) for part in config]
    if not isinstance(config, dict):
        return config
    defaults = {}
    if "kind" in config:
        for one in fields(Spec.kinds[config["kind"]]):
            default = one.default
            defaults[one.name] = default.to_config() if isinstance(default, Spec) else default
    return {
        name: _without_defaults(value)
        for name, value in config.items()
        if name not in defaults or value != defaults[name]
    }


def exact_in_bfloat16(values: np.ndarray) -> torch.Tensor:
    """The nearest numbers that bfloat16 has, as float64: no dtype then starts with an error."""
    return torch.from_numpy(values).bfloat16().double()
