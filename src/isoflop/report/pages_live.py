"""Charts of a report, made to change: their rows taken out and named, so that a page can put in others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isoflop.errors import Failure
from isoflop.report.figures import Chart, Specification, specification

DECADE = "(abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) < 1e-6)"


def live(
    chart: Chart,
    names: Sequence[str],
    *,
    free: Sequence[str] = (),
    domains: Mapping[str, Sequence[float]] | None = None,
    height: int | None = None,
    step: int | None = None,
    columns: int | None = None,
    titles: Mapping[str, str] | None = None,
) -> Specification:
    """The chart's specification with its tables named, in the order in which its layers use them.

    free: channels ("x", "y") whose domain, ticks and order follow the rows that are put in. domains: by channel, of
    scales that stay where they are while rows change; marks outside are cut off. height: instead of the chart's own;
    step: height of one row. columns: of the legend of colours, for long names. titles: by channel, of axes whose own
    is too long for a small screen. Title and description are left to the page. Raises Failure where the chart has not
    as many tables as there are names.
    """
    spec = specification(chart)
    spec.pop("datasets", None)
    held: list[str] = []

    def walk(part: Any) -> None:
        if isinstance(part, list):
            for item in part:
                walk(item)
        elif isinstance(part, dict):
            given = part.get("data")
            if isinstance(given, dict) and "name" in given:
                if given["name"] not in held:
                    held.append(given["name"])
                part["data"] = {"name": (*names, *held)[min(held.index(given["name"]), len(names))]}
            for key, item in part.items():
                if key == "encoding":
                    _loosen(item, free, domains or {}, columns)
                    for channel, title in (titles or {}).items():
                        if item.get(channel, {}).get("title"):
                            item[channel]["title"] = title
                elif key == "mark" and domains and isinstance(item, dict):
                    item["clip"] = True
                elif key != "data":
                    walk(item)

    walk(spec)
    if len(held) != len(names):
        raise Failure(f"A chart with {len(held)} tables cannot have them named {', '.join(names)}.")
    for part in ("config", "$schema", "width", "title", "description"):
        spec.pop(part, None)
    if step is not None or height is not None:
        spec["height"] = {"step": step, "for": "position"} if step is not None else height
    return spec


def _decades(axis: Mapping[str, Any]) -> dict[str, Any]:
    """A logarithmic axis whose domain is not known beforehand: labels, ticks and grid at powers of ten alone."""
    fades = {"condition": {"test": DECADE, "value": 1}, "value": 0}
    label = f"{DECADE} ? {axis.get('labelExpr', 'datum.label')} : ''"
    return {**axis, "labelExpr": label, "gridOpacity": fades, "tickOpacity": fades}


def _loosen(
    encoding: dict[str, Any], free: Sequence[str], domains: Mapping[str, Sequence[float]], columns: int | None
) -> None:
    for channel, encoded in encoding.items():
        if not isinstance(encoded, dict):
            continue
        if channel == "color" and columns is not None:
            encoded["legend"] = {"title": None, **(encoded.get("legend") or {}), "columns": columns}
        if channel in free:
            for part, key in (("scale", "domain"), ("axis", "values")):
                if isinstance(encoded.get(part), dict):
                    encoded[part].pop(key, None)
            if isinstance(encoded.get("sort"), list):
                encoded["sort"] = None
            if (encoded.get("scale") or {}).get("type") == "log":
                encoded["axis"] = _decades(encoded.get("axis") or {})
        if channel in domains and "field" in encoded:
            encoded["scale"] = {**(encoded.get("scale") or {}), "domain": list(domains[channel]), "nice": False}
