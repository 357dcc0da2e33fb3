"""Pictures of progress: shares of each account, a run's worth over the years, when to begin, and the error of n."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import altair as alt
import numpy as np

from isoflop.outlook.accounts import ProgressOutlook
from isoflop.outlook.dates import written
from isoflop.outlook.effective import EffectiveOutlook
from isoflop.outlook.spread import Spread
from isoflop.outlook.survey import Survey
from isoflop.outlook.waiting import WaitOutlook
from isoflop.report import theme
from isoflop.report.grammar import data, finish, log_scale

POINTS = 60
ROW = 26
"""Height of a row of shares, in px."""
WIDER = 8.0
"""The line of errors is drawn this many times beyond the smallest and the largest sample."""


def progress_chart(made: ProgressOutlook) -> alt.LayerChart:
    """Shares of each cause with their intervals, one account below the other."""
    rows = list(_shares(made))
    y = alt.Y(
        "label:N",
        sort=[row["label"] for row in rows],
        title=None,
        axis=alt.Axis(labelLimit=320, ticks=False),
    )
    scale = alt.Scale(domain=[0, 1], nice=False)
    axis = alt.Axis(title="Share of the gain", format="%", values=[0, 0.25, 0.5, 0.75, 1])
    x = alt.X("low:Q", scale=scale, axis=axis)
    names = list(dict.fromkeys(row["account"] for row in rows))
    base = alt.Chart(data(rows)).encode(y=y, color=alt.Color("account:N", sort=names, legend=None))
    layers = [
        alt.Chart(data([{"low": 0.5}])).mark_rule(style="reference", strokeDash=[2, 3]).encode(x=x),
        base.mark_bar(height=7, opacity=0.45, cornerRadius=2).encode(x=x, x2="high:Q"),
        base.mark_point(size=70, opacity=1).encode(x=alt.X("middle:Q", scale=scale)),
    ]
    account = made.compute
    methods = account.parts[1].share
    return finish(
        layers,
        f"Better methods brought {methods.middle:.0%} of the growth of effective compute, {methods.low:.0%} to "
        f"{methods.high:.0%}",
        f"{written(made.since)} to {written(made.to)}; bars: {made.level:.0%} intervals"
        + ("" if made.level == 0.9 else ", parts of compute 90%"),
        height=ROW * len(rows) + 12,
    )


def _shares(made: ProgressOutlook) -> Iterable[dict[str, Any]]:
    for part in made.compute.parts:
        yield _share("effective compute", part.name, part.share)
    for of in made.of_compute:
        share = Spread(of.share_low, of.share, of.share_high, made.level)
        yield _share(f"compute by {of.account}", of.name, share)
    for part in made.loss.parts:
        yield _share(f"loss by {made.loss.law}", part.name, part.share)
    for part in made.dollars.parts:
        yield _share("price of GPT-2's skill", part.name, part.share)


def _share(account: str, name: str, x: Spread) -> dict[str, Any]:
    return {"account": account, "label": f"{account}: {name}", "low": x.low, "middle": x.middle, "high": x.high}


def effective_chart(made: EffectiveOutlook) -> alt.LayerChart:
    """The worth of the run's compute as methods get better from one date to the other, and both runs' compute."""
    first, last = sorted((made.date, made.against_date))
    years = np.linspace(0, made.date - made.against_date, POINTS)
    along = years / (years[-1] or 1.0)
    band = [
        {
            "year": made.against_date + float(t),
            **{k: made.flops * getattr(made.gained, k) ** float(a) for k in ("low", "middle", "high")},
        }
        for t, a in zip(years, along, strict=True)
    ]
    runs = [
        {"year": made.against_date, "middle": made.against_flops, "text": "the run compared with"},
        {"year": made.date, "middle": made.flops, "text": "its compute"},
    ]
    worth = [{"year": made.date, "middle": made.effective.middle, "text": "its worth"}]
    scale, ticks = log_scale([row[k] for row in band for k in ("low", "high")] + [made.against_flops])
    axis = alt.Axis(title="FLOP", values=ticks, labelExpr=theme.FLOPS.format(v="datum.value"))
    y = alt.Y("middle:Q", scale=scale, axis=axis)
    room = 0.12 * max(last - first, 0.1)
    domain = alt.Scale(domain=[first - room, last + 2.2 * room], nice=False)
    x = alt.X("year:Q", title=None, scale=domain, axis=alt.Axis(format="d", tickMinStep=1))
    drawn = alt.Chart(data(band)).encode(x=x)
    layers = [
        drawn.mark_area(style=["band", "forecast"], opacity=0.22).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        drawn.mark_line(style="forecast").encode(y=y),
        alt.Chart(data(runs)).mark_point(style="measured", size=90).encode(x=x, y=y),
        alt.Chart(data(worth)).mark_point(style="forecast", size=90).encode(x=x, y=y),
        alt.Chart(data(runs + worth)).mark_text(style="note", align="left", dx=9).encode(x=x, y=y, text="text:N"),
    ]
    return finish(
        layers,
        f"With the methods of {written(made.against_date)} it would have taken {_power(made.effective.middle)} FLOP",
        f"What {_power(made.flops)} FLOP of {written(made.date)} are worth, {made.level:.0%} interval: "
        f"{_power(made.effective.low)} to {_power(made.effective.high)}",
    )


def wait_chart(made: WaitOutlook) -> alt.LayerChart:
    """What comes of a start by a fixed finish, over starting now, and where the best starts lie."""
    rows = [{"months": d.months, "low": d.low, "middle": d.middle, "high": d.high} for d in made.curve]
    top = max(max(row["high"] for row in rows), 1.05) * 1.08
    x = alt.X("months:Q", title="Months waited before the start", scale=alt.Scale(domain=[0, made.run_months]))
    y = alt.Y("middle:Q", title="Worth at the finish, over starting now", scale=alt.Scale(domain=[0, top], nice=False))
    base = alt.Chart(data(rows)).encode(x=x)
    best = [{"months": made.best_months.low, "end": made.best_months.high, "middle": 0.04 * top}]
    dot = [{"months": made.best_months.middle, "middle": 0.04 * top}]
    word = [{"months": made.best_months.high, "middle": 0.04 * top, "text": f"best start, {made.level:.0%}"}]
    now = alt.Chart(data([{"middle": 1.0, "months": made.run_months, "text": "starting now"}]))
    layers = [
        now.mark_rule(style="reference", strokeDash=[2, 3]).encode(y=y),
        now.mark_text(style="note", align="right", dy=-8).encode(x=x, y=y, text="text:N"),
        base.mark_area(style=["band", "forecast"], opacity=0.25).encode(
            y=alt.Y("low:Q", scale=y["scale"]), y2="high:Q"
        ),
        base.mark_line(style="forecast").encode(y=y),
        alt.Chart(data(best)).mark_bar(style="measured", height=6, opacity=0.6).encode(x=x, x2="end:Q", y=y),
        alt.Chart(data(dot)).mark_point(style="measured", size=70).encode(x=x, y=y),
        alt.Chart(data(word)).mark_text(style="note", align="left", dx=8).encode(x=x, y=y, text="text:N"),
    ]
    best_word = f"after {made.best_months.middle:.1f} months" if made.best_months.middle else "at once"
    return finish(
        layers,
        f"Best begun {best_word}: waiting pays in {made.pays:.0%} of the draws",
        f"One finish, {made.run_months:.1f} months after {written(made.as_of)}; counted: {', '.join(made.counted)}"
        + (f"; a month costs {made.lost_a_month:.0%} of the worth" if made.lost_a_month else ""),
    )


def sampling_chart(made: Survey) -> alt.LayerChart:
    """The error against the number asked, the samples named, and the step that halves the error."""
    people = [row.people for row in made.asked + made.needed]
    ends = min(people) / WIDER, max(people) * WIDER
    constant = made.asked[0].margin * np.sqrt(made.asked[0].people)
    line = [{"n": float(n), "margin": float(constant / np.sqrt(n))} for n in np.geomspace(*ends, POINTS)]
    unit = 100.0 if made.share is not None else 1.0
    asked, needed = (
        [
            {"n": row.people, "margin": row.margin, "text": f"{row.people:,.0f}: ±{unit * row.margin:.3g}"}
            for row in rows
        ]
        for rows in (made.asked, made.needed)
    )
    start = max(made.asked, key=lambda row: row.people)
    corner = made.halves * start.people
    step = [
        {"n": start.people, "margin": start.margin, "place": 0},
        {"n": corner, "margin": start.margin, "place": 1},
        {"n": corner, "margin": start.margin / 2, "place": 2},
    ]
    note = [{"n": corner, "margin": start.margin, "text": f"half the error: {made.halves:g} × as many"}]
    x_scale, x_ticks = log_scale([*ends, 8 * corner])
    y_scale, y_ticks = log_scale([row["margin"] for row in line])
    percent = f"format({unit:g} * datum.value, '.3~r')"
    x_axis = alt.Axis(values=x_ticks, labelExpr="format(datum.value, ',.3~r')")
    y_axis = alt.Axis(values=y_ticks, labelExpr=percent)
    x = alt.X("n:Q", title="People asked", scale=x_scale, axis=x_axis)
    title = f"Margin of error, {made.level:.0%}" + (", in points" if made.share is not None else "")
    y = alt.Y("margin:Q", title=title, scale=y_scale, axis=y_axis)
    layers = [
        alt.Chart(data(line)).mark_line(style="forecast").encode(x=x, y=y),
        alt.Chart(data(step)).mark_line(style="reference", strokeDash=[3, 3]).encode(x=x, y=y, order="place:Q"),
        alt.Chart(data(note)).mark_text(style="note", align="left", dx=6).encode(x=x, y=y, text="text:N"),
        alt.Chart(data(asked + needed)).mark_point(style="measured", size=80).encode(x=x, y=y),
        alt.Chart(data(asked)).mark_text(style="note", align="right", dx=-9, dy=9).encode(x=x, y=y, text="text:N"),
        alt.Chart(data(needed)).mark_text(style="note", align="left", dx=9, dy=-9).encode(x=x, y=y, text="text:N"),
    ]
    return finish(
        layers,
        f"The error falls as n^−0.5: half of it takes {made.halves:g} times as many",
        f"Tokens of {made.law} have the exponent {made.law_exponent:.2f}: half of what they could still save takes "
        f"{made.law_halves:.1f} times as many",
    )


def _power(value: float) -> str:
    return f"{value:.1e}".replace("e+", "e")


PROGRESS_CHARTS: dict[str, Callable[[Any], alt.LayerChart]] = {
    "progress": progress_chart,
    "effective": effective_chart,
    "wait": wait_chart,
    "sampling": sampling_chart,
}
"""By the verb whose answer they draw."""
