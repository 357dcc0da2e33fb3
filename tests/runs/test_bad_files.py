"""Every refusal of a file says what was seen, what is allowed and what to do."""

import os
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from isoflop.errors import RunsError
from isoflop.runs import read_runs, write_runs

BAD_FILES = {
    "empty.csv": (b"", "is empty"),
    "empty.jsonl": (b"", "is empty"),
    "header.csv": (b"params,tokens,loss\n", "header and no rows"),
    "text.csv": (
        b"params,tokens,loss\n1e8,2e9,3.5\n1e8,many,3.5\n1e8,few,3\n",
        r"'tokens'.*2 of 3 rows.*row 2: 'many'",
    ),
    "nan.csv": (b"params,tokens,loss\n1e8,2e9,NaN\n", "row 1: loss is nan"),
    "infinite.csv": (b"params,tokens,loss\ninf,2e9,3\n", "row 1: params is inf"),
    "negative.csv": (b"params,tokens,loss\n1e8,2e9,-3\n", "row 1: loss is -3"),
    "suffix_of_a_loss.csv": (b"params,tokens,loss\n1e8,2e9,3k\n", r"'loss'.*'3k'"),
    "twice.csv": (b"params,tokens,loss,loss\n1,2,3,4\n", "more than one column named 'loss'"),
    "twice.jsonl": (b'{"params": 1, "params": 2, "tokens": 3, "loss": 3}\n', "more than one column named 'params'"),
    "short_row.csv": (b"params,tokens,loss\n1e8,2e9,3\n1e8,2e9\n", "2 fields on line 3, but 3 in its header"),
    "long_row.csv": (b"params,tokens,loss\n1e8,2e9,3\n1e8,2e9,3,4\n", "4 fields on line 3, but 3 in its header"),
    "one_field_a_row.csv": (b"params,tokens,loss\n" + b"3.25\n" * 50_000, "1 fields on line 2, but 3"),
    "open_quote.csv": (b'params,tokens,loss\n1e8,2e9,"3\n', "delimited text|fields on line|Correct"),
    "no_header.csv": (b"1e8,2e9,3\n1e8,2e9,3\n", "first line holds numbers"),
    "binary.csv": (b"\x7fELF\x00\x00\x01", "binary.*NUL byte at 4"),
    "latin.csv": (b"params,tokens,loss,name\n1,2,3,\xe9t\xe9\n", "not UTF-8"),
    "wide.csv": ("params,tokens,loss\n1,2,3\n".encode("utf-16"), "UTF-16"),
    "one_line.csv": (b"1" * 100_000, "no line break"),
    "fake.parquet": (b"params,tokens,loss\n", "not a Parquet file"),
    "broken.jsonl": (b'{"params": 1,\n', "line 1: not JSON"),
    "list.jsonl": (b"[1, 2]\n", "no JSON object"),
    "broken.json": (b"[{]", "not JSON"),
    "deep.json": (b"[" * 100_000, "not JSON"),
    "scalar.json": (b"3", "neither a list of runs nor columns"),
    "uneven.json": (b'{"params": [1, 2], "tokens": [1], "loss": [1]}', "different lengths"),
    "nested.jsonl": (b'{"params": [1], "tokens": 1, "loss": 2}\n', "'params'.*must hold numbers"),
    "packed.csv.gz": (b"\x1f\x8b", "compressed"),
    "table.xlsx": (b"PK", "suffix '.xlsx'.*Known: .csv"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_holds_no_runs_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    content, message = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RunsError, match=message) as caught:
        read_runs(tmp_path / name)
    assert caught.value.exit_code == 2
    assert len(str(caught.value)) < 1500


def test_one_row_is_read(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("params,tokens,loss\n1e8,2e9,3.5\n")
    assert len(read_runs(tmp_path / "one.csv")) == 1


def test_a_directory_is_refused_with_the_tables_inside(tmp_path: Path) -> None:
    (tmp_path / "ladder.csv").write_text("params,tokens,loss\n1e8,2e9,3.5\n")
    with pytest.raises(RunsError, match=r"is a directory.*ladder\.csv"):
        read_runs(tmp_path)


def test_a_missing_file_is_answered_with_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "ladder.csv").write_text("")
    with pytest.raises(RunsError, match=r"no file .*Did you mean '.*ladder\.csv'"):
        read_runs(tmp_path / "laddr.csv")
    with pytest.raises(RunsError, match="does not exist either"):
        read_runs(tmp_path / "nowhere" / "runs.csv")


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "runs.csv")
    with pytest.raises(RunsError, match="not a regular file"):
        read_runs(tmp_path / "runs.csv")


def test_a_frame_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(RunsError, match="from a dict"):
        read_runs({"params": [1]})


def test_many_faults_are_counted_and_a_few_are_shown() -> None:
    frame = pl.DataFrame({"params": ["x"] * 1000, "tokens": [1.0] * 1000, "loss": [1.0] * 1000})
    with pytest.raises(RunsError, match=r"1000 of 1000 rows.*and 997 more") as caught:
        read_runs(frame)
    assert str(caught.value).count("row ") <= 3


READ_BIG = """
import pathlib, re, resource, sys
from isoflop.errors import RunsError
from isoflop.runs import read_runs
try:
    read_runs(sys.argv[1])
except RunsError as error:
    print(error)
    status = pathlib.Path("/proc/self/status")  # ru_maxrss starts at what the parent had when it forked
    own = re.search(r"VmHWM:\\s+(\\d+)", status.read_text()) if status.exists() else None
    print(own.group(1) if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize(("suffix", "row"), [("csv", b"3.25\n"), ("jsonl", b'{"loss": 3.25}\n')])
def test_a_gigabyte_of_one_column_is_refused_fast_and_in_little_memory(tmp_path: Path, suffix: str, row: bytes) -> None:
    path = tmp_path / f"big.{suffix}"
    with path.open("wb") as file:
        file.write((b"loss\n" if suffix == "csv" else b"") + row * 20_000)
        file.truncate(1 << 30)  # sparse: the size counts, the disk is spared
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", READ_BIG, str(path)], capture_output=True, text=True, check=True)
    message, kilobytes = done.stdout.strip().rsplit("\n", 1)
    assert "no column for params" in message
    assert int(kilobytes) < 400_000
    assert time.monotonic() - started < 20


def test_a_failed_write_leaves_the_earlier_file_alone(tmp_path: Path) -> None:
    frame = pl.DataFrame({"params": [1e8], "tokens": [2e9], "loss": [3.0]})
    path = tmp_path / "runs.csv"
    write_runs(read_runs(frame), path)
    before = path.read_bytes()
    nested = read_runs(frame.with_columns(curve=pl.Series([[1.0, 2.0]])))
    with pytest.raises(RunsError, match="curve"):
        write_runs(nested, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["runs.csv"]


@pytest.mark.parametrize("name", ["runs.xlsx", "nowhere/runs.csv", "folder.csv"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    runs = read_runs(pl.DataFrame({"params": [1e8], "tokens": [2e9], "loss": [3.0]}))
    with pytest.raises(RunsError, match="Cannot write runs"):
        write_runs(runs, tmp_path / name)


def test_a_long_table_of_other_letters_is_not_taken_for_ragged(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    rows = "".join(f"1e{6 + i % 4},{1e9 + i},3.{i:04d},modèle-à-{i}-é\n" for i in range(3_000))
    path.write_text("params,tokens,loss,name\n" + rows, encoding="utf-8")
    assert len(read_runs(path).frame) == 3_000
