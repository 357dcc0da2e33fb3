"""What runs report while they train: for each run and metric one curve of values by step.

A curve's number is made from its study, run and metric, so any process knows it without asking, and a store can be
copied into another kind of database without renumbering.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl
import sqlalchemy as sa

from isoflop.errors import BadInput, StoreError
from isoflop.store import schema
from isoflop.store.bulk import insert_frame
from isoflop.store.rows import ensure_study, insert_new

CURVE_SCHEMA = {"step": pl.Int64, "tokens": pl.Float64, "value": pl.Float64}


def curve_number(study: str, run_id: str, metric: str) -> int:
    """The first 63 bits of the SHA-256 of the three names: among a million curves two agree once in 2e7 stores."""
    names = "\x00".join((study, run_id, metric)).encode()
    return int.from_bytes(hashlib.sha256(names).digest()[:8]) >> 1


def points_frame(steps: npt.ArrayLike, values: npt.ArrayLike, tokens: npt.ArrayLike | None) -> pl.DataFrame:
    """The points with the columns of ``CURVE_SCHEMA``, by step, each step once (the last of it).

    NaN is null and -0.0 is 0.0. Raises BadInput for arrays that are not of one length, and steps that are not whole
    numbers.
    """
    step, value = np.asarray(steps), np.asarray(values, np.float64)
    seen = np.full(value.shape, np.nan) if tokens is None else np.asarray(tokens, np.float64)
    if step.ndim != 1 or not step.shape == value.shape == seen.shape:
        raise BadInput(
            f"Points have {step.size} steps, {value.size} values and {seen.size} tokens. Allowed: one of each a point."
        )
    if step.size and not np.array_equal(step, step.astype(np.int64)):
        raise BadInput(f"The steps of points are {step.dtype} and not whole numbers. Give whole numbers.")
    order = np.argsort(step, kind="stable")
    kept = order[np.append(np.diff(step[order]) != 0, True)[: step.size]]  # NumPy: ten times as fast for short curves
    unsigned = {"tokens": seen[kept] + 0.0, "value": value[kept] + 0.0}  # no -0.0, whose sign SQLite does not keep
    return pl.DataFrame({"step": step[kept].astype(np.int64), **unsigned}, schema=CURVE_SCHEMA, nan_to_null=True)


def write_points(connection: sa.Connection, study: str, run_id: str, metric: str, points: pl.DataFrame) -> None:
    """Add points to a curve; a step that it has already takes the new value."""
    number = curve_number(study, run_id, metric)
    ensure_study(connection, study)
    names = {"curve_id": number, "study": study, "run_id": run_id, "metric": metric}
    if not insert_new(connection, schema.curves, names):
        _refuse_collision(connection, names)
    rows = points.clone().insert_column(0, pl.Series("curve_id", np.full(len(points), number, np.int64)))
    insert_frame(connection, schema.points, rows, replacing=("tokens", "value"))


def read_curve(connection: sa.Connection, study: str, run_id: str, metric: str) -> pl.DataFrame:
    """The points of a curve by step; none where there is no such curve.

    The rows pass by SQLAlchemy, and PostgreSQL sends each column as one array: of 10,000 points that saves a fifth of
    this process's time in SQLite and two thirds in PostgreSQL.
    """
    number = curve_number(study, run_id, metric)
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql(f"SELECT {_AGGREGATED} FROM points WHERE curve_id = {number}").one()
        columns: Sequence[Any] = [column or () for column in found]
    else:
        rows = _driver_rows(connection, f"SELECT {', '.join(CURVE_SCHEMA)} FROM points WHERE curve_id = {number}")
        columns = list(zip(*rows, strict=True)) or [()] * len(CURVE_SCHEMA)
    named = zip(CURVE_SCHEMA.items(), columns, strict=True)
    return pl.DataFrame([pl.Series(name, column, kind) for (name, kind), column in named]).sort("step")


_AGGREGATED = ", ".join(f"array_agg({name})" for name in CURVE_SCHEMA)
"""All three see the rows in one order, whichever it is."""


def _driver_rows(connection: sa.Connection, query: str) -> list[tuple[Any, ...]]:
    cursor = connection.exec_driver_sql(query).cursor
    assert cursor is not None
    return cast(list[tuple[Any, ...]], cursor.fetchall())


def metric_names(connection: sa.Connection, study: str) -> tuple[tuple[str, str], ...]:
    """(run_id, metric) of every curve of a study, in order."""
    table = schema.curves
    query = sa.select(table.c.run_id, table.c.metric).where(table.c.study == study)
    return tuple((row.run_id, row.metric) for row in connection.execute(query.order_by(table.c.run_id, table.c.metric)))


def _refuse_collision(connection: sa.Connection, names: dict[str, Any]) -> None:
    table = schema.curves
    query = sa.select(table.c.study, table.c.run_id, table.c.metric).where(table.c.curve_id == names["curve_id"])
    there = connection.execute(query).one()
    if tuple(there) != (names["study"], names["run_id"], names["metric"]):
        raise StoreError(
            f"The curves {tuple(there)} and {tuple(names.values())[1:]} have the same number by chance. Nothing was "
            "recorded. Give the run another run_id."
        )
