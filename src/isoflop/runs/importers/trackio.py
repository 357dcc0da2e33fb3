"""trackio's projects: one SQLite file each, with a row a step whose column ``metrics`` holds a JSON object.

Source: ``trackio.sqlite_storage``. Tables: metrics(run_name, step, metrics, …) and configs(run_name, config, …); newer
files name runs by run_id beside run_name. The file is opened for reading only and never changed. Steps are what the
trainer gave, or a count of the calls where it gave none.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from isoflop.errors import RunsError
from isoflop.runs.importers.contract import Logged, Points, flat
from isoflop.runs.importers.databases import columns_of, opened


def read_trackio(source: Path) -> tuple[Logged, ...]:
    """The runs of a project's file, or of every project in a folder. Raises RunsError for any other database."""
    files = [source] if source.is_file() else sorted(source.glob("*.db"))
    if not files:
        raise RunsError(f"No trackio project (a .db file) lies in {source}. They are in ~/.cache/huggingface/trackio.")
    return tuple(run for file in files for run in _project(file))


def _project(file: Path) -> list[Logged]:
    with opened(file, "a trackio project") as connection:
        return _runs(file, connection)


def _runs(file: Path, connection: sqlite3.Connection) -> list[Logged]:
    columns = columns_of(connection, "metrics")
    if not {"run_name", "step", "metrics"} <= columns:
        raise RunsError(
            f"{file} is a database, but not a trackio project: it has no table metrics with run_name, step and "
            "metrics. Aim's and other stores are not read: export them to CSV."
        )
    key = "run_id" if "run_id" in columns else "run_name"
    found: dict[str, tuple[str, Points]] = {}
    for run, name, step, cell in connection.execute(f"SELECT {key}, run_name, step, metrics FROM metrics ORDER BY id"):
        _, points = found.setdefault(str(run), (str(name), Points(str(file))))
        record = _object(cell)
        points.add_record(float(step or 0), record)
    facts = _configs(connection, key)
    return [Logged(name, points.series(), facts.get(run, {})) for run, (name, points) in found.items()]


def _configs(connection: sqlite3.Connection, key: str) -> dict[str, dict[str, object]]:
    columns = columns_of(connection, "configs")
    if not {key, "config"} <= columns:
        return {}
    rows = connection.execute(f"SELECT {key}, config FROM configs")
    return {
        str(run): flat({name: value for name, value in _object(cell).items() if not name.startswith("_")})
        for run, cell in rows
    }


def _object(cell: object) -> dict[str, object]:
    try:
        record = json.loads(cell) if isinstance(cell, (str, bytes)) else {}
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
