"""Does the law miss in a direction? Residuals against N, D, D/N, C and the recipe.

A law with exponents for N and D has taken straight trends out already, so the tests are three: a slope (Spearman's rank
correlation), a bend (rank correlation with the distance from the middle of the axis), and a change of spread (of the
size of the residual). Ranks, because residuals have heavy tails. The p-values of all of them together are held to a
family-wise 5 % by Holm's (1979) method; what matters is the effect, given in per cent of the loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from isoflop.fitting.diagnostics.context import Context
from isoflop.fitting.diagnostics.finding import Finding, Severity, percent

Array = NDArray[np.float64]

FAMILY_WISE = 0.05
FEWEST_RUNS = 8
"""Below this no rank test can tell a trend from chance after correction (smallest two-sided p of 7 ranks: 4e-4)."""
SHOWN_SHARE = 0.25
"""A trend whose effect is below this share of the residual spread is not worth a warning (chosen)."""


@dataclass(frozen=True, slots=True)
class Trend:
    """kind of trend of the residuals along an axis. rho: rank correlation. effect: in ln loss for a slope (last fifth
    of the runs minus the first) and a bend (outer fifths minus the middle one); a ratio of spreads for a spread.
    p_value: corrected for all tests made."""

    axis: str
    kind: str
    rho: float
    effect: float
    p_value: float


def trends(context: Context) -> tuple[Trend, ...]:
    """Every test that these runs allow; empty with fewer than eight."""
    if len(context.residuals) < FEWEST_RUNS or not context.scale > 0:
        return ()
    found = [
        trend
        for axis, values in context.axes().items()
        if len(np.unique(np.round(np.log(values), 9))) > 2
        for trend in _along(axis, np.log(values), context)
    ]
    corrected = holm(np.array([trend.p_value for trend in found]))
    return tuple(Trend(t.axis, t.kind, t.rho, t.effect, float(p)) for t, p in zip(found, corrected, strict=True))


def _along(axis: str, x: Array, context: Context) -> list[Trend]:
    r, place = context.residuals, stats.rankdata(x) / len(x) - 0.5
    size = np.abs(r - np.median(r))
    low, middle, high = _fifth(r, place, -0.4), _fifth(r, place, 0.0), _fifth(r, place, 0.4)
    spread = _fifth(size, place, 0.4) / max(_fifth(size, place, -0.4), 1e-9)
    return [
        Trend(axis, "slope", *_ranked(place, r, high - low)),
        Trend(axis, "bend", *_ranked(np.abs(place), r, 0.5 * (low + high) - middle)),
        Trend(axis, "spread", *_ranked(place, size, spread)),
    ]


def _ranked(x: Array, y: Array, effect: float) -> tuple[float, float, float]:
    found = stats.spearmanr(x, y)
    rho, p = float(found.statistic), float(found.pvalue)
    return (rho, effect, p) if np.isfinite(p) else (0.0, effect, 1.0)


def _fifth(values: Array, place: Array, centre: float) -> float:
    """Median of the fifth of the runs around a place on the axis; places run from −0.5 to 0.5."""
    near = np.abs(place - centre) <= 0.1 + 1e-9
    return (
        float(np.median(values[near])) if near.any() else float(np.median(values[np.abs(place - centre).argsort()[:3]]))
    )


def holm(p_values: Array) -> Array:
    """Holm's step-down correction (n,): each corrected p-value may be compared with the family-wise level."""
    order = np.argsort(p_values)
    steps = (len(p_values) - np.arange(len(p_values))) * p_values[order]
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(p_values) else steps
    return corrected


def trend_findings(context: Context, found: tuple[Trend, ...]) -> list[Finding]:
    """One finding per trend that the correction leaves, or one that says none is left."""
    if not found:
        message = f"Residuals cannot be tested for trends: {context.thin(FEWEST_RUNS)}."
        return [Finding("trend", "note", message, "Add runs.", "residuals")]
    real = [trend for trend in found if trend.p_value < FAMILY_WISE]
    shown = [_finding(trend, context.scale) for kind in ("slope", "bend", "spread") for trend in _strongest(real, kind)]
    if shown:
        return shown
    least = min(found, key=lambda trend: trend.p_value)
    message = (
        f"No trend of the residuals with N, D, D/N or C: the smallest of {len(found)} corrected p-values is "
        f"{least.p_value:.2g} ({least.kind} along {least.axis})."
    )
    return [Finding("trend", "good", message, "", "residuals")]


def _strongest(trends: list[Trend], kind: str) -> list[Trend]:
    """N, D, D/N and C are made of two quantities, so of one kind only the two clearest axes are told."""
    return sorted((trend for trend in trends if trend.kind == kind), key=lambda trend: trend.p_value)[:2]


def _finding(trend: Trend, scale: float) -> Finding:
    said = f"(rank correlation {trend.rho:+.2f}, corrected p = {trend.p_value:.1g})".replace("-0.", "−0.")
    numbers = {"rho": trend.rho, "effect": trend.effect, "p_value": trend.p_value}
    if trend.kind == "spread":
        times = f"{trend.effect:.2g} times as much as those at the low end"
        message = f"Runs at the high end of {trend.axis} scatter {times} {said}."
        remedy = "Intervals that take one spread for all are too wide at one end and too narrow at the other."
        wide: Severity = "warning" if max(trend.effect, 1 / max(trend.effect, 1e-9)) > 2 else "note"
        return Finding("spread", wide, message, remedy, "residuals", (), numbers)
    severity: Severity = "warning" if abs(trend.effect) > SHOWN_SHARE * scale else "note"
    where = (
        f"from {percent(-trend.effect / 2)} at its low end to {percent(trend.effect / 2)} at its high end"
        if trend.kind == "slope"
        else f"by {percent(trend.effect)} at both ends against the middle"
    )
    word = "drift" if trend.kind == "slope" else "bend"
    message = f"Residuals {word} along {trend.axis}, {where} {said}."
    remedy = "The formula misses something there: try another form (coupled, broken), or fit a narrower range."
    return Finding("trend", severity, message, remedy, "residuals", (), numbers)


def recipe_findings(context: Context, column: str = "recipe") -> list[Finding]:
    """Whether runs of different recipes lie at different heights above the one law (Kruskal & Wallis 1952)."""
    runs = context.fit.runs
    if not runs.has(column):
        return []
    labels = np.array([str(value) for value in runs.column(column)])
    names, counts = np.unique(labels, return_counts=True)
    names = names[counts >= 3]
    if len(names) < 2 or not context.scale > 0:
        return []
    groups = [context.residuals[labels == name] for name in names]
    p = float(stats.kruskal(*groups).pvalue)
    middles = [float(np.median(group)) for group in groups]
    best, worst = int(np.argmin(middles)), int(np.argmax(middles))
    gap = middles[worst] - middles[best]
    told = f"{gap:.2%} of the loss lies between recipes '{names[best]}' and '{names[worst]}' (p = {p:.1g})"
    numbers = {"gap": gap, "p_value": p}
    if p > FAMILY_WISE:
        return [Finding("recipe", "good", f"Recipes share the law: {told}.", "", "residuals", (), numbers)]
    severity: Severity = "warning" if gap > SHOWN_SHARE * context.scale else "note"
    remedy = f"Fit one recipe at a time, as with --where \"{column} == '{names[best]}'\"."
    return [Finding("recipe", severity, f"Recipes do not share one law: {told}.", remedy, "residuals", (), numbers)]
