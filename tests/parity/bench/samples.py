"""Outcomes without a measurement, and a process without a framework."""

import numpy as np

from parity.bench.configuration import Configuration
from parity.bench.process import PeerFailedError
from parity.bench.results import Measured, Outcome
from parity.bench.reviews import encode_texts

TINY = {
    "hidden": 5,
    "time": 7,
    "batch": 3,
    "vocabulary": 29,
    "embedding": 11,
    "reviews": 13,
}


def tiny(cell="gru", **settings):
    return Configuration(cell=cell, **{**TINY, **settings})


def with_test_reviews(folder, mask):
    """An epoch over real texts, with 31 others of which a fresh model says something."""
    generator = np.random.default_rng(1)
    for stage in ("train", "test"):
        texts = [" ".join(generator.choice(list("abcdefghi"), length)) for length in range(1, 32)]
        lines = [f"{'np'[index % 2]}\t{text}\n" for index, text in enumerate(texts)]
        (folder / f"{stage}.tsv").write_text("label\ttext\n" + "".join(lines))
    target = str(folder / "reviews.npz")
    encode_texts(str(folder / "train.tsv"), str(folder / "test.tsv"), 29, target)
    return tiny(workload="epoch", mask=mask, time=19, text=target, reviews=31, test_reviews=31)


def outcome(peer, *seconds, configuration=None, **facts):
    facts = {"values": [0.5], "parameters": 17, "first": 2.0, "peak": 3 << 20, **facts}
    return Outcome(peer=peer, configuration=configuration or tiny(), seconds=list(seconds), **facts)


def measured(*outcomes, **extra):
    facts = {"Machine": "a <machine>", "Command": "python -m parity bench --quick"}
    return Measured(outcomes=list(outcomes), gemm=[0.02, 0.01], facts=facts, **extra)


class FakeProcess:
    """Answers as a peer that takes ``seconds`` a repetition, and writes down when it ran."""

    def __init__(
        self, name, log, seconds=1.0, fails_at=None, values=(0.5,), cannot="", requests=None
    ):
        self.name, self.log, self.seconds = name, log, seconds
        self.fails_at, self.values, self.cannot = fails_at, list(values), cannot
        self.requests = [] if requests is None else requests
        self.runs = 0
        self.closed = False

    def ready(self):
        if self.fails_at == "ready":
            raise PeerFailedError("no such framework")

    def ask(self, **request):
        assert not self.closed
        do = request["do"]
        self.log.append((self.name, do))
        self.requests.append((self.name, do, request.get("plain", False)))
        if do == "build":
            if self.cannot:
                return {"cannot": self.cannot}
            return {"parameters": 17, "note": f"{self.name} runs.", "seconds": 0.25}
        if do == "test":
            return {"accuracy": 0.75}
        if do == "release":
            return {"peak": 7 << 20, "rise": 2 << 20}
        self.runs += 1
        if self.runs == self.fails_at:
            raise PeerFailedError("died with SIGSEGV")
        if self.fails_at == "interrupt" and self.runs == 6:
            raise KeyboardInterrupt
        answer = {"wall": self.seconds, "cpu": 2 * self.seconds, "values": self.values}
        return {**answer, "idle": 10.0, "busy": 0.1}

    def close(self):
        self.closed = True
