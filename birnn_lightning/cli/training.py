"""fit, validate and test: LightningCLI with our models, data, loggers and defaults."""

import json
import logging
import re
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.utilities import rank_zero_only

import birnn_lightning.data  # noqa: F401  (makes the data modules known by name)
from birnn_lightning.callbacks import KerasEarlyStopping, RandomState
from birnn_lightning.cli.errors import OneLineErrors, mistakes_in_one_line
from birnn_lightning.cli.profile import PartsProfiler  # noqa: F401  (known by name)
from birnn_lightning.cli.records import last_checkpoints, run_loggers, run_name
from birnn_lightning.cli.summary import fit_summary, test_summary
from birnn_lightning.cli.tensorboard import keep_tensorboard_from_tensorflow
from birnn_lightning.data.datamodule import ClassificationDataModule
from birnn_lightning.module import SequenceClassifier
from birnn_lightning.presets import BidirectionalClassifier
from birnn_lightning.pretrained import PretrainedClassifier, match_data

DEFAULTS: dict[str, Any] = {
    "model": {"class_path": "birnn_lightning.BiLSTMClassifier"},
    "data": {"class_path": "birnn_lightning.DigitsDataModule"},
    "trainer.max_epochs": 20,
    "trainer.default_root_dir": "runs",
    "trainer.num_sanity_val_steps": 0,
    "checkpoint.monitor": "val_loss",
    "checkpoint.filename": "best",
    "checkpoint.enable_version_counter": False,
    "early_stopping.monitor": "val_loss",
    "early_stopping.patience": 5,
}
SKIPPED = {
    "model",
    "train_dataloaders",
    "val_dataloaders",
    "dataloaders",
    "datamodule",
    "weights_only",
}


def run_training(command: str, arguments: Sequence[str]) -> None:
    """Runs ``fit``, ``validate`` or ``test`` with command-line arguments."""
    keep_tensorboard_from_tensorflow()
    silence_advertisements()
    arguments = [
        *settings_of_checkpoint(command, arguments),
        *class_of_pretrained(arguments),
        *arguments,
    ]
    # LightningCLI warns about arguments beside a foreign sys.argv, and starts more of its path.
    saved, sys.argv = sys.argv, [sys.argv[0], command, *arguments]
    try:
        TrainingCLI.command = command
        TrainingCLI(
            SequenceClassifier,
            LightningDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            seed_everything_default=0,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            parser_class=TrainingParser,
            # A job that SLURM starts again finds the config of its first start.
            save_config_kwargs={"overwrite": True},
            save_config_callback=SaveConfigCallback if command == "fit" else None,
            trainer_defaults={"callbacks": [RandomState()]},
        )
    finally:
        sys.argv = saved


class TrainingParser(OneLineErrors, LightningArgumentParser):
    """The parser of one command; it names the classes there are when one is unknown."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Prints the error and where help is."""
        key = re.match(r'Parser key "(model|data)"', message)
        given = re.search(r"Expected a dot import path string: (\S+)", message)
        if key and given:
            base = {"model": BidirectionalClassifier, "data": ClassificationDataModule}[key[1]]
            known = ", ".join(sorted(one.__name__ for one in base.__subclasses__()))
            message = f"--{key[1]} must be one of {known} or an import path; got {given[1]}."
        super().error(message, ex)


def settings_of_checkpoint(command: str, arguments: Sequence[str]) -> list[str]:
    """Arguments that repeat the settings of the run that a checkpoint comes from.

    A run keeps its settings in ``config.yaml`` beside its folder of checkpoints. Without
    ``--config`` on the command line, ``fit`` goes on with all of them, the others take the data.
    """
    path = _option(arguments, "--ckpt_path")
    if path is None or any(a in ("-c", "--config") or a.startswith("--config=") for a in arguments):
        return []
    if command == "fit" and run_config(path).is_file():
        return ["--config", str(run_config(path))]
    data = data_settings(path)
    return ["--data", json.dumps(data)] if data else []


def class_of_pretrained(arguments: Sequence[str]) -> list[str]:
    """Arguments that name the class which ``--model.pretrained`` belongs to."""
    if _option(arguments, "--model.pretrained") is None:
        return []
    named = _option(arguments, "--model")
    if named is not None and not named.endswith(PretrainedClassifier.__name__):
        raise ValueError(
            f"--model.pretrained takes the model from its file, so --model {named} has no place. "
            "Leave one of the two out."
        )
    return ["--model", f"{PretrainedClassifier.__module__}.{PretrainedClassifier.__name__}"]


def run_config(checkpoint: str) -> Path:
    """Where the settings lie of the run that a checkpoint comes from."""
    return Path(checkpoint).parent.parent / "config.yaml"


def data_settings(checkpoint: str) -> dict[str, Any] | None:
    """The data module's class and arguments of a checkpoint's run; None where they are not kept."""
    config = run_config(checkpoint)
    if not config.is_file():
        return None
    return yaml.safe_load(config.read_text(encoding="utf-8")).get("data")


def datamodule_of_checkpoint(checkpoint: str) -> ClassificationDataModule | None:
    """The data module of a checkpoint's run; None where it is not known, or not one of ours."""
    data = data_settings(checkpoint)
    if data is None:
        return None
    parser = LightningArgumentParser()
    parser.add_subclass_arguments(LightningDataModule, "data")
    built = parser.instantiate(parser.parse_object({"data": data}))["data"]
    return built if isinstance(built, ClassificationDataModule) else None


def _option(arguments: Sequence[str], name: str) -> str | None:
    for index, argument in enumerate(arguments):
        if argument == name and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
    return None


class TrainingCLI(LightningCLI):
    """LightningCLI for one command: the model is sized by its data, or read from a checkpoint."""

    command = "fit"

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The one command that was given, so that no other parser is built."""
        return {TrainingCLI.command: SKIPPED}

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds the data before the model, whose sizes depend on it."""
        parser.add_lightning_class_args(Trainer, "trainer")
        parser.add_lightning_class_args(LightningDataModule, "data", subclass_mode=True)
        parser.add_lightning_class_args(SequenceClassifier, "model", subclass_mode=True)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds the two callbacks and the defaults."""
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(EarlyStopping, "early_stopping")
        parser.set_defaults(DEFAULTS)

    def _parse_ckpt_path(self) -> None:
        """Nothing: the model is built from the checkpoint's own spec."""

    def instantiate_classes(self) -> None:
        """Builds the data, then the model for it, then the trainer."""
        builders = [
            (self._build_data, LightningDataModule, True),
            (self._build_model, SequenceClassifier, True),
        ]
        self.config_init = self.parser.instantiate(self.config, instantiators=builders)
        self.datamodule = self._get(self.config_init, "data")
        self.model = self._get(self.config_init, "model")
        self.trainer = self.instantiate_trainer()

    def _build_data(self, data_class: type, *args: Any, **kwargs: Any) -> LightningDataModule:
        # Here, because jsonargparse wraps an error of a constructor in pages of its own.
        with mistakes_in_one_line():
            self.datamodule = data_class(*args, **kwargs)
        return self.datamodule

    def _build_model(self, model_class: type, *args: Any, **kwargs: Any) -> SequenceClassifier:
        with mistakes_in_one_line():
            path = self._get(self.config, "ckpt_path")
            if path is not None:
                return self._load_model(path)
            if self.subcommand != "fit":
                raise ValueError(f"birnn {self.subcommand} needs --ckpt_path, the trained model.")
            if issubclass(model_class, BidirectionalClassifier):
                kwargs = sized_for(self.datamodule, kwargs)
            model = model_class(*args, **kwargs)
            if isinstance(model, PretrainedClassifier):
                rank_zero_only(print)(match_data(model, self.datamodule), end="")
            return model

    def _load_model(self, path: str) -> SequenceClassifier:
        """The checkpoint's model; its preprocessing also encodes the data."""
        model = SequenceClassifier.load_from_checkpoint(path)
        if isinstance(self.datamodule, ClassificationDataModule) and model.preprocessing:
            self.datamodule.preprocessing = model.preprocessing
        return model

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Gives training two loggers that share one folder; what only measures logs nothing."""
        config = self._get(self.config_init, "trainer")
        if self.subcommand != "fit":
            kwargs["logger"] = False
        elif config.get("logger") in (None, True):
            name = run_name(self.model, self.datamodule)
            kwargs["logger"] = run_loggers(Path(config["default_root_dir"]), name)
        return super().instantiate_trainer(**kwargs)

    def _instantiate_trainer(self, config: dict[str, Any], callbacks: list[Any]) -> Trainer:
        """Drops what waits for a validation loss where nothing is validated.

        A resumed run goes on with the checkpoints it has; a better one alone replaces its best.
        An early stopping of Keras's takes the place of Lightning's.
        """
        data = self.datamodule
        if self.subcommand != "fit" or config.get("fast_dev_run"):
            callbacks = []
        elif isinstance(data, ClassificationDataModule) and not data.validates:
            callbacks = last_checkpoints()
        else:
            callbacks = [*callbacks, *last_checkpoints()]
        if any(isinstance(own, KerasEarlyStopping) for own in config.get("callbacks") or []):
            callbacks = [one for one in callbacks if not isinstance(one, EarlyStopping)]
        resumed = self._get(self.config, "ckpt_path")
        if resumed and run_config(resumed).is_file():
            for callback in callbacks:
                if isinstance(callback, ModelCheckpoint) and callback.dirpath is None:
                    callback.dirpath = str(Path(resumed).resolve().parent)
        return super()._instantiate_trainer(config, callbacks)

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        """Keeps the checkpoint from being read twice where its weights are all that counts."""
        kwargs = super()._prepare_subcommand_kwargs(subcommand)
        return kwargs if subcommand == "fit" else kwargs | {"ckpt_path": None}

    def before_fit(self) -> None:
        """Starts the clock."""
        self.started = time.monotonic()

    def after_fit(self) -> None:
        """Prints where things stand."""
        if self.trainer.is_global_zero:
            print(fit_summary(self.trainer, time.monotonic() - self.started))

    def after_test(self) -> None:
        """Prints the per-class report and the confusion matrix."""
        if self.trainer.is_global_zero:
            print(test_summary(self.model))


def sized_for(datamodule: LightningDataModule, settings: dict[str, Any]) -> dict[str, Any]:
    """Model settings completed by what the data need; the user's own settings win."""
    if not isinstance(datamodule, ClassificationDataModule):
        return settings
    sizes = datamodule.model_sizes()
    unset = {"task": "multiclass", "tagging": False}
    missing = {name for name in sizes if settings.get(name) == unset.get(name)}
    if settings.get("num_classes") is not None:
        missing.discard("task")
    return settings | {name: value for name, value in sizes.items() if name in missing}


def silence_advertisements() -> None:
    """Keeps Lightning from recommending other products, and its own deprecations from users."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(
        lambda record: "💡 Tip" not in record.getMessage()
    )
    warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated")
    warnings.filterwarnings("ignore", message=".*does not have many workers")
    warnings.filterwarnings("ignore", message="The number of training batches")
    # A resumed run writes on where it wrote before.
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    warnings.filterwarnings("ignore", message="Total length of `list` across ranks is zero")
