"""Importing what a command needs, in less time."""

import gc
import sys
from importlib import import_module
from types import ModuleType


def import_without_collections(name: str) -> ModuleType:
    """Imports a module, and what it imports, without looking for cyclic garbage meanwhile.

    Importing keeps nearly all that it makes, yet Python's collector walks through it again and
    again: a fifth of the time that torch and Lightning take to import. What is there afterwards
    stays out of later collections too (`gc.freeze`), those of forked workers included.

    Args:
        name: as `importlib.import_module` takes it.

    Returns:
        The module.
    """
    if name in sys.modules or not gc.isenabled():
        return import_module(name)
    gc.collect()
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()
