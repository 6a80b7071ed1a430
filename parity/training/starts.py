"""Where both trainings start: copies of the two models, under the same names."""

from copy import deepcopy
from typing import TYPE_CHECKING

import torch

from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn.layers import Masking
from birnn_lightning.nn.specs import ModelSpec
from parity.layout import Row, rows
from parity.results import ParityUnavailable
from parity.training.ours import OurTraining
from parity.training.trajectory import Array, noise_of

if TYPE_CHECKING:
    import keras

    from parity.training.theirs import KerasTraining


class KerasStart:
    """A Keras model at the start of training.

    Args:
        model: of any names; unchanged.
        spec: of our model, under Keras's names.

    Attributes:
        arrays: the weights by path.
    """

    def __init__(self, model: "keras.Model", spec: ModelSpec) -> None:
        """Reads the weights."""
        from parity import keras_model

        self.model, self.spec = model, spec
        self.dtype = keras_model.dtype_of(model)
        table = rows(spec)
        _refuse_frozen(model, table)
        self.arrays: dict[str, Array] = keras_model.read_variables(
            model, [row.keras for row in table]
        )

    def training(
        self, settings: SequenceClassifier, dtype: str, drops: bool = True
    ) -> "KerasTraining":
        """A copy in ``dtype``, under its own optimiser or the one that corresponds to ours.

        Args:
            settings: our classifier.
            dtype: of the copy.
            drops: whether dropout drops anything.
        """
        from parity import keras_model
        from parity.training.keras_optimizers import loss_maker, optimizer_maker
        from parity.training.theirs import KerasTraining

        copy = keras_model.copied(self.model, dtype)
        return KerasTraining(
            copy,
            self.spec,
            settings,
            optimizer_maker(self.model, copy, settings, self.spec),
            loss_maker(self.model, settings),
            noise_of(drops),
        )


def _refuse_frozen(model: "keras.Model", table: tuple[Row, ...]) -> None:
    """Our layers train all their weights; moving statistics are no weights."""
    from parity.keras_model import find_variable

    for row in table:
        variable = find_variable(model, row.keras)
        if not variable.trainable and not row.keras.split("/")[-1].startswith("moving_"):
            raise ParityUnavailable(
                f"{row.keras} is frozen in Keras (trainable=False), but trained here. Set it "
                "trainable."
            )


def our_training(
    model: SequenceClassifier, dtype: str, *, drops: bool = True, moved: bool = False
) -> OurTraining:
    """A copy of ours in training.

    Args:
        model: unchanged.
        dtype: of the copy.
        drops: whether dropout drops anything.
        moved: whether every weight starts one unit in the last place higher.
    """
    copy = deepcopy(model).cpu().to(getattr(torch, dtype))
    if dtype == "float64" and next(model.parameters()).dtype == torch.float32:
        for layer in copy.model.layers.values():
            if isinstance(layer, Masking):  # which goes on looking for what float32 made of it
                layer.mask_value = torch.tensor(layer.mask_value, dtype=torch.float32).item()
    copy.reset_states()
    if moved:
        with torch.no_grad():
            for parameter in copy.model.parameters():
                parameter.copy_(torch.nextafter(parameter, torch.full_like(parameter, torch.inf)))
    return OurTraining(copy, noise_of(drops))
