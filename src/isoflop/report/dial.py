"""The pictures of the dial as specifications with named data, which the page fills: the loss curve and the valley."""

from __future__ import annotations

from typing import Any

import altair as alt

from isoflop.report import theme
from isoflop.report.grammar import finish

FROM, TO = 1e15, 1e29
TICKS = [10.0**power for power in range(15, 30, 2)]
COUNT_AXIS, FLOPS_AXIS = theme.COUNT.format(v="datum.value"), theme.FLOPS.format(v="datum.value")
POWER_AXIS = theme.COUNT.format(v="pow(10, datum.value)")
LOSS_AXIS = "format(datum.value, '.3~r')"
LABEL_SIZE = 11
LEAST_LOSS, MOST_LOSS = "leastLoss", "mostLoss"


QUIET: dict[str, Any] = {"aria": False, "invalid": None}
"""On every mark: rows have no gaps, and texts for items of a canvas reach nobody; without them a step is cheaper."""


def _named(name: str) -> alt.Chart:
    return alt.Chart(alt.NamedData(name))


def curve_chart(*, own_runs: bool = False) -> alt.LayerChart:
    """Loss against training compute: the law with its band, released models, own runs, and where the dial stands.

    Data: curve (flops, loss, low, high), beyond (flops, end, text), marks (flops, loss, name, label, …), runs (flops,
    loss), here (flops, loss, low, high, seen: 1, or 0 while something else shows it). own_runs: whether there are any;
    an empty table has no range to draw. The page says from where to where the loss goes by LEAST_LOSS and MOST_LOSS: an
    axis that follows every row would have to be drawn anew, landmarks and all, however little the curve moves.
    """
    x = alt.X(
        "flops:Q",
        scale=alt.Scale(type="log", domain=[FROM, TO], nice=False, clamp=True),
        axis=alt.Axis(title="Training compute (FLOP)", values=TICKS, labelExpr=FLOPS_AXIS),
    )
    ends = [alt.ExprRef(expr=LEAST_LOSS), alt.ExprRef(expr=MOST_LOSS)]
    scale = alt.Scale(type="log", nice=False, clamp=True, domain=ends)
    y = _loss("loss", scale)
    seen = alt.Opacity("seen:Q", scale=None, legend=None)
    tips = [
        alt.Tooltip("name:N", title="model"),
        alt.Tooltip("date:N", title="year"),
        alt.Tooltip("N:Q", title="parameters", format=".3~s"),
        alt.Tooltip("D:Q", title="tokens", format=".3~s"),
        alt.Tooltip("loss:Q", title="loss by the law", format=".3f"),
    ]
    layers = [
        _named("beyond").mark_rect(style="reference", opacity=0.1, **QUIET).encode(x=x, x2="end:Q"),
        _named("beyond")
        .mark_text(style="note", align="right", baseline="top", dx=-5, fontSize=LABEL_SIZE, **QUIET)
        .encode(x=alt.X("end:Q", scale=x["scale"]), y=alt.value(3), text="text:N"),
        _named("curve")
        .mark_area(style=["forecast", "band"], interpolate="monotone", **QUIET)
        .encode(x=x, y=_loss("low", scale), y2="high:Q"),
        _named("curve").mark_line(style="forecast", interpolate="monotone", **QUIET).encode(x=x, y=y),
        *(
            [_named("runs").mark_point(style="measured", size=18, opacity=0.6, **QUIET).encode(x=x, y=y)]
            if own_runs
            else []
        ),
        _named("marks").mark_point(style=["reference", "halo"], size=34, **QUIET).encode(x=x, y=y, tooltip=tips),
        _named("marks")
        .mark_text(style="note", align="left", baseline="bottom", dx=4, dy=-3, fontSize=LABEL_SIZE, **QUIET)
        .encode(x=x, y=y, text="label:N"),
        _named("here").mark_rule(style="reference", strokeDash=[3, 3], **QUIET).encode(x=x, opacity=seen),
        _named("here")
        .mark_rule(style="forecast", strokeWidth=3, **QUIET)
        .encode(x=x, y=_loss("low", scale), y2="high:Q", opacity=seen),
        _named("here").mark_point(style=["forecast", "halo"], size=110, **QUIET).encode(x=x, y=y, opacity=seen),
    ]
    given = [alt.param(name=LEAST_LOSS, value=1.5), alt.param(name=MOST_LOSS, value=8.0)]
    return finish(layers, "Loss against training compute", "", height=300).add_params(*given)


def valley_chart() -> alt.LayerChart:
    """The isoFLOP valley: loss of every size when the same compute is spent.

    Data: valley (power, loss, low, high), here (power, loss) and best (power); power is log10 N, so that the axis has a
    tick a decade however the valley moves.
    """
    x = alt.X(
        "power:Q",
        scale=alt.Scale(nice=False, zero=False),
        axis=alt.Axis(title="Parameters", labelExpr=POWER_AXIS, tickMinStep=1, tickCount=4),
    )
    y = _loss("loss")
    layers = [
        _named("valley")
        .mark_area(style=["forecast", "band"], interpolate="monotone", **QUIET)
        .encode(x=x, y=_loss("low"), y2="high:Q"),
        _named("valley").mark_line(style="forecast", interpolate="monotone", **QUIET).encode(x=x, y=y),
        _named("best").mark_rule(style="reference", strokeDash=[3, 3], **QUIET).encode(x=x),
        _named("here").mark_point(style=["forecast", "halo"], size=110, **QUIET).encode(x=x, y=y),
    ]
    return finish(layers, "Loss of each size for the same compute", "", height=300)


def _loss(name: str, scale: alt.Scale | None = None) -> alt.Y:
    return alt.Y(
        f"{name}:Q",
        scale=alt.Scale(type="log", nice=False, padding=6) if scale is None else scale,
        axis=alt.Axis(title="Loss (nats per token)", labelExpr=LOSS_AXIS, tickCount=5, minExtent=30),
    )
