"""The pictures and the page of a demonstration: numbers from the study, charts from ``report``."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from isoflop import __version__
from isoflop.forecasting.averaging import Ensemble
from isoflop.forecasting.forecast import Forecast, forecast
from isoflop.laws.optimum import optimal_split
from isoflop.report.charts import isoflop_curves, ladder_with_law, loss_curves
from isoflop.report.checks import forecast_vs_measured, residuals
from isoflop.report.figures import Chart, save
from isoflop.report.page import Section, write_report
from isoflop.report.tables import Table
from isoflop.runs.table import Runs
from isoflop.units import format_count, format_duration, format_flops
from isoflop.workbench.curves import training_curves

if TYPE_CHECKING:
    from isoflop.workbench.demo import Demonstration

CURVE_POINTS = 40


def write_demo_report(done: Demonstration) -> None:
    """Write figures/*.png, figures/*.svg and report.html of a finished demonstration."""
    charts = demo_charts(done)
    for name, chart in charts.items():
        save(chart, done.study.figures / f"{name}.png")
        save(chart, done.study.figures / f"{name}.svg")
    write_report(
        done.study.report_path,
        title="A forecast, written down before the run it foretells",
        subtitle=verdict(done.record, done.result["score"]),
        sections=_sections(done, charts),
    )


def verdict(record: Mapping[str, Any], score: Mapping[str, Any]) -> str:
    """The result in one sentence."""
    where = "inside" if score["inside"] else "outside"
    return (
        f"Forecast {record['loss']:.4f} [{record['low']:.4f}, {record['high']:.4f}], measured {score['measured']:.4f}: "
        f"off by {score['relative_error']:+.2%}, {where} the {record['level']:.0%} interval, at "
        f"{record['extrapolation']:.1f} times the compute of the largest run that was fitted."
    )


def demo_charts(done: Demonstration) -> dict[str, Chart]:
    """Every chart of the demonstration by name."""
    score = done.result["score"]
    charts: dict[str, Chart] = {
        "forecast": forecast_vs_measured(
            _forecast_frame(done), title=f"The forecast missed by {abs(score['relative_error']):.2%}"
        ),
        "ladder": ladder_with_law(
            done.runs.frame.select("params", "tokens", "flops", "loss", "loss_se"),
            _law_frame(done),
            _target_frame(done),
            title=f"{len(done.runs)} small runs, and the larger one that they foretold",
        ),
        "curves": loss_curves(
            training_curves([*done.plan.trunks, done.plan.target], done.study.trunks),
            pl.concat([_evaluations(done.runs), _evaluations(done.target)]),
            title="Every run as it was trained",
        ),
        "residuals": residuals(
            _residual_frame(done.runs, done.forecast),
            title=f"The laws leave {_rms(done.forecast):.2%} unexplained",
        ),
    }
    valleys = _valleys(done)
    if valleys is not None:
        charts["isoflop"] = isoflop_curves(*valleys, title="How to split a budget between parameters and tokens")
    return charts


def _forecast_frame(done: Demonstration) -> pl.DataFrame:
    record = done.record
    row = {name: record[name] for name in ("flops", "loss", "low", "high")}
    label = f"N={format_count(record['params'])}, D={format_count(record['tokens'])}"
    return pl.DataFrame([{"label": label, **row, "measured": done.result["score"]["measured"]}])


def _target_frame(done: Demonstration) -> pl.DataFrame:
    row = {name: done.record[name] for name in ("params", "tokens", "loss", "low", "high")}
    return pl.DataFrame([{**row, "measured": done.result["score"]["measured"], "label": "target"}])


def _evaluations(runs: Runs) -> pl.DataFrame:
    return runs.frame.select("trunk", "params", "tokens", "loss")


def _law_frame(done: Demonstration) -> pl.DataFrame:
    """The law with its band along D for every size, over the tokens that were trained."""
    sizes = np.unique(np.append(done.runs.params, done.record["params"]))
    tokens = np.geomspace(done.runs.tokens.min(), max(done.runs.tokens.max(), done.record["tokens"]), CURVE_POINTS)
    N, D = (grid.ravel() for grid in np.meshgrid(sizes, tokens, indexing="ij"))
    made = forecast(done.forecast.ensemble, N=N, D=D, level=done.plan.level)
    return pl.DataFrame({"params": N, "tokens": D, "loss": made.loss, "low": made.low, "high": made.high})


def _residuals(made: Forecast) -> NDArray[np.float64]:
    """ln loss of each run above the weighted mean of the laws."""
    return np.asarray(sum(w * f.residuals for w, f in zip(made.ensemble.weights, made.ensemble.fits, strict=True)))


def _rms(made: Forecast) -> float:
    return float(np.sqrt(np.mean(_residuals(made) ** 2)))


def _residual_frame(runs: Runs, made: Forecast) -> pl.DataFrame:
    percent = 100 * np.expm1(_residuals(made))
    return runs.frame.select("params", "tokens", "flops").with_columns(residual_percent=pl.Series(percent))


def _valleys(done: Demonstration) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """Loss against size at five budgets from the ladder to a hundred times it, or None without interior optima."""
    budgets = done.runs.flops.max() * np.array([0.1, 1, 10, 100])
    leading = done.forecast.fit
    best = optimal_split(leading.form, leading.law.constants, budgets)
    if not np.isfinite(best.N_opt).all():
        return None
    spread = np.geomspace(1 / 30, 30, 61)
    C, share = (grid.ravel() for grid in np.meshgrid(budgets, spread, indexing="ij"))
    N = np.repeat(best.N_opt, len(spread)) * share
    loss = leading.law(N=N, D=C / 6 / N)
    optimum = pl.DataFrame({"flops": budgets, "params": best.N_opt, "loss": best.loss})
    return pl.DataFrame({"flops": C, "params": N, "loss": loss}), optimum


def _sections(done: Demonstration, charts: Mapping[str, Chart]) -> list[Section]:
    sections = [
        Section(
            heading="The forecast and what came",
            prose=(
                f"The forecast was recorded at {done.result['forecast_made_at'][:19]} UTC (hash "
                f"{done.result['forecast_digest'][:12]}), before the target's training began. It used "
                f"{len(done.runs)} runs, the largest of {format_flops(done.runs.flops.max())}."
            ),
            chart=charts["forecast"],
        ),
        Section(heading="The ladder and its laws", prose=_fit_prose(done), chart=charts["ladder"]),
        Section(heading="What each formula said", prose=_status_prose(done.forecast.ensemble), table=_forms(done)),
        Section(heading="What the laws leave over", chart=charts["residuals"]),
        Section(heading="Training", chart=charts["curves"], caption=_training_caption(done)),
        Section(heading="Larger budgets, by the same code", prose=_budget_prose(done), table=_budgets(done)),
    ]
    if "isoflop" in charts:
        sections.append(Section(heading="Splitting a budget", chart=charts["isoflop"]))
    return [*sections, Section(heading="All runs", table=_runs_table(done)), _methods(done)]


def _fit_prose(done: Demonstration) -> str:
    return (
        f"{len(done.forecast.ensemble.fits)} formulas were fitted to {len(done.runs)} runs by a Huber loss on ln L "
        "(δ = 1e-3) and weighed by how well each forecast the dearer runs of this ladder from the cheaper ones. N "
        "counts every weight, embeddings included; D counts tokens, here characters. Runs that branch off one training "
        f"trunk are resampled together. What a formula's residuals show is carried a little way past the runs. The "
        f"forecast's standard deviation comes from {_parts(done)}, calibrated by backtests on this ladder."
    )


def _parts(done: Demonstration) -> str:
    shares = ", ".join(f"{name} ({float(sd[0]):.1%} of the loss)" for name, sd in done.forecast.parts.items())
    return " and".join(shares.rsplit(",", 1))


def _forms(done: Demonstration) -> Table:
    rows = [
        {**row, "missed": 100 * (row["loss"] / done.result["score"]["measured"] - 1), "constants": _constants(row)}
        for row in done.record["forms"]
    ]
    titles = {"formula": "L", "weight": "Weight", "loss": "Says", "missed": "Missed by", "constants": "Constants"}
    return Table(rows, titles=titles, formats={"weight": "number", "loss": "loss", "missed": "percent"})


def _constants(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in row["constants"].items())


def _status_prose(ensemble: Ensemble) -> str:
    doubts = [
        f"- {fitted.form.name} — **{doubt.outcome}**: {doubt.cause} {doubt.remedy}"
        for fitted in ensemble.fits
        for doubt in (fitted.status, *fitted.status.also)
        if not doubt.converged
    ]
    return "\n".join(doubts) or "The fits converged, and nothing speaks against them."


def _training_caption(done: Demonstration) -> str:
    seconds = float(np.nansum(done.runs.column("wall_seconds"))) if done.runs.has("wall_seconds") else float("nan")
    target = float(done.target.column("wall_seconds")[-1]) if done.target.has("wall_seconds") else float("nan")
    return (
        f"Ladder: {len(done.plan.trunks)} trunks, {format_duration(seconds)} of runs added up; "
        f"target: {format_duration(target)} on {done.plan.cores} core(s)."
    )


def _budget_prose(done: Demonstration) -> str:
    return "\n".join(f"- **{budget.title}.** {budget.note}" for budget in done.budgets)


def _budgets(done: Demonstration) -> Table:
    rows = []
    for budget in done.budgets:
        a, b = budget.allocation, budget.bill
        rows.append(
            {
                "title": budget.title,
                "flops": a.flops,
                "params": a.N_opt.value,
                "tokens": a.D_opt.value,
                "loss": a.loss.value,
                "hours": b.device_hours.value if b else None,
                "days": f"{b.days.low:.0f} to {b.days.high:.0f}" if b else None,
                "cost": b.cost_usd.value if b else None,
            }
        )
    titles = {"title": "Budget", "flops": "Compute", "params": "N", "tokens": "D", "loss": "Loss"}
    titles |= {"hours": "Device-hours", "days": "Days", "cost": "Rent"}
    formats = {"flops": "flops", "params": "count", "tokens": "count", "loss": "loss", "hours": "count", "cost": "usd"}
    return Table(rows, titles=titles, formats=formats)


def _runs_table(done: Demonstration) -> Table:
    frame = pl.concat([done.runs.frame, done.target.frame], how="diagonal_relaxed")
    columns = [name for name in ("run_id", "params", "tokens", "flops", "loss", "loss_se") if name in frame.columns]
    return Table(
        frame.select(columns).to_dicts(),
        titles=dict(zip(columns, ("Run", "N", "D", "Compute", "Loss", "± s.e."), strict=False)),
        formats={"params": "count", "tokens": "count", "flops": "flops", "loss": "loss", "loss_se": "loss"},
    )


def _methods(done: Demonstration) -> Section:
    recipe = done.plan.target
    lines = [
        f"- isoflop {__version__}, Python {platform.python_version()}, {platform.system()}, {done.plan.cores} core(s)",
        f"- seed {done.plan.seed}, planned for {done.plan.minutes:g} minutes",
        f"- text: {recipe.text.kind}, tokens: {recipe.text.tokenizer}, context {recipe.context}, depth {recipe.depth}",
        (
            f"- batch {recipe.batch_tokens} tokens, peak rate {recipe.lr:g} at width 64, decay over the last "
            f"{recipe.decay_fraction:.0%} of each branch"
        ),
        f"- C = 6ND; the target has {done.record['tokens'] / done.record['params']:.1f} tokens a parameter",
        f"- the same again: isoflop demo --minutes {done.plan.minutes:g} --seed {done.plan.seed}",
    ]
    return Section(heading="How it was done", prose="\n".join(lines))
