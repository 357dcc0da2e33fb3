"""The pictures of the studies that ship: shapes, repeated passes, a known floor, rates, recall and metrics.

Every function takes Polars frames of plain numbers, as ``isoflop.workbench.studies`` makes them, and returns a chart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from isoflop.report.grammar import (
    Rows,
    colour_by,
    data,
    finish,
    log_scale,
    values,
    x_log,
    y_log,
)

Chart = alt.LayerChart
SHORT = 170
PERCENT = alt.Axis(format="%")
BOUNDS = alt.Scale(domain=[0, 1], nice=False)
METRICS = ("exact match", "tokens right", "probability of a right token")
"""In this order: the theme's first colour stands for the one in question."""


def shape_chart(shapes: pl.DataFrame, *, half: float) -> Chart:
    """Loss above the best shape by aspect ratio. shapes: aspect, percent, error, depth, width. half: what half the size
    would cost, as a share of the loss."""
    rows = [
        {**row, "label": f"{row['depth']} × {row['width']}", "low": row["percent"] - row["error"]}
        | {"high": row["percent"] + row["error"]}
        for row in shapes.select("aspect", "percent", "error", "depth", "width").to_dicts()
    ]
    x = _log_x("aspect", [row["aspect"] for row in rows], "Width over layers")
    y = alt.Y("percent:Q", title="Loss above the best shape (%)", scale=alt.Scale(domainMin=min(0.0, _least(rows))))
    base = alt.Chart(data(rows))
    layers = [
        alt.Chart(data([{"percent": 100 * half}])).mark_rule(style="reference", strokeDash=[5, 4]).encode(y=y),
        base.mark_line(style="curve").encode(x=x, y=y),
        base.mark_rule(style="measured").encode(x=x, y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_point(style=["halo", "measured"], size=80).encode(x=x, y=y, tooltip=["label:N", "percent:Q"]),
        base.mark_text(dy=-14, style="note").encode(x=x, y=alt.Y("high:Q"), text="label:N"),
    ]
    return finish(
        layers,
        f"{len(rows)} shapes of one size: {_spread(rows)}",
        f"Labels: layers × width. Bars: one standard error. Dashed: half the size, {100 * half:.1f} % worse.",
    )


def _least(rows: Rows) -> float:
    return float(min(row["low"] for row in rows))


def _spread(rows: Rows) -> str:
    worst = max(rows, key=lambda row: float(row["percent"]))
    return f"the worst, {worst['label']}, is {worst['percent']:.1f} % above the best"


def epochs_chart(worth: pl.DataFrame, lines: pl.DataFrame, *, title: str) -> Chart:
    """What repeated tokens were worth, as a share of fresh ones. worth: params, epochs, share. lines: what, epochs,
    share."""
    dots = [row for row in worth.select("params", "unique", "epochs", "share").to_dicts() if row["share"]]
    laws = lines.to_dicts()
    x = _log_x("epochs", [row["epochs"] for row in laws], "Passes over the distinct tokens")
    y = alt.Y("share:Q", title="Worth of a token, to a fresh one", scale=alt.Scale(zero=False), axis=PERCENT)
    named = sorted({row["what"] for row in laws})
    dash = alt.StrokeDash(
        "what:N",
        scale=alt.Scale(domain=named, range=[[1, 0], [5, 4]]),
        legend=alt.Legend(title="Law", columns=1, symbolType="stroke", symbolSize=250, symbolStrokeWidth=2),
    )
    layers = [
        alt.Chart(data([{"share": 1.0}])).mark_rule(style="reference", strokeDash=[2, 3]).encode(y=y),
        alt.Chart(data(laws)).mark_line(style="forecast", clip=True).encode(x=x, y=y, strokeDash=dash),
        alt.Chart(data(dots))
        .mark_point(style="halo", size=70, opacity=0.85)
        .encode(x=x, y=y, color=colour_by("params", values(dots, "params")), tooltip=["epochs:Q", "share:Q"]),
    ]
    said = "Dots: runs; fresh tokens read off runs of the same size that repeated nothing. Lines: D'/D of the law."
    return finish(layers, title, said)


def estimates_chart(estimates: pl.DataFrame, truth: float, lowest: float, *, level: float) -> Chart:
    """Estimates with intervals beside the truth. estimates: what, value, low, high."""
    rows = estimates.to_dicts()
    marks = [{"value": truth, "label": f"entropy rate {truth:.4f}"}, {"value": lowest, "label": "lowest loss"}]
    x = alt.X("value:Q", title="Nats per token", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=6))
    y = alt.Y("what:N", title=None, sort=[row["what"] for row in rows], axis=alt.Axis(labelLimit=240))
    layers = [
        alt.Chart(data(marks)).mark_rule(style="reference", strokeDash=[5, 4]).encode(x=x),
        *_labels_inside(marks, values(rows, "low", "high"), x),
        alt.Chart(data(rows)).mark_rule(strokeWidth=3, style="forecast").encode(x=alt.X("low:Q"), x2="high:Q", y=y),
        alt.Chart(data(rows)).mark_point(style=["halo", "forecast"], size=90).encode(x=x, y=y),
    ]
    inside = sum(row["low"] <= truth <= row["high"] for row in rows)
    return finish(
        layers,
        f"{inside} of {len(rows)} intervals hold the entropy rate",
        f"E with its {level:.0%} interval, by two ways, from the same runs.",
        height=SHORT,
    )


def _labels_inside(marks: Rows, numbers: Sequence[float], x: alt.X) -> list[alt.Chart]:
    """The labels of vertical rules, each on the side of its rule that has more room."""
    middle = (min(numbers) + max(numbers)) / 2
    base = alt.Chart(data([{**mark, "early": mark["value"] <= middle} for mark in marks]))
    return [
        base.transform_filter("datum.early")
        .mark_text(style="note", align="left", dx=4, baseline="top")
        .encode(x=x, y=alt.value(0), text="label:N"),
        base.transform_filter("!datum.early")
        .mark_text(style="note", align="right", dx=-4, baseline="top")
        .encode(x=x, y=alt.value(0), text="label:N"),
    ]


def descent_chart(runs: pl.DataFrame, truth: float) -> Chart:
    """Loss above the entropy rate by tokens. runs: params, tokens, loss."""
    rows = [{**row, "above": row["loss"] - truth} for row in runs.to_dicts() if row["loss"] > truth]
    x, y = (
        x_log("tokens", values(rows, "tokens")),
        _log_y("above", values(rows, "above"), "Loss above the entropy rate"),
    )
    colour = colour_by("params", values(rows, "params"))
    base = alt.Chart(data(rows))
    layers = [
        base.mark_line(style="curve").encode(x=x, y=y, color=colour, detail="params:Q", order="tokens:Q"),
        base.mark_point(style="halo").encode(x=x, y=y, color=colour, tooltip=["tokens:Q", "loss:Q"]),
    ]
    return finish(layers, "On the way down to what no model can beat", "Nats per token, means over seeds.")


def rates_chart(cells: pl.DataFrame, best: pl.DataFrame, *, title: str) -> Chart:
    """Loss by learning rate, a line a batch. cells: lr, batch_tokens, loss of one size and length. best: lr and loss of
    the lowest points of the fitted valleys; may be empty."""
    rows, lowest = cells.sort("batch_tokens", "lr").to_dicts(), best.to_dicts()
    x = _log_x("lr", [row["lr"] for row in [*rows, *lowest]], "Peak learning rate at width 64", format_="~e")
    y = y_log("loss", values([*rows, *lowest], "loss"))
    colour = alt.Color("batch_tokens:O", legend=alt.Legend(title="Tokens a step", symbolType="circle"))
    base = alt.Chart(data(rows))
    layers = [
        base.mark_line().encode(x=x, y=y, color=colour),
        base.mark_point(style="halo").encode(x=x, y=y, color=colour, tooltip=["lr:Q", "batch_tokens:Q", "loss:Q"]),
    ]
    if lowest:
        mark = alt.Chart(data(lowest)).mark_point(style=["halo", "forecast"], shape="diamond", size=130)
        layers.append(mark.encode(x=x, y=y))
    return finish(layers, title, "Dots: runs. Diamonds: the lowest points of the parabolas.")


def recall_chart(answers: pl.DataFrame, curves: pl.DataFrame, *, chance: float, level: float, title: str) -> Chart:
    """Recall by times read. answers: params, read, share, low, high. curves: params, read, share."""
    rows, lines = answers.to_dicts(), curves.to_dicts()
    x = _log_x("read", [row["read"] for row in rows], "Times the fact was read")
    y = alt.Y("share:Q", title="Facts recalled", scale=BOUNDS, axis=PERCENT)
    colour = colour_by("params", values(rows, "params"))
    base = alt.Chart(data(rows))
    layers = [
        alt.Chart(data([{"share": chance}])).mark_rule(style="reference", strokeDash=[2, 3]).encode(y=y),
        alt.Chart(data(lines)).mark_line(clip=True).encode(x=x, y=y, color=colour, detail="params:Q"),
        base.mark_rule(opacity=0.5).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour),
        base.mark_point(style="halo").encode(x=x, y=y, color=colour, tooltip=["read:Q", "share:Q", "params:Q"]),
    ]
    return finish(
        layers,
        title,
        f"Dots: facts recalled, with {level:.0%} binomial intervals. Lines: logistic in ln readings. Dotted: guessing.",
    )


def metrics_chart(rows: pl.DataFrame, *, title: str, subtitle: str) -> Chart:
    """The same models by several metrics. rows: what (of ``METRICS``), tokens, value, low, high."""
    shown: Rows = [row for row in rows.to_dicts() if row["what"] in METRICS]
    x = x_log("tokens", values(shown, "tokens"))
    y = alt.Y("value:Q", title="Score", scale=BOUNDS, axis=PERCENT)
    scale = alt.Scale(domain=list(METRICS))
    colour = alt.Color("what:N", scale=scale, legend=alt.Legend(title=None, labelLimit=300))
    base = alt.Chart(data(shown))
    layers = [
        base.mark_line().encode(x=x, y=y, color=colour),
        base.mark_rule(opacity=0.45).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour),
        base.mark_point(style="halo").encode(x=x, y=y, color=colour, tooltip=["what:N", "tokens:Q", "value:Q"]),
    ]
    return finish(layers, title, subtitle)


def _log_x(name: str, numbers: Sequence[float], title: str, format_: str = "~g") -> alt.X:
    scale, ticks = log_scale(numbers)
    return alt.X(f"{name}:Q", scale=scale, axis=_axis(title, ticks, format_))


def _log_y(name: str, numbers: Sequence[float], title: str, format_: str = "~g") -> alt.Y:
    scale, ticks = log_scale(numbers)
    return alt.Y(f"{name}:Q", scale=scale, axis=_axis(title, ticks, format_))


def _axis(title: str, ticks: list[float], format_: str) -> alt.Axis:
    options: dict[str, Any] = {"values": ticks} if ticks else {"tickCount": 6}
    return alt.Axis(title=title, format=format_, **options)
