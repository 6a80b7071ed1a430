"""The command: its verdicts are its exit statuses, and what it writes can be read again."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from parity.__main__ import main
from parity.accuracy import compare
from parity.accuracy.experiment import Run
from parity.accuracy.settings import DATA_SETS


@pytest.fixture
def results(monkeypatch):
    """Makes the trainings end with normal accuracies around these means."""

    def set_means(ours, theirs, deviation=0.5):
        draw = np.random.default_rng(11)

        def train_all(experiment, arrays, seeds, jobs, journal):
            return {
                framework: [
                    Run(
                        seed=seed,
                        accuracy=draw.normal(mean, deviation) / 100,
                        loss=float(np.exp(draw.normal(-1.7, 0.02))),
                        seconds=1.0,
                    )
                    for seed in seeds
                ]
                for framework, mean in (("ours", ours), ("theirs", theirs))
            }

        monkeypatch.setattr(compare, "train_all", train_all)

    return set_means


def test_equal_frameworks_end_with_0(results, capsys):
    results(96.0, 96.1)
    assert main(["compare"]) == 0
    shown = capsys.readouterr().out
    assert "test accuracy, points: equivalent within ±1 (TOST p = " in shown
    assert "20 and 20 runs" in shown
    assert "ln(training loss): equivalent within ±0.1" in shown


def test_a_handicapped_framework_ends_with_1(results, capsys):
    """As one is that trains with another epsilon or without orthogonal first weights."""
    results(94.0, 96.0)
    assert main(["compare"]) == 1
    assert "test accuracy, points: different by -" in capsys.readouterr().out


def test_few_seeds_end_with_2_and_the_number_needed(results, capsys):
    results(95.5, 96.0)
    assert main(["compare", "--seeds", "2"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("birnn-parity: error: test accuracy, points: undecided after 2")
    assert "seeds to be found equivalent within ±1 nine times in ten" in captured.err
    assert captured.err.count("\n") == 1
    assert "95% interval" in captured.out


def test_the_margin_can_be_chosen(results):
    results(95.0, 96.0)
    assert main(["compare", "--margin", "2"]) == 0
    assert main(["compare", "--margin", "0.5"]) == 1


def test_what_is_written_holds_every_run_and_number(results, tmp_path):
    results(96.0, 96.0)
    report, plot = tmp_path / "compare.json", tmp_path / "compare.svg"
    assert main(["compare", "--seeds", "13", "--json", str(report), "--plot", str(plot)]) == 0
    written = json.loads(report.read_text())
    assert [len(runs) for runs in written["runs"].values()] == [13, 13]
    accuracy, loss = written["comparisons"]
    assert accuracy["verdict"] == "equivalent"
    ours = [100 * run["accuracy"] for run in written["runs"]["ours"]]
    assert accuracy["ours"]["mean"] == pytest.approx(np.mean(ours), rel=1e-12)
    assert loss["quantity"] == "ln(training loss)"
    assert written["experiment"]["epochs"] == DATA_SETS["digits"].epochs
    assert "1,258 examples to train on, 359 to test on" in written["facts"]["Data"]
    drawing = ElementTree.fromstring(plot.read_text())
    assert len(drawing.findall(".//{http://www.w3.org/2000/svg}circle")) == 4 * 13


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "1"], "--seeds must be at least 2, for a spread; got 1."),
        (["--jobs", "0"], "--jobs must be at least 1; got 0."),
        (["--margin", "0"], "--margin must be over 0; got 0.0."),
        (["--alpha", "0.7"], "--alpha must be between 0 and 0.5; got 0.7."),
        (["--epochs", "0"], "epochs must be at least 1; got 0."),
        (["--json", "."], "a report must go to a file; . is a folder."),
        (["--data", "imdb"], "--data imdb needs --imdb-folder: a folder with train.tsv.gz"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_any_training(options, message, capsys):
    assert main(["compare", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"birnn-parity: error: {message}")
    assert error.count("\n") == 1


def test_help_names_the_exit_statuses_and_the_margins(capsys):
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "0: equivalent, the means differ by less than M" in shown
    assert f"default: {DATA_SETS['digits'].margin:g} for digits" in shown
