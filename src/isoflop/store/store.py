"""What was trained, what was foretold, and how the foretelling fared.

Every record has a name that follows from what it is: a run its run_id, a forecast the hash of its content. So to record
a thing twice is to record it once, and whoever is unsure whether a record was made before a crash makes it again.
docs/store.md states the contract in full.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy.typing as npt
import polars as pl
import sqlalchemy as sa

from isoflop.errors import StoreError
from isoflop.runs.run import Run
from isoflop.runs.table import Runs
from isoflop.store import metrics, planned, schema
from isoflop.store.address import address_of
from isoflop.store.database import BUSY_SECONDS, Database, open_database
from isoflop.store.planned import PlannedRun, RunState
from isoflop.store.rows import canonical, ensure_study, insert_new, now, refuse_conflict, row_to_run, run_to_row

DIVERGED = "diverged"


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

    def __init__(self, database: Database) -> None:
        self._database = database
        self.shown = database.address.shown
        """Its path, or its URL without a password."""

    def record_run(self, run: Run, study: str = "study") -> bool:
        """Record a run; True when it was not known yet.

        The same run again is no change, whatever its ``CIRCUMSTANCES``. Raises StoreError when the run has no run_id,
        when another result has the same run_id (both are named), and when the disk fails; then nothing is recorded.
        """
        if run.run_id is None:
            raise StoreError(
                f"A run of {run.params:g} parameters has no run_id, so it cannot be told from others. Set one."
            )
        with self._database.writing(f"Run '{run.run_id}' was not recorded") as connection:
            ensure_study(connection, study)
            values = {**run_to_row(run), "study": study, "recorded_at": now()}
            if insert_new(connection, schema.runs, values):
                return True
            key = (schema.runs.c.study == study) & (schema.runs.c.run_id == run.run_id)
            refuse_conflict(row_to_run(connection.execute(sa.select(schema.runs).where(key)).one()), run, self.shown)
            return False

    def runs(self, study: str = "study", *, diverged: bool = False) -> Runs:
        """The recorded runs in the order of their size, then tokens. Runs that diverged only with ``diverged``."""
        table = schema.runs
        query = sa.select(table).where(table.c.study == study).order_by(table.c.params, table.c.tokens, table.c.run_id)
        if not diverged:
            query = query.where(sa.func.coalesce(table.c.status, "") != DIVERGED)
        with self._database.reading() as connection:
            found = [row_to_run(row) for row in connection.execute(query)]
        return Runs.from_runs(found, source=self.shown)

    def studies(self) -> tuple[str, ...]:
        """Names of the studies that the store knows, in alphabetical order."""
        with self._database.reading() as connection:
            return tuple(connection.scalars(sa.select(schema.studies.c.study).order_by("study")))

    def run_ids(self, study: str = "study") -> frozenset[str]:
        """The names of all recorded runs, diverged ones too."""
        with self._database.reading() as connection:
            return frozenset(connection.scalars(sa.select(schema.runs.c.run_id).where(schema.runs.c.study == study)))

    def record_forecast(
        self, content: Mapping[str, Any], used_runs: Iterable[str], study: str = "study"
    ) -> ForecastRecord:
        """Record a forecast (any JSON object) and the runs it used; give back the record with its time and hash.

        The same forecast again gives back the first record, with the time of the first. Raises ValueError for content
        that is not JSON, StoreError when the disk fails.
        """
        text, used = canonical(content), canonical(sorted(used_runs))
        digest = hashlib.sha256(f"{text}\n{used}".encode()).hexdigest()
        values = {"study": study, "digest": digest, "content": text, "used_runs": used, "made_at": now()}
        with self._database.writing("The forecast was not recorded") as connection:
            ensure_study(connection, study)
            insert_new(connection, schema.forecasts, values)
        return next(record for record in self.forecasts(study) if record.digest == digest)

    def forecasts(self, study: str = "study") -> tuple[ForecastRecord, ...]:
        """All forecasts, oldest first."""
        table = schema.forecasts
        query = sa.select(table).where(table.c.study == study).order_by(table.c.made_at, table.c.digest)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(
            ForecastRecord(r.digest, json.loads(r.content), tuple(json.loads(r.used_runs)), r.made_at) for r in rows
        )

    def record_score(self, digest: str, run_id: str, content: Mapping[str, Any], study: str = "study") -> bool:
        """Record how a forecast fared on a run; True when it was not known yet.

        Raises StoreError for a forecast that is not in the store, or a score that contradicts the one recorded.
        """
        table, text = schema.scores, canonical(content)
        values = {"study": study, "digest": digest, "run_id": run_id, "content": text, "scored_at": now()}
        if digest not in (known := [record.digest for record in self.forecasts(study)]):
            raise StoreError(
                f"No forecast {digest[:12]} in {self.shown}, which holds {len(known)}. Record the forecast first."
            )
        with self._database.writing(f"The score on run '{run_id}' was not recorded") as connection:
            if insert_new(connection, table, values):
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
        table = schema.scores
        order = (table.c.scored_at, table.c.digest, table.c.run_id)
        query = sa.select(table).where(table.c.study == study).order_by(*order)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(Score(r.digest, r.run_id, json.loads(r.content), r.scored_at) for r in rows)

    def record_points(
        self,
        run_id: str,
        steps: npt.ArrayLike,
        values: npt.ArrayLike,
        *,
        tokens: npt.ArrayLike | None = None,
        metric: str = "loss",
        study: str = "study",
    ) -> None:
        """Add points to the curve of a run's metric; a step that is there already takes the new value.

        steps: whole numbers, (points,). values: in the unit of the metric (loss: nats per token), (points,); NaN is
        kept as unknown. tokens: seen at that step, (points,). Raises BadInput for arrays of unequal length, StoreError
        when the disk fails; then none of the points is recorded.
        """
        points = metrics.points_frame(steps, values, tokens)
        with self._database.writing(f"Points of run '{run_id}' were not recorded") as connection:
            metrics.write_points(connection, study, run_id, metric, points)

    def curve(self, run_id: str, metric: str = "loss", study: str = "study") -> pl.DataFrame:
        """The points of a curve by step: step (Int64), tokens and value (Float64, null where unknown)."""
        with self._database.reading() as connection:
            return metrics.read_curve(connection, study, run_id, metric)

    def metrics(self, study: str = "study") -> tuple[tuple[str, str], ...]:
        """(run_id, metric) of every curve, in order."""
        with self._database.reading() as connection:
            return metrics.metric_names(connection, study)

    def plan_run(self, run_id: str, spec: Mapping[str, Any], study: str = "study") -> bool:
        """Note that a run is to be made; True when it was not known.

        spec: any JSON object. Raises StoreError, with what differs, when the run is planned with another spec.
        """
        with self._database.writing(f"The plan of run '{run_id}' was not recorded") as connection:
            return planned.plan(connection, study, run_id, spec, self.shown)

    def begin_attempt(self, run_id: str, study: str = "study") -> int:
        """A planned run is being made: count the attempt and give its number, from 1.

        Raises StoreError for a run that is done or diverged, or not planned.
        """
        with self._database.writing(f"The attempt at run '{run_id}' was not recorded") as connection:
            return planned.begin(connection, study, run_id, self.shown)

    def set_state(self, run_id: str, state: RunState, note: str = "", study: str = "study") -> bool:
        """Give a planned run a state; True when that is a change. Raises StoreError where it is done or diverged."""
        with self._database.writing(f"The state of run '{run_id}' was not recorded") as connection:
            return planned.settle(connection, study, run_id, state, note, self.shown)

    def planned_runs(self, study: str = "study") -> tuple[PlannedRun, ...]:
        """All planned runs by run_id, with their states."""
        with self._database.reading() as connection:
            return planned.read_planned(connection, study)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make all that this thread records within one transaction: it is there when the block ends, or none of it.

        A transaction is forced to the disk once, however much it records. Reads within do not see it yet. Raises what
        the calls within raise, and StoreError when the disk fails.
        """
        with self._database.together("What belonged together was not recorded"):
            yield

    def close(self) -> None:
        """Close the connections; what was recorded is safe with or without."""
        self._database.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(where: str | os.PathLike[str], *, busy_seconds: float = BUSY_SECONDS) -> Store:
    """Open the store in a SQLite file or at a PostgreSQL URL, making or upgrading it where needed.

    where: a path, or ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE``. busy_seconds: how long to wait for others that
    are writing. Raises StoreError for what is no store, a store from a newer isoflop, a failing disk, a server that
    does not answer; BadInput for a URL that cannot be read; MissingExtra without psycopg.
    """
    return Store(open_database(address_of(where), busy_seconds))
