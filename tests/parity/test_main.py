"""The program in a process of its own: exit status and one line, with Keras or without."""

import re
import subprocess
import sys

import pytest

WITHOUT_KERAS = (
    "import sys; sys.modules['keras'] = None; from parity.__main__ import main; sys.exit(main())"
)


def is_of_tensorflow(line):
    return line.startswith("WARNING: All log messages before absl::") or re.match(
        r"[IWE]0000", line
    )


def run(*command):
    return subprocess.run([sys.executable, *command], capture_output=True, text=True)


def test_without_keras_it_says_what_to_install():
    done = run("-c", WITHOUT_KERAS, "check")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("birnn-parity: error: Keras with a backend is needed: ")
    assert done.stderr.endswith("pip install 'birnn-lightning[parity]'.\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.tensorflow
def test_a_bad_file_ends_with_2_and_one_line(tmp_path):
    pytest.importorskip("tensorflow", reason="Keras reads the file")
    (tmp_path / "bad.keras").write_bytes(b"no model")
    done = run("-m", "parity", "check", str(tmp_path / "bad.keras"))
    assert done.returncode == 2
    assert done.stdout == ""
    # TensorFlow's C++ part says something of its own when it is imported, whatever one sets.
    ours = [line for line in done.stderr.splitlines() if not is_of_tensorflow(line)]
    assert len(ours) == 1
    assert ours[0].startswith("birnn-parity: error: Keras ")


def test_help_names_the_exit_statuses():
    done = run("-m", "parity", "check", "--help")
    assert done.returncode == 0
    assert "Exit status 0: parity holds; 1: it does not; 2" in " ".join(done.stdout.split())
