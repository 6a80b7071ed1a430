"""JSON from a file is bounded in size and depth before anything else looks at it."""

import json
from pathlib import Path
from typing import Any

from parity.keras_files.refusals import (
    MAX_CONFIG_BYTES,
    MAX_CONFIG_DEPTH,
    damage_refused,
    refusal,
)


def parsed(path: Path, text: str | bytes, what: str) -> dict[str, Any]:
    """The JSON object in a text.

    Args:
        path: of the file, for errors.
        text: UTF-8 where it is bytes.
        what: the text's name in errors, e.g. ``"config.json"``.

    Raises:
        ParityUnavailable: too long, too deep, or not a JSON object.
    """
    if len(text) > MAX_CONFIG_BYTES:
        raise refusal(path, f"{what} has {len(text):,} characters; allowed: {MAX_CONFIG_BYTES:,}.")
    with damage_refused(path):
        try:
            value = json.loads(text)
        except RecursionError:
            raise refusal(path, f"{what} is nested too deeply.") from None
        except ValueError as error:
            raise refusal(path, f"{what} is not valid JSON ({error}).") from None
    if not isinstance(value, dict):
        raise refusal(path, f"{what} is a JSON {type(value).__name__}; expected an object.")
    _check_depth(path, value, what)
    return value


def _check_depth(path: Path, value: Any, what: str) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_CONFIG_DEPTH:
            raise refusal(path, f"{what} is nested more than {MAX_CONFIG_DEPTH} levels deep.")
        level = [
            part
            for one in level
            for part in (one.values() if isinstance(one, dict) else one)
            if isinstance(part, dict | list)
        ]
