"""What a report must name so that its numbers can be reproduced."""

import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("birnn-lightning", "torch", "lightning", "keras", "tensorflow", "numpy")


def facts() -> dict[str, str]:
    """Machine, Python and package versions, and the date."""
    found = {"Date": date.today().isoformat(), "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    found["Machine"] = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return found
