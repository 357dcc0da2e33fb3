"""Where a report's runs come from: a store, which knows runs that failed and forecasts on record, or a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from isoflop.errors import BadInput, did_you_mean
from isoflop.runs.table import Runs
from isoflop.workbench.places import LADDER_NOTES, STORE_FILE, main_study, store_at, study_beside
from isoflop.workbench.reporting import RunLine, Studied

ENDED_BADLY = ("failed", "diverged")


def from_place(path: Path, study: str | None = None) -> Studied | None:
    """The study at a place: a ladder's folder with what its workers say, a store or its folder. None for a table.

    Raises BadInput as ``from_store`` does.
    """
    if path.is_dir() and (path / LADDER_NOTES).exists():
        return from_ladder(path, study)
    place = store_at(path)
    return None if place is None else from_store(place, study)


def from_ladder(folder: Path, study: str | None = None) -> Studied:
    """A ladder's folder: its store, and of runs in training how far they are. study: another one of its store."""
    from isoflop.workbench.ladder_states import ladder_status

    status = ladder_status(folder)
    if study not in (None, status.name):
        return from_store(status.store, study)
    there = "://" in status.store or Path(status.store).exists()
    stored = _of_ladder(status.store, status.name) if there else None
    studied = stored or Studied(status.name, str(folder), Runs.from_runs([]), ())
    live = {
        run.run_id: RunLine(
            *(run.run_id, run.params, run.tokens, run.flops, None, None, run.state, run.note),
            share=run.share if run.state == "running" else None,
        )
        for run in status.runs
        if run.state not in ("done", "diverged")
    }
    ended = [line for line in studied.lines if line.name not in live]
    order = sorted(live.values(), key=lambda line: line.state != "running")
    return replace(studied, where=str(folder), lines=(*ended, *order), seconds_left=status.seconds_left)


def _of_ladder(store: str, name: str) -> Studied | None:
    """None where the store has not heard of the ladder yet."""
    from isoflop.store import open_store

    with open_store(store) as opened:
        known = name in opened.studies()
    return replace(from_store(store, name), name=name) if known else None


def from_store(path: Path | str, study: str | None = None) -> Studied:
    """A study of a store, with its failed and diverged runs and its forecasts.

    Raises BadInput where the store has several studies and none is named, and for a name that it does not have.
    """
    from isoflop.store import open_store

    with open_store(path) as store:
        name = _chosen(store.studies(), study, path)
        also = study_beside(name, store.studies())
        runs, every = store.runs(name), store.runs(name, diverged=True)
        planned = {run.run_id: run for run in store.planned_runs(name)}
        records = tuple(row for each in (name, also) if each for row in _records(store, each))
        beside = _lines(store.runs(also), {}) if also else ()
    targets = tuple(replace(line, state="target") if line.state == "done" else line for line in beside)
    lines = _lines(every, {run_id: (run.state, run.note) for run_id, run in planned.items()})
    recorded = {line.name for line in lines}
    waiting = tuple(_planned(run) for run_id, run in planned.items() if run_id not in recorded)
    left = sum(line.state == "diverged" for line in lines)
    notes = (f"{left} of {len(lines)} runs diverged and are left out of the law.",) if left else ()
    kept, said = usable(runs)
    file = Path(path)
    title = file.absolute().parent.name if file.name == STORE_FILE and (name == "study" or also) else name
    return Studied(title or name, str(path), kept, (*lines, *waiting, *targets), records, (*notes, *said))


def from_table(runs: Runs, path: Path) -> Studied:
    """A table as it was read, its rows without a usable loss and those that say they diverged listed and left out."""
    kept, said = usable(runs)
    return Studied(path.stem, str(path), kept, _lines(runs, {}), (), (*runs.notes, *said))


def usable(runs: Runs) -> tuple[Runs, tuple[str, ...]]:
    """The runs that a law may use, and what is said of the others."""
    if not len(runs):
        return runs, ()
    good = np.isfinite(runs.loss) & (runs.loss > 0) & (runs.params > 0) & (runs.tokens > 0)
    spent = np.isfinite(runs.flops) & (runs.flops > 0)
    ended = np.array([str(state).lower() in ENDED_BADLY for state in _column(runs, "status")])
    kept = good & spent & ~ended
    if kept.all():
        return runs, ()
    parts = [(~good, "no usable loss"), (good & ~spent, "a compute that is not above zero")]
    parts.append((good & spent & ended, "a status that says they failed or diverged"))
    said = [f"{int(rows.sum())} of {len(runs)} runs have {why} and are left out." for rows, why in parts if rows.any()]
    return runs.take(kept), tuple(said)


def _chosen(names: tuple[str, ...], study: str | None, path: Path | str) -> str:
    if study is not None:
        if study not in names:
            known = ", ".join(names) or "none"
            raise BadInput(f"No study '{study}' in {path}. Known: {known}.{did_you_mean(study, names)}")
        return study
    meant = main_study(names)
    if meant is None:
        said = f"the studies {', '.join(names)}" if names else "no study"
        raise BadInput(f"{path} has {said}. Name one with --study." if names else f"{path} has {said} yet.")
    return meant


def _column(runs: Runs, name: str) -> list[Any]:
    return runs.frame[name].to_list() if name in runs.frame.columns else [None] * len(runs)


def _lines(runs: Runs, known: Mapping[str, tuple[str, str]]) -> tuple[RunLine, ...]:
    if not len(runs):
        return ()
    names = [str(name) if name is not None else f"row {i}" for i, name in enumerate(_column(runs, "run_id"), 1)]
    lines = []
    for i, (name, status, error) in enumerate(
        zip(names, _column(runs, "status"), _column(runs, "loss_se"), strict=True)
    ):
        state, note = known.get(name, ("done", ""))
        loss = _finite(runs.loss[i])
        if str(status).lower() in ENDED_BADLY:
            state = str(status).lower()
        elif loss is None and state == "done":
            state, note = "failed", note or "It has no loss."
        N, D, C = (_finite(values[i]) for values in (runs.params, runs.tokens, runs.flops))
        lines.append(RunLine(name, N, D, C, loss, _finite(error), state, note))
    return tuple(lines)


def _planned(run: Any) -> RunLine:
    """A run that has no result yet, with its size where its plan names it."""
    N, D = (_finite(run.spec.get(name)) for name in ("params", "tokens"))
    return RunLine(run.run_id, N, D, 6 * N * D if N and D else None, None, None, run.state, run.note)


def _records(store: Any, study: str) -> list[dict[str, Any]]:
    """Forecasts with the first score of each."""
    scores: dict[str, Mapping[str, Any]] = {}
    for score in store.scores(study):
        scores.setdefault(score.digest, score.content)
    rows = []
    for record in store.forecasts(study):
        told, scored = record.content, scores.get(record.digest, {})
        low, high, measured = (_finite(value) for value in (told.get("low"), told.get("high"), scored.get("measured")))
        loss = _finite(told.get("loss"))
        row: dict[str, Any] = {name: _finite(told.get(name)) for name in ("params", "tokens")}
        row |= {"loss": loss, "measured": measured}
        row["made_at"] = record.made_at[:19]
        row["span"] = f"[{low:.4f}, {high:.4f}]" if low is not None and high is not None else None
        row["missed"] = f"{loss / measured - 1:+.2%}" if loss and measured else None
        rows.append(row)
    return rows


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        return None
    return float(value) if math.isfinite(value) else None
