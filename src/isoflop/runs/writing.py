"""Writing a table of runs so that reading it back gives an equal one."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl

from isoflop.errors import RunsError
from isoflop.runs.table import Runs


def write_runs(runs: Runs, path: str | Path) -> None:
    """Write to .csv, .tsv, .parquet, .jsonl or .json by suffix; the file appears whole or not at all.

    Every column of the frame is written, and beside them params_convention, flops_convention and loss_unit, so that
    ``read_runs`` gives an equal table. CSV has no types: an own column of text that looks like numbers comes back as
    numbers; Parquet keeps every type. A target other than loss is named again when reading.

    Raises RunsError for an unknown suffix, a missing directory, or nested values in CSV; OSError when the disk is full.
    """
    target = Path(path)
    if target.suffix.lower() not in _WRITERS:
        raise RunsError(
            f"Cannot write runs to {target}: the suffix '{target.suffix}' names no known format. "
            f"Known: {', '.join(_WRITERS)}. Choose one of these."
        )
    if target.is_dir() or not target.parent.is_dir():
        what = f"{target} is a directory" if target.is_dir() else f"the directory {target.parent} does not exist"
        raise RunsError(f"Cannot write runs to {target}: {what}. Give the path of a file in a directory that exists.")
    _replace(target, _described(runs), _WRITERS[target.suffix.lower()])


def _described(runs: Runs) -> pl.DataFrame:
    said = {"params_convention": runs.params_convention, "flops_convention": runs.flops_convention}
    if runs.target == "loss":
        said["loss_unit"] = "nats"
    return runs.frame.with_columns(
        pl.lit(value).alias(name) for name, value in said.items() if name not in runs.frame.columns
    )


def _replace(target: Path, frame: pl.DataFrame, write: Callable[[pl.DataFrame, Path], None]) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(handle)
    try:
        write(frame, Path(name))
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)  # mkstemp makes files that only their owner may read
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


def _write_delimited(frame: pl.DataFrame, path: Path, separator: str) -> None:
    if nested := [name for name, dtype in frame.schema.items() if dtype.is_nested()]:
        raise RunsError(
            f"Columns {', '.join(nested)} hold lists or records, which delimited text cannot. Write .parquet or .jsonl."
        )
    frame.write_csv(path, separator=separator)


def _write_lines(frame: pl.DataFrame, path: Path) -> None:
    # Polars writes NaN as null; the json module keeps NaN and Infinity, and the reader takes them back.
    encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
    with path.open("w", encoding="utf-8") as file:
        file.writelines(encode(row) + "\n" for row in frame.iter_rows(named=True))


def _write_json(frame: pl.DataFrame, path: Path) -> None:
    path.write_text(json.dumps(frame.to_dict(as_series=False), ensure_ascii=False, default=str), encoding="utf-8")


_WRITERS: dict[str, Callable[[pl.DataFrame, Path], None]] = {
    ".csv": lambda frame, path: _write_delimited(frame, path, ","),
    ".tsv": lambda frame, path: _write_delimited(frame, path, "\t"),
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".jsonl": _write_lines,
    ".ndjson": _write_lines,
    ".json": _write_json,
}
