"""The charts of the lessons: specifications whose rows the page computes as the reader turns a slider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from isoflop.report import theme
from isoflop.report.figures import Specification, specification
from isoflop.report.grammar import colour_by, finish, log_scale, tick_values

HEIGHT = 260
COUNT = theme.COUNT.format(v="datum.value")
FLOPS = theme.FLOPS.format(v="datum.value")
MONEY = "'$' + (" + COUNT + ")"
PERCENT = "format(datum.value, '.2~%')"


def surprise() -> Specification:
    """−ln p against p. Data: curve {p, nats}, here {p, nats}."""
    x = _log("p", 1e-4, 1, "Probability given to the token that came", labels="format(datum.value, '~g')")
    y = _plain("nats", 0, 9.5, "Loss of that token (nats)")
    return _live([_line("curve", x, y), _point("here", x, y)])


def sampling(*, logarithmic: bool) -> Specification:
    """Margin of error against people asked. Data: curve, here and known, each {n, cm}; known has text too."""
    if logarithmic:
        x = _log("n", 10, 1e6, "People measured")
        y = _log("cm", 0.01, 5, "Margin of error (cm)", labels="format(datum.value, '~g')")
    else:
        x = _plain("n", 0, 20_000, "People measured", labels=COUNT)
        y = _plain("cm", 0, 2, "Margin of error (cm)")
    texts = (
        alt.Chart(_named("known")).mark_text(style="note", align="left", dx=7, dy=-9).encode(x=x, y=y, text="text:N")
    )
    known = alt.Chart(_named("known")).mark_point(style=["halo", "measured"]).encode(x=x, y=y)
    return _live([_line("curve", x, y), known, texts, _point("here", x, y)])


def diminishing(*, gap: bool) -> Specification:
    """Loss of compute-optimal runs, or the part of it that can fall, against compute.

    Data: curve and beyond, each {flops, value} (beyond: past the data of the law); here; floor {value, text}.
    """
    x = _log("flops", 1e18, 1e27, "Training compute (FLOP)", labels=FLOPS)
    y = (
        _log("value", 0.03, 2.5, "Loss above the floor (nats)", labels="format(datum.value, '~g')")
        if gap
        else _plain("value", 1.7, 3.7, "Loss (nats per token)")
    )
    layers = [
        _line("curve", x, y),
        alt.Chart(_named("beyond")).mark_line(style="forecast", strokeDash=[6, 4]).encode(x=x, y=y),
    ]
    if not gap:
        floor = alt.Chart(_named("floor")).encode(y=y)
        layers.append(floor.mark_rule(style="reference"))
        layers.append(
            floor.mark_text(style="note", align="left", dx=6, dy=-8).encode(x=alt.value(0), text=alt.Text("text:N"))
        )
    return _live([*layers, _point("here", x, y)])


def valley() -> Specification:
    """Loss against size at one budget. Data: curve {params, loss}, best, here."""
    digit = "round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9)))"
    axis = alt.Axis(title="Parameters", labelExpr=f"indexof([1, 3], {digit}) >= 0 ? {COUNT} : ''", grid=False)
    x = alt.X("params:Q", scale=alt.Scale(type="log", nice=False, zero=False), axis=axis)
    scale = alt.Scale(zero=False, padding=24)
    y = alt.Y("loss:Q", scale=scale, axis=alt.Axis(title="Loss (nats per token)", tickCount=6))
    best = alt.Chart(_named("best")).encode(x=x, y=y)
    return _live(
        [
            _line("curve", x, y),
            best.mark_point(style=["halo", "measured"], shape="diamond", size=110),
            best.mark_text(style="note", dy=18).encode(text="text:N"),
            _point("here", x, y),
        ]
    )


def machines() -> Specification:
    """Days against accelerators. Data: curve {devices, days}, here, marks {days, text}."""
    x = _log("devices", 1, 1e5, "Accelerators", labels=COUNT)
    y = _log("days", 0.1, 1e6, "Days of training", labels=f"datum.value < 1 ? format(datum.value, '~g') : {COUNT}")
    marks = alt.Chart(_named("marks")).encode(y=y)
    return _live(
        [
            marks.mark_rule(style="reference", strokeDash=[2, 3]),
            marks.mark_text(style="note", align="left", dx=4, dy=-7).encode(x=alt.value(0), text="text:N"),
            _line("curve", x, y),
            _point("here", x, y),
        ]
    )


def metric(*, share: bool) -> Specification:
    """One skill under one metric against compute. Data: curve {flops, score}, here."""
    x = _log("flops", 1e18, 1e27, "Training compute (FLOP)", labels=FLOPS)
    y = (
        _plain("score", 0, 1, "Score", labels=PERCENT)
        if share
        else alt.Y("score:Q", scale=alt.Scale(zero=True), axis=alt.Axis(title="ln probability of the answer (nats)"))
    )
    return _live([_line("curve", x, y), _point("here", x, y)])


def copied(sizes: Sequence[float], flops: Sequence[float], *, share: bool) -> Specification:
    """Models that were asked to copy six letters, under one metric. Data: runs {params, flops, score}."""
    x = _log("flops", min(flops), max(flops), "Training compute (FLOP)", labels=FLOPS, margin=0.04)
    y = (
        _plain("score", 0, 1, "Score", labels=PERCENT)
        if share
        else _plain("score", -3.4, 0.1, "ln probability of the right letter (nats)")
    )
    base = alt.Chart(_named("runs")).encode(x=x, y=y, color=colour_by("params", sizes))
    return _live([base.mark_line(style="curve"), base.mark_point(style="halo", size=70)])


def years(column: str) -> Specification:
    """A frontier run by the year: "flops", "usd" or "share". Data: curve {year, value, low, high}, here."""
    titles = {
        "flops": ("Training compute (FLOP)", 1e20, 1e31, FLOPS),
        "usd": ("Cost of the run (2023 dollars)", 1e4, 1e12, MONEY),
        "share": ("Tokens over the useful public text", 1e-5, 100, "format(datum.value * 100, '~g') + ' %'"),
    }
    title, low, high, labels = titles[column]
    x = alt.X("year:Q", scale=alt.Scale(domain=[2018, 2032], nice=False), axis=alt.Axis(title="Year", format="d"))
    y = _log("value", low, high, title, labels=labels)
    band = (
        alt.Chart(_named("curve"))
        .mark_area(style=["forecast", "band"])
        .encode(x=x, y=alt.Y("low:Q", scale=y["scale"], axis=y["axis"]), y2="high:Q")
    )
    return _live([band, _line("curve", x, y), _point("here", x, y)])


def options() -> Specification:
    """What each use of the money brings. Data: bars {option, gain, low, high}."""
    x = alt.X("gain:Q", axis=alt.Axis(title="Fall of the loss (nats per token)"), scale=alt.Scale(zero=True))
    y = alt.Y("option:N", sort=None, axis=alt.Axis(title=None, labelLimit=150, labelOverlap=False))
    base = alt.Chart(_named("bars")).encode(y=y)
    spans = base.mark_rule(style="forecast", strokeWidth=4, opacity=0.45).encode(
        x=alt.X("low:Q", scale=x["scale"], axis=x["axis"]), x2="high:Q"
    )
    return _live([spans, base.mark_point(style=["halo", "forecast"], size=100).encode(x=x)], height=150)


def ladder(budgets: Sequence[float], sizes: Sequence[float], losses: Sequence[float]) -> Specification:
    """Small runs at three budgets, and a guess at a larger one.

    Data: runs {params, flops, loss}, column {params}, guess {params, loss, low, high}, forecast (the same), measured
    {params, loss}.
    """
    x = _log("params", min(sizes), max(sizes), "Parameters", labels=COUNT, margin=0.05)
    y = _plain("loss", min(losses), max(losses), "Loss (nats per token)")
    dots = alt.Chart(_named("runs")).encode(x=x, y=y, color=colour_by("flops", budgets))
    layers = [dots.mark_line(style="curve"), dots.mark_point(style="halo", size=60)]
    layers.append(alt.Chart(_named("column")).mark_rule(style="reference", strokeDash=[2, 3]).encode(x=x))
    for name, style, shift in (("guess", "reference", -7), ("forecast", "forecast", 7)):
        base = alt.Chart(_named(name)).encode(x=x)
        low = alt.Y("low:Q", scale=y["scale"], axis=y["axis"])
        layers.append(
            base.mark_rule(style=style, strokeWidth=4, opacity=0.55, xOffset=shift).encode(y=low, y2="high:Q")
        )
        layers.append(base.mark_point(style=["halo", style], size=90, xOffset=shift).encode(y=y))
    measured = alt.Chart(_named("measured")).encode(x=x, y=y)
    layers.append(measured.mark_point(style=["halo", "measured"], shape="diamond", size=130))
    return _live(layers, height=300)


def _named(name: str) -> alt.NamedData:
    return alt.NamedData(name=name)


def _line(name: str, x: alt.X, y: alt.Y) -> alt.Chart:
    line: alt.Chart = alt.Chart(_named(name)).mark_line(style="forecast", clip=True).encode(x=x, y=y)
    return line


def _point(name: str, x: alt.X, y: alt.Y) -> alt.Chart:
    point: alt.Chart = (
        alt.Chart(_named(name)).mark_point(style=["halo", "forecast"], size=130, clip=True).encode(x=x, y=y)
    )
    return point


def _log(name: str, low: float, high: float, title: str, labels: str = COUNT, margin: float = 0.0) -> Any:
    scale, _ = log_scale([low, high], margin=margin)
    ticks = tick_values(low, high)
    axis = alt.Axis(title=title, labelExpr=labels, values=ticks)
    return (alt.Y if name in _VERTICAL else alt.X)(f"{name}:Q", scale=scale, axis=axis)


_VERTICAL = ("cm", "value", "days", "nats", "score", "loss")


def _plain(name: str, low: float, high: float, title: str, labels: str | None = None) -> Any:
    options: dict[str, Any] = {"labelExpr": labels} if labels else {}
    axis = alt.Axis(title=title, tickCount=6, **options)
    scale = alt.Scale(domain=[low, high], nice=False, zero=False)
    return (alt.Y if name in _VERTICAL else alt.X)(f"{name}:Q", scale=scale, axis=axis)


def _live(layers: Sequence[alt.Chart], *, height: int = HEIGHT) -> Specification:
    """Without a configuration, which the page has, and without a title, which the lesson's text gives."""
    spec = specification(finish(layers, "", "", height=height))
    for part in ("config", "title", "description", "$schema"):
        spec.pop(part, None)
    return spec
