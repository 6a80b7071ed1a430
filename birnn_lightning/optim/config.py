"""Optimisers and learning-rate schedules by name, with settings that are primitives."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self, get_args

import torch
from torch import nn
from torch.optim import Optimizer

from birnn_lightning.optim.keras import KERAS_OPTIMIZERS, KerasOptimizer
from birnn_lightning.optim.rate import RateConfig
from birnn_lightning.optim.settings import check_choice, check_names

OptimizerName = Literal[
    "adam",
    "adamw",
    "nadam",
    "radam",
    "sgd",
    "rmsprop",
    "adagrad",
    "keras_sgd",
    "keras_adam",
    "keras_adamw",
    "keras_rmsprop",
    "keras_adagrad",
    "keras_adadelta",
    "keras_adamax",
    "keras_nadam",
    "keras_lion",
]
EmbeddingGradients = Literal["summed", "keras_tensorflow"]

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
}
KERAS_NAMES = tuple(f"keras_{name}" for name in KERAS_OPTIMIZERS)
OPTIMIZERS.update(zip(KERAS_NAMES, KERAS_OPTIMIZERS.values(), strict=True))
FUSED = ("adam", "adamw", "sgd", "adagrad")
OWN_SETTINGS = ("params", "lr", "learning_rate", "weight_decay", "variables")
"""Arguments of optimisers that the config's own fields or the model give."""


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig(RateConfig):
    """How the weights are updated; how the rate goes is said by `RateConfig`.

    Attributes:
        optimizer: one of torch's optimisers, or of Keras's: ``keras_adam``, ...
        weight_decay: added to the gradient as ``weight_decay * weight``; decoupled for adamw and
            for all of Keras's (whose AdamW has 0.004 where nothing is said).
        momentum: of sgd and rmsprop.
        optimizer_settings: other arguments of the optimiser by its own names, e.g. ``beta_1`` of
            keras_adam or ``betas`` of adam; ``clipnorm``, ``use_ema``, ... of all of Keras's.
        exclude_from_weight_decay: a parameter whose name contains one of these does not decay; for
            Keras's optimisers.
        embedding_gradients: what an optimiser of Keras's gets for a token that occurs often:
            ``summed``, or one gradient for every occurrence, as in Keras on TensorFlow.
    """

    optimizer: OptimizerName = "adam"
    weight_decay: float = 0.0
    momentum: float = 0.0
    optimizer_settings: dict[str, Any] = field(default_factory=dict)
    exclude_from_weight_decay: list[str] = field(default_factory=list)
    embedding_gradients: EmbeddingGradients = "summed"

    def __post_init__(self) -> None:
        """Checks the fields."""
        super().__post_init__()
        check_choice("optimizer", self.optimizer, get_args(OptimizerName))
        check_choice("embedding_gradients", self.embedding_gradients, get_args(EmbeddingGradients))
        for name in ("weight_decay", "momentum"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative; got {getattr(self, name)}.")
        self._check_momentum()
        self._check_keras_fields()
        self._check_optimizer_settings()

    @property
    def is_keras(self) -> bool:
        """Whether the optimiser is one of Keras's."""
        return self.optimizer in KERAS_NAMES

    def _check_momentum(self) -> None:
        if self.momentum and self.optimizer not in ("sgd", "rmsprop"):
            raise ValueError(
                f"momentum is for sgd and rmsprop; got optimizer {self.optimizer!r}. Keras's have "
                "it in optimizer_settings."
            )
        if self.momentum and "momentum" in self.optimizer_settings:
            raise ValueError(
                f"momentum is given twice: {self.momentum}, and in optimizer_settings "
                f"{self.optimizer_settings['momentum']}."
            )

    def _check_keras_fields(self) -> None:
        for name, default in (("exclude_from_weight_decay", []), ("embedding_gradients", "summed")):
            value = getattr(self, name)
            if value != default and not self.is_keras:
                raise ValueError(
                    f"{name} {value!r} is for Keras's optimisers ({', '.join(KERAS_NAMES)}); "
                    f"got optimizer {self.optimizer!r}."
                )

    def _check_optimizer_settings(self) -> None:
        what = f"optimizer_settings of {self.optimizer}"
        check_names(what, self.optimizer_settings, OPTIMIZERS[self.optimizer], OWN_SETTINGS)
        try:
            self._build([nn.Parameter(torch.zeros(1))])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{what} do not fit: {error}") from None

    def to_config(self) -> dict[str, Any]:
        """The fields as a dict."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The inverse of `to_config`."""
        return cls(**config)

    def build(
        self,
        named_parameters: Iterable[tuple[str, nn.Parameter]],
        *,
        variables: Sequence[Sequence[nn.Parameter]] | None = None,
        fused: bool = False,
    ) -> Optimizer:
        """The optimiser.

        Args:
            named_parameters: as from `torch.nn.Module.named_parameters`.
            variables: the parameters that together are one Keras variable; Keras's optimisers clip
                by them.
            fused: asks for torch's fused kernel where there is one.

        Raises:
            ValueError: what shall not decay is in no parameter's name.
        """
        named = list(named_parameters)
        optimizer = self._build([one for _, one in named], fused=fused, variables=variables)
        if isinstance(optimizer, KerasOptimizer) and self.exclude_from_weight_decay:
            for part in self.exclude_from_weight_decay:
                if not any(part in name for name, _ in named):
                    raise ValueError(
                        "exclude_from_weight_decay must be parts of parameters' names: "
                        f"{', '.join(name for name, _ in named)}; got {part!r}."
                    )
            optimizer.exclude_from_weight_decay(
                [
                    one
                    for name, one in named
                    if any(part in name for part in self.exclude_from_weight_decay)
                ]
            )
        return optimizer

    def _build(
        self,
        parameters: list[nn.Parameter],
        *,
        fused: bool = False,
        variables: Sequence[Sequence[nn.Parameter]] | None = None,
    ) -> Optimizer:
        rate = "learning_rate" if self.is_keras else "lr"
        options: dict[str, Any] = {rate: self.learning_rate, "weight_decay": self.weight_decay}
        if self.momentum:
            options["momentum"] = self.momentum
        if self.is_keras:
            options["variables"] = variables
        elif fused and self.optimizer in FUSED:
            options["fused"] = True
        return OPTIMIZERS[self.optimizer](parameters, **options | self.optimizer_settings)
