"""What a command prints when it has ended."""

from pathlib import Path

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from birnn_lightning.metrics import class_reports
from birnn_lightning.module import SequenceClassifier

WIDEST_CONFUSION = 20


def fit_summary(trainer: Trainer, seconds: float) -> str:
    """Epochs, time, the last epoch's metrics, the best value, and where the checkpoints lie."""
    lines = ["", f"Trained {trainer.current_epoch} epochs in {seconds:.1f} s."]
    metrics = {
        name: float(value)
        for name, value in sorted(trainer.callback_metrics.items())
        if not name.endswith(("_step", "_epoch"))
    }
    if metrics:
        values = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        lines.append(f"Last epoch: {values}.")
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.best_model_path:
            which = "Last"
            if callback.best_model_score is not None:
                lines.append(f"Best {callback.monitor}: {float(callback.best_model_score):.4f}.")
                which = "Best"
            lines.append(f"{which} checkpoint: {relative_path(callback.best_model_path)}")
    return "\n".join(lines)


def test_summary(model: SequenceClassifier) -> str:
    """Precision, recall and F1 of every class, and the confusion matrix where it is small."""
    if model.confusion is None:
        return ""
    names = model.class_names
    width = max(5, *(len(name) for name in names))
    lines = ["", f"{'class':>{width}}  precision  recall      f1  support"]
    for report in class_reports(model.confusion, names):
        lines.append(
            f"{report.name:>{width}}  {report.precision:9.4f}  {report.recall:6.4f}  "
            f"{report.f1:6.4f}  {report.support:7d}"
        )
    if model.confusion.dim() == 2 and len(names) <= WIDEST_CONFUSION:
        lines += ["", "confusion matrix (rows: true, columns: predicted)"]
        lines += _confusion_lines(model.confusion, names, width)
    return "\n".join(lines)


def _confusion_lines(confusion: Tensor, names: list[str], width: int) -> list[str]:
    cell = max(len(str(int(confusion.max()))), *(len(name) for name in names))
    header = " " * width + "".join(f"  {name:>{cell}}" for name in names)
    rows = [
        f"{name:>{width}}" + "".join(f"  {count:>{cell}d}" for count in counts)
        for name, counts in zip(names, confusion.tolist(), strict=True)
    ]
    return [header, *rows]


def relative_path(path: str) -> str:
    """The path from where the user stands, when it lies below."""
    target, here = Path(path).resolve(), Path.cwd()
    return str(target.relative_to(here)) if target.is_relative_to(here) else str(target)
