"""The pages as one HTML file: views, the data they were given, and the program that draws them.

The file works from disk, asks nothing of any network, and says so in its policy. A server hands out the same file with
a block that says where it came from; see ``isoflop.web.server``.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from isoflop.errors import Failure
from isoflop.report import theme
from isoflop.report.page import runtime
from isoflop.web.assemble import assemble
from isoflop.web.packing import packed

SCHEMA = "isoflop page 1"
WHOLE = 1e16
"""Whole numbers below this are written with a point and a nought."""
_FOOTERS = (
    "Everything here is computed in this browser; nothing is sent anywhere.",
    "This page speaks to the server that it came from, and to nothing else.",
)


@dataclass(frozen=True, slots=True)
class View:
    """One page of the file.

    name: of the view, as in its link ("dial"). module: the file of ``static`` that exports ``view``. data: what that
    module gets, as JSON values. styles: files of ``static`` beside ``base.css``. generated: modules made for this page,
    by path, such as a law written as JavaScript.
    """

    name: str
    module: str
    data: Mapping[str, Any]
    styles: tuple[str, ...] = ()
    generated: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Served:
    """What a page has to know of the server it came from: the token that its requests carry, and where they go."""

    token: str
    base: str = ""


def render(views: Sequence[View], *, title: str = "isoflop", served: Served | None = None) -> str:
    """The views as HTML text; the first is the one that opens.

    Raises Failure for no view, two of one name, and data that are no JSON.
    """
    names = [view.name for view in views]
    if not names or len(set(names)) != len(names):
        raise Failure(f"A page needs views of different names; given: {', '.join(names) or 'none'}.")
    program = _program(views)
    scripts = (runtime(), program)
    styles = "\n".join(
        _static(name) for name in dict.fromkeys(("base.css", *(s for view in views for s in view.styles)))
    )
    blocks = [
        _block("themes", {"light": theme.config(theme.LIGHT), "dark": theme.config(theme.DARK)}),
        _block("data", {view.name: view.data for view in views}, once=True),
    ]
    if served:
        blocks.append(_block("server", {"token": served.token, "base": served.base}))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy(scripts, connects=served is not None)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="{SCHEMA}">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>
:root {{ {theme.css_variables(theme.LIGHT)} --font: {theme.FONT}; }}
@media (prefers-color-scheme: dark) {{ :root {{ {theme.css_variables(theme.DARK)} }} }}
{styles}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top"><a class="brand" href="#/{html.escape(names[0])}">isoflop</a>
<nav aria-label="Pages"><ul id="views"></ul></nav></header>
<main id="main" tabindex="-1"><noscript><p>This page computes in the browser, so it needs JavaScript. It sends
nothing anywhere.</p></noscript></main>
<footer>{_FOOTERS[served is not None]}</footer>
{"".join(blocks)}
<script>{scripts[0]}</script>
<script type="module">{scripts[1]}</script>
</body>
</html>
"""


def policy(scripts: Sequence[str], *, connects: bool) -> str:
    """The Content-Security-Policy: nothing from anywhere; only scripts with these hashes; requests to the page's own
    server where there is one."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        f"connect-src {chr(39)}{'self' if connects else 'none'}{chr(39)}; base-uri 'none'; form-action 'none'"
    )


def plain(value: Any) -> Any:
    """A value as JSON has them: arrays as lists, numbers that are not finite as None, whole ones without a point."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < WHOLE else value
    return value


def _program(views: Sequence[View]) -> str:
    sources = dict(static_modules())
    for view in views:
        sources.update(view.generated)
    lines = [f'import {{ view as view_{i} }} from "./{view.module}";' for i, view in enumerate(views)]
    lines.append('import { start } from "./core/app.js";')
    lines.append(f"start([{', '.join(f'view_{i}' for i in range(len(views)))}]);")
    sources["entry.js"] = "\n".join(lines) + "\n"
    return _in_script(assemble("entry.js", sources))


def _in_script(text: str) -> str:
    """Script text that its element can hold: no end of the element, no start of a comment, no carriage return."""
    return text.replace("\r", "").replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _block(name: str, value: object, *, once: bool = False) -> str:
    """once: write what comes again only once."""
    try:
        told = packed(plain(value)) if once else plain(value)
        text = json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise Failure(f"The data of the page are no JSON: {error}.") from None
    return f'<script type="application/json" id="{name}">{text.replace("<", chr(92) + "u003c")}</script>\n'


def _static(name: str) -> str:
    return _folder().joinpath(name).read_text(encoding="utf-8")


def _folder() -> Traversable:
    return resources.files("isoflop.web").joinpath("static")


@functools.cache
def static_modules() -> Mapping[str, str]:
    """The page's own modules, by path within ``static``."""
    found: dict[str, str] = {}

    def walk(folder: Traversable, prefix: str) -> None:
        for item in folder.iterdir():
            if item.is_dir():
                walk(item, f"{prefix}{item.name}/")
            elif item.name.endswith(".js"):
                found[f"{prefix}{item.name}"] = item.read_text(encoding="utf-8")

    walk(_folder(), "")
    return found
