"""Reports that hold, that do not, and that are empty."""

import pytest

from parity.results import ParityReport
from tests.parity.report.samples import HOSTILE, failing, passing


@pytest.fixture
def holds():
    return ParityReport((passing(), passing(compared="sequence"), passing(case="rnn")))


@pytest.fixture
def broken():
    return ParityReport((passing(), failing(), failing(case=HOSTILE, detail=HOSTILE)))


@pytest.fixture
def empty():
    return ParityReport(())
