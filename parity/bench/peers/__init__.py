"""Who is measured: each peer by name, what it needs, and where its code lies; nothing is loaded."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from parity.bench.configuration import Configuration

OURS = "ours"
GEMM = "gemm"


@dataclass(frozen=True, kw_only=True)
class PeerKind:
    """A peer.

    Attributes:
        module: under `parity.bench.peers`, with a function ``build``.
        options: further arguments of that function.
        needs: packages.
        environment: variables of its process.
        cuda: whether it is measured there.
        masks: whether it skips masked steps; where not, it computes other numbers.
        says: what it is, for the reader of a report.
    """

    module: str
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    cuda: bool = False
    masks: bool = True
    says: str = ""

    def comparable(self, configuration: Configuration) -> bool:
        """Whether its numbers must be those of every other peer."""
        return self.masks or not configuration.masked


def _torch(fused: bool, masks: bool, says: str) -> PeerKind:
    options = {"fused": fused, "masks": masks}
    return PeerKind(module="torch_nn", options=options, cuda=True, masks=masks, says=says)


def _keras(backend: str, jit: bool, says: str) -> PeerKind:
    return PeerKind(
        module="keras",
        options={"jit": jit},
        needs=("keras", backend),
        environment={"KERAS_BACKEND": backend},
        says=says,
    )


PEERS: dict[str, PeerKind] = {
    OURS: PeerKind(
        module="ours", options={"engine": "auto"}, cuda=True, says="this library, fused Adam"
    ),
    "torch": _torch(
        False, True, "torch.nn, default Adam; masked: packed, valid steps moved to the front"
    ),
    "torch-fused": _torch(True, True, "the same with Adam(fused=True)"),
    "torch-padded": _torch(
        True, False, "the same without packing: it reads the padding, so it computes other numbers"
    ),
    "keras-tensorflow": _keras("tensorflow", False, "Keras on tensorflow, graph mode"),
    "keras-tensorflow-xla": _keras("tensorflow", True, "Keras on tensorflow, jit_compile=True"),
    "keras-jax": _keras("jax", True, "Keras on jax, jit_compile=True"),
    "keras-torch": _keras("torch", False, "Keras on torch, eager"),
}
_GEMM = PeerKind(module="gemm", cuda=True)


def peer_kind(name: str) -> PeerKind:
    """The peer of a name; ``ours:scan`` is ours with that engine for every layer."""
    if name == GEMM:
        return _GEMM
    if name.startswith(f"{OURS}:"):
        engine = name.partition(":")[2]
        says = f"this library, engine {engine}"
        return PeerKind(module="ours", options={"engine": engine}, cuda=True, says=says)
    return PEERS[name]


def is_ours(name: str) -> bool:
    """Whether a peer is this library."""
    return name.partition(":")[0] == OURS


def missing(name: str, device: str) -> str:
    """Why a peer cannot be measured here at all; empty where it can."""
    kind = peer_kind(name)
    absent = [package for package in kind.needs if importlib.util.find_spec(package) is None]
    if absent:
        return f"{' and '.join(absent)} not installed"
    if device != "cpu" and not kind.cuda:
        return f"measured on the CPU alone, not on {device}"
    return ""
