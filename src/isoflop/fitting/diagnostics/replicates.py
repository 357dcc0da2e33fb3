"""Seed noise from runs that differ by their seed alone, and whether the law misses by more than that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from isoflop.fitting.diagnostics.context import Context
from isoflop.fitting.diagnostics.finding import Finding, Severity
from isoflop.runs.table import Runs

Array = NDArray[np.float64]

HELD_FIXED = ("recipe", "lr", "batch_tokens", "unique_tokens", "schedule", "depth", "width")
"""Columns that must agree, beside N and D, for two runs to be replicates."""
LEVEL = 0.9
MISFIT = 0.05


@dataclass(frozen=True, eq=False)
class SeedNoise:
    """Standard deviation of ln loss between seeds, pooled over cells.

    cells: rows of each. degrees: of freedom. low, high: 90 % interval by χ². by_seed: whether a column says that seeds
    differ. lack_of_fit: p-value that the law misses cell means by no more than seed noise (F test); NaN where no degree
    of freedom is left. share: of the residual variance that seed noise explains, at most 1.
    """

    cells: tuple[tuple[int, ...], ...]
    value: float
    low: float
    high: float
    degrees: int
    by_seed: bool
    lack_of_fit: float
    share: float


def seed_noise(context: Context) -> SeedNoise | None:
    """None where no two runs are replicates."""
    runs = context.fit.runs
    cells = replicate_cells(runs)
    degrees = sum(len(rows) - 1 for rows in cells)
    if not degrees:
        return None
    within = sum(float(((np.log(runs.loss[rows]) - np.log(runs.loss[rows]).mean()) ** 2).sum()) for rows in cells)
    if within <= 0:
        return None
    low, high = stats.chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], degrees)
    p, share = _lack_of_fit(context, within, degrees)
    return SeedNoise(
        tuple(tuple(int(row) for row in rows) for rows in cells),
        float(np.sqrt(within / degrees)),
        float(np.sqrt(within / low)),
        float(np.sqrt(within / high)),
        degrees,
        runs.has("seed"),
        p,
        share,
    )


def replicate_cells(runs: Runs) -> list[NDArray[np.int64]]:
    """Rows that share N, D and every column of ``HELD_FIXED`` and, where the table has seeds, differ in their seed.

    Rows that agree in the loss too are copies, not replicates; the first of them is kept.
    """
    frame = runs.frame.with_row_index("row of the table")
    keys = ["params", "tokens", *(name for name in HELD_FIXED if runs.has(name))]
    copies = [*keys, "loss", *(["seed"] if runs.has("seed") else [])]
    single = frame.unique(copies, keep="first", maintain_order=True)
    cells = []
    for _, group in single.group_by(keys, maintain_order=True):
        enough = group["seed"].drop_nulls().n_unique() >= 2 if runs.has("seed") else group.height >= 2
        if enough:
            cells.append(np.asarray(group["row of the table"].to_numpy(), dtype=np.int64))
    return cells


def _lack_of_fit(context: Context, within: float, degrees: int) -> tuple[float, float]:
    """The classical F test of lack of fit (Draper & Smith 1998, section 2.1), on residuals of ln loss."""
    residuals = context.residuals - context.residuals.mean()
    total = float((residuals**2).sum())
    left = len(residuals) - len(context.fit.form.parameters) - degrees
    per_run = within / degrees
    share = min(per_run / max(total / max(len(residuals) - len(context.fit.form.parameters), 1), 1e-300), 1.0)
    if left < 1:
        return float("nan"), share
    return float(stats.f.sf(max(total - within, 0.0) / left / per_run, left, degrees)), share


def replicate_findings(noise: SeedNoise | None) -> list[Finding]:
    """Seed noise with its interval, or that it cannot be told."""
    if noise is None:
        message = "No two runs share N, D and recipe: seed noise cannot be told from what the law misses."
        remedy = "Train two or three runs again with another seed; small ones do."
        return [Finding("seed noise", "note", message, remedy, "replicates")]
    what = "that differ by seed" if noise.by_seed else "that share N and D (no column says why they differ)"
    count = sum(len(cell) for cell in noise.cells)
    message = (
        f"Seed noise is {100 * noise.value:.2g} % of the loss, 90 % interval {100 * noise.low:.2g} to "
        f"{100 * noise.high:.2g} %, from {count} runs in {len(noise.cells)} cell{'' if len(noise.cells) == 1 else 's'} "
        f"{what}; it explains {noise.share:.0%} of the residual variance."
    )
    numbers = {"noise": noise.value, "low": noise.low, "high": noise.high, "share": noise.share}
    rows = tuple(row for cell in noise.cells for row in cell)
    findings = [Finding("seed noise", "note", message, "", "replicates", rows, numbers)]
    if np.isfinite(noise.lack_of_fit):
        misses = noise.lack_of_fit < MISFIT
        severity: Severity = "warning" if misses else "good"
        verdict = "more than" if misses else "no more than"
        test = f"F test of lack of fit, p = {noise.lack_of_fit:.1g}"
        said = f"The law misses the runs by {verdict} seed noise would ({test})."
        remedy = "The rest is the formula or the recipe: see the trends, or try another form." if misses else ""
        numbers = {"p_value": noise.lack_of_fit}
        findings.append(Finding("lack of fit", severity, said, remedy, "replicates", (), numbers))
    return findings
