"""A study as the page gets it: columns of its runs, curves thinned to what a picture shows, its state as a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from isoflop.web.study_analysis import digest_of, rounded, usable
from isoflop.web.study_ledger import calibration
from isoflop.web.study_source import STATES, Points, Row, Seen, Source

COLUMNS = (
    "run_id",
    "name",
    "params",
    "tokens",
    "flops",
    "state",
    "share",
    "loss",
    "loss_se",
    "speed",
    "note",
    "fitted",
)
CURVES, POINTS = 60, 48
"""Curves that are sent at once, and points of each."""
LOG_STEPS = 1e4
"""Steps of a curve's logarithm in a file, to one."""
NOTE = 400
"""Characters of a failed run's note."""


def study_payload(source: Source, seen: Seen, *, at: str) -> dict[str, Any]:
    """The study without its curves and its analysis. at: the moment of the look, ISO 8601."""
    runs = usable(seen.runs)
    columns = columns_of_rows(seen.rows)
    payload = {
        "key": source.key,
        "name": source.name,
        "live": source.live,
        "at": at,
        "states": list(STATES),
        "columns": columns,
        "progress": plain_progress(seen.progress),
        "ledger": [dict(entry) for entry in seen.ledger],
        "calibration": calibration(seen.ledger),
        "notes": list(seen.notes),
        "digest": digest_of(runs),
        "logs": source.log is not None and type(source).log is not Source.log,
    }
    return payload | {"version": version_of(payload)}


def columns_of_rows(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """The rows as one list a column; states by their number in STATES."""
    return {
        "run_id": [row.run_id for row in rows],
        "name": [row.name for row in rows],
        "params": rounded([row.params for row in rows], 7),
        "tokens": rounded([row.tokens for row in rows], 7),
        "flops": rounded([row.flops for row in rows], 7),
        "state": [STATES.index(row.state) if row.state in STATES else STATES.index("planned") for row in rows],
        "share": rounded([row.share for row in rows], 3),
        "loss": _optional([row.loss for row in rows]),
        "loss_se": _optional([row.loss_se for row in rows], 3),
        "speed": _optional([row.speed for row in rows], 3),
        "note": [row.note[:NOTE] for row in rows],
        "fitted": [int(row.fitted) for row in rows],
    }


def version_of(payload: Mapping[str, Any]) -> str:
    """A name for what is to be seen: equal where nothing changed."""
    shown = {name: payload[name] for name in ("columns", "progress", "ledger", "digest")}
    return hashlib.sha256(json.dumps(shown, separators=(",", ":")).encode()).hexdigest()[:16]


def plain_progress(progress: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Numbers that are not finite as None, others to four digits."""
    if progress is None:
        return None
    return {name: _short(value) for name, value in progress.items()}


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}") if np.isfinite(value) else None
    if isinstance(value, list):
        return [{name: _short(item) for name, item in entry.items()} for entry in value]
    return value


def _optional(values: Sequence[float | None], digits: int = 6) -> list[float | None]:
    return rounded([np.nan if value is None else value for value in values], digits)


def changed_rows(before: Mapping[str, list[Any]], after: Mapping[str, list[Any]]) -> dict[str, list[Any]] | None:
    """The columns of rows that are new or differ, by run_id; None where a row has gone and all must be read anew."""
    old = {run_id: i for i, run_id in enumerate(before["run_id"])}
    if not set(old) <= set(after["run_id"]):
        return None
    kept = [
        i
        for i, run_id in enumerate(after["run_id"])
        if run_id not in old or any(after[name][i] != before[name][old[run_id]] for name in COLUMNS)
    ]
    return {name: [after[name][i] for i in kept] for name in COLUMNS}


def curves_payload(points: Points) -> dict[str, Any]:
    """Curves as columns: run_id, and for each its tokens and loss, thinned."""
    names = list(points)
    thinned = [thin(*points[name]) for name in names]
    return {"run_id": names, "tokens": [t for t, _ in thinned], "loss": [loss for _, loss in thinned]}


def compact(curves: Mapping[str, Any]) -> dict[str, Any]:
    """The same curves for a file: of each list the steps of its logarithm in ten-thousandths, which are short numbers
    and keep it to 5e-5. ``curvesOf`` of the page's model undoes it."""
    return {
        name: [_steps(values) for values in column] if name != "run_id" else column for name, column in curves.items()
    }


def _steps(values: Sequence[float]) -> list[int]:
    return [int(step) for step in np.diff(np.round(LOG_STEPS * np.log(np.asarray(values, dtype=float))), prepend=0.0)]


def thin(tokens: Sequence[float], loss: Sequence[float]) -> tuple[list[float | None], list[float | None]]:
    """At most POINTS points: the median of each stretch of equal length in ln tokens, and the last point as it is."""
    D, L = np.asarray(tokens, dtype=float), np.asarray(loss, dtype=float)
    kept = np.isfinite(D) & (D > 0) & np.isfinite(L) & (L > 0)
    D, L = D[kept], L[kept]
    if len(D) <= POINTS:
        return rounded(D, 5), rounded(L, 5)
    edges = np.geomspace(D[0], D[-1], POINTS)
    home = np.searchsorted(edges, D[:-1], side="right")
    starts = np.flatnonzero(np.append(True, np.diff(home) != 0))
    groups = zip(np.split(D[:-1], starts[1:]), np.split(L[:-1], starts[1:]), strict=True)
    middles = [(float(np.median(d)), float(np.median(loss))) for d, loss in groups]
    return rounded([d for d, _ in middles] + [D[-1]], 5), rounded([m for _, m in middles] + [L[-1]], 5)


def chosen_curves(rows: Sequence[Row]) -> list[str]:
    """The runs whose curves are shown before anything is asked: running ones, then evenly over the sizes."""
    running = [row.run_id for row in rows if row.state == "running"]
    others = [
        row.run_id for row in sorted(rows, key=lambda r: (r.params, r.tokens)) if row.state in ("done", "diverged")
    ]
    room = max(0, CURVES - len(running))
    if len(others) > room:
        others = [others[i] for i in np.unique(np.linspace(0, len(others) - 1, room).round().astype(int))]
    return [*running[:CURVES], *others]
