"""A peer's process: it waits for a line on its pipe, does what it says, and answers with a line.

``python -m parity.bench.worker NAME DEVICE FOLDER``; see `Worker` for the lines.
"""

import importlib
import json
import os
import sys
import time
from types import TracebackType
from typing import Any, TextIO, cast

from parity.bench.configuration import Configuration
from parity.bench.memory import peak, reset_peak
from parity.bench.peers import peer_kind
from parity.bench.peers.interface import CannotRunError, EpochPeer, Peer, Place


class Worker:
    """Answers requests.

    ``{"do": "build", "configuration": {...}}``: parameters, note and seconds, or ``cannot``.
    ``{"do": "run"}``: wall and processor seconds of one repetition, and what it computed.
    ``{"do": "test"}``: after epochs, the accuracy on other reviews.
    ``{"do": "release"}``: peak and rise of memory since before the model was built.

    With ``"plain": true``, `build` and `run` mean a second model, which is not released.
    """

    def __init__(self, name: str, place: Place) -> None:
        """Loads the peer's framework."""
        self._kind = peer_kind(name)
        self._place = place
        self._module = importlib.import_module(f"parity.bench.peers.{self._kind.module}")
        self._models = importlib.import_module("parity.bench.models")
        self._peers: dict[bool, Peer] = {}
        self._level = 0

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request."""
        return getattr(self, request.pop("do"))(**request)

    def build(self, configuration: dict[str, Any], plain: bool = False) -> dict[str, Any]:
        """Builds the model of a configuration."""
        chosen = Configuration(**configuration)
        spec = self._models.build_spec(chosen)
        weights = self._models.starting_weights(spec)
        self._peers.pop(plain, None)
        self._level = reset_peak(self._place.device)
        started = time.perf_counter()
        try:
            peer = self._module.build(chosen, spec, weights, self._place, **self._kind.options)
        except CannotRunError as error:
            return {"cannot": str(error)}
        self._peers[plain] = peer
        seconds = time.perf_counter() - started
        return {"parameters": peer.parameters, "note": peer.note, "seconds": seconds}

    def run(self, plain: bool = False) -> dict[str, Any]:
        """Runs one repetition."""
        started, worked = time.perf_counter(), time.process_time()
        values = self._peers[plain].run()
        return {
            "wall": time.perf_counter() - started,
            "cpu": time.process_time() - worked,
            "values": values,
        }

    def test(self) -> dict[str, Any]:
        """Predicts the test reviews."""
        return {"accuracy": cast(EpochPeer, self._peers[False]).accuracy()}

    def release(self) -> dict[str, Any]:
        """Drops the model."""
        most = peak(self._place.device)
        del self._peers[False]
        return {"peak": most, "rise": most - self._level}


def serve(worker: Worker, requests: TextIO, answers: TextIO) -> None:
    """Answers each line until there are no more; says how busy the process was while it waited."""
    waiting, worked = time.perf_counter(), time.process_time()
    for line in requests:
        idle, busy = time.perf_counter() - waiting, time.process_time() - worked
        answer = worker.answer(json.loads(line))
        print(json.dumps({**answer, "idle": idle, "busy": busy}), file=answers, flush=True)
        waiting, worked = time.perf_counter(), time.process_time()


def main(name: str, device: str, folder: str) -> None:
    """Serves standard input; what libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)

        def say(kind: type[BaseException], error: BaseException, trace: TracebackType | None):
            text = " ".join(str(error).split())
            reason = f"{kind.__name__}: {text}" if text else kind.__name__
            print(json.dumps({"error": reason}), file=answers, flush=True)
            sys.__excepthook__(kind, error, trace)
            sys.stderr.flush()
            os._exit(1)  # a framework's threads may not keep a process that has failed

        sys.excepthook = say
        worker = Worker(name, Place(device=device, folder=folder))
        print(json.dumps({"ready": True}), file=answers, flush=True)
        serve(worker, sys.stdin, answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
