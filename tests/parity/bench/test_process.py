"""A process answers, or there is one line that says why not."""

import io
import json
import os
import sys
import time

import pytest

from parity.bench.cores import available_cores
from parity.bench.peers.interface import Place
from parity.bench.process import PeerFailedError, PeerProcess, start_peer
from parity.bench.worker import Worker, serve

ECHO = """
import os, sys
print('{"ready": true}', flush=True)
for line in sys.stdin:
    print('{"cores": %d, "said": %s}' % (len(os.sched_getaffinity(0)), line.strip()), flush=True)
"""


@pytest.fixture
def begin():
    started = []

    def start(script, timeout=60.0):
        command = [sys.executable, "-c", script]
        process = PeerProcess(command, dict(os.environ), available_cores()[:1], timeout)
        started.append(process)
        return process

    yield start
    for process in started:
        process.close()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
def test_it_answers_on_the_cores_it_was_given(begin):
    process = begin(ECHO)
    process.ready()
    assert process.ask(do="run", count=3) == {"cores": 1, "said": {"do": "run", "count": 3}}
    assert process.ask(do="release")["said"] == {"do": "release"}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import sys; sys.exit('first\\nno kernel')", "died with exit status 1: no kernel"),
        ("import os; os.kill(os.getpid(), 11)", "died with SIGSEGV"),
        ("print('{\"error\": \"TypeError: " + "x" * 300 + "\"}')", "TypeError: " + "x" * 188 + "…"),
    ],
)  # fmt: skip
def test_a_death_is_one_line(begin, script, said):
    with pytest.raises(PeerFailedError) as raised:
        begin(script).ready()
    assert str(raised.value) == said


def test_a_process_that_hangs_is_ended(begin):
    process = begin("import time; time.sleep(600)", timeout=0.5)
    started = time.monotonic()
    with pytest.raises(PeerFailedError, match=r"no answer within 0\.5 s"):
        process.ready()
    assert time.monotonic() - started < 60
    process.close()


def test_an_exception_in_a_peer_reaches_the_parent(tmp_path):
    process = start_peer("gemm", device="cpu", threads=1, timeout=120, folder=str(tmp_path))
    try:
        process.ready()
        with pytest.raises(PeerFailedError, match=r"TypeError: .*'colour'"):
            process.ask(do="build", configuration={"cell": "gru", "colour": "red"})
    finally:
        process.close()


def test_the_worker_says_what_it_ran_and_how_busy_it_was_before(tmp_path):
    worker = Worker("gemm", Place(device="cpu", folder=str(tmp_path)))
    requests = [
        {"do": "build", "configuration": {"cell": "gru", "vocabulary": 29, "hidden": 5}},
        {"do": "run"},
        {"do": "release"},
    ]
    answers = io.StringIO()
    serve(worker, io.StringIO("".join(json.dumps(one) + "\n" for one in requests)), answers)
    built, ran, released = map(json.loads, answers.getvalue().splitlines())
    assert built["parameters"] == 0
    assert 0 < ran["wall"] < 60
    assert ran["cpu"] > 0
    assert 150 < ran["values"][0] < 350  # the mean of a product of 1,024 uniform pairs is 256
    assert released["peak"] > 16 << 20
    assert released["peak"] >= released["rise"] >= 0
    assert all(one["idle"] >= 0 and one["busy"] >= 0 for one in (built, ran, released))
