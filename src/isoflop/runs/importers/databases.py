"""Tracking tools' SQLite files: opened for reading only, cells of bounded length, told apart by their tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from isoflop.errors import RunsError

LARGEST_CELL = 1 << 20
WAIT_SECONDS = 10.0
"""For a writer that holds the file."""


@contextmanager
def opened(file: Path, what: str) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write. what: such as "a trackio project".

    Raises RunsError for a file that is no database, or is damaged or locked.
    """
    try:
        connection = sqlite3.connect(f"file:{quote(str(file.resolve()))}?mode=ro", uri=True, timeout=WAIT_SECONDS)
        try:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_CELL)
            yield connection
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise RunsError(
            f"{file} cannot be read as {what}: {error}. Give the .db file, whole, with its -wal file beside it if "
            "there is one."
        ) from error


def columns_of(connection: sqlite3.Connection, table: str) -> set[str]:
    """The names of a table's columns; none where there is no such table."""
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def is_mlflow(file: Path) -> bool:
    """Whether a database holds MLflow's tables; False also for what is no database."""
    try:
        with opened(file, "a database") as connection:
            return "run_uuid" in columns_of(connection, "runs") and "is_nan" in columns_of(connection, "metrics")
    except RunsError:
        return False
