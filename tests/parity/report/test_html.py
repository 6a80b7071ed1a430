"""The page is well-formed, self-contained, complete, and nobody's text becomes markup."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import parity.report.html
from parity.report import write_html
from parity.report.svg import STYLES
from tests.parity.report.samples import HOSTILE, classifier

VOID = {"meta"}


class Balance(HTMLParser):
    """Reads as a browser does, and notes elements that do not close in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.wrong = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def written(path, *, title="Report", classifiers=(), parity, facts=None) -> Any:
    """The page as a tree; on the way, what holds for every page."""
    write_html(path, title=title, classifiers=classifiers, parity=parity, facts=facts or {})
    text = path.read_text("utf-8")
    browser = Balance()
    browser.feed(text)
    browser.close()
    assert (browser.open, browser.wrong) == ([], [])
    assert {tag for tag, _ in browser.seen}.isdisjoint({"script", "link", "img", "iframe"})
    assert not any({"src", "href"} & attributes.keys() for _, attributes in browser.seen)
    assert not re.search(r"https?:|url\(|@import", text)
    return ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>"))


def texts(tree, path):
    return ["".join(element.itertext()) for element in tree.findall(path)]


def test_holds(tmp_path, holds):
    tree = written(
        tmp_path / "new" / "r.html",
        title="IMDB",
        classifiers=[classifier(name="A"), classifier(name="B")],
        parity=holds,
        facts={"torch": "2.13", "command": "python -m parity " + "x" * 50},
    )
    assert texts(tree, ".//h1") == ["IMDB"]
    assert texts(tree, ".//header/p") == ["Parity holds 3 compared, 3 within rounding"]
    assert texts(tree, ".//h2") == ["Facts", "Side by side", "A", "B", "Parity with Keras"]
    assert texts(tree, ".//table[@class='parity']/tbody/tr/td[6]") == ["rounding"] * 3
    assert "2.13" in texts(tree, ".//dl[@class='facts']/div/dd")


def test_failures_come_right_after_the_verdict(tmp_path, broken):
    tree = written(tmp_path / "r.html", parity=broken, facts={"torch": "2.13"})
    assert texts(tree, ".//header/p") == ["Parity does not hold 2 of 3 differ"]
    assert texts(tree, ".//h2")[0] == "What differs"
    first = tree.find(".//table[@class='parity']")
    assert len(first.findall("tbody/tr")) == 4
    assert "First differs at time 3.\nTable row: kernel." in texts(first, ".//td[@colspan='6']")


def test_nothing_compared_does_not_look_green(tmp_path, empty):
    tree = written(tmp_path / "r.html", parity=empty)
    assert tree.find(".//header").get("class") == "fail"
    assert texts(tree, ".//header/p") == ["Parity is unknown nothing was compared"]


def test_hostile_text_stays_text(tmp_path, broken):
    result = classifier(name=HOSTILE)
    object.__setattr__(result, "class_names", (HOSTILE, ""))
    object.__setattr__(result, "test_metrics", {HOSTILE: 0.5})
    tree = written(
        tmp_path / "r.html",
        title=HOSTILE,
        classifiers=[result, result],
        parity=broken,
        facts={HOSTILE: HOSTILE},
    )
    shown = tree.find(".//h1").text
    assert shown.startswith('a</td><script>alert("1")</script>&')
    assert r"\x00\x1b[31m\u202e\ufffe\ud800" in shown
    assert tree.find(".//dl[@class='facts']/div/dt").text == shown


@pytest.mark.parametrize("losses", [(), (0.7,), (0.7, float("nan"), 0.3), (float("inf"),)])
def test_any_learning_curve(tmp_path, holds, losses):
    tree = written(tmp_path / "r.html", classifiers=[classifier(losses=losses)], parity=holds)
    assert texts(tree, ".//figure/figcaption")[:2] == ["Loss", "Accuracy"]


@pytest.mark.parametrize("classes", range(2, 11))
def test_confusion_matrix(tmp_path, holds, classes):
    result = classifier(classes=classes)
    tree = written(tmp_path / "r.html", classifiers=[result], parity=holds)
    rows = tree.findall(".//figure/div/table/tbody/tr")
    counts = tuple(tuple(int(cell.text) for cell in row.findall("td")) for row in rows)
    assert counts == result.confusion
    heads = tree.findall(".//figure/div/table/thead/tr")[1]
    assert tuple(texts(heads, "th")) == result.class_names
    assert tuple(row.findall("th")[-1].text for row in rows) == result.class_names
    for row in rows:
        shares = [float(cell.get("style").removeprefix("--share:")) for cell in row.findall("td")]
        assert sum(shares) == pytest.approx(1, abs=0.01)
    assert [row.findall("td").index(row.find("td[@class='correct']")) for row in rows] == list(
        range(classes)
    )


def test_a_class_that_never_occurs(tmp_path, holds):
    result = classifier()
    object.__setattr__(result, "confusion", ((0, 0), (0, 7)))
    tree = written(tmp_path / "r.html", classifiers=[result], parity=holds)
    assert tree.find(".//figure/div/table/tbody/tr/td").get("style") == "--share:0.000"


def test_a_regression_has_no_matrix(tmp_path, holds):
    result = classifier()
    object.__setattr__(result, "confusion", ())
    object.__setattr__(result, "class_names", ())
    tree = written(tmp_path / "r.html", classifiers=[result], parity=holds)
    assert "Confusion matrix (test set)" not in texts(tree, ".//figure/figcaption")


def test_test_metrics(tmp_path, holds):
    tree = written(tmp_path / "r.html", classifiers=[classifier()], parity=holds)
    tiles = tree.findall(".//dl[@class='tiles']/div")
    assert {tile.findtext("dt"): tile.findtext("dd") for tile in tiles} == {
        "test accuracy": "0.8731",
        "test loss": "NaN",
        "parameters": "12,345",
        "training": "1 min 01 s",
    }


def test_nothing_half_written_on_failure(tmp_path, holds, monkeypatch):
    path = tmp_path / "r.html"
    path.write_text("old")

    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_html(path, title="", classifiers=[], parity=holds, facts={})
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["old"]


def test_the_style_sheet_defines_every_curve_and_both_themes():
    style = Path(parity.report.html.__file__).with_name("style.css").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.S)
    assert set(re.findall(r"(--[\w-]+):", light)) == set(re.findall(r"(--[\w-]+):", dark))
    assert {f".s{index} {{" for index in range(STYLES)} <= set(re.findall(r"\.s\d \{", style))
    used, defined = (
        set(re.findall(r"var\((--[\w-]+)", style)),
        set(re.findall(r"(--[\w-]+):", style)),
    )
    assert used - defined == {"--share"}
    assert not re.search(r"[<&]", style)


def test_imports_no_framework():
    code = (
        "import sys, parity.report.html, parity.report.machine, parity.report.terminal;"
        "print(sorted({'torch', 'keras', 'lightning', 'numpy', 'h5py'} & sys.modules.keys()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "[]"
