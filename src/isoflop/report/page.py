"""The report: one HTML file that holds its text, its tables, its charts and the program that draws them.

It works from disk, offline, and asks nothing of any network: a Content-Security-Policy says so to the browser, and
allows no script but the two whose hashes it names. Vega's expressions run in its interpreter, so the page needs
no ``eval``. Without scripts, on paper, and until the live chart is ready, each figure is a still image.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import vl_convert

from isoflop.report import prose, tables, theme
from isoflop.report.figures import Chart, Specification, specification, svg
from isoflop.report.writing import write_atomically


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of a report, shown in this order: heading, prose, chart, table, caption.

    prose: plain text; a blank line parts paragraphs, "- " starts a list item, **bold** and `code` work, all else is
    shown as typed.
    caption: below the chart or the table, plain text.
    """

    heading: str
    prose: str = ""
    chart: Chart | None = None
    table: tables.Table | None = None
    caption: str = ""


def write_report(path: str | Path, *, title: str, subtitle: str = "", sections: Sequence[Section]) -> Path:
    """Write the report to ``path`` in one step and return the path.

    Raises BadInput when the folder does not exist and Failure when the file cannot be written.
    """
    path = Path(path)
    write_atomically(path, render(title=title, subtitle=subtitle, sections=sections).encode())
    return path


def render(*, title: str, subtitle: str = "", sections: Sequence[Section]) -> str:
    """The report as HTML text."""
    program = _asset("page.js")
    scripts = (runtime(), program) if any(section.chart is not None for section in sections) else ()
    body = "\n".join(_section(section) for section in sections)
    lead = f'<p class="lead">{html.escape(subtitle)}</p>' if subtitle else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{html.escape(title)}</title>
<style>
:root {{ {theme.css_variables(theme.LIGHT)} --font: {theme.FONT}; }}
@media (prefers-color-scheme: dark) {{ :root {{ {theme.css_variables(theme.DARK)} }} }}
{_asset("page.css")}</style>
</head>
<body>
<header><h1>{html.escape(title)}</h1>{lead}</header>
<main>
{body}
</main>
{_json_block("themes", {"light": theme.config(theme.LIGHT), "dark": theme.config(theme.DARK)})}
{"".join(f"<script>{script}</script>" for script in scripts)}
</body>
</html>
"""


def _section(section: Section) -> str:
    parts = [f"<h2>{html.escape(section.heading)}</h2>", prose.to_html(section.prose)]
    caption = f"<figcaption>{html.escape(section.caption)}</figcaption>" if section.caption else ""
    if section.chart is not None:
        parts.append(_figure(specification(section.chart), "" if section.table else caption))
    if section.table is not None:
        parts.append(f"<figure>{tables.to_html(section.table, section.caption or section.heading)}{caption}</figure>")
    if section.chart is None and section.table is None and section.caption:
        parts.append(f'<p class="caption">{html.escape(section.caption)}</p>')
    return "<section>\n" + "\n".join(part for part in parts if part) + "\n</section>"


def _figure(spec: Specification, caption: str) -> str:
    """A live chart over a still image; the chart's title becomes text of the page, which wraps on a small screen."""
    spec = dict(spec)
    finding, detail = _title_texts(spec.pop("title", ""))
    alternative = html.escape(str(spec.get("description") or finding or "Chart"))
    heading = f'<p class="finding">{html.escape(finding)}</p>' if finding else ""
    heading += f'<p class="detail">{html.escape(detail)}</p>' if detail else ""
    still = _still(spec)
    spec.pop("config", None)
    return (
        f'<figure class="chart">{heading}<div class="live"></div>'
        f'<img class="still" alt="{alternative}" src="{still}">'
        f"{_json_block('spec', spec)}{caption}</figure>"
    )


# Everything a URL inside double quotes may hold as it is; percent signs, quotes, <, >, # and & are encoded.
_SAFE_IN_DATA_URL = " !$()*+,-./:;=?@_~"
_COORDINATES = re.compile(r' (?:d|transform)="[^"]*"')
_BEYOND_HUNDREDTHS = re.compile(r"(\.\d\d)\d+")


def _still(spec: Specification) -> str:
    """The chart as a data URL: coordinates to 0.01 px, and no texts on marks, which nobody can reach in an image."""
    quiet = spec | {"config": spec.get("config", {}) | {"aria": False}}
    drawing = _COORDINATES.sub(lambda match: _BEYOND_HUNDREDTHS.sub(r"\1", match[0]), svg(quiet))
    return f"data:image/svg+xml,{quote(drawing, safe=_SAFE_IN_DATA_URL)}"


def _title_texts(title: Any) -> tuple[str, str]:
    if not isinstance(title, dict):
        return _joined(title), ""
    return _joined(title.get("text", "")), _joined(title.get("subtitle", ""))


def _joined(text: Any) -> str:
    return " ".join(map(str, text)) if isinstance(text, list) else str(text)


def _json_block(name: str, value: object) -> str:
    """JSON that a script element can hold: no ``<``, so no ``</script>`` and no ``<!--``."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f'<script type="application/json" class="{name}">{text.replace("<", chr(92) + "u003c")}</script>'


def _policy(scripts: Sequence[str]) -> str:
    """Nothing from anywhere; styles and images of the page itself; only the scripts with these hashes."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        f"connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    return resources.files("isoflop.report").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def runtime() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script. Bundling takes about two seconds, once a process."""
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("\r", "").replace("</script", "<\\/script").replace("<!--", "<\\!--")
