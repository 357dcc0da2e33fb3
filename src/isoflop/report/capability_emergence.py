"""A skill under several metrics, one above the other: what jumps and what climbs."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import numpy as np
from numpy.typing import NDArray

from isoflop.capability.axis import Axis
from isoflop.capability.emergence import Emergence
from isoflop.report import theme
from isoflop.report.capability import x_axis
from isoflop.report.grammar import Rows, data

Array = NDArray[np.float64]

PANEL = 130
"""Height of one metric's panel, px."""
MEANING = {
    "no jump": "no jump to explain",
    "the metric's doing": "the jump is the metric's doing",
    "real": "the jump is real",
    "cannot tell": "these models cannot tell a jump from a metric",
}


def emergence_chart(axis: Axis, x: Array, metrics: Mapping[str, Array], found: Emergence) -> alt.VConcatChart:
    """One panel a metric over the same axis, with the threshold of each and its interval. x: (models,)."""
    panels = []
    for i, case in enumerate(found.metrics):
        known = np.isfinite(x) & np.isfinite(metrics[case.name])
        rows: Rows = [
            {"x": at, "y": score}
            for at, score in zip(axis.column_values(x[known]).tolist(), metrics[case.name][known].tolist(), strict=True)
        ]
        along = x_axis(axis, x[known])
        if i < len(found.metrics) - 1:
            along["axis"]["title"] = None
        ends = sorted(axis.column_values(np.array([case.onset.low, case.onset.high])).tolist())
        span: Rows = [{"low": ends[0], "high": ends[1], "at": float(axis.column_values(case.onset.threshold))}]
        y = alt.Y("y:Q", title=None, axis=alt.Axis(tickCount=4), scale=alt.Scale(zero=False))
        place = alt.Chart(data(span))
        layers = [
            place.mark_rect(style=["forecast", "band"]).encode(x=alt.X("low:Q"), x2="high:Q"),
            place.mark_rule(style="forecast", strokeDash=[4, 3]).encode(x=alt.X("at:Q")),
            alt.Chart(data(rows)).mark_point(style=["halo", "measured"], size=45).encode(x=along, y=y),
        ]
        told = f"{case.kind} credit, {case.jump.kind} rise" if case.kind == "partial" else f"{case.jump.kind} rise"
        heading = alt.TitleParams(text=f"{case.name.replace('_', ' ')}: {told}", fontSize=12.5, offset=4)
        panels.append(alt.LayerChart(layer=layers).properties(width=theme.WIDTH, height=PANEL, title=heading))
    said = f"{found.metrics[0].name.replace('_', ' ')}: {MEANING[found.verdict]}"
    below = f"{found.models} models, {found.at_floor} at the floor. Band: where each metric leaves its floor, 90 %."
    chart: alt.VConcatChart = alt.vconcat(*panels, spacing=14).properties(
        title=alt.TitleParams(text=said, subtitle=below), description=f"{said}. {below}"
    )
    themed: alt.VConcatChart = chart.configure(**theme.config(theme.LIGHT))
    return themed
