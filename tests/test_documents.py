"""What the documents show runs as it stands there, and says what the code says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from parity.keras_config.operations import OPERATIONS
from parity.layout_page import layout_table
from parity.suite.defects import defects_table
from tests.parity.keras_files import handled

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(document, language):
    text = (ROOT / document).read_text(encoding="utf-8")
    return [code for found, code in BLOCK.findall(text) if found == language]


def run(command, folder):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.slow
@pytest.mark.tensorflow
def test_readme_python(tmp_path):
    pytest.importorskip("tensorflow", reason="the README compares with Keras")
    shown = run([sys.executable, "-c", "\n".join(blocks("README.md", "python"))], tmp_path)
    assert "outputs float64" in shown


@pytest.mark.slow
def test_readme_shell(tmp_path):
    shown = run(["bash", "-euc", "\n".join(blocks("README.md", "bash"))], tmp_path)
    assert '"text": "A wonderful story."' in shown


def test_architecture_python(tmp_path):
    first, second = blocks("docs/architecture.md", "python")
    assert re.match("(fused|batched): ", run([sys.executable, "-c", first], tmp_path))
    assert run([sys.executable, "-c", second], tmp_path) == "(32,)\n"


def test_engines_python(tmp_path):
    (code,) = blocks("docs/engines.md", "python")
    assert re.match("(fused|batched): ", run([sys.executable, "-c", code], tmp_path))


def test_the_weight_table_is_the_code_s():
    page = (ROOT / "docs/parity.md").read_text(encoding="utf-8")
    assert layout_table() in page


def test_the_defects_are_those_of_the_suite():
    page = (ROOT / "docs/parity.md").read_text(encoding="utf-8")
    assert defects_table() in page


@pytest.mark.parametrize("document", sorted(p.name for p in (ROOT / "docs").glob("*.md")))
def test_links_lead_somewhere(document):
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (ROOT / "docs" / target).exists(), target


def test_readme_links_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!http)([^)#]+)", text)
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target


def test_the_table_of_keras_files_is_the_tests_own():
    page = (ROOT / "docs/keras-files.md").read_text(encoding="utf-8")
    assert handled.table() in page
    for one in handled.HANDLED:
        file, function = one.test.split("::")
        assert f"def {function}(" in (ROOT / "tests/parity" / file).read_text(encoding="utf-8"), one
    listed = re.findall(
        r"`(\w+)`", page[page.index("- **Operations**") : page.index("- **Strings**")]
    )
    assert listed[-len(OPERATIONS) :] == sorted(OPERATIONS)
