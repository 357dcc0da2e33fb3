"""MLflow's tracking store in a SQLite file, ``mlflow.db``, where newer versions keep runs if nothing else is said.

Source: ``mlflow.store.tracking.dbmodels.models``. Tables: runs(run_uuid, name, status, lifecycle_stage, …), metrics
(key, value, timestamp, run_uuid, step, is_nan), params(key, value, run_uuid). NaN is stored as 0 with is_nan, infinity
as the largest number. The file is opened for reading only.
"""

from __future__ import annotations

import math
import sqlite3
import sys
from pathlib import Path

from isoflop.errors import RunsError
from isoflop.runs.importers.contract import Logged, Points, State
from isoflop.runs.importers.databases import columns_of, is_mlflow, opened

_STATES: dict[str, State] = {
    "FINISHED": "finished", "RUNNING": "unfinished", "FAILED": "unfinished", "KILLED": "unfinished",
    "SCHEDULED": "unfinished",
}  # fmt: skip


def databases_of(source: Path) -> list[Path]:
    """The MLflow databases of a folder, or the one that a path names."""
    if source.is_file():
        return [source]
    return [file for file in sorted(source.glob("*.db")) if is_mlflow(file)]


def read_mlflow_db(file: Path) -> tuple[Logged, ...]:
    """The runs of a database; deleted ones are left out. Raises RunsError for another database, or one without runs."""
    with opened(file, "an MLflow store") as connection:
        if "run_uuid" not in columns_of(connection, "runs"):
            raise RunsError(f"{file} is a database, but no MLflow store: it has no table of runs. Give mlflow.db.")
        runs = _runs(file, connection)
    if not runs:
        raise RunsError(f"{file} is an MLflow store without runs. Name another.")
    return tuple(runs)


def _runs(file: Path, connection: sqlite3.Connection) -> list[Logged]:
    query = "SELECT run_uuid, name, status FROM runs WHERE lifecycle_stage = 'active' ORDER BY start_time, run_uuid"
    named = {str(run): (str(name or run), str(status)) for run, name, status in connection.execute(query)}
    points = {run: Points(str(file)) for run in named}
    for run, key, step, value, is_nan in connection.execute(
        "SELECT run_uuid, key, step, value, is_nan FROM metrics ORDER BY timestamp, rowid"
    ):
        if run in points:
            points[run].add(str(key), float(step), _number(value, is_nan))
    facts: dict[str, dict[str, object]] = {run: {} for run in named}
    for run, key, value in connection.execute("SELECT run_uuid, key, value FROM params"):
        if run in facts:
            facts[run][str(key)] = value
    return [
        Logged(name, points[run].series(), facts[run], _STATES.get(status, "unknown"))
        for run, (name, status) in named.items()
    ]


def _number(value: float, is_nan: int) -> float:
    if is_nan:
        return math.nan
    return math.copysign(math.inf, value) if abs(value) >= sys.float_info.max else float(value)
