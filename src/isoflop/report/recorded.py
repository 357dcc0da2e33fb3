"""Charts of forecasts on record for a page: where measurements fell in what was foretold. Rows come later.

``isoflop.report.calibration`` draws the second one from a ledger at once.
"""

from __future__ import annotations

import altair as alt

from isoflop.report.grammar import finish

OUTCOMES = {"inside": "circle", "missed": "cross"}
ROW = 26
"""Pixels of a forecast's row."""
PLACED = (
    "datum.value == 0 ? 'forecast' : datum.value == -1 ? 'low end' : datum.value == 1 ? 'high end' "
    ": format(datum.value, '+~r') + '×'"
)


def places_chart() -> alt.LayerChart:
    """Each measurement in its forecast's interval, whose ends are -1 and 1 and whose middle, 0, is the forecast.

    data: places {forecast, at, what, told, measured}, the newest first. The page gives it a height by its rows.
    """
    axis = alt.Axis(title="Measured loss, in its interval", values=[-8, -4, -2, -1, 0, 1, 2, 4, 8], labelExpr=PLACED)
    scale = alt.Scale(nice=False, padding=14)
    x = alt.X("at:Q", scale=scale, axis=axis)
    y = alt.Y("forecast:N", sort=None, axis=alt.Axis(title=None, labelLimit=130, ticks=False, domain=False))
    known = list(OUTCOMES)
    legend = alt.Legend(title=None, symbolOpacity=1, values=known)
    shape = alt.Shape(
        "what:N", scale=alt.Scale(domain=["forecast", *known], range=["circle", *OUTCOMES.values()]), legend=legend
    )
    colour = alt.Color("what:N", scale=alt.Scale(domain=["forecast", *known]), legend=legend)  # measured, missed
    tips = [
        alt.Tooltip("forecast:N", title="Forecast"),
        alt.Tooltip("told:N", title="Foretold"),
        alt.Tooltip("measured:N", title="Measured"),
    ]
    base = alt.Chart(alt.NamedData("places")).encode(y=y, tooltip=tips)
    interval = base.transform_calculate(low="-1", high="1")
    layers = [
        interval.mark_rule(style="forecast", strokeWidth=8, opacity=0.3).encode(
            x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q"
        ),
        interval.transform_calculate(middle="0")
        .mark_tick(style="forecast", thickness=2, size=16)
        .encode(x=alt.X("middle:Q", scale=scale, axis=axis)),
        base.mark_point(style="halo", size=80).encode(x=x, shape=shape, color=colour),
    ]
    return finish(layers, "Where the measured losses fell in their intervals", "", height=4 * ROW)


def pit_chart() -> alt.LayerChart:
    """The share of measurements that came out at or below each foretold probability, around the diagonal.

    data: steps {p, share}; dots {p, share, forecast}; band {p, low, high}: where most calibrated ledgers stay.
    """
    whole = alt.Scale(domain=[0, 1])
    x = alt.X("p:Q", scale=whole, axis=_shares("Foretold probability of a lower loss"))
    of_shares = _shares("Share of runs that came out there or lower")
    y = alt.Y("share:Q", scale=whole, axis=of_shares)
    ends = alt.InlineData(values=[{"p": 0, "share": 0}, {"p": 1, "share": 1}])
    tips = [
        alt.Tooltip("forecast:N", title="Forecast"),
        alt.Tooltip("p:Q", title="Foretold probability", format=".1%"),
    ]
    layers = [
        alt.Chart(alt.NamedData("band"))
        .mark_area(style=["band", "reference"])
        .encode(x=x, y=alt.Y("low:Q", scale=whole, axis=of_shares), y2="high:Q"),
        alt.Chart(ends).mark_line(style="reference", strokeDash=[5, 4]).encode(x=x, y=y),
        alt.Chart(alt.NamedData("steps")).mark_line(style="measured", interpolate="step-after").encode(x=x, y=y),
        alt.Chart(alt.NamedData("dots")).mark_point(style=["halo", "measured"]).encode(x=x, y=y, tooltip=tips),
    ]
    return finish(layers, "Where the measured losses fell in their foretold distributions", "", height=320)


def _shares(title: str) -> alt.Axis:
    written = "format(100 * datum.value, '.0f') + ' %'"
    return alt.Axis(title=title, values=[0, 0.1, 0.25, 0.5, 0.75, 0.9, 1], labelExpr=written, labelFlush=False)
