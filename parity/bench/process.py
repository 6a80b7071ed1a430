"""A peer lives in a process of its own, which may crash or hang without harm to the others."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from parity.bench.cores import available_cores
from parity.bench.peers import peer_kind

ENVIRONMENT = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
REASON_LENGTH = 200


class PeerFailedError(Exception):
    """A peer's process gave no answer; the message says why in one line."""


class PeerProcess:
    """One peer's process, driven by lines of JSON.

    Args:
        command: what answers on its standard output to lines on its standard input.
        environment: all of its variables.
        cores: the only ones that it may use.
        timeout: seconds that it may take for an answer.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: dict[str, str],
        cores: Sequence[int],
        timeout: float,
    ) -> None:
        """Starts it; `ask` waits until it is ready."""
        self._timeout = timeout
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        self._unread = b""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            start_new_session=True,  # an interrupt is for the parent, which then ends the others
        )
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self._process.pid, cores)

    def ready(self) -> None:
        """Waits until the framework is loaded."""
        self._answer()

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request and its answer.

        Raises:
            PeerFailedError: the process has crashed or hung; it is then ended.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # `_answer` finds out why
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._line()
        answer = json.loads(line) if line else {"error": self._epitaph()}
        if "error" in answer:
            self.close()
            raise PeerFailedError(_shortened(answer["error"]))
        return answer

    def _line(self) -> bytes:
        """The next line of the process, or nothing where it has ended."""
        assert self._process.stdout is not None
        stream, deadline = self._process.stdout.fileno(), time.monotonic() + self._timeout
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                self.close()
                raise PeerFailedError(f"no answer within {self._timeout:g} s")
            part = os.read(stream, 1 << 16)
            if not part:
                return b""
            self._unread += part
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _epitaph(self) -> str:
        """How the process ended, and the last line it left on standard error."""
        status = self._process.wait()
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"died with {how}" + (f": {lines[-1].strip()}" if lines else "")

    def close(self) -> None:
        """Ends the process."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with suppress(BrokenPipeError):  # what was not sent is not wanted any more
                    stream.close()


def start_peer(name: str, *, device: str, threads: int, timeout: float, folder: str) -> PeerProcess:
    """Starts the process of a peer, with the same threads and cores for every one.

    Args:
        name: see `parity.bench.peers.peer_kind`.
        device: ``cpu`` or ``cuda``.
        threads: how many threads, and how many cores where the system can say so.
        timeout: seconds that it may take for an answer.
        folder: for what it must write.
    """
    environment = {**os.environ, **dict.fromkeys(ENVIRONMENT, str(threads))}
    environment |= peer_kind(name).environment
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    environment["NVIDIA_TF32_OVERRIDE"] = "0"  # float32 means float32 on a GPU too
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    command = [sys.executable, "-m", "parity.bench.worker", name, device, folder]
    return PeerProcess(command, environment, available_cores()[:threads], timeout)


def _shortened(reason: str) -> str:
    return reason if len(reason) <= REASON_LENGTH else reason[: REASON_LENGTH - 1] + "…"
