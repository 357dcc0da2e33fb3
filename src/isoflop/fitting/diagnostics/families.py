"""Two families of runs in one table: two parallel laws describe the runs better than one.

Parallel in ln loss, so that one family is better than the other by the same share everywhere. Two normals of one spread
are fitted to the residuals by expectation–maximisation (Dempster, Laird & Rubin 1977). Heavy tails look like a second
family to such a test, so the two must beat a single Student-t as well as a single normal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from isoflop.fitting.diagnostics.context import Context
from isoflop.fitting.diagnostics.finding import Finding

Array = NDArray[np.float64]

FEWEST_RUNS = 20
DECISIVE = 10.0
"""Difference of BIC counted as very strong (Kass & Raftery 1995, section 3.2)."""
APART = 2.0
"""Ashman's D = sqrt(2)·|m₁ − m₂|/sqrt(s₁² + s₂²) above which two normals are clearly apart (Ashman et al. 1994)."""
SMALLEST_SHARE = 0.08
ROUNDS = 200


@dataclass(frozen=True, eq=False)
class Families:
    """Two parallel laws against one.

    gap: between them, in ln loss. spread: of each. upper: probability that each run belongs to the worse family, (n,).
    bic_gain: BIC of the better single family minus that of two. apart: Ashman's D. two: whether the criterion is met.
    """

    gap: float
    spread: float
    upper: Array
    bic_gain: float
    apart: float
    two: bool


def families(context: Context) -> Families | None:
    """None with fewer than 20 runs, or where the residuals have no spread."""
    residuals = context.residuals
    if len(residuals) < FEWEST_RUNS or not context.scale > 0:
        return None
    scaled = (residuals - np.median(residuals)) / context.scale
    log_count = float(np.log(len(residuals)))
    mixture, low, high, spread, upper = _two_normals(scaled)
    single = min(2 * log_count - 2 * _normal(scaled), 3 * log_count - 2 * _student(scaled))
    gain = single - (4 * log_count - 2 * mixture)
    apart = abs(high - low) / spread
    share = float(min(upper.mean(), 1 - upper.mean()))
    two = gain > DECISIVE and apart > APART and share >= SMALLEST_SHARE
    return Families((high - low) * context.scale, spread * context.scale, upper, gain, apart, two)


def _normal(x: Array) -> float:
    return float(stats.norm.logpdf(x, x.mean(), max(x.std(), 1e-12)).sum())


def _student(x: Array) -> float:
    """The best log-likelihood over degrees of freedom, by reweighting (Lange et al. 1989)."""
    return max(_student_of(x, dof) for dof in (1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0))


def _student_of(x: Array, dof: float) -> float:
    middle, scale = float(np.median(x)), max(float(np.std(x)) / 2, 1e-12)
    for _ in range(60):
        weight = (dof + 1) / (dof + ((x - middle) / scale) ** 2)
        middle = float((weight * x).sum() / weight.sum())
        scale = max(float(np.sqrt((weight * (x - middle) ** 2).mean())), 1e-12)
    return float(stats.t.logpdf(x, dof, middle, scale).sum())


def _two_normals(x: Array) -> tuple[float, float, float, float, Array]:
    """Log-likelihood, both means, the common spread and each run's probability of the upper one; best of 5 starts."""
    found = [_expectation_maximisation(x, share) for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
    return max(found, key=lambda one: one[0])


def _expectation_maximisation(x: Array, share: float) -> tuple[float, float, float, float, Array]:
    upper = np.clip((x > np.quantile(x, 1 - share)).astype(float), 0.05, 0.95)
    # a spread far below that of the residuals would be a family of a few equal values
    narrowest = 0.1 * float(np.std(x)) + 1e-12
    for _ in range(ROUNDS):
        weight = float(np.clip(upper.mean(), 1e-6, 1 - 1e-6))
        low = float(((1 - upper) * x).sum() / max((1 - upper).sum(), 1e-12))
        high = float((upper * x).sum() / max(upper.sum(), 1e-12))
        variance = ((1 - upper) * (x - low) ** 2 + upper * (x - high) ** 2).mean()
        spread = max(float(np.sqrt(variance)), narrowest)
        # of one spread, so their odds are a straight line in x
        odds = np.log(weight / (1 - weight)) + (x - 0.5 * (low + high)) * (high - low) / spread**2
        before, upper = upper, special.expit(odds)
        if np.abs(upper - before).max() < 1e-6:
            break
    below = stats.norm.logpdf(x, low, spread) + np.log(1 - weight)
    whole = below + np.logaddexp(0.0, odds)
    if high < low:
        low, high, upper = high, low, 1 - upper
    return float(whole.sum()), low, high, spread, upper


def family_finding(context: Context, found: Families | None) -> Finding:
    """Whether the table holds two families, by the stated criterion."""
    criterion = f"BIC gain above {DECISIVE:g}, Ashman's D above {APART:g}, {SMALLEST_SHARE:.0%} of the runs in each"
    if found is None:
        message = f"Whether the table holds two families cannot be told: {context.thin(FEWEST_RUNS)}."
        return Finding("families", "note", message, "Name recipes in a column recipe.", "spread")
    numbers = {"gap": found.gap, "bic_gain": found.bic_gain, "apart": found.apart}
    if not found.two:
        message = f"One law describes the table as well as two parallel ones ({criterion}; gain {found.bic_gain:+.3g})."
        return Finding("families", "good", message.replace("-", "−"), "", "spread", (), numbers)
    rows = np.flatnonzero(found.upper > 0.5)
    message = (
        f"Two parallel laws, {100 * found.gap:.2g} % of the loss apart, describe the runs better than one: "
        f"{len(rows)} of {len(found.upper)} runs follow the worse (BIC gain {found.bic_gain:.3g}, "
        f"D = {found.apart:.2g}; criterion: {criterion})."
    )
    remedy = (
        "See what the runs of each have in common (a recipe, a tokenizer, a way of counting) and fit one at a time."
    )
    return Finding("families", "warning", message, remedy, "spread", tuple(int(row) for row in rows), numbers)
