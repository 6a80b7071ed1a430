"""`python -m parity bench`: measures, prints the table, writes the reports."""

import argparse
import platform
import shlex
import sys
import tempfile
from pathlib import Path

from parity.bench.cliffs import plain_of
from parity.bench.configuration import Configuration
from parity.bench.cores import available_cores
from parity.bench.peers import is_ours, missing
from parity.bench.process import start_peer
from parity.bench.report import table, write_reports
from parity.bench.results import Measured, Outcome
from parity.bench.reviews import encode_texts
from parity.bench.schedule import Plan, Schedule, peers_here
from parity.bench.settings import configurations, peer_names, repetitions, seconds, with_text
from parity.bench.statistics import disagreements, fastest_peer, speed
from parity.versions import facts

WARMUPS = 2


def run_bench(options: argparse.Namespace) -> bool:
    """Runs the command.

    Returns:
        Whether every peer computed the same numbers.

    Raises:
        ValueError: an option is wrong, or nothing could be measured.
        KeyboardInterrupt: after what had been measured was printed and written.
    """
    found, names = configurations(options), peer_names(options)
    _check_engines(options.engines)
    absent = {name: reason for name in names if (reason := missing(name, options.device))}
    here = peers_here(names, absent)
    measured = Measured(missing=absent, facts=run_facts(options), cliffs=options.cliffs)
    interrupted = None
    with tempfile.TemporaryDirectory() as folder:
        if options.text:
            text = str(Path(folder) / "reviews.npz")
            counts = encode_texts(options.text, options.test_text, found[0].vocabulary, text)
            found = with_text(found, text, *counts)

        def start(name: str):
            return start_peer(
                name,
                device=options.device,
                threads=options.threads,
                timeout=options.timeout,
                folder=folder,
            )

        plan = Plan(
            repetitions=repetitions(options),
            epochs=options.epochs,
            warmups=WARMUPS,
            seconds=seconds(options),
            clock=options.clock,
        )
        schedule = Schedule(here, start, plan, measured)
        try:
            for index, configuration in enumerate(found, start=1):
                plain = plain_of(configuration) if options.cliffs else None
                outcomes = schedule.run(configuration, None if plain == configuration else plain)
                _say(f"[{index}/{len(found)}] {progress(configuration, outcomes)}")
        except KeyboardInterrupt as error:
            interrupted = error
        finally:
            schedule.close()
        if any(one.seconds for one in measured.outcomes):
            print(table(measured))
            write_reports(measured, json=options.json, html=options.html, markdown=options.markdown)
    if interrupted is not None:
        raise interrupted
    if not any(one.seconds for one in measured.outcomes):
        reasons = {f"{one.peer}: {one.failure}" for one in measured.outcomes if one.failure}
        raise ValueError(f"nothing could be measured ({'; '.join(sorted(reasons))}).")
    return not any(disagreements(outcomes) for _, outcomes in measured.by_configuration())


def _check_engines(engines: tuple[str, ...]) -> None:
    if not engines:
        return
    from birnn_lightning.nn.engines import ENGINES

    for engine in engines:
        if engine not in ENGINES:
            raise ValueError(f"--engines must be of {', '.join(ENGINES)}; got {engine!r}.")


def run_facts(options: argparse.Namespace) -> dict[str, str]:
    """Machine, versions, threads and the command that was given."""
    found = facts()
    found["Processor"] = _processor()
    cores = min(options.threads, len(available_cores()))
    found["Threads"] = f"{options.threads} on {cores} cores"
    found["Clock"] = options.clock
    found["Device"] = options.device if options.device == "cpu" else _gpu()
    found["Command"] = shlex.join(["python", "-m", "parity", *sys.argv[1:]])
    return found


def _processor() -> str:
    """The processor's name, where the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _gpu() -> str:
    """The GPU's name, and what computes there."""
    import torch

    if not torch.cuda.is_available():
        raise ValueError("--device cuda needs a GPU; torch finds none here.")
    name, cudnn = torch.cuda.get_device_name(), torch.backends.cudnn.version()
    return f"{name}, CUDA {torch.version.cuda}, cuDNN {cudnn}, TF32 off"


def progress(configuration: Configuration, outcomes: list[Outcome]) -> str:
    """One line about a configuration: how fast each peer was, and how fast ours beside them."""
    parts = [
        f"{one.peer} {1e3 * min(one.seconds):.4g} ms" if one.seconds else f"{one.peer} –"
        for one in outcomes
    ]
    peer = fastest_peer(outcomes)
    ours = [one for one in outcomes if is_ours(one.peer)]
    times = speed(ours[0], peer) if ours else None
    if times is not None:
        parts.append(f"ours × {times:.2f}")
    return f"{configuration.name}: {', '.join(parts)}"


def _say(line: str) -> None:
    """To standard error, as far as it can print the characters."""
    encoding = sys.stderr.encoding or "utf-8"
    print(line.encode(encoding, "replace").decode(encoding), file=sys.stderr, flush=True)
