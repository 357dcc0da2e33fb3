"""Curves in tables: CSV, TSV, Parquet, JSON and JSON Lines with a row a logging step, and W&B's exports of charts.

A column that tells runs apart (run_id, run, run_name; or named by ``--run-column``) splits the table. Lightning's
CSVLogger writes such a table, ``metrics.csv``, with ``hparams.yaml`` beside it; a cell is empty where a metric wasn't
logged at that step. A chart exported from W&B has a column of steps and three a run: ``NAME - METRIC``, and the same
with ``__MIN`` and ``__MAX``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from isoflop.errors import RunsError, did_you_mean
from isoflop.runs.columns import COLUMNS
from isoflop.runs.curves import ALIASES
from isoflop.runs.files import SUFFIXES, frame_of_records, look_at
from isoflop.runs.importers.contract import MOST_POINTS, Logged, Series
from isoflop.runs.importers.json_bounded import read_lines
from isoflop.runs.importers.logs import text_lines
from isoflop.runs.importers.scalars_yaml import read_scalars

RUN_COLUMNS = ("run_id", "run", "run_name")
LIGHTNING = "metrics.csv"
DELIMITED = (".csv", ".tsv")
JSON_LINES = (".jsonl", ".ndjson")


def read_tables(source: Path, run_column: str | None = None) -> tuple[Logged, ...]:
    """The runs of a table of points, or of all tables of a folder. Raises RunsError for a file that is no table."""
    files = _files(source) if source.is_dir() else [source]
    return tuple(run for file in files for run in _runs(file, run_column))


def read_csv(source: Path) -> tuple[Logged, ...]:
    """The runs of a delimited file, or of those of a folder. Raises RunsError as ``read_tables``."""
    files = _files(source, DELIMITED) if source.is_dir() else [source]
    return tuple(run for file in files for run in _runs(file, None))


def read_json_lines(source: Path) -> tuple[Logged, ...]:
    """The runs of JSON Lines: of a file of that suffix, of those of a folder, or of the objects in a text log, whose
    other lines are passed over. Raises RunsError where there is none."""
    files = _files(source, JSON_LINES) if source.is_dir() else [source]
    return tuple(run for file in files for run in _json_lines(file))


def _json_lines(file: Path) -> list[Logged]:
    if file.suffix.lower() in JSON_LINES:
        return _runs(file, None)
    records = [record for line in text_lines(file) if (record := _object(line)) is not None]
    if not records:
        raise RunsError(
            f"{file} has no line that is a JSON object. Print one a logging step, such as "
            '{"step": 100, "loss": 3.1}, or name another file.'
        )
    series, notes = _series(frame_of_records(records), file)
    return [Logged(_named(file, file), series, notes=tuple(notes))]


def _object(line: str) -> dict[str, Any] | None:
    start = line.find("{")
    try:
        record = json.loads(line[start:]) if start >= 0 else None
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def read_lightning(source: Path) -> tuple[Logged, ...]:
    """The runs that Lightning's CSVLogger wrote below a folder: every ``metrics.csv`` with its ``hparams.yaml``."""
    files = sorted(source.rglob(LIGHTNING)) if source.is_dir() else [source]
    if not files:
        raise RunsError(f"No {LIGHTNING} lies below {source}. CSVLogger writes one a run. Name the folder it logs to.")
    runs = []
    for file in files:
        facts = read_scalars(hparams) if (hparams := file.parent / "hparams.yaml").is_file() else {}
        series, notes = _series(_frame(file)[0], file)
        runs.append(Logged(_named(file, source), series, facts, notes=tuple(notes)))
    return tuple(runs)


def _files(folder: Path, suffixes: Sequence[str] = SUFFIXES) -> list[Path]:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.is_file())
    if not files:
        raise RunsError(f"No table lies in {folder}: none of its files ends in {', '.join(suffixes)}. Name a file.")
    return files


def _frame(file: Path) -> tuple[pl.DataFrame, list[str]]:
    notes: list[str] = []
    if file.suffix.lower() in JSON_LINES:
        frame = frame_of_records(read_lines(file, notes))
    else:
        frame = look_at(file).load(frozenset(RUN_COLUMNS))
    if frame.is_empty():
        raise RunsError(f"{file} has no rows. A curve has a row a logging step. Give the log of a run that started.")
    if frame.height * frame.width > MOST_POINTS:
        raise RunsError(f"{file} has {frame.height:,} rows of {frame.width}. At most {MOST_POINTS:,} cells are read.")
    return frame, notes


def _runs(file: Path, run_column: str | None) -> list[Logged]:
    frame, notes = _frame(file)
    if run_column and run_column not in frame.columns:
        raise RunsError(
            f"Unknown column '{run_column}' in {file}. Known: {', '.join(frame.columns)}."
            f"{did_you_mean(run_column, frame.columns)} Name the one that tells runs apart with --run-column."
        )
    if charted := _chart(frame):
        return charted
    splits = run_column or next((name for name in RUN_COLUMNS if name in frame.columns), None)
    if splits is None and _a_row_a_run(frame):
        frame, splits = frame.with_row_index("row", offset=1), "row"
        notes.append(f"{file.name} has several numbers of parameters and no names of runs: each row is a run.")
    if splits is None:
        series, more = _series(frame, file)
        return [Logged(_named(file, file), series, _constants(frame), notes=(*notes, *more))]
    runs = []
    for (name,), part in frame.group_by(splits, maintain_order=True):
        series, more = _series(part.drop(splits), file)
        runs.append(Logged(str(name), series, _constants(part), notes=(*notes, *more)))
    return runs


def _a_row_a_run(frame: pl.DataFrame) -> bool:
    known = {"params", *COLUMNS["params"].aliases}
    return any(column.n_unique() > 1 for column in frame.get_columns() if column.name in known)


def _constants(frame: pl.DataFrame) -> dict[str, object]:
    """Columns with one value in all rows are facts of the run, such as params."""
    alone = [s for s in frame.get_columns() if s.dtype.is_numeric() and s.null_count() == 0]
    return {s.name: s[0] for s in alone if s.n_unique() == 1}


def _series(frame: pl.DataFrame, file: Path) -> tuple[dict[str, Series], list[str]]:
    """Every numeric column as a series over the steps; without steps, over the tokens; else over the rows."""
    counter = next((name for name in (*ALIASES["step"], *ALIASES["tokens"]) if name in frame.columns), None)
    notes = [] if counter else [f"{file.name} has no column of steps or tokens: its rows are counted."]
    steps = _numbers(frame[counter]) if counter else np.arange(frame.height, dtype=np.float64)
    if steps is None:
        raise RunsError(f"The column {counter} of {file} holds text. Steps are numbers. Write them as plain numbers.")
    found = {}
    for column in frame.get_columns():
        values = _numbers(column)
        if values is not None and (column.name != counter or counter in ALIASES["tokens"]):
            logged = column.is_not_null().to_numpy() & np.isfinite(steps)
            found[column.name] = Series(steps[logged], values[logged])
    return found, notes


def _numbers(column: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    if not column.dtype.is_numeric():
        return None
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _chart(frame: pl.DataFrame) -> list[Logged]:
    """The runs of a chart that was exported from W&B, or nothing."""
    names = [name for name in frame.columns if f"{name}__MIN" in frame.columns and " - " in name]
    step = frame.columns[0]
    steps = _numbers(frame[step]) if names else None
    if steps is None:
        return []
    runs: dict[str, dict[str, Series]] = {}
    for name in names:
        run, _, metric = name.rpartition(" - ")
        values = _numbers(frame[name])
        if values is not None:
            logged = frame[name].is_not_null().to_numpy() & np.isfinite(steps)
            runs.setdefault(run, {})[metric] = Series(steps[logged], values[logged])
    note = f"A chart's export holds what was drawn: sampled points over '{step}'. The API (wandb:…) gives all points."
    counted = "training steps" if step.lower() in {n.lower() for n in (*ALIASES["step"], "train/global_step")} else step
    if step == "Step":
        counted = "calls of wandb.log"
    return [Logged(run, series, steps_are=counted, notes=(note,)) for run, series in runs.items()]


def _named(file: Path, source: Path) -> str:
    if source.is_dir() and file.parent != source:
        return file.parent.relative_to(source).as_posix()
    return file.stem if file.name != LIGHTNING else file.resolve().parent.name
