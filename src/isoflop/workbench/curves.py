"""The training curves of a ladder, from what its workers wrote while they trained."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from isoflop.workbench.files import LineTail

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
