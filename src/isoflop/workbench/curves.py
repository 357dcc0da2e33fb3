"""The training curves of a ladder, from what its workers wrote while they trained."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from isoflop.workbench.files import LineTail
from isoflop.workbench.trunk import TRAINER, Trunk

if TYPE_CHECKING:
    from isoflop.train.spec import TrunkSpec

CURVE_COLUMNS = {
    "trunk": pl.String,
    "params": pl.Float64,
    "tokens": pl.Float64,
    "loss": pl.Float64,
    "phase": pl.String,
    "segment": pl.Int64,
}


def training_curves(specs: Sequence[TrunkSpec], folder: Path) -> pl.DataFrame:
    """Training loss against tokens, one row a line of progress, with the columns of ``CURVE_COLUMNS``.

    tokens: D at that moment, on the trunk or on the branch. loss: of one batch, in nats per token, so it is noisy.
    phase: trunk or branch. segment: counts the stretches between forks, so that each is a line of its own in a picture.
    Where a worker went over the same tokens again after a crash, the later line stays.
    """
    rows = [row for spec in specs for row in _rows(spec, folder / spec.spec_id / "progress.jsonl")]
    frame = pl.DataFrame(rows, schema=CURVE_COLUMNS, orient="row")
    return frame.unique(["trunk", "segment", "tokens"], keep="last", maintain_order=True).sort(
        "trunk", "segment", "tokens"
    )


def _rows(spec: TrunkSpec, path: Path) -> Iterator[tuple[Any, ...]]:
    for line in _readable(path):
        phase, step, loss = line.get("phase"), line.get("step"), line.get("train_loss")
        if phase in ("trunk", "branch") and step is not None and loss is not None:
            trained = round(float(line["tokens"]) / spec.batch_tokens)
            segment = _segment(spec, trained, decaying=phase == "branch")
            yield spec.spec_id, float(spec.params), float(step * spec.batch_tokens), float(loss), phase, segment


def _segment(spec: TrunkSpec, trained: int, *, decaying: bool) -> int:
    """Twice the number of the branch, and one more while it decays: found from the steps trained in all."""
    decayed = 0
    for branch, (fork, end) in enumerate(zip(spec.fork_steps, spec.branch_steps, strict=True)):
        decayed += end - fork
        if trained <= fork + decayed:
            return 2 * branch + decaying
    return 2 * len(spec.branch_steps) - 1


def _readable(path: Path) -> Iterator[dict[str, Any]]:
    for text in LineTail(path).lines():
        try:
            line = json.loads(text)
        except ValueError:  # cut by a kill, and continued by the next worker
            continue
        if isinstance(line, dict):
            yield line


@dataclass(frozen=True, slots=True)
class RunCurve:
    """How one run trained: steps, tokens (D at that step), loss of one batch, tokens_per_second; each (points,)."""

    steps: tuple[int, ...]
    tokens: tuple[float, ...]
    loss: tuple[float, ...]
    tokens_per_second: tuple[float, ...]


def run_curve(trunk: Trunk, run_id: str, folder: Path) -> RunCurve:
    """The training curve of one run of a trunk: where it was on the trunk, then its own decay.

    The curve of a run that was not begun ends where its trunk does. Where a worker went over a step again, the later
    line stays.
    """
    lines = [line for line in _readable(folder / "progress.jsonl") if line.get("train_loss") is not None]
    placed = _embedded(trunk, run_id, lines) if trunk.command == TRAINER else _up_to(lines, trunk.branches[run_id])
    last = {step: (at, line["train_loss"], line.get("tokens_per_second") or math.nan) for step, at, line in placed}
    steps = sorted(last)
    tokens, loss, speed = ([float(last[step][i]) for step in steps] for i in range(3))
    return RunCurve(tuple(steps), tuple(tokens), tuple(loss), tuple(speed))


Placed = Iterable[tuple[int, float, Mapping[str, Any]]]


def _embedded(trunk: Trunk, run_id: str, lines: Sequence[Mapping[str, Any]]) -> Placed:
    """Lines of the embedded trainer, which counts the tokens of all decays: D follows from the step."""
    from isoflop.train.spec import TrunkSpec

    spec = TrunkSpec.from_json(trunk.spec)
    branch = list(trunk.branches).index(run_id)
    for line in lines:
        if line.get("phase") in ("trunk", "branch"):
            trained = round(float(line["tokens"]) / spec.batch_tokens)
            segment = _segment(spec, trained, decaying=line["phase"] == "branch")
            if segment == 2 * branch + 1 or (segment <= 2 * branch and segment % 2 == 0):
                yield line["step"], float(line["step"] * spec.batch_tokens), line


def _up_to(lines: Sequence[Mapping[str, Any]], tokens: float) -> Placed:
    """Lines of a worker that is not our trainer: its tokens are D, and its lines are the steps where it counts none."""
    numbered = ((line.get("step") or number, float(line["tokens"]), line) for number, line in enumerate(lines, start=1))
    return [point for point in numbered if point[1] <= tokens]
