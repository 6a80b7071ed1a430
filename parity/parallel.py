"""Work shared by processes that are too small to use more than one thread each."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

ONE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
}
"""Matrices this small are faster on one thread, and every process has its own."""


def in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], jobs: int
) -> Iterator[tuple[Item, "Future[Result]"]]:
    """Each item with what became of the function's call, as they are ready.

    Args:
        function: of a module, for it is pickled.
        items: its arguments.
        jobs: processes, all of them new ones.
    """
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    with _environment(ONE_THREAD):
        pool = ProcessPoolExecutor(jobs, mp_context=context)
        try:
            futures = {pool.submit(function, item): item for item in items}
            for future in as_completed(futures):
                yield futures[future], future
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Sets environment variables for the processes that start within."""
    kept = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
