"""The options of the commands on model files; telling them needs no framework."""

import argparse

SEMANTICS = ("auto", "keras2", "keras3")
TASKS = ("binary", "multiclass", "multilabel", "regression")
TARGETS = (".keras", ".weights.h5", ".ckpt", ".safetensors")
"""How the name of a file that is written ends."""


def add_convert(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds ``convert`` and its options."""
    parser = commands.add_parser(
        "convert",
        help="make a .ckpt or .safetensors of a Keras file, or the other way",
        description="What SOURCE is, its content says; what TARGET becomes, its name says: "
        f"{', '.join(TARGETS)}. Exit status 0: written, and what --check compared agrees; 1: it "
        "does not; 2: it could not be tried.",
    )
    parser.add_argument("source", metavar="SOURCE", help="a Keras file, .ckpt or .safetensors")
    parser.add_argument("target", metavar="TARGET", help="the file to write")
    parser.add_argument(
        "--semantics",
        choices=SEMANTICS,
        default="auto",
        help="what a Keras file means; default: what the version that saved it meant",
    )
    _add_backend(parser)
    parser.add_argument(
        "--weights", metavar="FILE", help="the weights of a SOURCE that has an architecture alone"
    )
    parser.add_argument(
        "--task", choices=TASKS, help="default: what the last activation stands for"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="compare with Keras where it can open the file, else with the NumPy oracle",
    )
    parser.add_argument("--force", action="store_true", help="replace TARGET where it exists")


def add_inspect(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds ``inspect`` and its options."""
    parser = commands.add_parser(
        "inspect",
        help="show what a model file holds and what of it would be refused",
        description="Exit status 0: the file can be converted; 1: something in it would be "
        "refused; 2: it cannot be read.",
    )
    parser.add_argument("file", metavar="FILE", help="a Keras file, .ckpt or .safetensors")
    parser.add_argument("--semantics", choices=SEMANTICS, default="auto", help="as of convert")
    _add_backend(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_backend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--backend",
        choices=("tensorflow", "theano"),
        help="of the Keras 1 that saved a file which does not say, where it matters",
    )
