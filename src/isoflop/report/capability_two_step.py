"""Scores foretold in two steps beside those found, as a picture."""

from __future__ import annotations

import altair as alt

from isoflop.capability.two_step_backtest import TwoStepBacktest
from isoflop.report.grammar import Rows, data, finish, x_log


def two_step_chart(name: str, back: TwoStepBacktest) -> alt.LayerChart:
    """The runs of a backtest: the forecast with its interval, and the score as it came, against compute."""
    columns = (back.flops, back.score, back.mean, back.low, back.high)
    names = ("flops", "score", "mean", "low", "high")
    rows: Rows = [dict(zip(names, values, strict=True)) for values in zip(*(c.tolist() for c in columns), strict=True)]
    base = alt.Chart(data(rows)).encode(x=x_log("flops", back.flops.tolist()))
    bounds = alt.Scale(zero=False, nice=True)
    foretold = alt.Y("mean:Q", title=f"Score: {name}", axis=alt.Axis(format=".0%"), scale=bounds)
    layers = [
        base.mark_rule(style="forecast", strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_point(style=["halo", "forecast"], size=90, shape="diamond").encode(y=foretold),
        base.mark_point(style=["halo", "measured"], size=55).encode(y=alt.Y("score:Q", scale=bounds)),
    ]
    title = f"{name}: {len(back.score)} larger runs foretold to within {back.error:.1f} points on average"
    subtitle = (
        f"Diamonds: forecasts with {back.level:.0%} intervals from {back.fitted} runs of up to {back.above:.2g} FLOP. "
        "Dots: as it came."
    )
    return finish(layers, title, subtitle)
