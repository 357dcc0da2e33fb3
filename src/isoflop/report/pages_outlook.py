"""The charts of ``outlook`` for its page, whose rows the browser computes; and growth with released models on it."""

from __future__ import annotations

from typing import Any

import altair as alt

from isoflop.outlook.shipped import compute_outlook, cost_outlook, data_outlook, limits_outlook
from isoflop.report import outlook, theme
from isoflop.report.figures import Specification
from isoflop.report.grammar import Rows, data, finish, log_scale
from isoflop.report.pages_live import live

FEW = 100
"""Draws of the outlooks whose charts are taken apart: none of their numbers stays."""
CROSSING = 44
YEARS = (2024, 2042)
FIRST, LAST = 2017, 2034
REACH = (1e21, 1e32)
LIMITS = (1e27, 1e34)
SAMPLES = (10.0, 1e6)


def outlook_specs() -> dict[str, Specification]:
    """Growth, compute, cost, text, limits and sampling, by name; the tables of each are those named here."""
    dated: dict[str, Any] = {"free": ("y",), "domains": {"x": YEARS}, "step": CROSSING, "columns": 1}
    return {
        "growth": live(growth_chart(), ("band", "largest", "marks", "now")),
        "compute": live(outlook.compute_chart(compute_outlook(draws=FEW)), ("now", "crossings"), **dated),
        "cost": live(outlook.cost_chart(cost_outlook(draws=FEW)), ("now", "crossings"), **dated),
        "text": live(outlook.data_chart(data_outlook(draws=FEW)), ("stock", "note", "use", "spans"), columns=2),
        "limits": live(
            outlook.limits_chart(limits_outlook(draws=FEW)), ("trend", "limits", "middles"), domains={"x": LIMITS}
        ),
        "sampling": live(sampling_chart(), ("error", "here"), free=("y",)),
    }


def growth_chart() -> alt.LayerChart:
    """A typical frontier run with its band, the largest run, and released models, over the years."""
    rows: Rows = [{"year": FIRST, "low": 1e21, "middle": 2e21, "high": 4e21}]
    scale, ticks = log_scale(REACH, margin=0.0)
    axis = alt.Axis(title="Training compute (FLOP)", values=ticks, labelExpr=theme.FLOPS.format(v="datum.value"))
    x = alt.X(
        "year:Q", title=None, scale=alt.Scale(domain=[FIRST, LAST], nice=False), axis=alt.Axis(format="d", tickCount=8)
    )
    y = alt.Y("middle:Q", scale=scale, axis=axis)

    def of(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", scale=scale, axis=axis)

    band = alt.Chart(data(rows)).encode(x=x)
    largest = alt.Chart(data([{"year": FIRST, "middle": 3e21}])).encode(x=x, y=y)
    marks = alt.Chart(data([{"year": FIRST, "value": 1e21, "name": "", "label": ""}])).encode(x=x, y=of("value"))
    now = alt.Chart(data([{"year": FIRST + 1}])).encode(x=x)
    tips = [alt.Tooltip("name:N"), alt.Tooltip("value:Q", format=".2~e")]
    layers = [
        band.mark_area(style="forecast", opacity=0.25, clip=True).encode(y=of("low"), y2="high:Q"),
        band.mark_line(style="forecast", strokeWidth=2, clip=True).encode(y=y),
        largest.mark_line(style="forecast", strokeDash=[5, 4], clip=True),
        marks.mark_point(style="measured", size=38, opacity=0.75, clip=True).encode(tooltip=tips),
        marks.mark_text(style="note", align="right", dx=-7, dy=-6, clip=True).encode(text="label:N"),
        now.mark_rule(style="reference", strokeDash=[2, 3]),
    ]
    return finish(layers, "Growth", "", height=300)


def sampling_chart() -> alt.LayerChart:
    """The margin of error of a mean against how many were asked."""
    rows: Rows = [{"n": SAMPLES[0], "margin": 1.0}, {"n": SAMPLES[1], "margin": 0.01}]
    scale, ticks = log_scale(SAMPLES, margin=0.0)
    count = theme.COUNT.format(v="datum.value")
    x = alt.X("n:Q", scale=scale, axis=alt.Axis(title="People asked", values=ticks, labelExpr=count))
    y = alt.Y(
        "margin:Q",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(title="Margin of error", format="~g", tickCount=4),
    )
    base = alt.Chart(data(rows)).encode(x=x, y=y)
    here = alt.Chart(data([{"n": 100.0, "margin": 0.1, "label": ""}])).encode(x=x, y=y)
    layers = [
        base.mark_line(style="forecast", strokeWidth=2),
        here.mark_point(style=["halo", "measured"], size=90),
        here.mark_text(style="note", align="left", dx=9, dy=-9).encode(text="label:N"),
    ]
    return finish(layers, "Sampling", "", height=220)
