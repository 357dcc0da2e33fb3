"""One look for every picture: palettes, fonts and the way numbers are written.

Charts name a *style* ("forecast", "band", …) and never a colour, so the page can swap the light configuration for the
dark one without touching a chart. Colours: viridis for ordered sizes (van der Walt & Smith 2015); vermilion, blue and
reddish purple near those of Okabe & Ito (2008) for forecast, measurement and miss. Both survive the common
colour-vision deficiencies, and shapes repeat what colours say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"
WIDTH, HEIGHT = 640, 340

# Vega expressions that write a number as isoflop.units does: 1.3B params or tokens, 2e21 FLOP. {v} is the value.
COUNT = (
    "abs({v}) >= 1e18 ? replace(format({v}, '.3~e'), '+', '') : abs({v}) >= 1e15 ? format({v} / 1e12, ',.3~r') + 'T'"
    " : replace(format({v}, '.3~s'), 'G', 'B')"
)
FLOPS = "replace(format({v}, '.2~e'), '+', '')"


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one mode. ``sizes`` is the stretch of viridis that stands out from ``surface``."""

    ink: str
    muted: str
    grid: str
    surface: str
    forecast: str
    measured: str
    missed: str
    other: str
    sizes: tuple[float, float]


LIGHT = Palette("#1f2933", "#5b6673", "#e7eaee", "#ffffff", "#c24e00", "#0072b2", "#a2185b", "#2e7d5b", (0.0, 0.82))
DARK = Palette("#e8eaed", "#a6b0bb", "#2c343d", "#15191e", "#ff9a52", "#6cc0f0", "#f58ac0", "#63d3a6", (0.32, 1.0))


def config(palette: Palette) -> dict[str, Any]:
    """The Vega-Lite configuration of ``palette``."""
    sizes = {"scheme": "viridis", "extent": list(palette.sizes)}
    category = [palette.forecast, palette.measured, palette.missed, palette.other, palette.muted]
    return {
        "background": palette.surface,
        "font": FONT,
        "padding": 8,
        "view": {"stroke": None, "continuousWidth": WIDTH, "continuousHeight": HEIGHT},
        "range": {"ordinal": sizes, "ramp": sizes, "category": category},
        "axis": _axis(palette),
        "legend": _legend(palette),
        "title": _title(palette),
        "text": {"color": palette.ink, "fontSize": 12},
        "point": {"filled": True, "size": 55, "opacity": 1},
        "line": {"strokeWidth": 1.8},
        "style": _styles(palette),
    }


def _axis(palette: Palette) -> dict[str, Any]:
    return {
        "labelColor": palette.muted,
        "titleColor": palette.ink,
        "gridColor": palette.grid,
        "domainColor": palette.muted,
        "tickColor": palette.muted,
        "labelFontSize": 12,
        "titleFontSize": 12.5,
        "titleFontWeight": "normal",
        "titlePadding": 9,
        "labelPadding": 5,
        "labelOverlap": "greedy",
        "labelSeparation": 6,
        "tickSize": 4,
    }


def _legend(palette: Palette) -> dict[str, Any]:
    return {
        "orient": "top",
        "labelColor": palette.muted,
        "titleColor": palette.ink,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 240,
        "columnPadding": 14,
        "rowPadding": 4,
        "padding": 2,
        "offset": 10,
        "symbolSize": 80,
        "symbolBaseFillColor": palette.muted,
        "symbolBaseStrokeColor": palette.muted,
    }


def _title(palette: Palette) -> dict[str, Any]:
    return {
        "anchor": "start",
        "frame": "group",
        "color": palette.ink,
        "subtitleColor": palette.muted,
        "fontSize": 16,
        "fontWeight": "bold",
        "subtitleFontSize": 12.5,
        "subtitlePadding": 5,
        "offset": 14,
    }


def _styles(palette: Palette) -> dict[str, Any]:
    """What a mark means, as a look."""
    return {
        "curve": {"strokeWidth": 1.2, "opacity": 0.75},
        "band": {"opacity": 0.18},
        "halo": {"stroke": palette.surface, "strokeWidth": 1},
        "forecast": {"color": palette.forecast, "opacity": 1},
        "measured": {"color": palette.measured, "opacity": 1},
        "reference": {"color": palette.muted, "strokeWidth": 1},
        "heading": {"color": palette.ink, "fontWeight": "bold"},
        "note": {"color": palette.muted},
    }


def css_variables(palette: Palette) -> str:
    """The palette as CSS custom properties, for the page."""
    names = ("ink", "muted", "grid", "surface", "forecast", "measured", "missed", "other")
    return " ".join(f"--{name}: {getattr(palette, name)};" for name in names)
