"""The options of `python -m parity bench`, and the configurations that they stand for."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from parity.bench.cliffs import cliff_configurations
from parity.bench.configuration import CELLS, MASKS, WORKLOADS, Configuration
from parity.bench.peers import OURS, PEERS, is_ours, peers_of

SIZES = {"hidden": (64,), "time": (200,), "batch": (32,)}
SWEEPS = {
    "hidden": (32, 64, 100, 128, 256, 512),
    "time": (50, 100, 200, 400),
    "batch": (1, 8, 32, 128),
}
MASKS_BY_DEFAULT = ("unmasked", "ragged", "left")
QUICK_PEERS = (OURS, "torch", "torch-fused", "keras-tensorflow")
REPETITIONS, QUICK_REPETITIONS = 20, 5
SECONDS, QUICK_SECONDS = 60, 5
QUICK_TIME = 100


def add_command(commands: Any, default_threads: int) -> None:
    """Adds ``bench`` with its options to the program's commands."""
    bench = commands.add_parser(
        "bench",
        help="measure our speed beside Keras's and torch.nn's",
        description="Every peer in a process of its own, one at a time, in turn: a whole training "
        "step, an inference, and an epoch of reviews as long as IMDB's. Lists are separated by "
        "commas; every combination is measured. Exit status 0: measured, and every peer computed "
        "the same numbers; 1: one computed others; 2: nothing could be measured.",
    )
    scope = bench.add_mutually_exclusive_group()
    scope.add_argument("--quick", action="store_true", help="one size, under two minutes")
    scope.add_argument(
        "--sweep",
        action="store_true",
        help="hidden size, time and batch each over a range, the other two at their first value",
    )
    scope.add_argument(
        "--cliffs",
        action="store_true",
        help="instead each setting that makes a framework leave its fast path, and what it costs",
    )
    for option, allowed in (("cells", CELLS), ("masks", MASKS), ("workloads", WORKLOADS)):
        bench.add_argument(
            f"--{option}", type=chosen(allowed), metavar="LIST", help=f"of {', '.join(allowed)}"
        )
    for option, (default,) in SIZES.items():
        shorter = f", quick: {QUICK_TIME}" if option == "time" else ""
        bench.add_argument(
            f"--{option}", type=numbers, metavar="LIST", help=f"default: {default}{shorter}"
        )
    bench.add_argument(
        "--peers", type=chosen(tuple(PEERS)), metavar="LIST", help=f"of {', '.join(PEERS)}"
    )
    bench.add_argument(
        "--engines",
        type=words,
        default=(),
        metavar="LIST",
        help="ours also with these engines for every layer, e.g. native,scan",
    )
    bench.add_argument(
        "--repetitions",
        type=number,
        metavar="N",
        help=f"of a step or an inference; default: {REPETITIONS}, quick: {QUICK_REPETITIONS}",
    )
    bench.add_argument(
        "--epochs", type=number, default=3, metavar="N", help="repetitions; default: %(default)s"
    )
    bench.add_argument(
        "--reviews", type=number, default=1024, metavar="N", help="an epoch; default: %(default)s"
    )
    bench.add_argument(
        "--text", metavar="FILE", help="real reviews for the epoch: a file with label and text"
    )
    bench.add_argument(
        "--test-text",
        metavar="FILE",
        help="other reviews, to tell each peer's accuracy after its last epoch",
    )
    bench.add_argument(
        "--seconds",
        type=number,
        metavar="N",
        help="after which a configuration's rounds end early, but not before the third; default: "
        f"{SECONDS}, quick: {QUICK_SECONDS}",
    )
    bench.add_argument(
        "--timeout",
        type=number,
        default=600,
        metavar="N",
        help="seconds a peer may take for one answer; default: %(default)s",
    )
    bench.add_argument(
        "--threads", type=number, default=default_threads, metavar="N", help="default: %(default)s"
    )
    bench.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: processor seconds of all threads, for a busy machine; default: %(default)s",
    )
    bench.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="default: %(default)s"
    )
    bench.add_argument("--json", metavar="FILE", help="also write every number as JSON")
    bench.add_argument("--html", metavar="FILE", help="also write a web page with charts")
    bench.add_argument("--markdown", metavar="FILE", help="also write a page of documentation")


def number(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1; got {text!r}")
    return int(text)


def numbers(text: str) -> tuple[int, ...]:
    """Numbers separated by commas, each once."""
    return tuple(dict.fromkeys(number(part.strip()) for part in text.split(",")))


def words(text: str) -> tuple[str, ...]:
    """Words separated by commas, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",")))


def chosen(allowed: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """Reads words that are among the allowed ones."""

    def read(text: str) -> tuple[str, ...]:
        found = words(text)
        for word in found:
            if word not in allowed:
                raise argparse.ArgumentTypeError(
                    f"must be of {', '.join(allowed)}, separated by commas; got {word!r}"
                )
        return found

    return read


def peer_names(options: argparse.Namespace) -> list[str]:
    """The peers to measure, ours first, then ours with each engine asked for."""
    names = options.peers or (QUICK_PEERS if options.quick else peers_of(options.device))
    engines = [f"{OURS}:{engine}" for engine in options.engines]
    ours = [name for name in names if is_ours(name)]
    return [*ours, *engines, *(name for name in names if not is_ours(name))]


def repetitions(options: argparse.Namespace) -> int:
    """Of a step or an inference."""
    return options.repetitions or (QUICK_REPETITIONS if options.quick else REPETITIONS)


def seconds(options: argparse.Namespace) -> int:
    """After which a configuration's rounds end early."""
    return options.seconds or (QUICK_SECONDS if options.quick else SECONDS)


def configurations(options: argparse.Namespace, text: str = "") -> list[Configuration]:
    """What is measured, in order.

    Args:
        options: as parsed.
        text: the file of encoded reviews; empty for synthetic ones.

    Raises:
        ValueError: an option has no place beside another.
    """
    _check(options)
    cells = options.cells or CELLS
    sizes = {name: getattr(options, name) or default for name, default in SIZES.items()}
    if options.quick and not options.time:
        sizes["time"] = (QUICK_TIME,)
    common: dict[str, Any] = {"reviews": options.reviews, "text": text}
    if options.cliffs or options.quick:
        workloads = options.workloads or ("train", "infer")
    else:
        workloads = options.workloads or WORKLOADS
    if options.cliffs:
        return [
            one
            for workload, cell, size in product(workloads, cells, _products(sizes))
            for one in cliff_configurations(
                Configuration(cell=cell, workload=workload, **size, **common)
            )
        ]
    masks = options.masks or (("unmasked",) if options.quick else MASKS_BY_DEFAULT)
    combined = _swept(sizes) if options.sweep else _products(sizes)
    return [
        Configuration(cell=cell, mask=mask, workload=workload, **size, **common)
        for workload, mask, size, cell in product(workloads, masks, combined, cells)
    ]


def _products(sizes: Mapping[str, Sequence[int]]) -> list[dict[str, int]]:
    return [dict(zip(sizes, values, strict=True)) for values in product(*sizes.values())]


def _swept(sizes: Mapping[str, Sequence[int]]) -> list[dict[str, int]]:
    """The base, then each size over its range (or over the values that the user gave for it)."""
    base = {name: values[0] for name, values in sizes.items()}
    found = [base]
    for name, values in sizes.items():
        for value in values if len(values) > 1 else SWEEPS[name]:
            if {**base, name: value} not in found:
                found.append({**base, name: value})
    return found


def _check(options: argparse.Namespace) -> None:
    """Notices before the work what could not be done after it, or makes no sense."""
    if options.cliffs and options.masks:
        raise ValueError("--cliffs has its own masks. Leave --masks out.")
    epoch = "epoch" in (options.workloads or ())
    if epoch and options.cliffs:
        raise ValueError("--cliffs measures train and infer. Leave epoch out of --workloads.")
    if epoch and "interior" in (options.masks or ()):
        raise ValueError("an epoch of reviews has no interior masks. Use --masks ragged,left.")
    if options.text and not epoch and (options.workloads or options.quick or options.cliffs):
        raise ValueError("--text is for the epoch. Add --workloads epoch, or leave it out.")
    if options.test_text and not options.text:
        raise ValueError("--test-text needs --text, the reviews to learn from.")
    for path in (options.json, options.html, options.markdown):
        if path is not None and Path(path).is_dir():
            raise ValueError(f"a report must go to a file; {path} is a folder.")


def with_text(
    found: Sequence[Configuration], text: str, count: int, tests: int
) -> list[Configuration]:
    """The same configurations with epochs over a file of so many encoded reviews, and tests."""
    return [
        replace(one, text=text, reviews=min(one.reviews, count), test_reviews=tests)
        for one in found
    ]
