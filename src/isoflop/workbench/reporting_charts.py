"""The charts of a study's report; None where its numbers allow none."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from isoflop.errors import IsoflopError
from isoflop.forecasting.averaging import Ensemble
from isoflop.forecasting.forecast import forecast
from isoflop.laws.optimum import optimal_split
from isoflop.report.charts import isoflop_curves, ladder_with_law
from isoflop.report.checks import forecast_vs_measured, residuals
from isoflop.report.designing import spread_chart
from isoflop.report.figures import Chart
from isoflop.report.planning import valley_chart
from isoflop.units import format_count, format_flops
from isoflop.workbench.reporting import StudyReport

SIZES, ALONG = 8, 30
"""Sizes whose law is drawn, and points along each."""
VALLEY = np.geomspace(1 / 30, 30, 61)


def ladder(report: StudyReport) -> Chart | None:
    """The runs, the law along the tokens for some sizes, and the target."""
    ensemble, made = report.ensemble, report.forecast
    if ensemble is None:
        return None
    runs = ensemble.runs
    names = [name for name in ("params", "tokens", "flops", "loss", "loss_se") if name in runs.frame.columns]
    target = None
    if made is not None:
        row = {"params": made.params[0], "tokens": made.tokens[0], "loss": made.loss[0]}
        target = pl.DataFrame([{**row, "low": made.low[0], "high": made.high[0], "measured": None, "label": "target"}])
    return ladder_with_law(
        runs.frame.select(names),
        _law_frame(ensemble, report),
        target,
        title=f"{len(runs)} runs and the law between them",
        subtitle=f"One line per model size: what the laws say together, with its {_level(report):.0%} band.",
    )


def _level(report: StudyReport) -> float:
    return 0.9 if report.forecast is None else report.forecast.level


def _law_frame(ensemble: Ensemble, report: StudyReport) -> pl.DataFrame:
    runs, made = ensemble.runs, report.forecast
    sizes = np.unique(runs.params)
    if len(sizes) > SIZES:
        sizes = np.unique(np.quantile(runs.params, np.linspace(0, 1, SIZES), method="nearest"))
    high = float(runs.tokens.max())
    if made is not None:
        sizes, high = np.append(sizes, made.params[0]), max(high, float(made.tokens[0]))
    N, D = (grid.ravel() for grid in np.meshgrid(sizes, np.geomspace(runs.tokens.min(), high, ALONG), indexing="ij"))
    drawn = forecast(ensemble, N=N, D=D, level=_level(report), seed=report.manifest["seed"])
    return pl.DataFrame({"params": N, "tokens": D, "loss": drawn.loss, "low": drawn.low, "high": drawn.high})


def residual_chart(report: StudyReport) -> Chart | None:
    """What the laws together leave unexplained, run by run."""
    ensemble = report.ensemble
    if ensemble is None:
        return None
    left = _left(ensemble)
    frame = ensemble.runs.frame.select("params", "tokens", "flops")
    return residuals(
        frame.with_columns(residual_percent=pl.Series(100 * np.expm1(left))),
        title=f"The laws leave {np.sqrt(np.mean(left**2)):.2%} unexplained",
    )


def _left(ensemble: Ensemble) -> NDArray[np.float64]:
    parts = (w * f.residuals for w, f in zip(ensemble.weights, ensemble.fits, strict=True))
    return np.asarray(sum(parts))


def valleys(report: StudyReport) -> Chart | None:
    """Loss against size at budgets from the largest run's to the target's, or None without best splits."""
    ensemble = report.ensemble
    if ensemble is None:
        return None
    leading, top = ensemble.leading, float(ensemble.runs.flops.max())
    budgets = top * np.array([0.1, 1.0, 10.0])
    try:
        best = optimal_split(leading.form, leading.law.constants, budgets)
    except IsoflopError:
        return None
    if not np.isfinite(best.N_opt).all():
        return None
    C, share = (grid.ravel() for grid in np.meshgrid(budgets, VALLEY, indexing="ij"))
    N = np.repeat(best.N_opt, len(VALLEY)) * share
    try:
        loss = leading.law(N=N, D=C / 6 / N)
    except IsoflopError:
        return None
    return isoflop_curves(
        pl.DataFrame({"flops": C, "params": N, "loss": loss}),
        pl.DataFrame({"flops": budgets, "params": best.N_opt, "loss": best.loss}),
        title=f"The best split of {format_flops(budgets[-1]).replace('e+', 'e')} has {format_count(best.N_opt[-1])} "
        "parameters",
        subtitle=f"By the form with the largest weight, {leading.form.name}. Each curve spends one budget.",
    )


def forecast_chart(report: StudyReport) -> Chart | None:
    """The target's interval."""
    made = report.forecast
    if made is None or not made.low[0] < made.high[0]:
        return None
    label = f"N={format_count(made.params[0])}, D={format_count(made.tokens[0])}"
    row = {"label": label, "flops": float(made.flops[0]), "loss": float(made.loss[0])}
    row |= {"low": float(made.low[0]), "high": float(made.high[0]), "measured": None}
    return forecast_vs_measured(
        pl.DataFrame([row], schema_overrides={"measured": pl.Float64}),
        title=f"Expected: {made.loss[0]:.4f} nats per token",
        subtitle=f"Bar: the {made.level:.0%} interval of a run not yet made.",
    )


def plan_chart(report: StudyReport) -> Chart | None:
    """The valley around the planned size."""
    try:
        return None if report.plan is None else valley_chart(report.plan)
    except (IsoflopError, ValueError):
        return None


def next_chart(report: StudyReport) -> Chart | None:
    """What the next runs bring, step by step."""
    made = report.next
    if made is None or len(made.picks) < 2:
        return None  # a single step is in the table
    spent, steps = 0.0, []
    for number, pick in enumerate(made.picks, 1):
        spent += pick.cost
        steps.append({"layout": "next runs", "flops": spent, "spread": pick.spread, "step": number})
    return spread_chart(
        pl.DataFrame(steps),
        title=f"From ±{made.spread:.2%} today to ±{made.picks[-1].spread:.2%}",
        subtitle=f"The noise of a single run, ±{made.noise:.2%}, is not counted.",
    )
