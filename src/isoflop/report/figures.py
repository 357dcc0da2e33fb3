"""Charts as files: PNG, SVG, PDF and the Vega-Lite specification itself, drawn by vl-convert without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from isoflop.errors import BadInput, did_you_mean
from isoflop.report.writing import write_atomically

Chart = alt.TopLevelMixin
Specification = dict[str, Any]
PNG_SCALE = 2.0
NO_URLS: list[str] = []  # a figure holds its data; drawing one asks the network for nothing


def specification(chart: Chart) -> Specification:
    """The Vega-Lite specification of ``chart`` as plain JSON values, its data included."""
    spec: Specification = chart.to_dict()
    return spec


def svg(spec: Specification) -> str:
    """Draw a Vega-Lite specification as SVG text."""
    text: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=NO_URLS)
    return text


def _png(spec: Specification) -> bytes:
    return bytes(vl_convert.vegalite_to_png(spec, scale=PNG_SCALE, allowed_base_urls=NO_URLS))


def _pdf(spec: Specification) -> bytes:
    return bytes(vl_convert.vegalite_to_pdf(spec, allowed_base_urls=NO_URLS))


def _json(spec: Specification) -> bytes:
    return (json.dumps(spec, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


_WRITERS: dict[str, Callable[[Specification], bytes]] = {
    ".png": _png,
    ".svg": lambda spec: svg(spec).encode(),
    ".pdf": _pdf,
    ".json": _json,
}


def save(chart: Chart, path: str | Path) -> Path:
    """Write ``chart`` to ``path`` as its suffix says (.png at twice the size, .svg, .pdf, .json) and return the path.

    The file is replaced in one step. Raises BadInput for another suffix or a folder that does not exist, and Failure
    when the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise BadInput(
            f"Cannot write a figure to {path.name!r}: the suffix is {suffix or 'missing'!r}. "
            f"Allowed: {', '.join(_WRITERS)}.{did_you_mean(suffix, _WRITERS)}"
        )
    write_atomically(path, _WRITERS[suffix](specification(chart)))
    return path
