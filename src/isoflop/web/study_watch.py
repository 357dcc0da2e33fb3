"""Runs in flight of a ladder, as the watch of ``isoflop.forecasting`` wants them: their curves, and finished ones."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoflop.errors import IsoflopError

if TYPE_CHECKING:
    from isoflop.forecasting.watch import Reference
    from isoflop.runs.curves import Curve
    from isoflop.workbench.ladder_states import LadderStatus

MOST_IN_FLIGHT = 3
"""Of the runs in flight the largest are watched."""
MOST_REFERENCES = 6
"""Finished curves that teach the course: of the largest trunks."""


def curves_in_flight(
    status: LadderStatus, folder: Path
) -> tuple[list[tuple[str, float, float, Curve]], list[Reference]]:
    """(name, N, D, curve) of the largest runs in flight, and finished curves of the same ladder."""
    from isoflop.runs.curves import read_curve

    longest: dict[str, Any] = {}
    for run in status.runs:
        if run.state == "running" and run.tokens >= getattr(longest.get(run.trunk), "tokens", 0.0):
            longest[run.trunk] = run
    wanted = sorted(longest.values(), key=lambda run: -run.flops)[:MOST_IN_FLIGHT]
    found = []
    for run in wanted:
        with contextlib.suppress(IsoflopError, OSError):  # too few points yet
            curve = read_curve(folder / "trunks" / run.trunk / "progress.jsonl", batch_tokens=_batch(folder, run.trunk))
            if curve.tokens[-1] <= run.tokens:
                found.append((run.name, run.params, run.tokens, curve))
    return found, _references(folder, {run.trunk for run in wanted}) if found else []


def _batch(folder: Path, trunk: str) -> float | None:
    """Tokens a step, as the trunk's spec has them."""
    try:
        spec = json.loads((folder / "trunks" / trunk / "spec.json").read_text(encoding="utf-8"))
        return float(spec["batch_tokens"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _references(folder: Path, left_out: set[str]) -> list[Reference]:
    from isoflop.forecasting.watch import Reference
    from isoflop.runs.curves import read_curve

    found = []
    for results in sorted((folder / "trunks").glob("*/runs.jsonl")):
        if results.parent.name in left_out:
            continue
        with contextlib.suppress(IsoflopError, OSError, ValueError, KeyError, TypeError):
            lines = results.read_text(encoding="utf-8").splitlines()
            run = max((json.loads(line) for line in lines if line.strip()), key=lambda each: float(each["tokens"]))
            curve = read_curve(results.parent / "progress.jsonl", batch_tokens=run.get("batch_tokens"))
            found.append(Reference(curve, float(run["params"]), float(run["tokens"])))
    return sorted(found, key=lambda each: -each.params)[:MOST_REFERENCES]
