"""What was trained and what the law says: loss curves, the ladder with its law, isoFLOP valleys.

Every function takes Polars frames of plain numbers (params, tokens, FLOP, nats per token) and returns an Altair chart.
Each raises BadInput for a missing column, an empty frame, or a value that a logarithmic axis cannot show.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from isoflop.report.grammar import (
    Rows,
    colour_by,
    data,
    finish,
    rows_of,
    shapes,
    spoken,
    tooltips,
    values,
    x_log,
    y_log,
    y_of,
)

POINTS_PER_TRUNK = 160  # a 640 px axis shows no more; the page would only grow
TRAINED, FORECAST, MEASURED = "trained run", "forecast with interval", "measured afterwards"
SHAPES = {TRAINED: "circle", FORECAST: "diamond", MEASURED: "cross"}
RUN_TOOLTIP = {
    "trunk": "Trunk",
    "label": "Run",
    "params": "Parameters",
    "tokens": "Tokens",
    "flops": "Compute (FLOP)",
    "loss": "Loss (nats/token)",
    "low": "Interval from",
    "high": "Interval to",
    "phase": "Phase",
}


def loss_curves(
    curves: pl.DataFrame,
    evaluations: pl.DataFrame | None = None,
    *,
    title: str,
    subtitle: str = "Lines: training loss. Dots: loss on held-out text at the end of each decay.",
) -> alt.LayerChart:
    """Training curves of every trunk, tokens and loss logarithmic, coloured by parameters.

    curves: trunk, params, tokens, loss, phase, in the order of time. Rows of phase "trunk" make one line; of others,
    each change of phase or step back in tokens (the next branch) starts a new one. Points without a positive number of
    tokens or a finite positive loss are left out (step 0 has no place on a logarithmic axis), and of a trunk at most
    about 160 are drawn.
    evaluations: trunk, params, tokens, loss, drawn as dots.
    """
    rows = rows_of(_drawable(curves), "loss curves", ("trunk", "params", "tokens", "loss", "phase"))
    dots = [] if evaluations is None else _positive_runs(evaluations, "evaluations", ("trunk",))
    x = x_log("tokens", values(rows + dots, "tokens"))
    y = y_log("loss", values(rows + dots, "loss"))
    colour = colour_by("params", values(rows + dots, "params"))
    lines = (
        spoken(alt.Chart(data(rows)), rows)
        .mark_line(style="curve", clip=True)
        .encode(
            x=x,
            y=y,
            color=colour,
            detail=["trunk:N", "segment:Q"],
            order="tokens:Q",
            tooltip=tooltips(rows, RUN_TOOLTIP),
        )
    )
    layers = [lines]
    if dots:
        layers.append(_dots(dots).encode(x=x, y=y, color=colour, tooltip=tooltips(dots, RUN_TOOLTIP)))
    return finish(layers, title, subtitle)


def ladder_with_law(
    runs: pl.DataFrame,
    law: pl.DataFrame,
    target: pl.DataFrame | None = None,
    *,
    title: str,
    subtitle: str = "One line per model size: the fitted law and its band.",
) -> alt.LayerChart:
    """Loss against training tokens, both logarithmic: the runs, and for each size the law with its band.

    runs: params, tokens, flops, loss and optionally loss_se (drawn as ± one standard error), label, trunk.
    law: params, tokens, loss and optionally low, high; at least two points for each value of params.
    target: params, tokens, loss (the forecast), low, high and optionally measured (null before training), label.
    """
    dots = [row | {"what": TRAINED} for row in _positive_runs(runs, "runs", ("flops",))]
    lines = _positive_runs(law, "the law", ())
    aims = _target_rows(target)
    x = x_log("tokens", values(dots + lines + aims, "tokens"))
    y = y_log("loss", values(dots + lines + aims, "loss", "low", "high"))
    colour = colour_by("params", values(dots + lines, "params"))
    layers = [*_law_layers(lines, x, y, colour), *_error_bars(dots, x, y, colour)]
    seen = [row["what"] for row in dots + aims]
    shape = shapes(SHAPES, seen, orient="bottom-left", columns=1)  # loss falls to the right: this corner is empty
    marks: dict[str, Any] = {"x": x, "y": y, "shape": shape}
    layers.append(_dots(dots).encode(color=colour, tooltip=tooltips(dots, RUN_TOOLTIP), **marks))
    for what, style in ((FORECAST, "forecast"), (MEASURED, "measured")):
        chosen = [row for row in aims if row["what"] == what]
        if chosen:
            layers += _target_layers(chosen, style, marks)
    return finish(layers, title, subtitle)


def isoflop_curves(
    curves: pl.DataFrame,
    optimum: pl.DataFrame,
    runs: pl.DataFrame | None = None,
    *,
    title: str,
    subtitle: str = "Each curve spends one budget. Diamonds: the best split of each; the line joins them.",
) -> alt.LayerChart:
    """The valleys of loss at fixed compute, with the line of optima.

    curves: flops (one value for each budget), params, loss and optionally low, high. optimum: flops, params, loss.
    runs: params, loss and, to be coloured by budget, flops (one of the budgets of ``curves``).
    """
    lines = rows_of(curves, "isoFLOP curves", ("flops", "params", "loss"), positive=("flops", "params", "loss"))
    best = rows_of(optimum, "optima", ("flops", "params", "loss"), positive=("flops", "params", "loss"))
    dots = [] if runs is None else rows_of(runs, "runs", ("params", "loss"), positive=("params", "loss"))
    x = x_log("params", values(lines + best + dots, "params"))
    y = y_log("loss", values(lines + best + dots, "loss"))
    colour = colour_by("flops", values(lines, "flops"))
    layers = _law_layers(lines, x, y, colour, detail="flops")
    if dots:
        base = spoken(alt.Chart(data(dots)), dots).encode(x=x, y=y, tooltip=tooltips(dots, RUN_TOOLTIP))
        budgeted = all(row.get("flops") for row in dots)
        layers.append(
            base.mark_point(style="halo").encode(color=colour) if budgeted else base.mark_point(style=["halo", "note"])
        )
    joined = spoken(alt.Chart(data(best)), best).encode(x=x, y=y, tooltip=tooltips(best, RUN_TOOLTIP))
    layers.append(joined.mark_line(style="forecast", strokeDash=[5, 4]).encode(order="flops:Q"))
    layers.append(joined.mark_point(style=["halo", "forecast"], shape="diamond", size=110))
    return finish(layers, title, subtitle)


def _drawable(curves: pl.DataFrame) -> pl.DataFrame:
    """Number the unbroken stretches of each trunk and thin them evenly in the logarithm of tokens."""
    rows_of(curves, "loss curves", ("trunk", "params", "tokens", "loss", "phase"))
    shown = curves.filter(
        *(pl.col(name).cast(pl.Float64).is_finite() & (pl.col(name) > 0) for name in ("tokens", "loss"))
    )
    breaks = pl.col("phase").ne_missing(pl.col("phase").shift()) | (pl.col("tokens") < pl.col("tokens").shift())
    segment = pl.when(pl.col("phase") == "trunk").then(0).otherwise(breaks.cast(pl.Int64).cum_sum().over("trunk"))
    numbered = shown.with_columns(segment=segment)
    log_tokens = pl.col("tokens").cast(pl.Float64).log()
    length = (log_tokens.max() - log_tokens.min()).over("trunk")
    slot = ((log_tokens - log_tokens.min().over("trunk")) / length * POINTS_PER_TRUNK).fill_nan(0).floor()
    return (
        numbered.with_columns(slot=slot)
        .unique(["trunk", "segment", "slot"], keep="last", maintain_order=True)
        .drop("slot")
    )


def _positive_runs(frame: pl.DataFrame, what: str, more: tuple[str, ...]) -> Rows:
    needs = ("params", "tokens", "loss")
    return rows_of(frame, what, (*needs, *more), positive=needs)


def _dots(rows: Rows) -> alt.Chart:
    dots: alt.Chart = spoken(alt.Chart(data(rows)), rows).mark_point(style="halo")
    return dots


def _law_layers(rows: Rows, x: alt.X, y: alt.Y, colour: alt.Color, detail: str = "params") -> list[alt.Chart]:
    base = spoken(alt.Chart(data(rows)), rows).encode(x=x, color=colour, detail=f"{detail}:Q")
    layers = [base.mark_line(clip=True).encode(y=y, tooltip=tooltips(rows, RUN_TOOLTIP))]
    if values(rows, "low") and values(rows, "high"):
        y_low = y_of("low", y)
        layers.insert(0, base.mark_area(style="band", clip=True, line=False).encode(y=y_low, y2="high:Q"))
    return layers


def _error_bars(rows: Rows, x: alt.X, y: alt.Y, colour: alt.Color) -> list[alt.Chart]:
    known = [row for row in rows if row.get("loss_se")]
    if not known:
        return []
    bars = [row | {"from": row["loss"] - row["loss_se"], "to": row["loss"] + row["loss_se"]} for row in known]
    y_from = y_of("from", y)
    return [alt.Chart(data(bars)).mark_rule().encode(x=x, y=y_from, y2="to:Q", color=colour)]


def _target_rows(target: pl.DataFrame | None) -> Rows:
    """One row for the forecast of each target and, once it is known, one for its measurement."""
    if target is None:
        return []
    aims = _positive_runs(target, "targets", ("low", "high"))
    forecasts = [row | {"what": FORECAST} for row in aims]
    measured = [row | {"what": MEASURED, "loss": row["measured"]} for row in aims if row.get("measured") is not None]
    return forecasts + measured


def _target_layers(rows: Rows, style: str, marks: dict[str, Any]) -> list[alt.Chart]:
    base = spoken(alt.Chart(data(rows)), rows)
    points = base.mark_point(style=["halo", style], size=100).encode(tooltip=tooltips(rows, RUN_TOOLTIP), **marks)
    if style != "forecast":
        return [points]
    y_low = y_of("low", marks["y"])
    return [base.mark_rule(style=style, strokeWidth=3).encode(x=marks["x"], y=y_low, y2="high:Q"), points]
