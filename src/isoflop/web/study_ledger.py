"""Forecasts on record as the page lists them, and where what was measured fell in what was foretold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isoflop.store import Store

FEW = 10
"""Scored forecasts with a whole distribution from which on their probabilities are drawn."""
MOST_PLACES = 30
"""Intervals that are drawn below each other: the newest."""
CONFIDENCE = 0.9
"""Of the band around the diagonal, as ``isoflop ledger`` has it."""


def calibration(ledger: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Where the scored forecasts' measurements fell.

    scored: how many there are. places: of the newest, each in its interval, -1 and 1 its ends and 0 the forecast. pit:
    how many have a whole distribution (probability integral transform); from FEW on also steps, dots and band of a
    calibration chart, the band by Kolmogorov's statistic.
    """
    scored = [entry for entry in ledger if entry.get("measured") is not None and _whole(entry)]
    newest = sorted(scored, key=lambda entry: str(entry["made_at"]), reverse=True)[:MOST_PLACES]
    values = sorted((float(e["pit"]), str(e["name"])) for e in scored if e.get("pit") is not None)
    told: dict[str, Any] = {
        "scored": len(scored),
        "pit": len(values),
        "places": {"name": [str(e["name"]) for e in newest], "at": [_place(e) for e in newest]}
        | {name: [e[name] for e in newest] for name in ("loss", "low", "high", "level", "measured")},
    }
    if len(values) >= FEW:
        told |= _spread(values)
    return told


def _spread(values: Sequence[tuple[float, str]]) -> dict[str, Any]:
    from scipy.stats import kstwo

    count = len(values)
    half = float(kstwo.ppf(CONFIDENCE, count))
    at, share = [p for p, _ in values], [(i + 1) / count for i in range(count)]
    grid = [i / 20 for i in range(21)]
    return {
        "steps": {"p": [0.0, *at, 1.0], "share": [0.0, *share, 1.0]},
        "dots": {"p": at, "share": share, "forecast": [name for _, name in values]},
        "band": {"p": grid, "low": [max(0.0, p - half) for p in grid], "high": [min(1.0, p + half) for p in grid]},
    }


def _whole(entry: Mapping[str, Any]) -> bool:
    """Whether the forecast has an interval with its loss inside."""
    low, loss, high = (entry.get(name) for name in ("low", "loss", "high"))
    return all(isinstance(v, int | float) for v in (low, loss, high)) and low < loss < high  # type: ignore[operator]


def _place(entry: Mapping[str, Any]) -> float:
    off = float(entry["measured"]) - float(entry["loss"])
    side = entry["high"] - entry["loss"] if off > 0 else entry["loss"] - entry["low"]
    return float(f"{off / side:.6g}")


def recorded(store: Store, study: str) -> list[dict[str, Any]]:
    """The forecasts on record in a store with their scores, oldest first, as the page lists them."""
    scores = {score.digest: score for score in store.scores(study)}
    found = []
    for record in store.forecasts(study):
        content, score = record.content, scores.get(record.digest)
        entry = {name: content.get(name) for name in ("params", "tokens", "flops", "loss", "low", "high", "level")}
        entry |= {"name": str(content.get("name") or content.get("run_id") or record.digest[:12])}
        entry |= {"made_at": record.made_at, "extrapolation": content.get("extrapolation")}
        measured = score.content.get("measured") if score else None
        found.append(entry | {"measured": measured, "used": len(record.used_runs), "pit": None})
    return found


def ledger_beside(store: str) -> list[dict[str, Any]]:
    """The forecasts of a ledger file that lies in the study's folder, ``ledger.jsonl`` or ``.isoflop/ledger.jsonl``."""
    if "://" in store:
        return []
    folder = Path(store).parent
    path = next((p for p in (folder / "ledger.jsonl", folder / ".isoflop" / "ledger.jsonl") if p.exists()), None)
    if path is None:
        return []
    from isoflop.forecasting.ledger import read_ledger

    found = []
    for entry in read_ledger(path).entries:
        counts = entry.score is not None and not entry.score.forced
        low, high = entry.interval(0.9)
        found.append(
            {
                "name": entry.name,
                "params": entry.target.get("N"),
                "tokens": entry.target.get("D"),
                "flops": entry.target.get("C"),
                "loss": entry.loss,
                "low": low,
                "high": high,
                "level": 0.9,
                "made_at": entry.time.isoformat(),
                "extrapolation": entry.extrapolation,
                "measured": entry.score.loss if entry.score is not None and counts else None,
                "used": entry.n_runs,
                "pit": entry.pit if counts else None,
            }
        )
    return found
