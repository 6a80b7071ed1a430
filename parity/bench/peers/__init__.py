"""Who is measured: each peer by name, what it needs, and where its code lies; nothing is loaded."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from parity.bench.configuration import Configuration

OURS = "ours"
CPU_AND_GPU = ("cpu", "cuda")
RUNS_TO_RECORD = 6
"""Within as many steps of one kind `cuda_graphs` has recorded it."""
GEMM = "gemm"


@dataclass(frozen=True, kw_only=True)
class PeerKind:
    """A peer.

    Attributes:
        module: under `parity.bench.peers`, with a function ``build``.
        options: further arguments of that function.
        needs: packages.
        environment: variables of its process.
        devices: where it is measured.
        masks: whether it skips masked steps; where not, it computes other numbers.
        warmups: repetitions that do not count, at least.
        says: what it is, for the reader of a report.
    """

    module: str
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[str, ...] = ("cpu",)
    masks: bool = True
    warmups: int = 1
    says: str = ""

    def comparable(self, configuration: Configuration) -> bool:
        """Whether its numbers must be those of every other peer."""
        return self.masks or not configuration.masked


def _torch(fused: bool, masks: bool, says: str, graphs: bool = False) -> PeerKind:
    options = {"fused": fused, "masks": masks, "graphs": graphs}
    devices = ("cuda",) if graphs else CPU_AND_GPU
    return PeerKind(module="torch_nn", options=options, devices=devices, masks=masks, says=says)


def _ours(engine: str, says: str, graphs: bool = False) -> PeerKind:
    options = {"engine": engine, "graphs": graphs}
    devices = ("cuda",) if graphs else CPU_AND_GPU
    return PeerKind(
        module="ours",
        options=options,
        devices=devices,
        warmups=RUNS_TO_RECORD if graphs else 1,
        says=f"this library, {says}",
    )


def _keras(backend: str, jit: bool, says: str) -> PeerKind:
    return PeerKind(
        module="keras",
        options={"jit": jit},
        needs=("keras", backend),
        environment={"KERAS_BACKEND": backend},
        says=says,
    )


PEERS: dict[str, PeerKind] = {
    OURS: _ours("auto", "fused Adam"),
    "ours-graphs": _ours("auto", "fused Adam, cuda_graphs", graphs=True),
    "torch": _torch(
        False, True, "torch.nn, default Adam; masked: packed, valid steps moved to the front"
    ),
    "torch-fused": _torch(True, True, "the same with Adam(fused=True)"),
    "torch-padded": _torch(
        True, False, "the same without packing: it reads the padding, so it computes other numbers"
    ),
    "torch-graphs": _torch(
        True, True, "torch-fused in torch.cuda.make_graphed_callables, where masks allow", True
    ),
    "keras-tensorflow": _keras("tensorflow", False, "Keras on tensorflow, graph mode"),
    "keras-tensorflow-xla": _keras("tensorflow", True, "Keras on tensorflow, jit_compile=True"),
    "keras-jax": _keras("jax", True, "Keras on jax, jit_compile=True"),
    "keras-torch": _keras("torch", False, "Keras on torch, eager"),
}
_GEMM = PeerKind(module="gemm", devices=CPU_AND_GPU)


def peer_kind(name: str) -> PeerKind:
    """The peer of a name; ``ours:scan`` is ours with that engine for every layer."""
    if name == GEMM:
        return _GEMM
    if name.startswith(f"{OURS}:"):
        engine = name.partition(":")[2]
        return _ours(engine, f"engine {engine}")
    return PEERS[name]


def is_ours(name: str) -> bool:
    """Whether a peer is this library."""
    return name.startswith(OURS)


def missing(name: str, device: str) -> str:
    """Why a peer cannot be measured here at all; empty where it can."""
    kind = peer_kind(name)
    absent = [package for package in kind.needs if importlib.util.find_spec(package) is None]
    if absent:
        return f"{' and '.join(absent)} not installed"
    if device not in kind.devices:
        where = "the CPU" if kind.devices == ("cpu",) else "a GPU"
        return f"measured on {where} alone, not on {device}"
    return ""


def peers_of(device: str) -> list[str]:
    """The peers that are measured on a device, installed or not."""
    return [name for name, kind in PEERS.items() if device in kind.devices]
