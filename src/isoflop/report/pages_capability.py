"""The charts of the capability page: metrics of the same models, scores by compute, recall, attempts, trades."""

from __future__ import annotations

import altair as alt

from isoflop.capability.trade import Demand, best_trade, techniques
from isoflop.report import theme
from isoflop.report.capability_trade import trade_chart
from isoflop.report.figures import Specification
from isoflop.report.grammar import Rows, data, finish, log_scale
from isoflop.report.pages_live import live

SHARE = alt.Scale(domain=[0, 1], nice=False)
PERCENT = alt.Axis(format=".0%")
REACH = (1e19, 1e28)
ATTEMPTS = (1.0, 1e5)
LOSSES = (2.2, 5.0)


def capability_specs(recall: alt.LayerChart) -> dict[str, Specification]:
    """Metric, length, score, skill, recall, attempts and trade, by name; the tables of each are those named here.

    recall: the chart of the shipped study of facts (``studying.recall_chart``).
    """
    demand = Demand(1e25, 1e24)
    trades = trade_chart(demand, [best_trade(demand, one) for one in techniques().values()])
    return {
        "metric": live(models_chart("Score", None), ("models",), free=("x",)),
        "length": live(models_chart("Answers wholly right", SHARE), ("models",), free=("x",)),
        "score": live(score_chart(), ("band", "here")),
        "skill": live(skill_chart(), ("band", "here")),
        "recall": live(recall, ("chance", "curves", "answers"), height=280),
        "attempts": live(attempts_chart(), ("line", "here", "given")),
        "trade": live(trades, ("equal", "lines", "best", "start"), free=("x", "y"), columns=1, height=320),
    }


def models_chart(title: str, bounds: alt.Scale | None) -> alt.LayerChart:
    """Models of several sizes along training compute: a line a size."""
    rows: Rows = [{"flops": 1e9, "score": 0.0, "size": "7k"}, {"flops": 1e12, "score": 1.0, "size": "102k"}]
    text = theme.FLOPS.format(v="datum.value")
    scale = alt.Scale(type="log", nice=False)
    x = alt.X("flops:Q", scale=scale, axis=alt.Axis(title="Training compute (FLOP)", labelExpr=text))
    y = alt.Y("score:Q", scale=bounds or alt.Scale(zero=False), axis=alt.Axis(title=title, tickCount=5))
    colour = alt.Color("size:O", sort=None, legend=alt.Legend(title="Parameters", symbolType="circle"))
    base = alt.Chart(data(rows)).encode(x=x, y=y, color=colour)
    tips = [alt.Tooltip("size:N"), alt.Tooltip("score:Q", format=".3f")]
    layers = [base.mark_line(), base.mark_point(style="halo").encode(tooltip=tips)]
    return finish(layers, title, "", height=260)


def score_chart() -> alt.LayerChart:
    """A benchmark's score by training compute with its band, and where the reader stands."""
    rows: Rows = [{"flops": 1e19, "value": 0.2, "low": 0.1, "high": 0.3}]
    scale, ticks = log_scale(REACH, margin=0.0)
    axis = alt.Axis(title="Training compute (FLOP)", values=ticks, labelExpr=theme.FLOPS.format(v="datum.value"))
    x = alt.X("flops:Q", scale=scale, axis=axis)
    return _banded(rows, [{"flops": 1e22, "value": 0.5, "low": 0.4, "high": 0.6}], x)


def _banded(rows: Rows, one: Rows, x: alt.X) -> alt.LayerChart:
    """A score along x with its band, and the reader's own."""
    y = alt.Y("value:Q", title="Score", scale=SHARE, axis=PERCENT)
    band, here = alt.Chart(data(rows)).encode(x=x), alt.Chart(data(one)).encode(x=x)
    layers = [
        band.mark_area(style="forecast", opacity=0.25).encode(y=alt.Y("low:Q", scale=SHARE), y2="high:Q"),
        band.mark_line(style="forecast", strokeWidth=2).encode(y=y),
        here.mark_rule(style="measured", strokeWidth=2).encode(y=alt.Y("low:Q", scale=SHARE), y2="high:Q"),
        here.mark_point(style=["halo", "measured"], size=90).encode(y=y),
    ]
    return finish(layers, "Score", "", height=260)


def skill_chart() -> alt.LayerChart:
    """A score by the loss, which falls to the right, with its band, and where the reader stands."""
    rows: Rows = [{"loss": 3.0, "value": 0.4, "low": 0.3, "high": 0.5}]
    scale = alt.Scale(domain=list(LOSSES), reverse=True, nice=False)
    x = alt.X("loss:Q", scale=scale, axis=alt.Axis(title="Loss on C4 text (nats per token), falling", tickCount=6))
    return _banded(rows, [{"loss": 2.8, "value": 0.5, "low": 0.4, "high": 0.6}], x)


def attempts_chart() -> alt.LayerChart:
    """Share of problems solved by attempts at each: several spreads of difficulty."""
    rows: Rows = [{"k": 1.0, "share": 0.1, "what": "problems differ"}]
    scale, ticks = log_scale(ATTEMPTS, margin=0.0)
    x = alt.X(
        "k:Q",
        scale=scale,
        axis=alt.Axis(title="Attempts k", values=ticks, labelExpr=theme.COUNT.format(v="datum.value")),
    )
    y = alt.Y("share:Q", title="Solved at least once (pass@k)", scale=SHARE, axis=PERCENT)
    colour = alt.Color("what:N", sort=None, legend=alt.Legend(title=None))
    base = alt.Chart(data(rows)).encode(x=x, y=y, color=colour)
    here = alt.Chart(data([{"k": 10.0, "share": 0.5}])).encode(x=x, y=y)
    given = alt.Chart(data([{"k": 20.0, "share": 0.4}])).encode(x=x, y=y)
    dots = given.mark_point(style=["halo", "measured"], size=50).encode(tooltip=[alt.Tooltip("share:Q", format=".1%")])
    return finish(
        [base.mark_line(strokeWidth=2), here.mark_point(style=["halo", "forecast"], size=90), dots],
        "Attempts",
        "",
        height=260,
    )
