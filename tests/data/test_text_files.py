"""Text files come through whole and unchanged, or are refused with one line."""

import gzip
from pathlib import Path

import pytest

from birnn_lightning.data.text_files import check_columns, read_file, read_hub_dataset

NASTY = ['he said "no', '"', "None", "NA", "007", "nan", " a ", "1e5", "ä\u2028\x85\x1c'", "a,b"]


def write(path: Path, content: str) -> str:
    data = content.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return str(path)


@pytest.mark.parametrize("ending", [".tsv", ".tsv.gz"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_tsv_is_read_unchanged(tmp_path: Path, ending: str, newline: str) -> None:
    rows = ["label\ttext", *(f"0\t{text}" for text in NASTY)]
    path = write(tmp_path / f"train{ending}", newline.join(rows) + newline)
    table = read_file(path)
    assert list(table["text"]) == NASTY
    assert list(table["label"]) == ["0"] * len(NASTY)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_csv_is_read_unchanged(tmp_path: Path, ending: str) -> None:
    texts = [*NASTY, "two\nlines", ""]
    rows = [f'"{text.replace(chr(34), chr(34) * 2)}",01' for text in texts]
    path = write(tmp_path / f"train{ending}", "\n".join(["\ufefftext,label", *rows]))
    table = read_file(path)
    assert list(table["text"]) == texts
    assert set(table["label"]) == {"01"}


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_json_lines(tmp_path: Path, ending: str) -> None:
    lines = '{"text": "a \\"b\\"", "label": 3}\n{"text": "", "label": 5}\n'
    table = read_file(write(tmp_path / f"train{ending}", lines))
    assert list(table["text"]) == ['a "b"', ""]
    assert list(table["label"]) == [3, 5]


def test_parquet(tmp_path: Path) -> None:
    import pandas as pd

    path = tmp_path / "train.parquet"
    pd.DataFrame({"text": NASTY, "label": range(len(NASTY))}).to_parquet(path)
    assert list(read_file(str(path))["text"]) == NASTY


@pytest.mark.parametrize("ending", [".tsv", ".tsv.gz", ".jsonl"])
def test_a_changed_file_is_read_again(tmp_path: Path, ending: str) -> None:
    def content(text: str) -> str:
        return f'{{"text": "{text}"}}\n' if ending == ".jsonl" else f"text\tlabel\n{text}\t0\n"

    path = write(tmp_path / f"train{ending}", content("old"))
    assert list(read_file(path)["text"]) == ["old"]
    write(tmp_path / f"train{ending}", content("new"))
    assert list(read_file(path)["text"]) == ["new"]


def test_a_very_long_text(tmp_path: Path) -> None:
    text = "x" * 200_003
    assert list(read_file(write(tmp_path / "long.csv", f"text,label\n{text},1\n"))["text"]) == [
        text
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("a.txt", "text", "end in .csv, .tsv, .jsonl .*a.txt", id="ending"),
        pytest.param("a.parquet.gz", "x", "Run gunzip", id="parquet-gz"),
        pytest.param("a.tsv", "", "a.tsv, which is empty", id="empty"),
        pytest.param("a.jsonl.gz", "", "a.jsonl.gz", id="empty-gz"),
        pytest.param("a.tsv", "text\tlabel\n", "one example; got 0", id="header-only"),
        pytest.param("a.tsv", "t\tl\na\t1\nb\n", "have 2 cells .*got 1 at line 3", id="short-row"),
        pytest.param("a.tsv", "t\tl\na\t1\t2\n", "have 2 cells .*got 3 at line 2", id="long-row"),
        pytest.param("a.csv", "t,t\na,1\n", "names must differ; got t, t", id="columns"),
        pytest.param("a.jsonl", '{"text": \n', "a .json file must be readable", id="broken-json"),
        pytest.param("a.parquet", "no parquet", "a .parquet file must be readable", id="parquet"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_file(write(tmp_path / name, content))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must exist; got .*nowhere.tsv"):
        read_file(str(tmp_path / "nowhere.tsv"))


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"text\tlabel\n\xff\xfe\t1\n")
    with pytest.raises(ValueError, match=r"must be UTF-8 text; got .*a.tsv"):
        read_file(str(tmp_path / name))


def test_an_unreachable_hub_is_one_line_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"'nobody/nothing' .*data.train_files=") as caught:
        read_hub_dataset("nobody/nothing")
    assert "\n" not in str(caught.value)


def test_progress_bars_are_switched_on_again(tmp_path: Path) -> None:
    import datasets

    before = (datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity())
    read_file(write(tmp_path / "a.tsv", "t\tl\na\t1\n"))
    assert (datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity()) == before


def test_a_missing_column_is_refused() -> None:
    with pytest.raises(ValueError, match=r"include 'label'; got text, class in train.tsv"):
        check_columns(["text", "class"], ["text", "label"], "train.tsv")
