"""Before a pass is recorded, it is tried whether it waits for the GPU."""

import warnings

import pytest
import torch

from birnn_lightning.nn.cuda_graphs.recording import nothing_waits


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str | int]:
    """The modes in which a GPU was told to look for waits; torch warns of each, as it does."""
    modes: list[str | int] = [0]

    def tell(mode: str | int) -> None:
        modes.append(mode)
        if mode == "error":
            warnings.warn("Synchronization debug mode is a prototype feature", stacklevel=2)

    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: modes[-1])
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", tell)
    return modes


def test_looking_for_waits_is_quiet_and_ends(said: list[str | int]) -> None:
    def wait() -> None:
        with nothing_waits():
            assert said == [0, "error"]
            raise RuntimeError("waited")

    with pytest.raises(RuntimeError, match="waited"):
        wait()
    assert said == [0, "error", 0]
