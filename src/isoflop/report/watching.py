"""A run in flight beside what its ladder expects of it."""

from __future__ import annotations

import altair as alt
import polars as pl

from isoflop.report.grammar import data, finish, rows_of, spoken, tooltips, values, x_log, y_log, y_of

TOOLTIP = {"tokens": "Tokens", "measured": "Measured (nats/token)", "loss": "Expected", "low": "from", "high": "to"}


def watch_chart(
    blocks: pl.DataFrame,
    end: pl.DataFrame,
    *,
    title: str,
    subtitle: str = "Line and band: the course of a run on track. Dots: the run. Diamond: the loss it heads for.",
) -> alt.LayerChart:
    """The course that the law expects with its band, the measured blocks, and the loss that the run is heading for.

    blocks: tokens, loss (expected), low, high, measured. end: one row with tokens, loss, low, high. Raises BadInput for
    missing columns, no rows, or values that a logarithmic axis cannot show.
    """
    needs = ("tokens", "loss", "low", "high", "measured")
    rows = rows_of(blocks, "blocks", needs, positive=needs)
    aim = rows_of(end, "the end", needs[:4], positive=needs[:4])
    x = x_log("tokens", values(rows + aim, "tokens"))
    y = y_log("loss", values(rows + aim, "loss", "low", "high", "measured"))
    base = spoken(alt.Chart(data(rows)), rows).encode(x=x, tooltip=tooltips(rows, TOOLTIP))
    target = spoken(alt.Chart(data(aim)), aim).encode(x=x, tooltip=tooltips(aim, TOOLTIP))
    layers = [
        base.mark_area(style=["band", "forecast"], opacity=0.18).encode(y=y_of("low", y), y2="high:Q"),
        base.mark_line(style="forecast").encode(y=y),
        base.mark_point(style=["halo", "measured"], size=40).encode(y=y_of("measured", y)),
        target.mark_rule(style="forecast", strokeWidth=2).encode(y=y_of("low", y), y2="high:Q"),
        target.mark_point(style=["halo", "forecast"], shape="diamond", size=130).encode(y=y),
    ]
    return finish(layers, title, subtitle)
