"""Runs that a campaign means to make, and how far each is.

    planned ──► running ──► done, diverged        for ever
       ▲           │  ▲
       │           ▼  │
       └──────── failed

The files of the workers are the truth; this is what a coordinator last saw of them, for whoever asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import sqlalchemy as sa

from isoflop.errors import BadInput, StoreError, did_you_mean
from isoflop.store import schema
from isoflop.store.rows import canonical, ensure_study, insert_new, now

RunState = Literal["planned", "running", "done", "failed", "diverged"]
STATES: tuple[str, ...] = get_args(RunState)
FINAL = ("done", "diverged")
"""A run that is one of these is not made again."""

_TABLE = schema.planned_runs
_KEY = (_TABLE.c.study == sa.bindparam("of_study")) & (_TABLE.c.run_id == sa.bindparam("of_run"))
_LOOK = sa.select(_TABLE.c.spec, _TABLE.c.state, _TABLE.c.note, _TABLE.c.attempts).where(_KEY)
_BEGIN = (
    sa.update(_TABLE)
    .where(_KEY & _TABLE.c.state.not_in(FINAL))
    .values(state="running", attempts=_TABLE.c.attempts + 1, changed_at=sa.bindparam("now"))
)
_SETTLE = (
    sa.update(_TABLE)
    .where(_KEY & _TABLE.c.state.not_in(FINAL))
    .values(state=sa.bindparam("to_state"), note=sa.bindparam("to_note"), changed_at=sa.bindparam("now"))
)
"""Statements of a campaign's every run, built once: building one takes as long as running it."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run that is to be made. spec: what makes it this run. attempts: times it was begun. changed_at: UTC, ISO."""

    run_id: str
    spec: Mapping[str, Any]
    state: RunState
    attempts: int
    note: str
    changed_at: str


def plan(connection: sa.Connection, study: str, run_id: str, spec: Mapping[str, Any], shown: str) -> bool:
    """Note that a run is to be made; True when it was not known. Raises StoreError when it is known by another spec."""
    text = canonical(spec)
    ensure_study(connection, study)
    fresh = {"state": "planned", "attempts": 0, "note": "", "changed_at": now()}
    if insert_new(connection, _TABLE, {"study": study, "run_id": run_id, "spec": text} | fresh):
        return True
    recorded = connection.execute(_LOOK, _key(study, run_id)).one().spec
    if recorded != text:
        raise StoreError(
            f"Run '{run_id}' is planned in {shown} with another spec. {_difference(json.loads(recorded), spec)} A run "
            "keeps its spec; nothing was changed. Give the new run a run_id of its own, or restore the spec."
        )
    return False


def begin(connection: sa.Connection, study: str, run_id: str, shown: str) -> int:
    """Count one more attempt and give its number, from 1. Raises StoreError for a run that is final or not planned."""
    _change(connection, study, run_id, _BEGIN, {}, "begun", shown)
    return int(connection.execute(_LOOK, _key(study, run_id)).one().attempts)


def settle(connection: sa.Connection, study: str, run_id: str, state: str, note: str, shown: str) -> bool:
    """Give a run a state; True when that is a change. A final state stays: another one raises StoreError."""
    if state not in STATES:
        raise BadInput(f"Unknown state '{state}' of a run. Known: {', '.join(STATES)}.{did_you_mean(state, STATES)}")
    before = connection.execute(_LOOK, _key(study, run_id)).one_or_none()
    if before is not None and before.state == state and (before.note == note or state in FINAL):
        return False
    _change(connection, study, run_id, _SETTLE, {"to_state": state, "to_note": note}, state, shown)
    return True


def read_planned(connection: sa.Connection, study: str) -> tuple[PlannedRun, ...]:
    """All planned runs of a study by run_id, whatever their state."""
    rows = connection.execute(sa.select(_TABLE).where(_TABLE.c.study == study).order_by(_TABLE.c.run_id))
    return tuple(
        PlannedRun(row.run_id, json.loads(row.spec), row.state, row.attempts, row.note, row.changed_at) for row in rows
    )


def _change(
    connection: sa.Connection,
    study: str,
    run_id: str,
    statement: sa.Update,
    values: Mapping[str, str],
    what: str,
    shown: str,
) -> None:
    """One statement that changes the row unless it is final: no other writer comes between the look and the change."""
    key = _key(study, run_id)
    if connection.execute(statement, key | dict(values) | {"now": now()}).rowcount:
        return
    row = connection.execute(_LOOK, key).one_or_none()
    if row is None:
        raise StoreError(
            f"Run '{run_id}' cannot be {what}: {shown} has no plan of it in study '{study}'. Plan it first."
        )
    raise StoreError(
        f"Run '{run_id}' cannot be {what}: it is {row.state} in {shown}, which is final. Nothing was changed."
    )


def _key(study: str, run_id: str) -> dict[str, str]:
    return {"of_study": study, "of_run": run_id}


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return "; ".join(f"{name}: planned {before.get(name)!r}, now {after.get(name)!r}" for name in names) + "."
