"""Whether to believe it: forecasts against measurements, and what the law left unexplained."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from isoflop.report.grammar import (
    Rows,
    colour_by,
    colours,
    data,
    finish,
    rows_of,
    shapes,
    spoken,
    tooltips,
    values,
    x_log,
    x_of,
)
from isoflop.units import format_flops

ROW_HEIGHT = 56  # px: one line of text, the interval under it, and air
FORECAST, INSIDE, OUTSIDE = "forecast", "measured", "missed"
SHAPES = {FORECAST: "circle", INSIDE: "diamond", OUTSIDE: "cross"}
FORECAST_TOOLTIP = {
    "label": "Run",
    "flops": "Compute (FLOP)",
    "loss": "Forecast (nats/token)",
    "low": "Interval from",
    "high": "Interval to",
    "measured": "Measured (nats/token)",
    "note": "Result",
}


def forecast_vs_measured(
    forecasts: pl.DataFrame,
    *,
    title: str,
    subtitle: str = "Bar: the interval of the forecast. A loss measured outside it is marked as missed.",
) -> alt.LayerChart:
    """One line per forecast: its interval as a bar, the forecast as a dot, the measured loss and the error in percent.

    The error is 100 × (forecast / measured − 1); ± is half the interval, in percent of the forecast.
    forecasts: label, flops, loss, low, high (nats per token) and measured (null while the run is not trained yet).
    """
    needs = ("label", "flops", "loss", "low", "high", "measured")
    rows = [_scored(row) for row in rows_of(forecasts, "forecasts", needs, positive=("flops", "loss", "low", "high"))]
    rows.sort(key=lambda row: row["flops"])
    rows = [row | {"place": place} for place, row in enumerate(rows)]
    x = _loss_axis(rows)
    y = alt.Y("place:O", axis=None, scale=alt.Scale(paddingInner=0, paddingOuter=0.1))
    seen = [FORECAST, *(row["what"] for row in rows)]
    marks = {"y": y, "shape": shapes(SHAPES, seen), "color": colours(SHAPES, seen)}
    layers = [*_captions(rows, y), *_intervals(rows, x, marks), *_measurements(rows, x, marks)]
    return finish(layers, title, subtitle, height=ROW_HEIGHT * len(rows) + 12)


def residuals(
    runs: pl.DataFrame,
    *,
    title: str,
    subtitle: str = "Above zero the run was worse than the law says.",
) -> alt.LayerChart:
    """What the law leaves unexplained, against compute, coloured by parameters.

    runs: params, tokens, flops, residual_percent (100 × (measured / law − 1)).
    """
    needs = ("params", "tokens", "flops", "residual_percent")
    rows = rows_of(runs, "residuals", needs, positive=("params", "tokens", "flops"))
    x = x_log("flops", values(rows, "flops"))
    axis = alt.Axis(title="Loss above the law (%)", tickCount=6)
    y = alt.Y("residual_percent:Q", axis=axis, scale=alt.Scale(nice=True, zero=True))
    colour = colour_by("params", values(rows, "params"))
    names = {"params": "Parameters", "tokens": "Tokens", "flops": "Compute (FLOP)", "residual_percent": "Residual (%)"}
    base = spoken(alt.Chart(data(rows)), rows).encode(x=x)
    zero = alt.Chart(data([{"zero": 0.0}])).mark_rule(style="reference").encode(y=alt.Y("zero:Q", axis=axis))
    stems = base.mark_rule(opacity=0.45).encode(y=y, y2=alt.datum(0), color=colour)
    dots = base.mark_point(style="halo").encode(y=y, color=colour, tooltip=tooltips(rows, names))
    return finish([zero, stems, dots], title, subtitle, height=280)


def _scored(row: dict[str, Any]) -> dict[str, Any]:
    """The words beside one forecast."""
    width = 50 * (row["high"] - row["low"]) / row["loss"]
    interval = f"{row['loss']:.3f} ± {width:.2g} %"
    if row["measured"] is None:
        return row | {"what": FORECAST, "note": f"forecast {interval}, not trained yet"}
    error = 100 * (row["loss"] / row["measured"] - 1)
    signed = f"{error:+.2f}".replace("-", "−")
    what = INSIDE if row["low"] <= row["measured"] <= row["high"] else OUTSIDE
    return row | {"what": what, "note": f"forecast {interval}, measured {row['measured']:.3f}, error {signed} %"}


def _loss_axis(rows: Rows) -> alt.X:
    numbers = values(rows, "low", "high", "loss", "measured")
    margin = 0.06 * (max(numbers) - min(numbers)) or 0.01 * numbers[0]
    scale = alt.Scale(domain=[min(numbers) - margin, max(numbers) + margin], zero=False, nice=False)
    return alt.X("loss:Q", scale=scale, axis=alt.Axis(title="Loss (nats per token)", tickCount=6, grid=False))


def _captions(rows: Rows, y: alt.Y) -> list[alt.Chart]:
    """The text above each bar; beside it there would be no room on a telephone."""
    named = [row | {"heading": f"{row['label']} · {format_flops(row['flops']).replace('e+', 'e')}"} for row in rows]
    base = alt.Chart(data(named)).encode(y=y, x=alt.value(0))
    text: dict[str, Any] = {"align": "left", "baseline": "bottom"}
    return [
        base.mark_text(style="heading", dy=-14, **text).encode(text="heading:N"),
        base.mark_text(style="note", dy=0, **text).encode(text="note:N"),
    ]


def _intervals(rows: Rows, x: alt.X, marks: dict[str, Any]) -> list[alt.Chart]:
    marked = [row | {"what": FORECAST} for row in rows]
    base = spoken(alt.Chart(data(marked)), marked).encode(tooltip=tooltips(marked, FORECAST_TOOLTIP))
    bar = base.mark_rule(style="forecast", strokeWidth=9, opacity=0.35, yOffset=12)
    dot = base.mark_point(style="halo", size=80, yOffset=12)
    return [bar.encode(x=x_of("low", x), x2="high:Q", y=marks["y"]), dot.encode(x=x, **marks)]


def _measurements(rows: Rows, x: alt.X, marks: dict[str, Any]) -> list[alt.Chart]:
    known = [row for row in rows if row["measured"] is not None]
    if not known:
        return []
    base = spoken(alt.Chart(data(known)), known).encode(tooltip=tooltips(known, FORECAST_TOOLTIP))
    return [base.mark_point(style="halo", size=110, yOffset=12).encode(x=x_of("measured", x), **marks)]
