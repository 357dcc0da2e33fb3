"""The charts of the study page: specifications whose rows come later, as runs land.

Each names its data ("runs", "curves", …); the page fills them in and swaps them while it is open. Axes take their
domains from the rows, since nobody knows them here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import altair as alt

from isoflop.report import theme
from isoflop.report.grammar import TITLES, finish
from isoflop.report.recorded import pit_chart, places_chart

Kind = Literal["count", "flops", "loss", "percent"]
WRITTEN: Mapping[str, str] = {
    "count": theme.COUNT,
    "flops": theme.FLOPS,
    "loss": "format({v}, '.4~r')",
    "percent": "format({v}, '+.2~f') + ' %'",
}
KINDS: Mapping[str, Kind] = {
    "params": "count",
    "tokens": "count",
    "flops": "flops",
    "loss": "loss",
    "measured": "loss",
    "low": "loss",
    "high": "loss",
    "percent": "percent",
    "error": "percent",
    "ratio": "count",
    "beyond": "count",
}
AXES = {"percent": "Loss above the law (%)", "ratio": "Compute over that of the largest run fitted", **TITLES}
TIPS = {
    "run": "Run",
    "params": "Parameters",
    "tokens": "Tokens",
    "flops": "Compute (FLOP)",
    "loss": "Loss (nats/token)",
    "measured": "Measured (nats/token)",
    "low": "Interval from",
    "high": "Interval to",
    "percent": "Off the law",
    "error": "Forecast error",
    "ratio": "Times past",
    "beyond": "Times past",
    "state": "State",
}
STATES = {"done": "circle", "running": "triangle-up", "diverged": "cross"}
HELD = {"inside its interval": "circle", "outside": "cross"}
HEIGHT = 320
DOUBLINGS = [2**k for k in range(21)]
"""Ticks of a ratio: ladders go up by factors of two or four."""
ROUND = "test(/^[125]e|[.]/, format(datum.value, '.2~e'))"
"""Whether a tick of a logarithmic axis is 1, 2 or 5 times a power of ten, or one of a stretch too short for those."""


def study_charts() -> dict[str, dict[str, Any]]:
    """Every chart of the study page by name, as Vega-Lite."""
    made = {
        "runs": runs_chart(),
        "curves": curves_chart(),
        "lines": lines_chart(),
        "ahead": ahead_chart(),
        "residuals": residual_chart(),
        "points": backtest_chart(),
        "coverage": coverage_chart(),
        "steps": steps_chart(),
        "blocks": blocks_chart(),
        "places": places_chart(),
        "pit": pit_chart(),
    }
    return {name: _bare(chart.to_dict()) for name, chart in made.items()}


def _bare(spec: dict[str, Any]) -> dict[str, Any]:
    """Without what the page sets by itself: the look and the width."""
    return {name: value for name, value in spec.items() if name not in ("config", "$schema", "width")}


def runs_chart() -> alt.LayerChart:
    """Loss against compute: what was trained. data: runs {run, params, tokens, flops, loss, state}."""
    tips = ("run", "params", "tokens", "flops", "loss", "state")
    dots = _named("runs", tips).mark_point(style="halo", size=60)
    shape = alt.Shape(
        "state:N",
        scale=alt.Scale(domain=list(STATES), range=list(STATES.values())),
        legend=alt.Legend(title=None, symbolOpacity=1),
    )
    layers = [_sizes(), dots.encode(x=_x("flops"), y=_y("loss"), color=_by_size(), shape=shape, tooltip=_tips(tips))]
    return finish(layers, "Loss against training compute", "", height=HEIGHT)


def curves_chart() -> alt.LayerChart:
    """Training curves. data: curves {run, params, tokens, loss}; ends, the same: the held-out loss of finished runs."""
    tips = ("run", "params", "tokens", "loss")
    x, y, colour = _x("tokens"), _y("loss"), _by_size()
    lines = _named("curves", tips).mark_line(style="curve", clip=True)
    dots = _named("ends", tips).mark_point(style="halo", size=45)
    layers = [
        _sizes(),
        lines.encode(x=x, y=y, color=colour, detail="run:N", order="tokens:Q", tooltip=_tips(tips)),
        dots.encode(x=x, y=y, color=_by_size(), tooltip=_tips(tips)),
    ]
    return finish(layers, "Training loss against tokens", "", height=380)


def lines_chart() -> alt.LayerChart:
    """The law along the tokens for a few sizes. data: lines {params, tokens, loss, low, high}; runs."""
    tips = ("run", "params", "tokens", "loss")
    x, y, colour = _x("tokens"), _y("loss"), _by_size()
    law = _named("lines", ("params", "tokens", "loss", "low", "high")).encode(x=x, color=colour, detail="params:Q")
    dots = _named("runs", tips).mark_point(style="halo", size=45)
    layers = [
        _sizes(),
        law.mark_area(style="band", line=False).encode(y=_y("low", "loss"), y2="high:Q"),
        law.mark_line().encode(y=y, tooltip=_tips(("params", "tokens", "loss", "low", "high"))),
        dots.encode(x=x, y=y, color=_by_size(), tooltip=_tips(tips)),
    ]
    return finish(layers, "The law and the runs it was fitted to", "", height=360)


def ahead_chart() -> alt.LayerChart:
    """Forecasts of larger runs. data: ahead {flops, params, tokens, loss, low, high, beyond}; runs."""
    told = ("flops", "params", "tokens", "loss", "low", "high", "beyond")
    tips = ("run", "params", "tokens", "flops", "loss")
    x, y = _x("flops"), _y("loss")
    law = _named("ahead", told).encode(x=x, tooltip=_tips(told))
    dots = _named("runs", tips).mark_point(style=["halo", "measured"], size=45)
    layers = [
        law.mark_area(style=["band", "forecast"], opacity=0.18).encode(y=_y("low", "loss"), y2="high:Q"),
        law.mark_line(style="forecast").encode(y=y),
        dots.encode(x=x, y=y, tooltip=_tips(tips)),
    ]
    return finish(layers, "What larger runs would reach", "", height=HEIGHT)


def residual_chart() -> alt.LayerChart:
    """What the law leaves unexplained. data: residuals {run, params, tokens, flops, percent}."""
    tips = ("run", "params", "tokens", "flops", "percent")
    y = alt.Y("percent:Q", axis=alt.Axis(title=AXES["percent"], tickCount=6), scale=alt.Scale(zero=True))
    base = _named("residuals", tips).encode(x=_x("flops"), y=y)
    layers = [
        _sizes(),
        _at(0, y),
        base.mark_rule(opacity=0.45).encode(y2=alt.datum(0), color=_by_size()),
        base.mark_point(style="halo", size=50).encode(color=_by_size(), tooltip=_tips(tips)),
    ]
    return finish(layers, "What the law leaves unexplained", "", height=260)


def backtest_chart() -> alt.LayerChart:
    """Errors of forecasts that were made from cheaper runs. data: points {ratio, error, what}."""
    tips = ("ratio", "error")
    y = alt.Y(
        "error:Q", axis=alt.Axis(title="Forecast over measured loss (%)", tickCount=6), scale=alt.Scale(zero=True)
    )
    legend = alt.Legend(title=None, symbolOpacity=1, values=list(HELD))
    shape = alt.Shape(
        "what:N", scale=alt.Scale(domain=["forecast", *HELD], range=["circle", *HELD.values()]), legend=legend
    )
    colour = alt.Color("what:N", scale=alt.Scale(domain=["forecast", *HELD]), legend=legend)  # measured, missed
    dots = _named("points", tips).mark_point(size=50)
    layers = [_at(0, y), dots.encode(x=_x("ratio"), y=y, shape=shape, color=colour, tooltip=_tips(tips))]
    return finish(layers, "Forecasts of dearer runs from cheaper ones", "", height=260)


def coverage_chart() -> alt.LayerChart:
    """Share of runs held by intervals against the share promised. data: coverage {promised, held}."""
    values = [0, 0.25, 0.5, 0.75, 0.9, 1]
    axis = alt.Axis(labelExpr="format(100 * datum.value, '.0f') + ' %'", values=values, labelFlush=False)
    whole = alt.Scale(domain=[0, 1])
    x = alt.X("promised:Q", title="Promised by the interval", scale=whole, axis=axis)
    y = alt.Y("held:Q", title="Held by the runs that came", scale=whole, axis=axis)
    ends = alt.InlineData(values=[{"promised": 0, "held": 0}, {"promised": 1, "held": 1}])
    tips = [alt.Tooltip("promised:Q", format=".0%"), alt.Tooltip("held:Q", format=".1%")]
    base = alt.Chart(alt.NamedData("coverage")).encode(x=x, y=y, tooltip=tips)
    layers = [
        alt.Chart(ends).mark_line(style="reference", strokeDash=[5, 4]).encode(x=x, y=y),
        base.mark_line(style="forecast"),
        base.mark_point(style=["halo", "forecast"], size=80),
    ]
    return finish(layers, "Do the intervals hold what they promise?", "", height=260)


def steps_chart() -> alt.LayerChart:
    """How the interval of the target narrows with each next run. data: steps {label, loss, low, high}."""
    x = alt.X("label:N", sort=None, axis=alt.Axis(title="After run", labelAngle=0))
    y = alt.Y(
        "low:Q", scale=alt.Scale(zero=False, nice=False, padding=10), axis=alt.Axis(title=TITLES["loss"], tickCount=6)
    )
    base = _named("steps", ("loss", "low", "high")).encode(x=x, tooltip=_tips(("loss", "low", "high")))
    layers = [
        base.mark_rule(style="forecast", strokeWidth=7, opacity=0.35).encode(y=y, y2="high:Q"),
        base.mark_point(style=["halo", "forecast"], size=60).encode(y="loss:Q"),
    ]
    return finish(layers, "What each next run would bring", "", height=240)


def blocks_chart() -> alt.LayerChart:
    """A run in flight beside its expected course. data: blocks {tokens, measured, loss, low, high}; end {tokens, loss,
    low, high}."""
    told = ("tokens", "measured", "loss", "low", "high")
    x, y = _x("tokens"), _y("loss")
    base = _named("blocks", told).encode(x=x, tooltip=_tips(told))
    aim = _named("end", ("tokens", "loss", "low", "high")).encode(x=x, tooltip=_tips(("tokens", "loss", "low", "high")))
    layers = [
        base.mark_area(style=["band", "forecast"], opacity=0.18).encode(y=_y("low", "loss"), y2="high:Q"),
        base.mark_line(style="forecast").encode(y=y),
        base.mark_point(style=["halo", "measured"], size=40).encode(y=_y("measured", "loss")),
        aim.mark_rule(style="forecast", strokeWidth=2).encode(y=_y("low", "loss"), y2="high:Q"),
        aim.mark_point(style=["halo", "forecast"], shape="diamond", size=130).encode(y=y),
    ]
    return finish(layers, "Is the run on track?", "", height=280)


def _named(data: str, told: tuple[str, ...]) -> alt.Chart:
    """A chart of rows that come later, with the columns of ``told`` also as a reader would write them."""
    chart = alt.Chart(alt.NamedData(data))
    for name in told:
        if name in KINDS:
            value = f"datum[{name!r}]"
            chart = chart.transform_calculate(
                **{f"{name}_text": f"isValid({value}) ? {WRITTEN[KINDS[name]].format(v=value)} : '–'"}
            )
    return chart


def _tips(names: tuple[str, ...]) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{name}_text:N" if name in KINDS else f"{name}:N", title=TIPS[name]) for name in names]


def _axis(name: str) -> alt.Axis:
    written = WRITTEN[KINDS[name]].format(v="datum.value") + (" + '×'" if name == "ratio" else "")
    if name == "ratio":
        return alt.Axis(title=AXES[name], labelExpr=written, values=DOUBLINGS)
    if KINDS[name] == "loss":
        return alt.Axis(title=AXES[name], labelExpr=written, tickCount=6)
    shown = {"condition": {"test": ROUND, "value": 1}, "value": 0}
    return alt.Axis(
        title=AXES[name], labelExpr=f"{ROUND} ? {written} : ''", tickCount=6, gridOpacity=shown, tickOpacity=shown
    )


def _x(name: str) -> alt.X:
    return alt.X(f"{name}:Q", scale=alt.Scale(type="log", nice=False, padding=12), axis=_axis(name))


def _y(name: str, axis: str = "") -> alt.Y:
    return alt.Y(f"{name}:Q", scale=alt.Scale(type="log", nice=False, padding=8), axis=_axis(axis or name))


def _by_size() -> alt.Color:
    """Colour by parameters, the same on every chart of a page. data: sizes {params}, those that the legend names."""
    values = alt.expr("pluck(data('sizes'), 'params')")
    look: dict[str, Any] = {"type": "symbol", "symbolType": "circle", "symbolOpacity": 1}
    legend = alt.Legend(title=TITLES["params"], values=values, labelExpr=theme.COUNT.format(v="datum.value"), **look)
    return alt.Color("params:Q", scale=alt.Scale(type="log", nice=False), legend=legend)


def _sizes() -> alt.Chart:
    """The sizes on the scale of colours, without a mark that is seen."""
    unseen: alt.Chart = alt.Chart(alt.NamedData("sizes")).mark_point(size=0, opacity=0)
    return unseen.encode(color=_by_size())


def _at(value: float, y: alt.Y) -> alt.Chart:
    rows = alt.InlineData(values=[{"at": value}])
    rule: alt.Chart = alt.Chart(rows).mark_rule(style="reference")
    return rule.encode(y=alt.Y("at:Q", axis=y["axis"], scale=y["scale"]))
