"""Every seed is trained in both frameworks, in processes that load only the one they need."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import torch
from tqdm import tqdm

from parity.accuracy import data
from parity.accuracy.experiment import Arrays, Experiment, Run
from parity.journal import Journal, made_by
from parity.results import ParityUnavailable

Framework = Literal["ours", "theirs"]
FRAMEWORKS: tuple[Framework, ...] = ("ours", "theirs")
Runs = dict[Framework, list[Run]]
Values = dict[str, dict[Framework, list[float]]]
"""By quantity and framework, a number a run."""


def train_all(
    experiment: Experiment,
    arrays: Arrays,
    seeds: Sequence[int],
    jobs: int = 1,
    journal: str | os.PathLike[str] | None = None,
) -> Runs:
    """Trains every seed in both frameworks; shows a progress bar on a terminal.

    First theirs on all processes, then ours in fresh ones: so all processors are busy whichever
    framework is slower, TensorFlow is loaded once a process, and a Keras that is missing is noticed
    at once.

    Args:
        experiment: what is trained.
        arrays: the data.
        seeds: one a run; different.
        jobs: processes.
        journal: a file to which each run is appended; runs that it holds are not made again.

    Returns:
        The runs of each framework, in the order of the seeds.

    Raises:
        ParityUnavailable: a training ended with an error, or the journal is of something else.
    """
    header = {**made_by(), "experiment": experiment.to_config(), "data": data.digest(arrays)}
    book = Journal(journal, header) if journal else None
    done = _read(book) if book else {}
    total = len(seeds) * len(FRAMEWORKS)
    known = sum((framework, seed) in done for framework in FRAMEWORKS for seed in seeds)
    with (
        TemporaryDirectory() as folder,
        tqdm(total=total, initial=known, disable=None, unit="training") as bar,
    ):
        path = Path(folder) / "arrays.npz"
        data.save(arrays, path)
        for framework in reversed(FRAMEWORKS):
            waiting = [seed for seed in seeds if (framework, seed) not in done]
            bar.set_description(framework)
            for run in _trained(framework, experiment, path, waiting, jobs):
                done[framework, run.seed] = run
                if book:
                    book.append({"framework": framework, **asdict(run)})
                bar.update()
    return {framework: [done[framework, seed] for seed in seeds] for framework in FRAMEWORKS}


def train_one(framework: Framework, experiment: Experiment, path: Path, seed: int) -> Run:
    """One run on the arrays of a file, in a process that is its framework's own."""
    train = import_module(f"parity.accuracy.{framework}").train
    return train(experiment, _arrays(path), seed)


@cache
def _arrays(path: Path) -> Arrays:
    return data.load(path)


def _trained(
    framework: Framework, experiment: Experiment, path: Path, seeds: Sequence[int], jobs: int
) -> Iterator[Run]:
    """The runs, as they are ready."""
    if not seeds:
        return
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    pool = ProcessPoolExecutor(min(jobs, len(seeds)), context, initializer=_use_one_thread)
    try:
        futures = {
            pool.submit(train_one, framework, experiment, path, seed): seed for seed in seeds
        }
        for future in as_completed(futures):
            error = future.exception()
            if isinstance(error, ParityUnavailable):
                raise error
            if error is not None:
                raise ParityUnavailable(
                    f"training {framework} with seed {futures[future]} ended with "
                    f"{type(error).__name__}: {error}"
                )
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _use_one_thread() -> None:
    """A step this small is faster on one thread, and every process has its own."""
    os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")
    torch.set_num_threads(1)


def _read(book: Journal) -> dict[tuple[Framework, int], Run]:
    """The runs of a journal.

    Raises:
        ParityUnavailable: a line is no run.
    """
    found: dict[tuple[Framework, int], Run] = {}
    for entry in book.read():
        try:
            run = Run(**{name: value for name, value in entry.items() if name != "framework"})
            found[entry["framework"], run.seed] = run
        except (AttributeError, KeyError, TypeError) as error:
            raise ParityUnavailable(f"{book.path} is a damaged journal: {error}") from None
    return found
