"""Whether recorded forecasts meant what they said: where measurements fell in their foretold distributions."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import polars as pl

from isoflop.errors import BadInput
from isoflop.report.grammar import data, finish

HEIGHT = 380


def calibration_chart(
    pit: pl.DataFrame,
    *,
    band: float,
    title: str,
    subtitle: str = "On the diagonal, forecasts mean what they say. Grey: where 90 % of calibrated ledgers stay.",
) -> alt.LayerChart:
    """The share of measurements that fell below each foretold probability, as steps, around the diagonal.

    Steps above the diagonal on the left and below on the right: intervals too narrow; above throughout: forecasts too
    high. pit: one row a scored forecast with its value between 0 and 1 in column ``pit`` and its name in ``label``.
    band: half-width of the grey band. Raises BadInput without a row or for a value outside 0 to 1.
    """
    values = sorted(float(value) for value in pit["pit"]) if "pit" in pit.columns else []
    if not values or not all(math.isfinite(v) and 0 <= v <= 1 for v in values):
        raise BadInput(
            f"The calibration chart got {len(values)} values in column 'pit'. It needs at least one, each between 0 "
            "and 1. Score a forecast first: isoflop ledger score NAME --loss L."
        )
    labels = [str(label) for _, label in sorted(zip(pit["pit"], pit["label"], strict=True))]
    count = len(values)
    steps = [{"p": 0.0, "share": 0.0}, *({"p": v, "share": (i + 1) / count} for i, v in enumerate(values))]
    steps.append({"p": 1.0, "share": 1.0})
    dots = [{"p": v, "share": (i + 1) / count, "label": labels[i]} for i, v in enumerate(values)]
    axis: dict[str, Any] = {"format": "%", "values": [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]}
    x = alt.X(
        "p:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(title="Foretold probability of a lower loss", **axis)
    )
    y = alt.Y(
        "share:Q",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(title="Share of runs that came out there or lower", **axis),
    )
    layers = [
        _band(band).encode(x=x, y=alt.Y("low:Q", axis=y["axis"], scale=y["scale"]), y2="high:Q"),
        alt.Chart(data([{"p": 0.0, "share": 0.0}, {"p": 1.0, "share": 1.0}]))
        .mark_line(style="reference", strokeDash=[5, 4])
        .encode(x=x, y=y),
        alt.Chart(data(steps)).mark_line(style="measured", interpolate="step-after", strokeWidth=2.2).encode(x=x, y=y),
        alt.Chart(data(dots))
        .mark_point(style=["halo", "measured"])
        .encode(x=x, y=y, tooltip=[alt.Tooltip("label:N", title="Forecast"), alt.Tooltip("p:Q", format=".1%")]),
    ]
    return finish(layers, title, subtitle, height=HEIGHT)


def _band(half: float) -> alt.Chart:
    rows = [{"p": p / 20, "low": max(0.0, p / 20 - half), "high": min(1.0, p / 20 + half)} for p in range(21)]
    chart: alt.Chart = alt.Chart(data(rows)).mark_area(style=["band", "reference"])
    return chart
