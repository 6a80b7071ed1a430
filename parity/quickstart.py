"""The main job in one run: three classifiers, trained on real digits, are equal to Keras's."""

import time
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from birnn_lightning.cli.training import silence_advertisements
from birnn_lightning.data import DigitsDataModule
from birnn_lightning.presets import PRESETS, BidirectionalClassifier
from parity.comparison import compare
from parity.convert import to_keras
from parity.report import ClassifierResult, EpochResult, parity_table, write_html, write_json
from parity.results import ParityReport
from parity.versions import facts

EPOCHS = 20
SETTINGS = {"hidden_size": 64, "learning_rate": 1e-2, "schedule": "cosine"}
COMMAND = "python -m parity quickstart"


class EpochHistory(Callback):
    """Collects each epoch's losses and accuracy."""

    def __init__(self) -> None:
        """Starts empty."""
        self.epochs: list[EpochResult] = []

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Takes the values that the epoch logged."""
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.epochs.append(
            EpochResult(
                epoch=trainer.current_epoch + 1,
                train_loss=values["train_loss"],
                val_loss=values["val_loss"],
                val_accuracy=values["val_accuracy"],
            )
        )


def run_quickstart(output: str) -> bool:
    """Trains, compares, prints a table and writes ``report.html`` and ``parity.json``.

    Args:
        output: the folder for the report and the checkpoints; made if there is none.

    Returns:
        Whether every classifier is the same as its Keras twin.
    """
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    silence_advertisements()
    # Matrices this small gain nothing from a second thread, and lose much on a busy machine.
    torch.set_num_threads(1)
    started = time.monotonic()
    results, report = [], ParityReport(())
    for preset in PRESETS.values():
        print(f"\n{preset.__name__}: training on handwritten digits, row by row", flush=True)
        model, result = train_on_digits(preset, folder)
        results.append(result)
        print(f"{preset.__name__}: comparing with its Keras twin on the test set", flush=True)
        report += compare_on_digits(model, preset.__name__)
    print(f"\n{results_table(results)}\n\n{parity_table(report)}")
    elapsed = {"Command": COMMAND, "Seconds": f"{time.monotonic() - started:.0f}"}
    write_html(
        folder / "report.html",
        title="birnn-lightning quickstart",
        classifiers=results,
        parity=report,
        facts=facts() | elapsed,
    )
    write_json(folder / "parity.json", report)
    print(f"\nReport: {folder / 'report.html'}")
    return report.passed


def train_on_digits(
    preset: type[BidirectionalClassifier], folder: Path
) -> tuple[BidirectionalClassifier, ClassifierResult]:
    """A trained classifier (its best epoch), and what it achieved on the test set."""
    L.seed_everything(0, verbose=False)
    data = DigitsDataModule(batch_size=32)
    model = preset(**data.model_sizes(), **SETTINGS)
    history = EpochHistory()
    best = ModelCheckpoint(folder / preset.__name__, "best", monitor="val_loss")
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=EPOCHS,
        callbacks=[history, best],
        logger=False,
        num_sanity_val_steps=0,
        enable_model_summary=False,
    )
    started = time.monotonic()
    trainer.fit(model, data)
    seconds = time.monotonic() - started
    model = preset.load_from_checkpoint(best.best_model_path)
    (test_metrics,) = trainer.test(model, data, verbose=False)
    assert model.confusion is not None
    return model, ClassifierResult(
        name=preset.__name__,
        epochs=tuple(history.epochs),
        test_metrics=test_metrics,
        confusion=tuple(tuple(row) for row in model.confusion.tolist()),
        class_names=tuple(model.class_names),
        parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        seconds=seconds,
    )


def compare_on_digits(model: BidirectionalClassifier, name: str) -> ParityReport:
    """Compares a trained classifier with its twin on the whole test set."""
    data = DigitsDataModule()
    assert model.preprocessing is not None
    batch = model.preprocessing(list(data.examples("test").inputs))
    return compare(model, to_keras(model), batch.inputs, case=f"{name}, digits test set")


def results_table(results: list[ClassifierResult]) -> str:
    """Test metrics side by side."""
    lines = [f"{'':<16}  accuracy      f1   auroc  parameters  seconds"]
    for result in results:
        metrics = result.test_metrics
        lines.append(
            f"{result.name:<16}  {metrics['test_accuracy']:8.4f}  {metrics['test_f1']:6.4f}  "
            f"{metrics['test_auroc']:6.4f}  {result.parameters:10,d}  {result.seconds:7.1f}"
        )
    return "\n".join(lines)
