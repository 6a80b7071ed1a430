"""Nothing that is written to file descriptor 2 is seen in between, and everything afterwards."""

import os
import sys

import pytest

from parity.quiet import quiet_stderr


def say(text):
    """Writes as C++ does, past ``sys.stderr``."""
    os.write(2, text.encode())


def open_descriptors():
    return set(os.listdir("/dev/fd"))


def test_file_descriptor_2_is_quiet_and_comes_back(capfd):
    say("before ")
    with quiet_stderr():
        say("within ")
    say("after")
    assert capfd.readouterr().err == "before after"


def test_it_comes_back_after_an_exception(capfd):
    with pytest.raises(ZeroDivisionError), quiet_stderr():
        say(f"within {1 / 0}")
    say("after")
    assert capfd.readouterr().err == "after"


def test_what_python_wrote_before_is_not_swallowed(capfd):
    sys.stderr.write("before ")
    with quiet_stderr():
        say("within ")
    assert capfd.readouterr().err == "before "


def test_standard_output_is_left_alone(capfd):
    with quiet_stderr():
        os.write(1, b"a result")
    assert capfd.readouterr() == ("a result", "")


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="lists the descriptors that are open")
def test_no_descriptor_stays_open():
    before = open_descriptors()
    for _ in range(7):
        with quiet_stderr():
            pass
    assert open_descriptors() == before
