"""A step does what a Keras optimiser does, in Keras's order."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from birnn_lightning.optim.keras import foreach
from birnn_lightning.optim.keras.gradients import (
    added,
    by_kind,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    collected,
)
from birnn_lightning.optim.keras.moving_average import overwrite, update_averages
from birnn_lightning.optim.keras.rounding import cast, number
from birnn_lightning.optim.keras.settings import SharedSettings, check_not_negative
from birnn_lightning.optim.keras.update import Update


class KerasOptimizer(Optimizer):
    """The step that all optimisers of Keras have in common.

    A step accumulates gradients, clips them, decays the weights, updates them, and keeps moving
    averages. Constraints of weights come after it. A parameter without gradient is left as it is,
    as in Keras; a step in which no parameter has one does nothing and is not counted, while Keras
    raises an error. Sparse gradients that are not coalesced mean what they mean to Keras on
    TensorFlow (see `birnn_lightning.optim.keras.gradients`). Formulas are those of Keras 3.15.

    Settings of an update (``lr``, ``weight_decay`` and the optimiser's own) may differ from one
    param group to the next.

    Args:
        params: parameters, named parameters or param groups.
        defaults: settings of an update.
        variables: sequences of parameters that together are one Keras variable, for ``clipnorm``.
        shared: fields of `SharedSettings`.

    Raises:
        ValueError: a setting has a value that is not allowed.
        TypeError: there is no such setting.
    """

    counters: ClassVar[dict[str, Any]] = {"iterations": 0}
    """What counts updates: part of every param group, so that a state dict holds it."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Writes the shared settings into the signature of the class."""
        super().__init_subclass__(**kwargs)
        own = inspect.signature(cls.__init__)
        parameters = [
            parameter
            for name, parameter in own.parameters.items()
            if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
        ]
        parameters += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=field.type,
            )
            for field in fields(SharedSettings)
        ]
        cls.__signature__ = inspect.Signature(parameters)

    def __init__(
        self,
        params: ParamsT,
        defaults: dict[str, Any],
        *,
        variables: Iterable[Sequence[Tensor]] | None = None,
        **shared: Any,
    ) -> None:
        self.shared = SharedSettings(**shared)
        self._excluded: set[Tensor] = set()
        self._variable_of: dict[Tensor, int] = {}
        super().__init__(params, defaults | self.counters)
        for index, variable in enumerate(variables or ()):
            for parameter in variable:
                self._check_known(parameter, f"variables[{index}]")
                if parameter in self._variable_of:
                    raise ValueError(
                        f"a parameter must belong to one variable; one of shape "
                        f"{tuple(parameter.shape)} belongs to variables "
                        f"{self._variable_of[parameter]} and {index}."
                    )
                self._variable_of[parameter] = index

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: torch's own, and the settings."""
        kept = ("shared", "_excluded", "_variable_of")
        return super().__getstate__() | {name: getattr(self, name) for name in kept}

    @property
    def iterations(self) -> int:
        """Updates so far; with gradient accumulation, the steps divided by their number."""
        return self._steps // (self.shared.gradient_accumulation_steps or 1)

    @property
    def _steps(self) -> int:
        return self.param_groups[0]["iterations"]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a param group, as torch's optimisers do; it counts updates with the others.

        Raises:
            ValueError: it has a setting that is unknown, or a value that is not allowed.
        """
        names = set(self.defaults) - set(self.counters)
        unknown = set(param_group) - names - {"params", "param_names", "initial_lr"}
        if unknown - set(self.counters):
            raise ValueError(
                f"a param group's settings must be among {', '.join(sorted(names))}; got "
                f"{', '.join(sorted(unknown))}."
            )
        if self.param_groups:
            shared = {name: self.param_groups[0][name] for name in self.counters}
            param_group = param_group | shared
        group = self.defaults | param_group
        check_not_negative(group, "lr")
        if group["weight_decay"] is not None:
            check_not_negative(group, "weight_decay")
        self.check_group(group)
        super().add_param_group(param_group)

    def check_group(self, group: dict[str, Any]) -> None:
        """Raises ValueError where a setting of an update has a value that is not allowed."""

    def exclude_from_weight_decay(self, parameters: Iterable[Tensor]) -> None:
        """Names the parameters that do not decay; a later call replaces those of an earlier one.

        Raises:
            ValueError: a parameter is not one of the optimiser's.
        """
        excluded = set(parameters)
        for parameter in excluded:
            self._check_known(parameter, "exclude_from_weight_decay")
        self._excluded = excluded

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the weights.

        Args:
            closure: computes the loss and the gradients anew.

        Returns:
            What the closure returns.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        gradients = {
            parameter: parameter.grad for parameter in parameters if parameter.grad is not None
        }
        if not gradients:
            return loss
        iterations = self.iterations
        if self.shared.gradient_accumulation_steps:
            gradients = self._accumulate(gradients)
        if gradients:
            self._apply(self._clip(gradients), iterations)
        if self.shared.use_ema:
            self._average([parameter for parameter in parameters if parameter.requires_grad])
        for group in self.param_groups:
            group["iterations"] += 1
        return loss

    def finalize_variable_values(self) -> None:
        """Gives the weights the values of their moving averages, where those are kept."""
        averages = {
            parameter: state["average"]
            for parameter, state in self.state.items()
            if "average" in state
        }
        with torch.no_grad():
            overwrite(list(averages), list(averages.values()))

    def states(self, parameters: Iterable[Tensor], name: str, initial: float = 0.0) -> list[Tensor]:
        """The states of a name, made where there are none yet."""
        states = []
        for parameter in parameters:
            state = self.state[parameter]
            if name not in state:
                state[name] = torch.full_like(parameter, initial)
            states.append(state[name])
        return states

    def states_of(self, update: Update, name: str, initial: float = 0.0) -> list[Tensor]:
        """The states of a name that belong to what is updated, made where there are none yet."""
        return update.of_rows(self.states(update.owners, name, initial))

    def start_update(self, group: dict[str, Any], dtype: torch.dtype, iterations: int) -> None:
        """Called once for every group before its parameters are updated.

        Args:
            group: of parameters.
            dtype: of the first parameter of the optimiser.
            iterations: updates done before.
        """

    def decay_and_update(self, update: Update) -> None:
        """Decays the weights, then updates them, part by part."""
        for part in update.parts():
            if part.weight_decay:
                decay = foreach.mul(part.parameters, part.weight_decay)
                foreach.mul_(decay, part.learning_rate)
                foreach.sub_(part.parameters, decay)
            self.update(part)

    def update(self, update: Update) -> None:
        """Changes parameters and states in place."""
        raise NotImplementedError

    def _accumulate(self, gradients: dict[Tensor, Tensor]) -> dict[Tensor, Tensor]:
        """The mean gradients where this step updates, else none."""
        steps = self.shared.gradient_accumulation_steps or 1
        totals = self.states(gradients, "gradient_accumulator")
        added(totals, gradients.values())
        if (self._steps + 1) % steps:
            return {}
        means = foreach.div(totals, steps)
        names = "gradient_accumulator"
        foreach.zero_([state[names] for state in self.state.values() if names in state])
        return dict(zip(gradients, means, strict=True))

    def _clip(self, gradients: dict[Tensor, Tensor]) -> dict[Tensor, Tensor]:
        if self.shared.clipnorm is not None:
            return clip_by_norm(gradients, self.shared.clipnorm, self._variable_of)
        if self.shared.global_clipnorm is not None:
            return clip_by_global_norm(gradients, self.shared.global_clipnorm)
        if self.shared.clipvalue is not None:
            return clip_by_value(gradients, self.shared.clipvalue)
        return gradients

    def _apply(self, gradients: dict[Tensor, Tensor], iterations: int) -> None:
        """Decays and updates the parameters that have gradients."""
        first = self.param_groups[0]["params"][0]
        for group in self.param_groups:
            self.start_update(group, first.dtype, iterations)
            alike: dict[tuple[bool, bool], list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter in gradients:
                    decays = bool(group["weight_decay"]) and parameter not in self._excluded
                    arithmetic = (decays, gradients[parameter].is_sparse)
                    alike.setdefault(arithmetic, []).append(parameter)
            for (decays, _), parameters in alike.items():
                for part in by_kind(parameters):
                    found = collected(gradients[parameter] for parameter in part)
                    kind = number(part[0].dtype)
                    decay = float(cast(group["weight_decay"], kind)) if decays else 0.0
                    self.decay_and_update(Update(part, found, group, decay, iterations))

    def _average(self, parameters: list[Tensor]) -> None:
        """Updates the averages and, where it is time, overwrites the weights with them.

        As in Keras this happens in every step, also in one that only accumulates gradients.
        """
        fresh = [
            parameter
            for parameter in parameters
            if self.iterations == 0 or "average" not in self.state[parameter]
        ]
        overwrite(self.states(fresh, "average"), fresh)
        averages = dict(zip(parameters, self.states(parameters, "average"), strict=True))
        old = averages.keys() - set(fresh)
        update_averages(
            {parameter: average for parameter, average in averages.items() if parameter in old},
            self.shared.ema_momentum,
        )
        frequency = self.shared.ema_overwrite_frequency
        if frequency and (self.iterations + 1) % frequency == 0:
            overwrite(list(averages), list(averages.values()))

    def _check_known(self, parameter: Tensor, where: str) -> None:
        if not any(parameter is known for group in self.param_groups for known in group["params"]):
            raise ValueError(
                f"{where} names a tensor of shape {tuple(parameter.shape)} that is not among the "
                "optimiser's parameters. Pass the parameters that the optimiser was made with."
            )
