"""The tables of a store, version ``SCHEMA_VERSION``.

A change of a table is a new version: add a step to ``MIGRATIONS`` and a dump of the new tables to tests/store/frozen/.

Times are text, ISO 8601 in UTC. A NaN is NULL, as in SQL databases generally.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields

import sqlalchemy as sa

from isoflop.runs.run import RUN_FIELDS, Run

SCHEMA_VERSION = 1
Migration = Callable[[sa.Connection], None]
MIGRATIONS: Mapping[int, Migration] = {}
"""``MIGRATIONS[2]`` would change the tables of version 1 into those of version 2."""

metadata = sa.MetaData()

about = sa.Table(
    "isoflop_store",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

studies = sa.Table(
    "studies",
    metadata,
    sa.Column("study", sa.Text, primary_key=True),
    sa.Column("created_at", sa.Text, nullable=False),
)

_SQL_TYPES = {"float": sa.Double, "int": sa.BigInteger, "str": sa.Text}


def _run_columns() -> list[sa.Column[object]]:
    kinds = {f.name: str(f.type).removesuffix(" | None") for f in fields(Run) if f.name in RUN_FIELDS}
    return [sa.Column(name, _SQL_TYPES[kind]) for name, kind in kinds.items() if name != "run_id"]


runs = sa.Table(
    "runs",
    metadata,
    sa.Column("study", sa.Text, sa.ForeignKey("studies.study"), primary_key=True),
    sa.Column("run_id", sa.Text, primary_key=True),
    *_run_columns(),
    sa.Column("extra", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.Text, nullable=False),
)

forecasts = sa.Table(
    "forecasts",
    metadata,
    sa.Column("study", sa.Text, sa.ForeignKey("studies.study"), primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("used_runs", sa.Text, nullable=False),
    sa.Column("made_at", sa.Text, nullable=False),
)

scores = sa.Table(
    "scores",
    metadata,
    sa.Column("study", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("scored_at", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["study", "digest"], ["forecasts.study", "forecasts.digest"]),
)
