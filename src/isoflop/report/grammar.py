"""The words every chart is made of: checked rows, logarithmic axes, colours by size, tooltips and titles."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import altair as alt
import polars as pl

from isoflop.errors import BadInput, did_you_mean
from isoflop.report import theme

Rows = list[dict[str, Any]]
Kind = Literal["count", "flops", "loss"]

TITLES = {
    "params": "Parameters",
    "tokens": "Training tokens",
    "flops": "Training compute (FLOP)",
    "loss": "Loss (nats per token)",
}
_EXPRESSIONS = {"count": theme.COUNT, "flops": theme.FLOPS, "loss": "format({v}, '.4~r')"}
_KINDS: dict[str, Kind] = {"params": "count", "tokens": "count", "flops": "flops"}

MEASURES = ("params", "tokens", "flops", "loss", "loss_se", "low", "high", "measured", "residual_percent")
NAMES = ("label", "trunk", "phase", "segment")
KNOWN = frozenset(MEASURES + NAMES)  # a table of runs may carry paths and people; a figure that is mailed should not

DISTINCT_COLOURS = 8  # more steps of viridis than this are not told apart in a legend; the scale turns continuous
DIGITS = 6  # what a picture can show; full doubles would double the size of a page
TITLE_CHARACTERS, SUBTITLE_CHARACTERS = 78, 110  # what fits 640 px at the theme's font sizes


def rows_of(frame: pl.DataFrame, what: str, needs: Sequence[str], *, positive: Sequence[str] = ()) -> Rows:
    """The rows of ``frame`` as JSON values, not finite ones as null; columns that no chart knows stay behind.

    Raises BadInput if a column of ``needs`` is missing, if there is no row, or if a column of ``positive`` (drawn on a
    logarithmic axis) holds a value that is missing, not finite or not above zero.
    """
    for name in needs:
        if name not in frame.columns:
            raise BadInput(
                f"The table of {what} has no column {name!r}. It has: {', '.join(frame.columns) or 'no columns'}; "
                f"it needs: {', '.join(needs)}.{did_you_mean(name, frame.columns)}"
            )
    if frame.is_empty():
        raise BadInput(f"The table of {what} has no rows. A chart needs at least one; leave the chart out instead.")
    for name in positive:
        _refuse_unplottable(frame[name], name, what)
    known = frame.select(name for name in frame.columns if name in KNOWN)
    return [{name: _plain(value) for name, value in row.items()} for row in known.iter_rows(named=True)]


def _refuse_unplottable(column: pl.Series, name: str, what: str) -> None:
    bad = sum(not (isinstance(v, int | float) and math.isfinite(v) and v > 0) for v in column)
    if bad:
        raise BadInput(
            f"Column {name!r} of the table of {what} has {bad} of {len(column)} values that are missing, not finite or "
            f"not above zero. A logarithmic axis shows positive numbers only; drop or mend those rows first."
        )


def _plain(value: object) -> object:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return str(value)


def data(rows: Rows) -> alt.InlineData:
    """Rows that travel inside the specification. Altair's own frames stop at 5,000 rows; these do not."""
    return alt.InlineData(values=rows)


def values(rows: Rows, *names: str) -> list[float]:
    """Every number in the named columns, nulls left out."""
    return [row[name] for row in rows for name in names if row.get(name) is not None]


def tick_values(low: float, high: float) -> list[float]:
    """Round ticks for a logarithmic axis: finer steps the fewer decades there are, and never more than about nine."""
    span = math.log10(high / low)
    if span < 0.45:
        return []  # Vega's linear-like ticks are better within less than half a decade
    digits = (1, 2, 3, 4, 5, 7) if span < 1 else (1, 2, 5) if span < 2.6 else (1, 3) if span < 4 else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**decade for decade in decades for digit in digits]
    inside = [float(f"{tick:.1g}") for tick in ticks if low <= tick <= high]
    return inside[:: max(1, math.ceil(len(inside) / 9))]


def log_scale(numbers: Iterable[float], *, margin: float = 0.04) -> tuple[alt.Scale, list[float]]:
    """A logarithmic scale with ``margin`` of its length free on each side, and its ticks."""
    positive = [number for number in numbers if number > 0]
    low, high = min(positive), max(positive)
    stretch = max((high / low) ** margin, 1.02)
    low, high = low / stretch, high * stretch
    scale = alt.Scale(type="log", domain=[float(f"{low:.4g}"), float(f"{high:.4g}")], nice=False)
    return scale, tick_values(low, high)


def _axis(name: str, ticks: list[float], title: str | None) -> alt.Axis:
    expression = _EXPRESSIONS[_KINDS.get(name, "loss")].format(v="datum.value")
    options: dict[str, Any] = {"values": ticks} if ticks else {"tickCount": 6}
    return alt.Axis(title=title or TITLES.get(name, name), labelExpr=expression, **options)


def x_log(name: str, numbers: Iterable[float], title: str | None = None) -> alt.X:
    """A logarithmic horizontal axis for column ``name``, with its unit and number format."""
    scale, ticks = log_scale(numbers)
    return alt.X(f"{name}:Q", scale=scale, axis=_axis(name, ticks, title))


def y_log(name: str, numbers: Iterable[float], title: str | None = None) -> alt.Y:
    """A logarithmic vertical axis for column ``name``, with its unit and number format."""
    scale, ticks = log_scale(numbers)
    return alt.Y(f"{name}:Q", scale=scale, axis=_axis(name, ticks, title))


def x_of(column: str, axis: alt.X) -> alt.X:
    """Another column on the same horizontal axis."""
    return alt.X(f"{column}:Q", scale=axis["scale"], axis=axis["axis"])


def y_of(column: str, axis: alt.Y) -> alt.Y:
    """Another column on the same vertical axis."""
    return alt.Y(f"{column}:Q", scale=axis["scale"], axis=axis["axis"])


def colour_by(name: str, sizes: Iterable[float]) -> alt.Color:
    """Colour by an ordered quantity: one step each up to eight values, beyond them a ramp with a few round values."""
    distinct = sorted(set(sizes))
    expression = _EXPRESSIONS[_KINDS[name]].format(v="datum.value")
    title = TITLES[name]
    if len(distinct) <= DISTINCT_COLOURS:
        legend = alt.Legend(title=title, labelExpr=expression, symbolType="circle", symbolOpacity=1)
        return alt.Color(f"{name}:O", scale=alt.Scale(domain=distinct), legend=legend)
    ticks = tick_values(distinct[0], distinct[-1])
    options: dict[str, Any] = {"values": ticks[:: math.ceil(len(ticks) / 5)]} if ticks else {}
    legend = alt.Legend(title=title, labelExpr=expression, **options)
    return alt.Color(f"{name}:Q", scale=alt.Scale(type="log"), legend=legend)


def shapes(symbols: Mapping[str, str], seen: Iterable[str], **legend: Any) -> alt.Shape:
    """Column ``what`` told by shape, with a legend once two are ``seen``. symbols: meaning -> Vega symbol."""
    shown = [name for name in symbols if name in set(seen)]
    scale = alt.Scale(domain=shown, range=[symbols[name] for name in shown])
    return alt.Shape("what:N", scale=scale, legend=alt.Legend(title=None, **legend) if len(shown) > 1 else None)


def colours(symbols: Mapping[str, str], seen: Iterable[str]) -> alt.Color:
    """Column ``what`` told by the theme's colours for categories; its legend merges with that of ``shapes``."""
    shown = [name for name in symbols if name in set(seen)]
    legend = alt.Legend(title=None, values=shown) if len(shown) > 1 else None
    return alt.Color("what:N", scale=alt.Scale(domain=list(symbols)), legend=legend)


def tooltips(rows: Rows, names: Mapping[str, str]) -> list[alt.Tooltip]:
    """Tooltips for those columns of ``names`` (column -> heading) that the rows have, as ``spoken`` writes them."""
    known = set().union(*rows)
    return [alt.Tooltip(f"{_spoken_name(name)}:N", title=title) for name, title in names.items() if name in known]


def spoken(chart: alt.Chart, rows: Rows) -> alt.Chart:
    """Add to each row its params, tokens, flops and losses as the reader would write them, for tooltips."""
    numeric = {name for row in rows for name, value in row.items() if isinstance(value, float)}
    for name in sorted(numeric):
        variable = f"datum[{name!r}]"
        text = _EXPRESSIONS[_KINDS.get(name, "loss")].format(v=variable)
        chart = chart.transform_calculate(**{_spoken_name(name): f"isValid({variable}) ? {text} : '–'"})
    texts = {name for row in rows for name, value in row.items() if isinstance(value, str)} - numeric
    for name in sorted(texts):
        chart = chart.transform_calculate(**{_spoken_name(name): f"datum[{name!r}]"})
    return chart


def _spoken_name(name: str) -> str:
    return f"{name}_text"


def finish(layers: Sequence[alt.Chart], title: str, subtitle: str, *, height: int = theme.HEIGHT) -> alt.LayerChart:
    """Lay the layers over each other and add size, title (it should state the finding), spoken text and theme."""
    heading: dict[str, Any] = {"text": textwrap.wrap(title, TITLE_CHARACTERS) or [""]}
    if subtitle:
        heading["subtitle"] = textwrap.wrap(subtitle, SUBTITLE_CHARACTERS)
    spoken_title = ". ".join(part.rstrip(".") for part in (title, subtitle) if part)
    sized = alt.LayerChart(layer=list(layers)).properties(
        width=theme.WIDTH, height=height, title=alt.TitleParams(**heading), description=spoken_title
    )
    themed: alt.LayerChart = sized.configure(**theme.config(theme.LIGHT))
    return themed
