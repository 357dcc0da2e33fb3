"""Between values and rows: what every kind of record shares."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from isoflop.errors import StoreError
from isoflop.runs.run import RUN_FIELDS, Run
from isoflop.store import schema

CIRCUMSTANCES = frozenset({"trunk", "wall_seconds", "tokens_per_second", "provenance"})
"""Fields that tell how a run was made and not what came out: a repeat of a run may differ in them.

``trunk`` is one of them because the same run may branch off two trunks that differ in their other branches.
"""


def insert_new(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its primary key is there already; True when it was inserted."""
    for name, value in values.items():
        _refuse_unstorable(name, value)
    insertion = _insertion(connection.dialect.name, table)
    return connection.execute(insertion, dict(values), execution_options={"preserve_rowcount": True}).rowcount == 1


@cache
def _insertion(dialect: str, table: sa.Table) -> sa.Executable:
    """Built once: building a statement takes as long as running it."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing()


def ensure_study(connection: sa.Connection, study: str) -> None:
    """Every other record refers to its study."""
    insert_new(connection, schema.studies, {"study": study, "created_at": now()})


def run_to_row(run: Run) -> dict[str, Any]:
    """A run as a row of ``runs``. Raises StoreError for a run without a finite size, which could not come back."""
    for name in ("params", "tokens"):
        if not math.isfinite(getattr(run, name)):
            raise StoreError(
                f"Run '{run.run_id}' has {name} = {getattr(run, name)}. Allowed: a finite number. Give one."
            )
    known = {name: storable(getattr(run, name)) for name in RUN_FIELDS}
    return known | {"extra": json.dumps(dict(run.extra), sort_keys=True)}


def row_to_run(row: sa.Row[Any]) -> Run:
    """The inverse of ``run_to_row``; a loss of NULL is NaN."""
    record = {name: row._mapping[name] for name in RUN_FIELDS}
    return Run.from_dict(record | json.loads(row.extra))


def refuse_conflict(recorded: Run, offered: Run, shown: str) -> None:
    """Raise StoreError, naming both, where two runs of one run_id differ in more than their circumstances."""
    before, after = _outcome(recorded), _outcome(offered)
    differing = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    if not differing:
        return
    told = "; ".join(f"{key}: recorded {before.get(key)}, new {after.get(key)}" for key in differing)
    raise StoreError(
        f"Run '{offered.run_id}' is in {shown} with another result ({told}). A run_id stands for one result; the "
        f"recorded one was kept. If the recipe or the text changed, give the new run a run_id of its own."
    )


def canonical(content: object) -> str:
    """JSON in its one spelling, so that equal contents are equal texts. Raises ValueError for what JSON cannot hold."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def now() -> str:
    """The time in UTC, ISO 8601 to the microsecond."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def storable(value: Any) -> Any:
    """None for a NaN, which databases compare each in their own way; 0.0 for -0.0, whose sign SQLite does not keep."""
    if not isinstance(value, float):
        return value
    return None if math.isnan(value) else value + 0.0


def _outcome(run: Run) -> dict[str, object]:
    return {key: storable(value) for key, value in run.to_dict().items() if key not in CIRCUMSTANCES}


def _refuse_unstorable(name: str, value: Any) -> None:
    """What one database would take and another not is refused by both."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise StoreError(f"{name} is {value}, beyond 64 bits. Allowed: -2^63 to 2^63 - 1. Choose one in between.")
    if isinstance(value, str) and ("\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value)):
        raise StoreError(f"{name} is {value!r}, which has a character that databases cannot hold. Leave it out.")
