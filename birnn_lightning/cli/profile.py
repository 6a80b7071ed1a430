"""Where the time of a training goes is shown by part, and the parts add up to the whole."""

import re
from time import perf_counter

from lightning.pytorch.profilers import Profiler

REST = "Lightning itself"
PARTS = (
    ("batches", r"dataloader|(train|val)_next$|batch_to_device$"),
    ("forward, loss, metrics", r"\.training_step$"),
    ("backward", r"\.backward$|gradient_clipping$"),
    ("optimiser", r"\.optimizer_(step|zero_grad)$"),
    ("validation", r"\.validation_step$|_validation_epoch_end$"),
    ("metrics of the epoch", r"^\[LightningModule\].*train_epoch_end$"),
    ("checkpoints", r"ModelCheckpoint|^save_checkpoint"),
    ("progress bar", r"ProgressBar"),
    ("other callbacks", r"^\[Callback\]"),
)
"""Parts in the order of a step, each with a pattern of Lightning's names; the first match wins."""


def part_of(action: str) -> str:
    """The part that an action of Lightning's belongs to, by the action's name."""
    return next((part for part, pattern in PARTS if re.search(pattern, action)), REST)


class PartsProfiler(Profiler):
    """Measures the parts of a training: ``birnn fit --trainer.profiler PartsProfiler``.

    An action counts without the actions inside it, so that no second is counted twice: Lightning
    has the forward and the backward pass inside the optimiser's step. On a GPU a part is the time
    until its kernels are launched, and the next part that needs a number waits for them.

    Args:
        dirpath: a folder to write the table to; default: it is logged.
        filename: the file's name there, without ending.
    """

    def __init__(self, dirpath: str | None = None, filename: str | None = None) -> None:
        """Starts without times."""
        super().__init__(dirpath=dirpath, filename=filename)
        self._running: list[tuple[str, float]] = []
        self._inside: list[float] = []
        self._seconds: dict[str, float] = {}
        self._steps = 0

    def start(self, action_name: str) -> None:
        """Starts the clock of an action, inside those that run."""
        self._inside.append(0.0)
        self._running.append((action_name, perf_counter()))

    def stop(self, action_name: str) -> None:
        """Stops the clock of the action that was started last.

        Raises:
            ValueError: that is another action.
        """
        now = perf_counter()
        if not self._running or self._running[-1][0] != action_name:
            running = self._running[-1][0] if self._running else "none"
            raise ValueError(
                f"actions must stop in the reverse order of their start; got {action_name!r} while "
                f"{running!r} runs. Use profiler.profile(name) as a context."
            )
        elapsed = now - self._running.pop()[1]
        own = elapsed - self._inside.pop()
        if self._inside:
            self._inside[-1] += elapsed
        part = part_of(action_name)
        self._seconds[part] = self._seconds.get(part, 0.0) + own
        self._steps += action_name.endswith(".training_step")

    def summary(self) -> str:
        """A line a part: seconds, share of the whole, milliseconds a training step."""
        total = sum(self._seconds.values())
        lines = ["", f"{'':24}  seconds  share  ms a step"]
        for part in (*(name for name, _ in PARTS), REST):
            if part in self._seconds:
                lines.append(self._line(part, self._seconds[part], total))
        return "\n".join([*lines, self._line("together", total, total), ""])

    def _line(self, name: str, seconds: float, total: float) -> str:
        share, step = seconds / (total or 1.0), 1000 * seconds / max(self._steps, 1)
        return f"{name:24} {seconds:8.2f}  {share:5.1%}  {step:9.2f}"
