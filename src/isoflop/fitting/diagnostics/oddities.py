"""Runs that stand out: outliers, runs above the lower envelope, runs that did not finish, learning rates at an edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from isoflop.fitting.diagnostics.context import Context
from isoflop.fitting.diagnostics.finding import Finding, Severity, named, percent

Array = NDArray[np.float64]

FAMILY_WISE = 0.05
"""Chance of naming any run of a clean table, by Bonferroni over the runs."""
MAD_EFFICIENCY = 0.37
FINISHED = ("", "done", "finished", "complete", "completed", "ok", "success", "succeeded", "none", "converged")
"""Words of a status column that say a run ended as planned; case does not matter."""
TAIL = 2.5
"""Robust standard deviations beyond which a run counts in the comparison of the two tails (chosen)."""
WORTH_A_WARNING = 0.25
"""Share of the residual spread below which a shift is a note (chosen)."""
LEAN = 5.0
"""Tokens per parameter below which a run has hardly begun: Chinchilla's optimum is near 20."""


def robust_z(context: Context) -> Array:
    """Residuals over their robust standard deviation and sqrt(1 − leverage), (n,); NaN where that is not known.

    A run of leverage near one is fitted whatever it says; its divisor stops at 0.3.
    """
    if not context.scale > 0:
        return np.full(len(context.residuals), np.nan)
    held = np.sqrt(np.maximum(1 - context.leverage, 0.09))
    return np.asarray((context.residuals - np.median(context.residuals)) / (context.scale * held))


def critical_z(count: int, parameters: int) -> float:
    """Two-sided Bonferroni threshold: one of ``count`` clean normal runs passes it with 5 % chance.

    A Student-t quantile, because the spread itself is estimated: the median absolute deviation is as good as a standard
    deviation of 0.37 times as many runs (Rousseeuw & Croux 1993).
    """
    degrees = max(MAD_EFFICIENCY * (count - parameters), 2.0)
    return float(stats.t.isf(FAMILY_WISE / (2 * max(count, 1)), degrees))


def outlier_finding(context: Context, z: Array) -> Finding:
    """Runs beyond the threshold, named; none is dropped."""
    count, limit = len(z), critical_z(len(z), len(context.fit.form.parameters))
    if not np.isfinite(z).any():
        message = f"Outliers cannot be told: {context.thin(len(context.fit.form.parameters) + 2)}."
        return Finding("outliers", "note", message, "Add runs.", "spread")
    rows = np.flatnonzero(np.abs(z) > limit)
    rows = rows[np.argsort(-np.abs(z[rows]))]
    level = f"|z| > {limit:.2f}, {100 * FAMILY_WISE:g} % chance of any in {count} clean normal runs"
    if not len(rows):
        return Finding("outliers", "good", f"No outlier ({level}).", "", "spread")
    worst = rows[0]
    are = "is an outlier" if len(rows) == 1 else "are outliers"
    message = (
        f"{len(rows)} of {count} runs {are} ({level}): {named(rows, context.name(rows))}; the farthest lies "
        f"{percent(context.residuals[worst])} from the law (z = {z[worst]:+.1f})."
    )
    severity: Severity = "warning"
    remedy = (
        "Look at their logs; leave them out with --where only for a reason other than their loss. None was dropped."
    )
    numbers = {"limit": limit, "worst_z": float(z[worst])}
    return Finding("outliers", severity, message, remedy, "spread", tuple(int(row) for row in rows), numbers)


def tuning_findings(context: Context, z: Array) -> list[Finding]:
    """Signs of runs that are worse than their recipe could be."""
    found = [_skew(context, z), _lean(context), _unfinished(context), *_learning_rates(context)]
    return [finding for finding in found if finding is not None]


def _skew(context: Context, z: Array) -> Finding | None:
    """Bad tuning only raises a loss: more runs far above the law than far below (an exact sign test of the tails)."""
    if len(z) < 8 or not np.isfinite(z).any():
        return None
    above, below = np.flatnonzero(z > TAIL), np.flatnonzero(z < -TAIL)
    together = len(above) + len(below)
    p = float(stats.binomtest(len(above), together, 0.5, "greater").pvalue) if together else 1.0
    told = f"{len(above)} runs lie more than {TAIL:g} robust standard deviations above the law and {len(below)} below"
    numbers = {"above": float(len(above)), "below": float(len(below)), "p_value": p}
    if p > FAMILY_WISE:
        return Finding("tuning", "good", f"No sign of under-tuned runs: {told}.", "", "spread", (), numbers)
    rows = above[np.argsort(-z[above])]
    message = f"{told} (p = {p:.1g}): {named(rows, context.name(rows))}."
    remedy = "They may be under-tuned or unfinished: check learning rate, warm-up and whether the decay ended."
    return Finding("tuning", "warning", message, remedy, "spread", tuple(int(row) for row in rows), numbers)


def _lean(context: Context) -> Finding | None:
    """Runs with few tokens a parameter, whose warm-up may be most of their training, if they lie above the law."""
    lean = np.flatnonzero(context.axes()["D/N"] < LEAN)
    rest = np.flatnonzero(context.axes()["D/N"] >= LEAN)
    if len(lean) < 3 or len(rest) < 3 or not context.scale > 0:
        return None
    gap = float(np.median(context.residuals[lean]) - np.median(context.residuals[rest]))
    p = float(stats.mannwhitneyu(context.residuals[lean], context.residuals[rest], alternative="greater").pvalue)
    numbers = {"gap": gap, "p_value": p}
    told = f"the {len(lean)} runs with fewer than {LEAN:g} tokens a parameter lie {percent(gap)} against the others"
    if p > FAMILY_WISE:
        return Finding("lean runs", "good", f"Short runs agree with the law: {told}.", "", "residuals", (), numbers)
    message = f"Short runs lie too high: {told} (p = {p:.1g})."
    severity: Severity = "warning" if gap > WORTH_A_WARNING * context.scale else "note"
    remedy = f"Their warm-up may be most of their training. See what --where 'tokens > {LEAN:g} * params' changes."
    rows = tuple(int(row) for row in lean)
    return Finding("lean runs", severity, message, remedy, "residuals", rows, numbers)


def _unfinished(context: Context) -> Finding | None:
    runs = context.fit.runs
    if not runs.has("status"):
        return None
    said = ["" if value is None else str(value).strip().lower() for value in runs.column("status")]
    rows = np.array([i for i, word in enumerate(said) if word not in FINISHED], dtype=np.int64)
    if not len(rows):
        return Finding("unfinished", "good", "Every run's status says that it ended as planned.", "", "spread")
    words = ", ".join(sorted({said[row] for row in rows}))
    above = float(np.median(context.residuals[rows]))
    message = (
        f"{len(rows)} of {len(said)} runs did not end as planned ({words}): {named(rows, context.name(rows))}; their "
        f"median residual is {percent(above)}."
    )
    remedy = "A run cut before its learning rate decayed is not comparable: leave it out with --where."
    return Finding("unfinished", "warning", message, remedy, "spread", tuple(int(row) for row in rows))


def _learning_rates(context: Context) -> list[Finding]:
    """Sweeps at one N and D: rates at the edge of the sweep, and runs kept beside a better twin."""
    runs = context.fit.runs
    if not runs.has("lr"):
        return []
    rates = np.asarray(runs.column("lr"), dtype=float)
    cells = _cells(runs.params, runs.tokens)
    swept = [rows for rows in cells if len(np.unique(rates[rows][np.isfinite(rates[rows])])) >= 3]
    if not swept:
        return []
    best = [rows[int(np.argmin(runs.loss[rows]))] for rows in swept]
    at_edge = [
        row for row, rows in zip(best, swept, strict=True) if rates[row] in (rates[rows].min(), rates[rows].max())
    ]
    worse = [row for row, rows in zip(best, swept, strict=True) for row in rows if row not in best]
    findings = []
    if worse:
        excess = float(np.median([np.log(runs.loss[row]) for row in worse]) - np.median(np.log(runs.loss[best])))
        message = (
            f"{len(worse)} runs share N and D with a run of another learning rate that did better; they lie "
            f"{percent(excess)} above the best ones (medians)."
        )
        remedy = "A law of tuned runs wants the best of each cell: keep those, or fit a form with the learning rate."
        rows = tuple(int(row) for row in worse)
        findings.append(Finding("learning rate", "warning", message, remedy, "spread", rows))
    if at_edge:
        message = f"In {len(at_edge)} of {len(swept)} cells the best learning rate is at the edge of the sweep."
        remedy = "Widen the sweep there: the best rate was not bracketed."
        rows = tuple(int(row) for row in at_edge)
        findings.append(Finding("learning rate", "warning", message, remedy, "spread", rows))
    return findings


def _cells(params: Array, tokens: Array) -> list[NDArray[np.int64]]:
    """Rows that share N and D to a part in a thousand."""
    keys = np.stack([np.round(np.log(params), 3), np.round(np.log(tokens), 3)], axis=1)
    _, inverse = np.unique(keys, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    return [np.flatnonzero(inverse == cell) for cell in range(int(inverse.max()) + 1)]
