"""Pictures of where it leads: a trend and its forecast, years of crossing, the stock of text, limits of 2030."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import altair as alt
import numpy as np

from isoflop.outlook.answers import Basis, ComputeOutlook, CostOutlook, Crossing, DataOutlook, LimitsOutlook
from isoflop.outlook.dates import written
from isoflop.outlook.trend import GrowthTrend
from isoflop.report import theme
from isoflop.report.grammar import data, finish, log_scale

POINTS = 60
AHEAD = 4.0
"""Years past the last row that a trend is drawn."""
LARGE = 1e15
"""From here on an axis is written in powers of ten throughout."""


def trend_chart(made: GrowthTrend, *, ahead_to: float | None = None) -> alt.LayerChart:
    """Rows, the line with its breaks, and the forecast with intervals of the line and of a row."""
    first, last = float(made.series.years[0]), float(made.series.years[-1])
    end = max(last + AHEAD, ahead_to or last)
    past = np.unique(np.concatenate([np.linspace(first, last, POINTS), made.bent.breaks]))
    line = [{"year": float(x), "value": float(10**y)} for x, y in zip(past, made.bent.log10_at(past), strict=True)]
    band = [
        {"year": v.year, "value": v.value, "low": v.low, "high": v.high, "row_low": v.row_low, "row_high": v.row_high}
        for v in made.at(np.linspace(last, end, POINTS))
    ]
    rows = [{"year": float(x), "value": float(y)} for x, y in zip(made.series.years, made.series.values, strict=True)]
    y = _log_y([r["value"] for r in rows] + [b[k] for b in band for k in ("row_low", "row_high")], made.series.column)
    x = alt.X(
        "year:Q",
        title=None,
        scale=alt.Scale(domain=[first, end], nice=True),
        axis=alt.Axis(format="d", labelFlush=False),
    )
    ahead = alt.Chart(data(band)).encode(x=x)
    tips = [alt.Tooltip("year:Q", format=".2f"), alt.Tooltip("value:Q", format=".3~g")]
    layers = [
        ahead.mark_area(style=["band", "forecast"], opacity=0.14).encode(y=_of("row_low", y), y2="row_high:Q"),
        ahead.mark_area(style=["band", "forecast"], opacity=0.3).encode(y=_of("low", y), y2="high:Q"),
        ahead.mark_line(style="forecast", strokeDash=[5, 3]).encode(y=y),
        alt.Chart(data(rows)).mark_point(style="measured", size=40, opacity=0.75).encode(x=x, y=y, tooltip=tips),
        alt.Chart(data(line)).mark_line(style="forecast", strokeWidth=2.2).encode(x=x, y=y),
    ]
    if made.bends.breaks:
        breaks: list[dict[str, Any]] = [{"year": b.date, "text": written(b.date)} for b in made.bends.breaks]
        rule = alt.Chart(data(breaks)).encode(x=x)
        layers += [
            rule.mark_rule(style="reference", strokeDash=[2, 3]),
            rule.mark_text(style="note", align="left", dx=5, baseline="top").encode(y=alt.value(4), text="text:N"),
        ]
    return finish(layers, *_trend_words(made))


def _trend_words(made: GrowthTrend) -> tuple[str, str]:
    last = made.stretches[-1]
    stretch = f"since {written(last.start)}" if made.bends.breaks else f"from {last.start:.0f} to {last.end:.0f}"
    wider = f"; both {made.tried.wider:.2f} times as wide as formulas give, as tried on the past"
    return (
        f"×{last.factor:.2f} a year {stretch} [{last.low:.2f}, {last.high:.2f}]",
        f"{len(made.series)} rows. Inner band: {made.level:.0%} of the line; outer band: of one row"
        + (wider if made.tried.wider > 1 else ""),
    )


def compute_chart(made: ComputeOutlook) -> alt.LayerChart:
    """When a typical frontier run and the largest one reach each value."""
    return _crossings((made.compute,), lambda v: f"{v:.0e} FLOP".replace("e+", "e"), made.as_of, "Training compute")


def cost_chart(made: CostOutlook) -> alt.LayerChart:
    """The same of cost, on three bases."""
    return _crossings(made.bases, _money, made.as_of, "The cost of a run")


def _crossings(bases: tuple[Basis, ...], say: Callable[[float], str], now: float, what: str) -> alt.LayerChart:
    rows: list[dict[str, Any]] = []
    for basis in bases:
        for crossing in basis.crossings:
            label = say(crossing.value) if len(bases) == 1 else f"{say(crossing.value)} {basis.name}"
            for who, when in (("the largest run", crossing.largest), ("a typical frontier run", crossing.typical)):
                if np.isfinite(when.high) and when.high > when.low:  # a value known to be reached has no date
                    rows.append({"label": label, "who": who, "low": when.low, "middle": when.middle, "high": when.high})
    order = list(dict.fromkeys(row["label"] for row in rows))
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=200))
    offset = alt.YOffset("who:N", sort=["the largest run", "a typical frontier run"])
    solid = alt.Legend(title=None, symbolOpacity=1)
    colour = alt.Color("who:N", legend=solid, sort=["the largest run", "a typical frontier run"])
    bounds = [now, *(row[k] for row in rows for k in ("low", "high"))]
    scale = alt.Scale(domain=[np.floor(min(bounds)), np.ceil(max(bounds))], nice=False)
    x = alt.X("low:Q", title=None, scale=scale, axis=alt.Axis(format="d", tickMinStep=1, labelFlush=False))
    base = alt.Chart(data(rows)).encode(y=y, yOffset=offset, color=colour)
    today = alt.Chart(data([{"low": now, "text": "now"}])).encode(x=x)
    layers = [
        today.mark_rule(style="reference", strokeDash=[2, 3]),
        today.mark_text(style="note", align="left", dx=4, baseline="top").encode(y=alt.value(2), text="text:N"),
        base.mark_bar(height=5, opacity=0.45, cornerRadius=2).encode(x=x, x2="high:Q"),
        base.mark_point(size=60, opacity=1).encode(x=alt.X("middle:Q", scale=scale)),
    ]
    growth = bases[0].growth
    last = bases[0].crossings[-1]
    return finish(
        layers,
        f"{what} reaches {say(last.value)} in {_between(last)}, if growth goes on",
        f"{'Amortised: ' if len(bases) > 1 else ''}×{growth.factor:.2f} a year [{growth.low:.2f}, {growth.high:.2f}], "
        f"{int(growth.start)} to {int(growth.end)}. Bars: {last.typical.level:.0%} intervals",
        height=44 * len(order) + 20,
    )


def data_chart(made: DataOutlook) -> alt.LayerChart:
    """Medians of the stock and of its use over the years, with the years of crossing as bars."""
    years = np.linspace(2020, 2034, POINTS)
    rate = (made.by_year["2030"].middle / made.by_year["2026"].middle) ** 0.25
    lines = [
        {"what": s.name, "year": float(x), "tokens": s.used.middle * s.growth.middle ** (float(x) - 2024)}
        for s in made.scenarios
        for x in years
    ]
    text = [
        {
            "year": float(x),
            **{k: getattr(made.effective, k) * rate ** (float(x) - 2024) for k in ("low", "middle", "high")},
        }
        for x in years
    ]
    names = [s.name for s in made.scenarios]
    scale, ticks = log_scale([1e11, 1e16])
    y = alt.Y("tokens:Q", title="Tokens of text", scale=scale, axis=alt.Axis(values=ticks, labelExpr=_say(theme.COUNT)))
    axis = alt.Axis(format="d", values=list(range(2020, 2035, 2)), labelFlush=False)
    x = alt.X("year:Q", title=None, scale=alt.Scale(domain=[2020, 2034]), axis=axis)
    colour = alt.Color("what:N", title=None, sort=names, scale=alt.Scale(domain=names))
    stock = alt.Chart(data(text)).encode(x=x)
    marks = [
        {"what": s.name, "year": s.meets.low, "end": s.meets.high, "at": 10 ** (11.35 + 0.2 * i)}
        for i, s in enumerate(made.scenarios)
    ]
    spans = alt.Chart(data(marks)).encode(x=x, y=_of("at", y), color=colour)
    note = [{"year": 2020.2, "at": made.effective.high * 1.25, "text": "text worth training on, 90 %"}]
    layers = [
        stock.mark_area(style="reference", opacity=0.16, clip=True).encode(y=_of("low", y), y2="high:Q"),
        stock.mark_line(style="reference", strokeDash=[5, 3], strokeWidth=1.5).encode(y=_of("middle", y)),
        alt.Chart(data(note)).mark_text(style="note", align="left").encode(x=x, y=_of("at", y), text="text:N"),
        alt.Chart(data(lines)).mark_line(clip=True).encode(x=x, y=y, color=colour),
        spans.mark_bar(height=6, opacity=0.6).encode(x2="end:Q"),
    ]
    low, high = made.span
    return finish(
        layers,
        f"One run would use all text between {int(low)} and {int(high)}",
        f"Medians of three accounts of use; bars below: {made.scenarios[0].meets.level:.0%} of the years of meeting",
        height=theme.HEIGHT,
    )


def limits_chart(made: LimitsOutlook) -> alt.LayerChart:
    """What each limit allows, beside what was published, and where the trend leads."""
    kinds = ("computed here", "published")
    rows: list[dict[str, Any]] = []
    for limit in made.limits:
        rows.append({"limit": limit.name, "kind": kinds[0], "low": limit.flops.low, "high": limit.flops.high})
        rows.append({"limit": limit.name, "kind": kinds[1], "low": limit.published[0], "high": limit.published[1]})
    order = [limit.name for limit in made.limits]
    scale, ticks = log_scale([row[k] for row in rows for k in ("low", "high")] + [made.trend_flops.low])
    axis = alt.Axis(title="Training compute (FLOP)", values=ticks, labelExpr=_say(theme.FLOPS))
    x = alt.X("low:Q", scale=scale, axis=axis)
    y = alt.Y("limit:N", sort=order, title=None)
    offset, colour = alt.YOffset("kind:N", sort=list(kinds)), alt.Color("kind:N", title=None, sort=list(kinds))
    trend = [
        {
            "low": made.trend_flops.low,
            "high": made.trend_flops.high,
            "middle": made.trend_flops.middle,
            "text": "on trend",
        }
    ]
    middles = [{"limit": limit.name, "kind": kinds[0], "low": limit.flops.middle} for limit in made.limits]
    base = alt.Chart(data(rows)).encode(y=y, yOffset=offset, color=colour)
    layers = [
        alt.Chart(data(trend)).mark_rect(style=["band", "reference"], opacity=0.15).encode(x=x, x2="high:Q"),
        alt.Chart(data(trend))
        .mark_text(style="note", align="left", dx=4, baseline="top")
        .encode(x=alt.X("high:Q", scale=scale), y=alt.value(3), text="text:N"),
        base.mark_bar(height=8, opacity=0.55, cornerRadius=2).encode(x=x, x2="high:Q"),
        alt.Chart(data(middles)).mark_point(size=60).encode(x=x, y=y, yOffset=offset, color=colour),
    ]
    binding = max(made.limits, key=lambda limit: limit.binds or 0)
    return finish(
        layers,
        f"{binding.name.capitalize()} binds first in {binding.binds:.0%} of the draws of {made.year:.0f}",
        f"{made.smallest.level:.0%} intervals of the largest run that each limit allows; published ones are of 2030",
        height=300,
    )


def _between(crossing: Crossing) -> str:
    """``2030 to 2032``; one year where both fall into it, and "later, or never" where a line does not get there."""
    years = crossing.largest.middle, crossing.typical.middle
    if not np.isfinite(years).all():
        return "no foreseeable year"
    first, last = sorted(int(year) for year in years)
    return f"{first} to {last}" if last > first else str(first)


def _log_y(values: list[float], title: str) -> alt.Y:
    scale, ticks = log_scale(values)
    text = theme.FLOPS if max(values) >= LARGE else theme.COUNT
    axis = alt.Axis(title=title, **({"values": ticks} if ticks else {"tickCount": 6}), labelExpr=_say(text))
    return alt.Y("value:Q", scale=scale, axis=axis)


def _of(column: str, y: alt.Y) -> alt.Y:
    return alt.Y(f"{column}:Q", scale=y["scale"], axis=y["axis"], title=y["title"] if column == "tokens" else None)


def _say(expression: str) -> str:
    return expression.format(v="datum.value")


def _money(usd: float) -> str:
    from isoflop.units import format_money

    return format_money(usd)


CHARTS: dict[str, Callable[[Any], alt.LayerChart]] = {
    "compute": compute_chart,
    "cost": cost_chart,
    "data": data_chart,
    "limits": limits_chart,
}
"""By the verb whose answer they draw."""
