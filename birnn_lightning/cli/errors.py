"""A user's mistake becomes one line on standard error and exit status 2."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

# What reading options, files and data raises for a mistake in them.
MISTAKES = (ValueError, OSError, LookupError, TypeError)


def fail(message: str) -> NoReturn:
    """Prints one line and exits with status 2."""
    print(f"birnn: error: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(2)


@contextmanager
def mistakes_in_one_line() -> Iterator[None]:
    """Turns the errors that mistakes lead to into `fail`; ``BIRNN_DEBUG=1`` shows the traceback."""
    try:
        yield
    except MISTAKES as error:
        if os.environ.get("BIRNN_DEBUG"):
            raise
        fail(str(error) or type(error).__name__)
    except KeyboardInterrupt:
        fail("interrupted.")


class OneLineErrors:
    """For a jsonargparse parser: an error does not print the whole usage."""

    prog: str

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Prints the error and where help is."""
        if os.environ.get("BIRNN_DEBUG") and ex is not None:
            raise ex
        fail(f"{message} See: {self.prog.replace(' [options]', '')} --help")
