"""Options become configurations, and a wrong value is one clear error."""

import pytest

from parity.__main__ import build_parser, main
from parity.bench.cliffs import setting_name
from parity.bench.settings import SWEEPS, configurations, peer_names, repetitions, with_text


def parsed(*options):
    return build_parser().parse_args(["bench", *options])


def test_every_combination_is_measured_once():
    found = configurations(
        parsed("--cells", "gru,rnn", "--hidden", "3,5,3", "--masks", "left", "--batch", "7")
    )
    names = {(one.cell, one.hidden, one.mask, one.workload, one.batch) for one in found}
    assert len(found) == len(names) == 2 * 2 * 3
    assert {("rnn", 5, "left", "epoch", 7), ("gru", 3, "left", "infer", 7)} <= names


def test_a_sweep_changes_one_size_at_a_time():
    found = configurations(
        parsed("--sweep", "--cells", "gru", "--masks", "ragged", "--workloads", "infer")
    )
    sizes = {(one.hidden, one.time, one.batch) for one in found}
    assert len(found) == len(sizes) == 1 + sum(len(values) - 1 for values in SWEEPS.values())
    assert {(512, 200, 32), (64, 400, 32), (64, 200, 1)} <= sizes
    assert all(sum(a != b for a, b in zip(one, (64, 200, 32), strict=True)) <= 1 for one in sizes)


def test_a_quick_run_is_one_size_of_three_cells():
    options = parsed("--quick")
    found = configurations(options)
    assert [(one.workload, one.cell) for one in found] == [
        (workload, cell) for workload in ("train", "infer") for cell in ("rnn", "lstm", "gru")
    ]
    assert peer_names(options) == ["ours", "torch", "torch-fused", "keras-tensorflow"]
    assert repetitions(options) == 5
    assert repetitions(parsed()) == 20
    assert repetitions(parsed("--quick", "--repetitions", "2")) == 2


def test_cliffs_start_from_the_plain_configuration_of_each_cell():
    found = configurations(parsed("--cliffs", "--workloads", "infer", "--cells", "rnn,gru"))
    names = {
        cell: [setting_name(one) for one in found if one.cell == cell] for cell in ("rnn", "gru")
    }
    assert names["rnn"][:4] == names["gru"][:4] == ["plain", "ragged", "left", "interior"]
    assert "reset before" in names["gru"]
    assert "reset before" not in names["rnn"]
    assert "hard sigmoid" not in names["rnn"]
    assert len({one.name for one in found}) == len(found)


def test_engines_stand_beside_ours():
    options = parsed("--engines", "scan,native", "--peers", "torch,ours")
    assert peer_names(options) == ["ours", "ours:scan", "ours:native", "torch"]


def test_an_epoch_has_no_more_reviews_than_the_file():
    found = with_text(configurations(parsed("--reviews", "19")), "reviews.npz", 17, 5)
    assert {(one.reviews, one.text, one.test_reviews) for one in found} == {(17, "reviews.npz", 5)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--cells", "gru,tcn"), "must be of rnn, lstm, gru, separated by commas; got 'tcn'"),
        (("--hidden", "0"), "argument --hidden: must be a whole number of at least 1; got '0'"),
        (("--time", "2.5"), "argument --time: must be a whole number of at least 1; got '2.5'"),
        (("--peers", "theano"), "separated by commas; got 'theano'"),
        (("--repetitions", "-1"), "at least 1; got '-1'"),
        (("--quick", "--cliffs"), "not allowed with argument --quick"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused(options, said, capsys):
    with pytest.raises(SystemExit) as exit_status:
        parsed(*options)
    assert exit_status.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith(said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--cliffs", "--masks", "left"), "--cliffs has its own masks."),
        (("--cliffs", "--workloads", "epoch"), "--cliffs measures train and infer."),
        (("--workloads", "epoch", "--masks", "interior"), "an epoch of reviews has no int"),
        (("--quick", "--text", "a.tsv"), "--text is for the epoch."),
        (("--test-text", "a.tsv"), "--test-text needs --text"),
        (("--json", "."), "a report must go to a file; . is a folder."),
        (("--engines", "warp"), "--engines must be of"),
        (("--device", "cuda", "--peers", "keras-tensorflow"), "no peer can be measured (keras"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_before_the_work(options, said, capsys):
    assert main(["bench", *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"birnn-parity: error: {said}")
    assert captured.err.count("\n") == 1
