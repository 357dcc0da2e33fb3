"""What was trained, what was foretold, and how the foretelling fared.

Every record has a name that follows from what it is: a run its run_id, a forecast the hash of its content. So to record
a thing twice is to record it once, and whoever is unsure whether a record was made before a crash makes it again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from isoflop.errors import StoreError
from isoflop.runs.run import RUN_FIELDS, Run
from isoflop.runs.table import Runs
from isoflop.store import schema
from isoflop.store.database import BUSY_SECONDS, open_engine, reading, writing

DIVERGED = "diverged"
CIRCUMSTANCES = frozenset({"trunk", "wall_seconds", "tokens_per_second", "provenance"})
"""Fields that tell how a run was made and not what came out: a repeat of a run may differ in them.

``trunk`` is one of them because the same run may branch off two trunks that differ in their other branches.
"""


@dataclass(frozen=True, slots=True)
class ForecastRecord:
    """A forecast as first recorded; ``digest`` is the SHA-256 of content and used_runs, ``made_at`` is UTC in ISO."""

    digest: str
    content: Mapping[str, Any]
    used_runs: tuple[str, ...]
    made_at: str


@dataclass(frozen=True, slots=True)
class Score:
    """How the forecast ``digest`` fared on the run ``run_id``."""

    digest: str
    run_id: str
    content: Mapping[str, Any]
    scored_at: str


class Store:
    """An open store; see ``open_store``. Safe to use from several threads and processes."""

    def __init__(self, path: Path, engine: sa.Engine) -> None:
        self.path = path
        self._engine = engine

    def record_run(self, run: Run, study: str = "study") -> bool:
        """Record a run; True when it was not known yet.

        The same run again is no change, whatever its ``CIRCUMSTANCES``. Raises StoreError when the run has no run_id,
        when another result has the same run_id (both are named), and when the disk fails; then nothing is recorded.
        """
        if run.run_id is None:
            raise StoreError(
                f"A run of {run.params:g} parameters has no run_id, so it cannot be told from others. Set one."
            )
        with writing(self._engine, self.path, f"Run '{run.run_id}' was not recorded") as connection:
            _ensure_study(connection, study)
            values = {**_to_row(run), "study": study, "recorded_at": _now()}
            if connection.execute(insert(schema.runs).values(values).on_conflict_do_nothing()).rowcount:
                return True
            key = (schema.runs.c.study == study) & (schema.runs.c.run_id == run.run_id)
            _refuse_conflict(_to_run(connection.execute(sa.select(schema.runs).where(key)).one()), run, self.path)
            return False

    def runs(self, study: str = "study", *, diverged: bool = False) -> Runs:
        """The recorded runs in the order of their size, then tokens. Runs that diverged only with ``diverged``."""
        table = schema.runs
        query = sa.select(table).where(table.c.study == study).order_by(table.c.params, table.c.tokens, table.c.run_id)
        if not diverged:
            query = query.where(sa.func.coalesce(table.c.status, "") != DIVERGED)
        with reading(self._engine, self.path) as connection:
            found = [_to_run(row) for row in connection.execute(query)]
        return Runs.from_runs(found, source=str(self.path))

    def run_ids(self, study: str = "study") -> frozenset[str]:
        """The names of all recorded runs, diverged ones too."""
        with reading(self._engine, self.path) as connection:
            return frozenset(connection.scalars(sa.select(schema.runs.c.run_id).where(schema.runs.c.study == study)))

    def record_forecast(
        self, content: Mapping[str, Any], used_runs: Iterable[str], study: str = "study"
    ) -> ForecastRecord:
        """Record a forecast (any JSON object) and the runs it used; give back the record with its time and hash.

        The same forecast again gives back the first record, with the time of the first. Raises ValueError for content
        that is not JSON, StoreError when the disk fails.
        """
        text, used = _canonical(content), _canonical(sorted(used_runs))
        digest = hashlib.sha256(f"{text}\n{used}".encode()).hexdigest()
        values = {"study": study, "digest": digest, "content": text, "used_runs": used, "made_at": _now()}
        with writing(self._engine, self.path, "The forecast was not recorded") as connection:
            _ensure_study(connection, study)
            connection.execute(insert(schema.forecasts).values(values).on_conflict_do_nothing())
        return next(record for record in self.forecasts(study) if record.digest == digest)

    def forecasts(self, study: str = "study") -> tuple[ForecastRecord, ...]:
        """All forecasts, oldest first."""
        table = schema.forecasts
        query = sa.select(table).where(table.c.study == study).order_by(table.c.made_at, table.c.digest)
        with reading(self._engine, self.path) as connection:
            rows = connection.execute(query).all()
        return tuple(
            ForecastRecord(r.digest, json.loads(r.content), tuple(json.loads(r.used_runs)), r.made_at) for r in rows
        )

    def record_score(self, digest: str, run_id: str, content: Mapping[str, Any], study: str = "study") -> bool:
        """Record how a forecast fared on a run; True when it was not known yet.

        Raises StoreError for a forecast that is not in the store, or a score that contradicts the one recorded.
        """
        table, text = schema.scores, _canonical(content)
        values = {"study": study, "digest": digest, "run_id": run_id, "content": text, "scored_at": _now()}
        if digest not in (known := [record.digest for record in self.forecasts(study)]):
            raise StoreError(
                f"No forecast {digest[:12]} in {self.path}, which holds {len(known)}. Record the forecast first."
            )
        with writing(self._engine, self.path, f"The score on run '{run_id}' was not recorded") as connection:
            if connection.execute(insert(table).values(values).on_conflict_do_nothing()).rowcount:
                return True
            key = (table.c.study == study) & (table.c.digest == digest) & (table.c.run_id == run_id)
            recorded = connection.execute(sa.select(table.c.content).where(key)).scalar_one()
        if recorded != text:
            raise StoreError(
                f"Forecast {digest[:12]} was scored on run '{run_id}' already. Recorded: {recorded}. New: {text}. "
                f"A score is kept as it fell; nothing was changed."
            )
        return False

    def scores(self, study: str = "study") -> tuple[Score, ...]:
        """All scores, oldest first."""
        query = sa.select(schema.scores).where(schema.scores.c.study == study).order_by(schema.scores.c.scored_at)
        with reading(self._engine, self.path) as connection:
            rows = connection.execute(query).all()
        return tuple(Score(r.digest, r.run_id, json.loads(r.content), r.scored_at) for r in rows)

    def close(self) -> None:
        """Close the file; what was recorded is safe with or without."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(path: Path | str, *, busy_seconds: float = BUSY_SECONDS) -> Store:
    """Open the store in a SQLite file, making or upgrading it where needed.

    busy_seconds: how long to wait for another process that is writing.
    Raises StoreError for a folder, a file that is no store, a store from a newer isoflop, or a failing disk.
    """
    return Store(Path(path), open_engine(Path(path), busy_seconds))


def _ensure_study(connection: sa.Connection, study: str) -> None:
    connection.execute(insert(schema.studies).values(study=study, created_at=_now()).on_conflict_do_nothing())


def _to_row(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in RUN_FIELDS} | {"extra": json.dumps(dict(run.extra), sort_keys=True)}


def _to_run(row: sa.Row[Any]) -> Run:
    record = {name: row._mapping[name] for name in RUN_FIELDS}
    return Run.from_dict(record | json.loads(row.extra))


def _refuse_conflict(recorded: Run, offered: Run, path: Path) -> None:
    before, after = _outcome(recorded), _outcome(offered)
    differing = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    if not differing:
        return
    shown = "; ".join(f"{key}: recorded {before.get(key)}, new {after.get(key)}" for key in differing)
    raise StoreError(
        f"Run '{offered.run_id}' is in {path} with another result ({shown}). A run_id stands for one result; the "
        f"recorded one was kept. If the recipe or the text changed, give the new run a run_id of its own."
    )


def _outcome(run: Run) -> dict[str, object]:
    told = {key: value for key, value in run.to_dict().items() if key not in CIRCUMSTANCES}
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in told.items()}


def _canonical(content: object) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
