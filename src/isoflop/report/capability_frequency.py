"""Right answers against how often a concept was seen, and filters of data against compute, as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np

from isoflop.capability.frequency import Exposure, FrequencyLaw
from isoflop.capability.long_tail import Known
from isoflop.capability.repetition import Tradeoff
from isoflop.report.grammar import Rows, colour_by, data, finish, log_scale, tick_values
from isoflop.units import format_count

POINTS = 101
SHARE = ".0%"
SIZES = ("n", "params", "parameters")
"""Names of a column of sizes, whose groups are shades of one colour."""
SHORT_COUNT = "replace(format(datum.value, '.3~s'), 'G', 'B')"
"""Counts such as 1.5M; billions as B."""


def frequency_chart(
    groups: Mapping[str, tuple[Exposure, FrequencyLaw]],
    *,
    by: str | None = None,
    count: str = "Times seen",
    level: float = 0.9,
    title: str,
) -> alt.LayerChart:
    """Shares with their intervals and the law of each group. by: the column of the groups; numbers are shades of one
    colour."""
    dots: Rows = []
    lines: Rows = []
    for name, (exposure, law) in groups.items():
        low, high = exposure.interval(level)
        columns = (exposure.count, exposure.share, low, high)
        dots += [_row(name, *values) for values in zip(*(c.tolist() for c in columns), strict=True)]
        grid = np.geomspace(exposure.count[0], exposure.count[-1], POINTS)
        lines += [_row(name, at, share) for at, share in zip(grid.tolist(), law(grid).tolist(), strict=True)]
    x, y = _axis(dots, count), alt.Y("share:Q", title="Right answers", axis=alt.Axis(format=SHARE), scale=_BOUNDS)
    colour = _colour(groups, by, [*dots, *lines])
    base = alt.Chart(data(dots)).encode(x=x, color=colour)
    chance = next(iter(groups.values()))[1].chance
    layers = [
        alt.Chart(data([{"share": chance}])).mark_rule(style="reference", strokeDash=[2, 3]).encode(y=y),
        alt.Chart(data(lines)).mark_line(clip=True).encode(x=x, y=y, color=colour, detail="group:N"),
        base.mark_rule(opacity=0.45).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_point(style="halo", size=50).encode(y=y, tooltip=["group:N", "count:Q", "share:Q"]),
    ]
    subtitle = f"Dots: shares of right answers with {level:.0%} intervals. Lines: fitted laws. Dotted: guessing."
    return finish(layers, title, subtitle)


_BOUNDS = alt.Scale(domain=[0, 1])


def _row(
    name: str, count: float, share: float, low: float | None = None, high: float | None = None
) -> dict[str, object]:
    row: dict[str, object] = {"group": name, "count": count, "share": share}
    return row if low is None else {**row, "low": low, "high": high}


def _colour(groups: Mapping[str, object], by: str | None, rows: Rows) -> Any:
    """Sizes as shades, other groups as colours of categories, one group without a legend."""
    if by is None or len(groups) == 1:
        return alt.Undefined
    try:
        sizes = {name: float(name) for name in groups}
    except ValueError:
        return alt.Color("group:N", scale=alt.Scale(domain=list(groups)), legend=alt.Legend(title=by))
    if by.casefold() not in SIZES:
        return alt.Color("group:O", scale=alt.Scale(domain=list(groups)), legend=alt.Legend(title=by))
    for row in rows:
        row["params"] = sizes[str(row["group"])]
    return colour_by("params", sizes.values())


def _axis(rows: Rows, title: str, column: str = "count") -> alt.X:
    numbers = [float(row[column]) for row in rows]
    scale, _ = log_scale(numbers)
    ticks = tick_values(min(numbers), max(numbers))
    options = {"values": ticks} if ticks else {"tickCount": 6}
    return alt.X(f"{column}:Q", scale=scale, axis=alt.Axis(title=title, labelExpr=SHORT_COUNT, **options))


def tail_chart(known: Mapping[str, Sequence[Known]], *, by: str | None = None, title: str) -> alt.LayerChart:
    """The share of concepts known against the data, a line a group with its band."""
    rows: Rows = [
        {"group": name, "times": k.times, "share": k.concepts, "low": k.low, "high": k.high}
        for name, several in known.items()
        for k in several
    ]
    x = _axis(rows, "Times the data", "times")
    y = alt.Y("share:Q", title="Concepts known", axis=alt.Axis(format=SHARE), scale=_BOUNDS)
    base = alt.Chart(data(rows)).encode(x=x, color=_colour(known, by, rows))
    layers = [
        base.mark_area(style="band", line=False).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line().encode(y=y, detail="group:N"),
    ]
    level = next(iter(known.values()))[0].level
    return finish(
        layers, title, f"Bands: {level:.0%} intervals of the law of frequency; how often concepts occur is given."
    )


def tradeoff_chart(found: Tradeoff, *, unit: str = "Samples seen in training") -> alt.LayerChart:
    """The error of every filter against what is seen in training, and where the best one changes."""
    rows: Rows = [
        {"filter": kept.label, "seen": seen, "error": error}
        for kept, errors in zip(found.filters, found.error.tolist(), strict=True)
        for seen, error in zip(found.seen.tolist(), errors, strict=True)
    ]
    x = _axis(rows, unit, "seen")
    y_scale, y_ticks = log_scale([row["error"] for row in rows])
    ticks = {"values": y_ticks} if y_ticks else {"tickCount": 6}
    y = alt.Y("error:Q", scale=y_scale, axis=alt.Axis(title="Error", format=".3~f", **ticks))
    labels = [kept.label for kept in found.filters]
    legend = alt.Legend(title="Kept", labelLimit=260)
    colour = alt.Color("filter:N", scale=alt.Scale(domain=labels), legend=legend)
    layers = [alt.Chart(data(rows)).mark_line(clip=True).encode(x=x, y=y, color=colour)]
    if found.crossings:
        marks: Rows = [{"seen": seen} for seen, _, _ in found.crossings]
        layers.insert(0, alt.Chart(data(marks)).mark_rule(style="reference", strokeDash=[4, 3]).encode(x=x))
    return finish(
        layers, _tradeoff_title(found), "Dashed: where the best filter changes. Every filter keeps the best pools."
    )


def _tradeoff_title(found: Tradeoff) -> str:
    if not found.crossings:
        return f"At every size of training the best filter keeps {found.best[0].label}"
    seen, strict, loose = found.crossings[-1]
    return f"Beyond {format_count(seen)} seen, keeping {loose.label} is better than {strict.label}"
