"""Ratios are against the fastest that computes the same; who computes other numbers is named."""

import math

import pytest

from parity.bench.peers import PEERS, missing, peer_kind, peers_of
from parity.bench.statistics import (
    difference,
    disagreements,
    fastest_peer,
    gemm_rate,
    middle,
    minimum,
    rate,
    speed,
)
from tests.parity.bench.samples import outcome, tiny

RAGGED = tiny(mask="ragged")


def test_the_fastest_peer_is_not_ours_and_skips_the_padding():
    outcomes = [
        outcome("ours", 3.0, 2.0, configuration=RAGGED),
        outcome("ours:scan", 1.0, configuration=RAGGED),
        outcome("torch", 7.0, 5.0, configuration=RAGGED),
        outcome("torch-padded", 1.0, configuration=RAGGED),
        outcome("keras-tensorflow", configuration=RAGGED),
        outcome("keras-tensorflow-xla", 11.0, configuration=RAGGED),
    ]
    peer = fastest_peer(outcomes)
    assert peer is outcomes[2]
    assert [speed(one, peer) for one in outcomes] == [2.5, 5.0, 1.0, 5.0, None, 5 / 11]
    assert fastest_peer(outcomes[:2]) is None
    assert speed(outcomes[0], None) is None


def test_minimum_median_and_rates():
    one = outcome("torch", 5.0, 2.0, 3.0, configuration=tiny("rnn", workload="infer"))
    assert (minimum(one), middle(one)) == (2.0, 3.0)
    stack = 2 * 2 * 5 * (11 + 5) + 2 * 2 * 5 * (10 + 5)
    assert rate(one) == pytest.approx(stack * 3 * 7 / 2.0 / 1e9)
    assert gemm_rate([0.5, 0.25]) == pytest.approx(2 * 1024**3 / 0.25 / 1e9)
    assert gemm_rate([]) is None
    nothing = outcome("torch")
    assert (minimum(nothing), middle(nothing), rate(nothing)) == (None, None, None)


def test_equal_numbers_agree():
    assert disagreements([outcome("ours", 1.0), outcome("torch", 1.0, values=[0.50001])]) == {}


def test_other_numbers_are_named():
    found = disagreements(
        [
            outcome("ours", 1.0),
            outcome("torch", 1.0, values=[0.501]),
            outcome("torch-fused", 1.0, parameters=19),
            outcome("keras-tensorflow", 1.0, values=[0.5, 0.5]),
            outcome("keras-jax", 1.0, values=[math.nan]),
        ]
    )
    assert found == {
        "torch": "differs from ours by 1.0e-03",
        "torch-fused": "19 parameters, but ours has 17",
        "keras-tensorflow": "differs from ours by inf",
        "keras-jax": "differs from ours by nan",
    }


@pytest.mark.parametrize(
    "configuration",
    [tiny(workload="epoch"), tiny(variant="recurrent dropout")],
    ids=["order of an epoch", "dropout"],
)
def test_chance_is_no_disagreement_but_parameters_are(configuration):
    ours = outcome("ours", 1.0, configuration=configuration)
    other = outcome("torch", 1.0, values=[0.9], configuration=configuration)
    assert disagreements([ours, other]) == {}
    other.parameters = 19
    assert list(disagreements([ours, other])) == ["torch"]


def test_dropout_does_not_excuse_an_inference():
    configuration = tiny(variant="recurrent dropout", workload="infer")
    ours = outcome("ours", 1.0, configuration=configuration)
    other = outcome("torch", 1.0, values=[0.9], configuration=configuration)
    assert list(disagreements([ours, other])) == ["torch"]


def test_whoever_reads_the_padding_is_asked_only_where_there_is_none():
    ragged, plain = (
        [
            outcome("ours", 1.0, configuration=one),
            outcome("torch-padded", 1.0, values=[0.9], configuration=one),
        ]
        for one in (RAGGED, tiny())
    )
    assert disagreements(ragged) == {}
    assert list(disagreements(plain)) == ["torch-padded"]


def test_differences():
    assert difference([1.0, 2.0], [1.5, 1.0]) == 1.0
    assert math.isnan(difference([1.0, math.nan, 2.0], [1.0, 2.0, 9.0]))


def test_a_peer_that_is_not_installed_is_missing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jax" else name)
    assert missing("keras-jax", "cpu") == "jax not installed"
    assert missing("keras-torch", "cpu") == ""
    assert missing("keras-torch", "cuda") == "measured on the CPU alone, not on cuda"
    assert missing("ours-graphs", "cpu") == "measured on a GPU alone, not on cpu"
    assert {missing(name, "cuda") for name in peers_of("cuda")} == {""}
    assert {"ours", "ours-graphs", "torch", "torch-graphs"} <= set(peers_of("cuda"))
    assert set(peers_of("cpu")) == set(PEERS) - {"ours-graphs", "torch-graphs"}


def test_engines_are_peers():
    assert peer_kind("ours:scan").options == {"engine": "scan", "graphs": False}
    assert peer_kind("ours").options == {"engine": "auto", "graphs": False}
    assert peer_kind("ours-graphs").options == {"engine": "auto", "graphs": True}
