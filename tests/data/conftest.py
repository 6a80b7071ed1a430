"""No test of the data modules touches the network or the user's caches."""

import os
from pathlib import Path

import pytest

from birnn_lightning.data import token_cache


@pytest.fixture(autouse=True)
def private_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets.config as datasets_config
    import huggingface_hub.constants

    # Not by XDG_CACHE_HOME: the compiled kernels shall be found.
    monkeypatch.setattr(token_cache, "cache_folder", lambda: tmp_path / "token-cache" / "tokens")
    monkeypatch.setattr(datasets_config, "HF_DATASETS_CACHE", tmp_path / "dataset-cache")
    monkeypatch.setattr(datasets_config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data; tests that need it skip where it is not given."""
    folder = os.environ.get("BIRNN_DATA")
    if not folder:
        pytest.skip("BIRNN_DATA is not set: the real data are not here")
    return Path(folder) / "data"
