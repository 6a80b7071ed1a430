"""The program `birnn-parity`, also `python -m parity`.

Exit status 0: parity holds; 1: it does not; 2: it could not be tried, with one line that says why.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from parity.accuracy.settings import Settings
from parity.accuracy.settings import add_command as add_compare
from parity.bench.cores import available_cores
from parity.bench.settings import add_command as add_bench
from parity.commands.options import add_convert, add_inspect
from parity.results import ParityUnavailable

BACKENDS = ("tensorflow", "jax", "torch")


def build_parser() -> argparse.ArgumentParser:
    """The options of every command."""
    parser = argparse.ArgumentParser(
        prog="birnn-parity", description="Prove classifiers equal to their Keras twins."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="compare configurations, or a trained model, with their Keras twins",
        description="Without MODEL: every configuration of a grid, with random weights. "
        "Exit status 0: parity holds; 1: it does not; 2: it could not be tried.",
    )
    check.add_argument(
        "model", nargs="?", metavar="MODEL", help="a .ckpt of birnn, or a Keras file"
    )
    check.add_argument(
        "--grid", choices=("quick", "full"), default="quick", help="default: %(default)s"
    )
    check.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        default=os.cpu_count() or 1,
        help="processes that share the cases of a grid; default: %(default)s",
    )
    check.add_argument(
        "--journal",
        metavar="FILE",
        help="append each case's result to FILE, and go on from what FILE already holds",
    )
    check.add_argument(
        "--examples",
        type=int,
        metavar="N",
        help="compare on the first N test examples of the data that MODEL was trained on; "
        "default: on random inputs",
    )
    check.add_argument(
        "--backend", choices=BACKENDS, default=None, help="of Keras; default: tensorflow"
    )
    check.add_argument("--json", metavar="FILE", help="also write the table as JSON")
    check.add_argument("--junit", metavar="FILE", help="also write it as JUnit XML")
    check.add_argument("--html", metavar="FILE", help="also write it as a web page")
    power = commands.add_parser(
        "power",
        help="prove that the check notices mistakes: run it on code with known ones",
        description="Each mutant is a mistake in the weight table or in our layers, made while a "
        "case of the quick grid runs. Exit status 0: every case passes as it is and fails with its "
        "mutant; 1: a mutant was not caught; 2: it could not be tried.",
    )
    power.add_argument("--only", metavar="TEXT", help="mutants with TEXT in their name or case")
    power.add_argument("--json", metavar="FILE", help="also write the table as JSON")
    _add_train(commands)
    add_compare(commands, default_jobs=os.cpu_count() or 1)
    add_bench(commands, default_threads=len(available_cores()))
    add_convert(commands)
    add_inspect(commands)
    commands.add_parser("layout", help="print the weight table between torch and Keras")
    quickstart = commands.add_parser(
        "quickstart",
        help="train three classifiers on handwritten digits and check each against Keras",
        description="Takes about two minutes on two cores and needs no network.",
    )
    quickstart.add_argument(
        "--output", default="runs/quickstart", metavar="FOLDER", help="default: %(default)s"
    )
    return parser


def _add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    train = commands.add_parser(
        "train",
        help="train configurations in both frameworks and compare every step",
        description="Every Keras optimiser with every cell, then each setting that training "
        "depends on, on the same batches and dropout, in float64 and float32: loss, gradients, "
        "states of the optimiser and weights after each step. Exit status 0: all agree; 1: one "
        "does not; 2: it could not be tried.",
    )
    train.add_argument("--optimizer", metavar="NAME", help="of Keras, e.g. adam; default: all")
    train.add_argument("--cell", choices=("rnn", "lstm", "gru"), help="default: all")
    train.add_argument("--steps", type=int, default=100, metavar="N", help="default: %(default)s")
    train.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        default=os.cpu_count() or 1,
        help="processes that share the cases; default: %(default)s",
    )
    train.add_argument(
        "--causes",
        action="store_true",
        help="instead switch each known cause of divergence on, and see whether the check names it",
    )
    train.add_argument("--json", metavar="FILE", help="also write the comparisons as JSON")
    train.add_argument("--junit", metavar="FILE", help="also write them as JUnit XML")
    train.add_argument(
        "--html", metavar="FILE", help="also write them as a web page, with the differences by step"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status."""
    options = build_parser().parse_args(arguments)
    if getattr(options, "backend", None):
        os.environ["KERAS_BACKEND"] = options.backend
    try:
        if options.command == "quickstart":
            from parity.quickstart import run_quickstart

            passed = run_quickstart(options.output)
        elif options.command == "power":
            passed = _power(options)
        elif options.command == "train":
            passed = _train(options)
        elif options.command == "compare":
            from parity.accuracy.compare import run_compare

            passed = run_compare(Settings.from_options(options))
        elif options.command == "bench":
            from parity.bench.command import run_bench

            passed = run_bench(options)
        elif options.command == "convert":
            from parity.commands.convert import run_convert

            passed = run_convert(options)
        elif options.command == "inspect":
            from parity.commands.inspect import run_inspect

            passed = run_inspect(options)
        elif options.command == "layout":
            from parity.layout_page import layout_table

            print(layout_table())
            passed = True
        else:
            passed = _check(options)
    except (ParityUnavailable, ValueError, OSError, ImportError) as error:
        if os.environ.get("BIRNN_DEBUG"):
            raise
        print(f"birnn-parity: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("birnn-parity: interrupted.", file=sys.stderr)
        return 2
    return 0 if passed else 1


def _check(options: argparse.Namespace) -> bool:
    if options.examples is not None and (options.model is None or options.examples < 1):
        raise ValueError("--examples needs a MODEL and a number of at least 1.")
    if options.jobs < 1:
        raise ValueError(f"--jobs must be at least 1; got {options.jobs}.")
    from parity.check import Outputs, check_grid, check_model, publish

    outputs = Outputs(json=options.json, junit=options.junit, html=options.html)
    if options.model is None:
        report = check_grid(options.grid, options.jobs, options.journal)
    else:
        report = check_model(options.model, options.examples)
    publish(report, outputs, from_grid=options.model is None)
    return report.passed


def _train(options: argparse.Namespace) -> bool:
    for name in ("steps", "jobs"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name} must be at least 1; got {getattr(options, name)}.")
    from parity.check import Outputs
    from parity.training.command import train_causes, train_suite

    if options.causes:
        return train_causes()
    outputs = Outputs(json=options.json, junit=options.junit, html=options.html)
    return train_suite(options.optimizer, options.cell, options.steps, options.jobs, outputs)


def _power(options: argparse.Namespace) -> bool:
    from parity.suite.power import power_table, run_power, select, write_power

    found = run_power(select(options.only))
    print(power_table(found))
    if options.json:
        write_power(options.json, found)
    return all(one.caught for one in found)


if __name__ == "__main__":
    sys.exit(main())
