"""Peers take turns; one that fails leaves the others' results, and is started again three times."""

import math

import pytest

from parity.bench.peers import GEMM
from parity.bench.results import Measured
from parity.bench.schedule import DEATHS, Plan, Schedule, peers_here
from tests.parity.bench.samples import FakeProcess, tiny

PLAN = Plan(repetitions=5, epochs=2, warmups=3, seconds=100.0, clock="wall")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr("parity.bench.schedule.SETTLE", 0)


class Lab:
    """A schedule of fake processes; each start takes what the test says of that peer."""

    def __init__(self, plan=PLAN, **peers):
        self.log, self.started, self.peers = [], [], peers
        self.requests = []
        self.measured = Measured()
        self.schedule = Schedule(list(peers), self.start, plan, self.measured)

    def start(self, name):
        settings = self.peers.get(name, {"seconds": 0.01})
        process = FakeProcess(name, self.log, requests=self.requests, **settings)
        self.started.append(process)
        return process

    def run(self, configuration=None, plain=None):
        return {one.peer: one for one in self.schedule.run(configuration or tiny(), plain)}


def test_peers_take_turns_and_another_one_begins_each_round():
    lab = Lab(ours={"seconds": 3.0}, torch={"seconds": 5.0})
    found = lab.run()
    runs = [name for name, did in lab.log if did == "run"]
    assert runs[:9] == ["ours"] * 3 + ["torch"] * 3 + [GEMM] * 3
    assert runs[9:15] == ["ours", "torch", GEMM, "torch", GEMM, "ours"]
    assert len(runs) == 9 + 5 * 3
    assert [found[name].seconds for name in ("ours", "torch")] == [[3.0] * 5, [5.0] * 5]
    assert lab.measured.gemm == [0.01] * 5
    assert found["ours"].note == "ours runs."
    assert (found["torch"].first, found["torch"].build) == (5.0, 0.25)
    assert (found["torch"].parameters, found["torch"].values) == (17, [0.5])
    assert (found["ours"].peak, found["ours"].rise) == (7 << 20, 2 << 20)
    assert lab.measured.idle_shares == {"ours": pytest.approx(0.01), "torch": pytest.approx(0.01)}


def test_a_setting_alternates_with_the_plain_configuration():
    lab = Lab(ours={"seconds": 3.0}, torch={"seconds": 5.0})
    for variant in ("relu", "dropout"):
        found = lab.run(tiny(variant=variant), plain=tiny())
        assert found["torch"].seconds == found["torch"].plain_seconds == [5.0] * 5
    turns = [one for one in lab.requests if one[1] != "release"]
    rounds = [(name, plain) for name, do, plain in turns if do == "run"][-5 * 5 :]
    beside = [("ours", True), ("ours", False), ("torch", True), ("torch", False), (GEMM, False)]
    assert rounds[:5] == beside
    assert rounds[5:10] == [*beside[2:], *beside[:2]]
    built = [name for name, do, plain in turns if do == "build" and plain]
    assert built == ["ours", "torch"]  # once for both settings


def test_the_plain_configuration_is_built_again_after_a_crash():
    lab = Lab(torch={"fails_at": 7})
    assert lab.run(tiny(variant="relu"), plain=tiny())["torch"].failure == "died with SIGSEGV"
    lab.peers["torch"] = {}
    assert lab.run(tiny(variant="relu"), plain=tiny())["torch"].plain_seconds == [1.0] * 5


def test_an_epochs_accuracy_is_asked_for_after_the_rounds():
    lab = Lab(ours={}, torch={"fails_at": 2})
    found = lab.run(tiny(workload="epoch", test_reviews=5))
    assert (found["ours"].accuracy, found["torch"].accuracy) == (0.75, None)
    assert [did for name, did in lab.log if name == "ours"][-2:] == ["test", "release"]
    assert "test" not in [did for name, did in lab.log if name in ("torch", GEMM)]
    assert lab.run(tiny(workload="epoch"))["ours"].accuracy is None


def test_the_clock_and_the_repetitions_of_an_epoch_are_the_plans():
    lab = Lab(Plan(repetitions=5, epochs=2, warmups=3, seconds=100, clock="cpu"), ours={})
    assert lab.run(tiny(workload="epoch"))["ours"].seconds == [2.0] * 2


def test_rounds_end_early_but_not_before_the_third():
    lab = Lab(Plan(repetitions=50, epochs=2, warmups=1, seconds=-1, clock="wall"), ours={})
    assert lab.run()["ours"].seconds == [1.0] * 3


def test_a_crash_leaves_the_others_and_the_peer_is_started_again():
    lab = Lab(ours={}, torch={"fails_at": 5})
    first, second = lab.run(), lab.run(tiny("lstm"))
    for found in (first, second):
        assert found["ours"].seconds == [1.0] * 5
        assert found["torch"].seconds == [1.0]
        assert found["torch"].failure == "died with SIGSEGV"
    assert [one.name for one in lab.started] == ["ours", "torch", GEMM, "torch"]
    assert [one.closed for one in lab.started] == [False, True, False, True]


def test_a_peer_that_always_dies_is_given_up():
    lab = Lab(ours={}, torch={"fails_at": "ready"})
    for cell in ("rnn", "lstm", "gru"):
        assert lab.run(tiny(cell))["torch"].failure == "no such framework"
    assert lab.run(tiny(hidden=7))["torch"].failure == "no such framework"
    assert [one.name for one in lab.started].count("torch") == DEATHS


def test_what_a_peer_cannot_express_is_no_failure_of_its_process():
    lab = Lab(ours={}, torch={"cannot": "no such setting"})
    for _ in range(DEATHS + 1):
        assert lab.run()["torch"].failure == "no such setting"
    assert [one.closed for one in lab.started] == [False] * 3


def test_a_loss_that_is_no_number_is_a_failure():
    lab = Lab(ours={"values": [math.nan]}, torch={})
    found = lab.run()
    assert found["ours"].failure == "computed nan where a number was expected"
    assert found["ours"].seconds == []
    assert found["torch"].seconds == [1.0] * 5


def test_an_interrupt_keeps_what_was_measured_and_ends_every_process():
    lab = Lab(ours={}, torch={"fails_at": "interrupt"})
    with pytest.raises(KeyboardInterrupt):
        lab.run()
    assert [len(one.seconds) for one in lab.measured.outcomes] == [3, 2]
    lab.schedule.close()
    assert all(one.closed for one in lab.started)


def test_an_interrupt_leaves_no_configuration_without_times():
    lab = Lab(ours={}, torch={})
    lab.run(tiny(hidden=7))
    for peer in lab.started:
        peer.fails_at, peer.runs = "interrupt", 5
    with pytest.raises(KeyboardInterrupt):
        lab.run(tiny(hidden=9))
    assert [one.configuration.hidden for one in lab.measured.outcomes] == [7, 7]


def test_without_any_peer_it_says_why():
    assert peers_here(["ours", "keras-jax"], {"keras-jax": "jax not installed"}) == ["ours"]
    with pytest.raises(ValueError, match=r"\(keras-jax: jax not installed\)"):
        peers_here(["keras-jax"], {"keras-jax": "jax not installed"})
