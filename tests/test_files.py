"""A report file is the old one or the whole new one."""

import os
import stat
from pathlib import Path

import pytest

from birnn_lightning.files import atomic_write


def test_creates_parents_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a" / "b" / "report.txt"
    atomic_write(path, "Δ\n")
    assert path.read_bytes() == "Δ\n".encode()
    assert os.listdir(path.parent) == ["report.txt"]


@pytest.mark.parametrize(
    ("target", "error"),
    [
        pytest.param("os.replace", OSError("disk"), id="rename fails"),
        pytest.param("os.replace", KeyboardInterrupt(), id="interrupted"),
    ],
)
def test_nothing_half_written_on_failure(tmp_path, monkeypatch, target, error):
    path = tmp_path / "report.txt"
    path.write_text("old")

    def refuse(*_):
        raise error

    monkeypatch.setattr(target, refuse)
    with pytest.raises(type(error)):
        atomic_write(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.txt"]


def test_nothing_half_written_when_the_text_cannot_be_encoded(tmp_path):
    path = tmp_path / "report.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        atomic_write(path, "x" * 100_003 + "\ud800")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.txt"]


def test_the_old_file_stays_whole_until_the_new_one_is(tmp_path, monkeypatch):
    path = tmp_path / "report.txt"
    path.write_text("old")
    replace = os.replace
    seen = []

    def spy(source, target):
        seen.append((Path(source).parent, Path(source).read_text(), Path(target).read_text()))
        replace(source, target)

    monkeypatch.setattr("os.replace", spy)
    atomic_write(path, "new")
    assert seen == [(tmp_path, "new", "old")]
    assert path.read_text() == "new"


def test_others_may_read_it(tmp_path):
    atomic_write(tmp_path / "ours", "x")
    (tmp_path / "theirs").write_text("x")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "theirs")}
    assert len(modes) == 1


def test_a_symbolic_link_stays(tmp_path):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    atomic_write(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_a_device_is_written_to_and_not_replaced():
    atomic_write(os.devnull, "new")
    assert not Path(os.devnull).is_file()


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(OSError, match=tmp_path.name):
        atomic_write(tmp_path, "new")


def test_a_long_name_fits(tmp_path):
    path = tmp_path / ("n" * 251 + ".txt")
    atomic_write(path, "new")
    assert path.read_text() == "new"
