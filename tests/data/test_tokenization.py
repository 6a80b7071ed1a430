"""Splitting many texts: processes and the cache change nothing but the time it takes."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from birnn_lightning.data import TextDataModule, token_cache, tokenization
from birnn_lightning.data.tokenization import Tokenizer
from birnn_lightning.data.tokens import TokenizedTexts

TEXTS = [f"Word{index % 13} word{index % 7}, {'and ' * (index % 5)}!" for index in range(101)]


@pytest.fixture(autouse=True)
def cache(monkeypatch):
    """The folder of the cache, where these texts count as many."""
    monkeypatch.setattr(tokenization, "CHARACTERS_WORTH_KEEPING", 100)
    return token_cache.cache_folder()


@pytest.fixture
def splits(monkeypatch):
    """The calls that split texts in this process."""
    calls = []
    original = TokenizedTexts.of
    monkeypatch.setattr(TokenizedTexts, "of", lambda *a, **k: calls.append(a) or original(*a, **k))
    return calls


def meaning(found: TokenizedTexts) -> list[list[bytes]]:
    numbers = found.numbered(range(len(found.tokens)))
    return [[found.tokens[number] for number in text] for text in numbers]


CACHE_FOLDER = token_cache.cache_folder  # before each test gets another
EXPECTED = meaning(Tokenizer(cached=False, processes=1)(TEXTS))


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
@pytest.mark.parametrize("processes", [2, 3])
def test_processes_change_nothing(processes, monkeypatch) -> None:
    found = []
    original = TokenizedTexts.joined
    monkeypatch.setattr(
        TokenizedTexts, "joined", lambda parts: original(found.extend(parts) or found)
    )
    assert meaning(Tokenizer(processes=processes, cached=False)(TEXTS)) == EXPECTED
    assert len(found) == processes
    assert sum(len(part.ends) for part in found) == len(TEXTS)


def test_as_many_processes_as_pay(monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(5)), raising=False)
    assert [tokenization._processes(size) for size in (0, 17_000_000, 10**9)] == [0, 2, 5]
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    assert tokenization._processes(10**9) == 1


def test_split_once(cache, splits) -> None:
    assert meaning(Tokenizer()(TEXTS)) == EXPECTED
    assert (len(splits), len(list(cache.iterdir()))) == (1, 1)
    assert meaning(Tokenizer()(TEXTS)) == EXPECTED
    assert len(splits) == 1


def test_the_cache_is_where_the_user_keeps_caches(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert CACHE_FOLDER() == tmp_path / "birnn-lightning" / "tokens"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert CACHE_FOLDER() == Path.home() / ".cache" / "birnn-lightning" / "tokens"


def test_no_cache_where_none_is_wanted_or_the_texts_are_few(cache) -> None:
    Tokenizer(cached=False)(TEXTS)
    Tokenizer()(TEXTS[:2])
    assert not cache.exists()


@pytest.mark.parametrize(
    ("texts", "settings"),
    [
        pytest.param([*TEXTS, "more"], (), id="a-text"),
        pytest.param([TEXTS[0] + TEXTS[1], *TEXTS[2:]], (), id="a-cut"),
        pytest.param(TEXTS, ("lower",), id="standardize"),
        pytest.param(TEXTS, (None, "character"), id="split"),
    ],
)
def test_other_texts_and_settings_are_split_anew(texts, settings, splits) -> None:
    Tokenizer()(TEXTS)
    found = Tokenizer()(texts, *settings)
    assert len(splits) == 2
    assert meaning(found) == meaning(Tokenizer(cached=False)(texts, *settings))


@pytest.mark.parametrize("damage", ["cut", "empty", "other"])
def test_a_damaged_file_counts_as_none(damage, cache, splits) -> None:
    Tokenizer()(TEXTS)
    (path,) = cache.iterdir()
    if damage == "other":
        np.savez(path, something=np.zeros(3))
    else:
        size = path.stat().st_size
        os.truncate(path, size // 2 if damage == "cut" else 0)
    assert meaning(Tokenizer()(TEXTS)) == EXPECTED
    assert len(splits) == 2
    Tokenizer()(TEXTS)
    assert len(splits) == 2, "the file was not mended"


def test_no_changed_bit_is_believed(cache) -> None:
    whole = Tokenizer()(TEXTS[:29])
    (path,) = cache.iterdir()
    content = path.read_bytes()
    noticed = 0
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 8]) + content[place + 1 :])
        found = token_cache.read(path)
        noticed += found is None
        assert found is None or meaning(found) == meaning(whole), place
    assert noticed > len(content) / 2


def test_a_cache_that_cannot_be_written_is_no_error(cache, caplog) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    assert meaning(Tokenizer()(TEXTS)) == EXPECTED
    assert "cannot be kept" in caplog.text


def test_the_oldest_files_go(cache, monkeypatch) -> None:
    for texts in (TEXTS, TEXTS[1:]):
        Tokenizer()(texts)
    first, second = sorted(cache.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    os.utime(second, (1, 1))
    monkeypatch.setattr(token_cache, "BYTES_KEPT", 2 * first.stat().st_size + 1000)
    Tokenizer()(TEXTS[2:])
    assert first.exists()
    assert not second.exists()
    assert len(list(cache.iterdir())) == 2


def test_no_processes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tokenizer_processes must be at least 1.*got 0"):
        TextDataModule(train_files="train.tsv", tokenizer_processes=0)


@pytest.mark.parametrize("settings", [{}, {"cache_tokens": False}, {"tokenizer_processes": 2}])
def test_a_data_module_of_any_setting_gives_the_same(settings, tmp_path, cache) -> None:
    rows = "".join(f"{index % 2}\t{text}\n" for index, text in enumerate(TEXTS))
    (tmp_path / "train.tsv").write_text("label\ttext\n" + rows)
    for again in range(2):
        data = TextDataModule(
            train_files=str(tmp_path / "train.tsv"), max_tokens=17, batch_size=101, **settings
        )
        reference = TextDataModule(
            train_files=str(tmp_path / "train.tsv"),
            max_tokens=17,
            batch_size=101,
            cache_tokens=False,
            tokenizer_processes=1,
        )
        assert data.preprocessing == reference.preprocessing
        (batch,), (expected,) = data.train_dataloader(), reference.train_dataloader()
        assert batch.inputs.equal(expected.inputs)
        assert cache.exists() == settings.get("cache_tokens", True), again
