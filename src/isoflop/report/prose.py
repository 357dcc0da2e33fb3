"""A small, safe subset of Markdown as HTML: paragraphs, lists of "- " lines, **bold** and `code`. All else is text."""

from __future__ import annotations

import html
import re

_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_CODE = re.compile(r"`([^`]+)`")
_BULLET = "- "


def to_html(text: str) -> str:
    """``text`` as HTML. Markup in it is shown, not obeyed; without links and images nothing can be fetched."""
    blocks = re.split(r"\n[ \t]*\n", text.strip().replace("\r\n", "\n"))
    return "\n".join(part for block in blocks if block.strip() for part in _block(block))


def _block(block: str) -> list[str]:
    """Runs of bullet lines become lists; runs of other lines become paragraphs."""
    parts: list[str] = []
    lines = [line.strip() for line in block.splitlines()]
    while lines:
        bulleted = lines[0].startswith(_BULLET)
        length = next((i for i, line in enumerate(lines) if line.startswith(_BULLET) != bulleted), len(lines))
        parts.append(_list(lines[:length]) if bulleted else f"<p>{_inline(' '.join(lines[:length]))}</p>")
        lines = lines[length:]
    return parts


def _list(lines: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{_inline(line.removeprefix(_BULLET))}</li>" for line in lines) + "</ul>"


def _inline(text: str) -> str:
    """Code first: what stands between backticks keeps its asterisks."""
    pieces = _CODE.split(html.escape(text))
    return "".join(
        f"<code>{piece}</code>" if i % 2 else _BOLD.sub(r"<strong>\1</strong>", piece) for i, piece in enumerate(pieces)
    )
