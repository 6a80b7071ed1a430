"""Training starts from a model in a file: its spec, task, weights and preprocessing come along."""

import inspect
from typing import Any

from lightning import LightningDataModule

from birnn_lightning.data import TextDataModule
from birnn_lightning.data.datamodule import ClassificationDataModule
from birnn_lightning.data.preprocessing import TextPreprocessing
from birnn_lightning.inputs import vocab_size
from birnn_lightning.model_files import load_classifier
from birnn_lightning.module import SequenceClassifier
from birnn_lightning.optim import OptimizerConfig

BELONG_TO = {
    "optimizer": (
        *("momentum", "weight_decay", "optimizer_settings"),
        *("exclude_from_weight_decay", "embedding_gradients"),
    ),
    "schedule": ("schedule_settings",),
}
"""Settings of an optimiser or schedule, which another one does not take over."""


class PretrainedClassifier(SequenceClassifier):
    """A classifier with the spec, task, weights and preprocessing that a file holds.

    Args:
        pretrained: a .ckpt or .safetensors file.
        class_weights: None, as for every other setting: what the file says.
        label_smoothing: see `SequenceClassifier`.
        loss_from: see `SequenceClassifier`.
        engine: see `SequenceClassifier`.
        settings: the fields of `OptimizerConfig`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a model of ours; of a Keras file the message says how to convert it.
    """

    def __init__(self, pretrained: str, **settings: Any) -> None:
        """Loads the file; what is given replaces the file's training settings."""
        loaded = load_classifier(pretrained)
        config = {**loaded.to_config(), "spec": loaded.spec}
        given = {name: value for name, value in settings.items() if value is not None}
        for name, belongings in BELONG_TO.items():
            if given.get(name, config[name]) != config[name]:
                config = {key: value for key, value in config.items() if key not in belongings}
        super().__init__(**{**config, **given})
        self.to(next(loaded.parameters()).dtype)
        self.load_state_dict(loaded.state_dict())
        self.preprocessing = loaded.preprocessing


def _signature() -> inspect.Signature:
    """Every training setting by name, so that the command line knows it; None is the file's."""
    training = {
        **inspect.signature(SequenceClassifier.__init__).parameters,
        **inspect.signature(OptimizerConfig).parameters,
    }
    own = inspect.signature(PretrainedClassifier.__init__).parameters
    optional = [
        one.replace(default=None, annotation=one.annotation | None, kind=one.KEYWORD_ONLY)
        for name, one in training.items()
        if name not in ("self", "spec", "task")
    ]
    return inspect.Signature([own["self"], own["pretrained"], *optional])


PretrainedClassifier.__init__.__signature__ = _signature()  # type: ignore[attr-defined]


def match_data(model: SequenceClassifier, data: LightningDataModule) -> str:
    """Makes a data module encode its examples as a model from a file needs them.

    Args:
        model: with its preprocessing, which becomes the data's; or without, as it comes from Keras.
        data: any; only one of ours can be checked.

    Returns:
        A line that says what the user has to see to; empty for nothing.

    Raises:
        ValueError: the model cannot be trained on these data.
    """
    if not isinstance(data, ClassificationDataModule):
        return ""
    if model.preprocessing is not None:
        _check_kind(isinstance(model.preprocessing, TextPreprocessing), data)
        data.preprocessing = model.preprocessing
        return ""
    _check_input(model, data)
    _check_classes(model, data)
    what = "Token ids" if isinstance(data, TextDataModule) else "Features"
    return (
        "The pretrained model comes without preprocessing, as every Keras file does. "
        f"{what} must be made as they were for the Keras model.\n"
    )


def _check_kind(wants_tokens: bool, data: ClassificationDataModule) -> None:
    if wants_tokens != isinstance(data, TextDataModule):
        takes, right = (
            ("tokens", "TextDataModule") if wants_tokens else ("features", "SequenceDataModule")
        )
        raise ValueError(
            f"the pretrained model takes {takes}; {type(data).__name__} gives others. "
            f"Use --data {right}."
        )


def _check_input(model: SequenceClassifier, data: ClassificationDataModule) -> None:
    if len(model.spec.inputs) != 1:
        names = ", ".join(node.name for node in model.spec.inputs)
        raise ValueError(
            f"the pretrained model takes {len(model.spec.inputs)} inputs ({names}); the data "
            "modules give one. Train it with a data module of your own."
        )
    (entrance,) = model.spec.inputs
    shape = entrance.layer.output_shape()
    preprocessing = data.preprocessing
    if isinstance(preprocessing, TextPreprocessing):
        rows = vocab_size(model.spec, entrance.name)
        _check_kind(rows is not None, data)
        count = len(preprocessing.vocabulary)
        if rows is not None and count > rows:
            raise ValueError(
                f"the data make token ids up to {count - 1}; the pretrained embedding has {rows} "
                f"rows. Use --data.max_tokens {rows}."
            )
        padded = preprocessing.max_length if preprocessing.pad_to == "max_length" else None
        if shape[0] not in (None, padded):
            raise ValueError(
                f"the pretrained model takes exactly {shape[0]} tokens. Use --data.pad_to "
                f"max_length --data.max_length {shape[0]}."
            )
        return
    _check_kind(len(shape) < 2, data)
    if shape[-1] != preprocessing.input_size:
        raise ValueError(
            f"the data have {preprocessing.input_size} features a step; the pretrained model takes "
            f"{shape[-1]}. Give the features that it was trained on."
        )


def _check_classes(model: SequenceClassifier, data: ClassificationDataModule) -> None:
    tasks = ("multilabel",) if data.labels_kind == "multilabel" else ("binary", "multiclass")
    if model.task not in tasks:
        raise ValueError(
            f"the pretrained model's task is {model.task}; the labels are for "
            f"{' or '.join(tasks)}. Convert it with python -m parity convert --task TASK."
        )
    if model.tagging != (data.labels_kind == "step"):
        one, other = ("step", "sequence") if model.tagging else ("sequence", "step")
        raise ValueError(
            f"the pretrained model labels every {one}; the data have a label for every {other}."
        )
    if model.num_classes != data.num_classes:
        raise ValueError(
            f"the data have {data.num_classes} classes ({', '.join(data.class_names[:20])}); the "
            f"pretrained model has {model.num_classes}. Give the classes that it was trained on."
        )
