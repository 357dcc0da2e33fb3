"""The charts of docs/accuracy.md, from the rows of forecast_accuracy.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from isoflop.forecasting.history import ISOFLOP, LEVELS, USUAL
from isoflop.report.backtesting import coverage_chart, split_chart
from isoflop.report.figures import save


def draw(rows: Sequence[Any], folder: Path) -> list[Path]:
    """Write accuracy-coverage.png and accuracy-errors.png into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    methods = list(dict.fromkeys(row.method for row in rows))
    coverage = pl.DataFrame(
        [
            {"method": method, "promised": level, "held": _pooled([r for r in rows if r.method == method], level)}
            for method in methods
            for level in LEVELS
        ]
    )
    errors = pl.DataFrame(
        [
            {"split": row.split, "method": row.method, "error": row.record.error}
            for row in rows
            if row.method in (USUAL, ISOFLOP)
        ]
    )
    splits = len({row.split for row in rows})
    ours, usual = (np.median([r.record.error for r in rows if r.method == m]) for m in (ISOFLOP, USUAL))
    held = _pooled([r for r in rows if r.method == ISOFLOP], 0.9)
    return [
        save(
            coverage_chart(
                coverage,
                title=f"90 % intervals held {held:.0%} of the runs that came",
                subtitle=f"Targets of {splits} splits of public ladders; on the line, intervals mean what they say.",
            ),
            folder / "accuracy-coverage.png",
        ),
        save(
            split_chart(
                errors,
                title=f"Median error by split: {ours:.2%}, beside {usual:.2%} by the usual practice",
                subtitle="Each set is cut by compute; the share that is fitted stands beside its name.",
            ),
            folder / "accuracy-errors.png",
        ),
    ]


def _pooled(own: Sequence[Any], level: float) -> float:
    """Share held over all targets of all splits."""
    total = sum(row.record.n_targets for row in own)
    return float(sum(row.record.coverage[level] * row.record.n_targets for row in own) / total)
