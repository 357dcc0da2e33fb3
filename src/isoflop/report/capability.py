"""Scores against scale, and coverage against attempts, as pictures."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
from numpy.typing import NDArray

from isoflop.capability.attempts import Coverage
from isoflop.capability.axis import Axis
from isoflop.capability.extrapolate import CoverageForecast
from isoflop.capability.score_table import Scored
from isoflop.capability.skill import SkillLaw
from isoflop.capability.skill_forecast import SkillForecast
from isoflop.report import grammar
from isoflop.report.grammar import Rows, data, finish, log_scale
from isoflop.units import format_count

Array = NDArray[np.float64]

POINTS = 81
SHARE = ".0%"


def skill_chart(
    rows: Scored, laws: Sequence[SkillLaw], forecast: SkillForecast | None = None, *, title: str | None = None
) -> alt.LayerChart:
    """Scores, the laws fitted to them and, where made, the forecast with its interval; the axis is the column's own."""
    last = rows.x[-1] if forecast is None else max(rows.x[-1], float(forecast.x.max()))
    grid = np.linspace(rows.x[0], last, POINTS)
    axis = x_axis(rows.axis, np.append(rows.x, grid))
    lines: Rows = [
        {"x": at, "score": value, "form": law.form}
        for law in laws
        for at, value in zip(rows.axis.column_values(grid).tolist(), law(grid).tolist(), strict=True)
    ]
    seen: Rows = _pairs(rows.axis, rows.x, rows.score)
    y = alt.Y("score:Q", title=f"Score: {rows.label}", axis=alt.Axis(format=SHARE), scale=alt.Scale(nice=True))
    dash = alt.StrokeDash("form:N", legend=alt.Legend(title="law") if len(laws) > 1 else None)
    layers = [
        alt.Chart(data(lines)).mark_line(style="reference", strokeWidth=1.6).encode(x=axis, y=y, strokeDash=dash),
        alt.Chart(data(seen)).mark_point(style=["halo", "measured"], size=55).encode(x=axis, y=y),
    ]
    if forecast is not None:
        ends: Rows = [
            {"x": at, "score": mean, "low": low, "high": high}
            for at, mean, low, high in zip(
                *(
                    v.tolist()
                    for v in (rows.axis.column_values(forecast.x), forecast.mean, forecast.low, forecast.high)
                ),
                strict=True,
            )
        ]
        base = alt.Chart(data(ends)).encode(x=axis)
        layers += [
            base.mark_rule(style="forecast", strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q"),
            base.mark_point(style=["halo", "forecast"], size=110, shape="diamond").encode(y=y),
        ]
    return finish(layers, title or _skill_title(rows, laws, forecast), _skill_subtitle(rows, forecast))


def _skill_title(rows: Scored, laws: Sequence[SkillLaw], forecast: SkillForecast | None) -> str:
    if forecast is not None:
        low, high = 100 * float(forecast.low[-1]), 100 * float(forecast.high[-1])
        return f"{rows.label}: {100 * forecast.mean[-1]:.0f} % is forecast, between {low:.0f} and {high:.0f} %"
    best = min(laws, key=lambda law: law.sd)
    return f"{rows.label}: the {best.form} leaves {100 * best.sd:.1f} points open at a given {spoken(rows.axis.column)}"


def _skill_subtitle(rows: Scored, forecast: SkillForecast | None) -> str:
    said = f"Dots: {len(rows.x)} models. Lines: laws fitted to them."
    if forecast is None:
        return said
    return f"{said} Diamond: forecast with its {forecast.level:.0%} interval."


def x_axis(axis: Axis, x: Array, column: str = "x") -> alt.X:
    """The column's own values along the horizontal, growing in skill to the right."""
    values, named = axis.column_values(x), grammar.TITLES.get(axis.column, axis.column)
    if axis.scale == "log":
        scale, ticks = log_scale(values.tolist())
        label = "replace(format(datum.value, '.2~e'), '+', '')"
        options = {"values": ticks} if ticks else {"tickCount": 6}
        return alt.X(
            f"{column}:Q",
            scale=scale,
            axis=alt.Axis(title=named, labelExpr=label, **options),
        )
    scale = alt.Scale(zero=False, nice=False, reverse=axis.scale == "loss", padding=12)
    return alt.X(
        f"{column}:Q",
        scale=scale,
        axis=alt.Axis(title=named, tickCount=7, format=".3~f"),
    )


def spoken(column: str) -> str:
    """A column in a sentence."""
    return {"flops": "compute", "params": "size", "tokens": "number of tokens"}.get(column, column)


def _pairs(axis: Axis, x: Array, score: Array) -> Rows:
    return [{"x": a, "score": s} for a, s in zip(axis.column_values(x).tolist(), score.tolist(), strict=True)]


def coverage_chart(measured: Coverage, forecast: CoverageForecast | None = None) -> alt.LayerChart:
    """pass@k against k: what was measured with its interval over problems, and the forecast beyond."""
    rows = _coverage_rows(measured, "measured")
    if forecast is not None:
        rows += _coverage_rows(forecast, "forecast")
    scale, ticks = log_scale([row["k"] for row in rows])
    label = "replace(format(datum.value, '.3~s'), 'G', 'B')"
    options = {"values": ticks} if ticks else {"tickCount": 6}
    x = alt.X("k:Q", scale=scale, axis=alt.Axis(title="Attempts k", labelExpr=label, **options))
    y = alt.Y("mean:Q", title="pass@k", axis=alt.Axis(format=SHARE))
    domain = ["forecast", "measured"]
    colour = alt.Color(
        "what:N", scale=alt.Scale(domain=domain), legend=alt.Legend(title=None) if forecast is not None else None
    )
    base = alt.Chart(data(rows)).encode(x=x, color=colour)
    layers = [
        base.mark_area(style="band").encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(strokeWidth=2).encode(y=y),
        base.mark_point(size=45).encode(y=y),
    ]
    return finish(layers, _coverage_title(measured, forecast), _coverage_subtitle(measured, forecast))


def _coverage_rows(found: Coverage | CoverageForecast, what: str) -> Rows:
    columns = (found.k.tolist(), found.mean.tolist(), found.low.tolist(), found.high.tolist())
    return [
        {"k": k, "mean": mean, "low": low, "high": high, "what": what}
        for k, mean, low, high in zip(*columns, strict=True)
    ]


def _coverage_title(measured: Coverage, forecast: CoverageForecast | None) -> str:
    found = measured if forecast is None else forecast
    low, high = 100 * float(found.low[-1]), 100 * float(found.high[-1])
    share = f"{100 * float(found.mean[-1]):.0f} % [{low:.0f}, {high:.0f}]"
    return f"{format_count(float(found.k[-1]))} attempts solve {share} of the problems"


def _coverage_subtitle(measured: Coverage, forecast: CoverageForecast | None) -> str:
    made = f"{measured.problems} problems; bands: {measured.level:.0%} intervals."
    if forecast is None:
        return made
    return f"{made} Forecast from {format_count(forecast.attempts)} attempts a problem."
