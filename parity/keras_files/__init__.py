"""Keras's files, read and written with h5py and the standard library alone."""

from importlib.util import find_spec

from parity.results import ParityUnavailable

if find_spec("h5py") is None:
    raise ParityUnavailable(
        "Keras files need h5py, which is not installed. Install it with: pip install "
        "'birnn-lightning[keras-files]'."
    )
