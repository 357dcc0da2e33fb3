"""What each trade of training for inference can reach, and where it is cheapest."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np

from isoflop.capability.trade import Demand, Trade
from isoflop.report.grammar import Rows, data, finish, log_scale
from isoflop.units import format_flops

FLOPS = "replace(format(datum.value, '.2~e'), '+', '')"


def trade_chart(demand: Demand, trades: Sequence[Trade]) -> alt.LayerChart:
    """Inference against training compute at one quality: a line a technique, a dot at its cheapest degree, and the
    line along which both cost the same."""
    lines: Rows = [
        {"training": a, "serving": b, "technique": one.technique.name, "order": i}
        for one in trades
        for i, (a, b) in enumerate(one.curve.tolist())
    ]
    best: Rows = [
        {"training": one.training, "serving": one.serving, "technique": one.technique.name}
        for one in trades
        if abs(one.training / demand.training - 1) > 1e-6  # not at all is the cross
    ]
    start: Rows = [{"training": demand.training, "serving": demand.serving}]
    training = np.array([row["training"] for row in lines])
    serving = np.array([row["serving"] for row in lines])
    ends = np.array([training.min(), training.max()])
    even = ends / demand.train_use * demand.serve_use
    inside = (even >= serving.min() / 10) & (even <= serving.max() * 10)
    x_scale, x_ticks = log_scale(training.tolist())
    shown = [*serving.tolist(), *(even.tolist() if inside.all() else [])]
    y_scale, y_ticks = log_scale(shown)
    x = alt.X(
        "training:Q", scale=x_scale, axis=alt.Axis(title="Training compute (FLOP)", labelExpr=FLOPS, values=x_ticks)
    )
    y = alt.Y(
        "serving:Q", scale=y_scale, axis=alt.Axis(title="Inference compute (FLOP)", labelExpr=FLOPS, values=y_ticks)
    )
    names = [one.technique.name for one in trades]
    colour = alt.Color("technique:N", sort=names, legend=alt.Legend(title=None, columns=3))
    equal: Rows = [{"training": a, "serving": b} for a, b in zip(ends.tolist(), even.tolist(), strict=True)]
    layers = [
        alt.Chart(data(equal)).mark_line(style="reference", strokeDash=[4, 3], clip=True).encode(x=x, y=y),
        alt.Chart(data(lines)).mark_line(strokeWidth=2).encode(x=x, y=y, color=colour, order="order:Q"),
    ]
    if best:
        layers.append(
            alt.Chart(data(best)).mark_point(style="halo", size=90, filled=True).encode(x=x, y=y, color=colour)
        )
    layers.append(alt.Chart(data(start)).mark_point(shape="cross", size=110, style="reference").encode(x=x, y=y))
    first = trades[0]
    title = f"{first.technique.name.capitalize()} saves {first.saving:.0%} of training and inference together"
    if first.saving < 0.005:
        title = "No trade pays: training and inference are best left as they are"
    below = (
        f"Cross: {format_flops(demand.training)} of training and the inference it leads to. Dots: the cheapest degree "
        f"of each technique. Dashed: both cost the same."
    )
    return finish(layers, title, below)
