"""Tables of results as HTML and as Markdown, every cell escaped."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from isoflop.errors import BadInput, did_you_mean
from isoflop.units import format_count, format_duration, format_flops, format_money

NOTHING = "–"
FORMATS: dict[str, Callable[[float], str]] = {
    "number": lambda value: f"{value:.4g}",
    "count": format_count,
    "flops": lambda value: format_flops(value).replace("e+", "e"),
    "loss": lambda value: f"{value:.4f}",
    "percent": lambda value: f"{value:.2f} %",
    "seconds": format_duration,
    "usd": format_money,
}
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]|~#])")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a table, in order. The columns are those of ``titles``, or else every key in order of first appearance.

    rows: one mapping of column to value each; a missing key or None is shown as "–".
    titles: column -> heading. formats: column -> one of FORMATS (count, flops, loss, percent, seconds, usd, number),
    applied to numbers; a number without one is written with four digits, a whole number in full.
    Raises BadInput for an unknown format.
    """

    rows: Sequence[Mapping[str, object]]
    titles: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for column, name in self.formats.items():
            if name not in FORMATS:
                raise BadInput(
                    f"Column {column!r} asks for the format {name!r}. Allowed: {', '.join(FORMATS)}."
                    f"{did_you_mean(name, FORMATS)}"
                )

    @property
    def columns(self) -> tuple[str, ...]:
        """The keys shown, left to right."""
        return tuple(self.titles) or tuple(dict.fromkeys(key for row in self.rows for key in row))

    def text(self, row: Mapping[str, object], column: str) -> str:
        """One cell as the reader sees it, not yet escaped."""
        value = row.get(column)
        if value is None:
            return NOTHING
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, int | float):
            return _number(value, self.formats.get(column))
        return str(value)

    def is_numeric(self, column: str) -> bool:
        """Whether every value of the column that is there is a number; such columns are set to the right."""
        shown = [row[column] for row in self.rows if row.get(column) is not None]
        return bool(shown) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in shown)


def _number(value: float, form: str | None) -> str:
    if not math.isfinite(value):
        return str(value)
    if form is None and isinstance(value, int):
        return str(value)
    return FORMATS[form or "number"](value)


def to_html(table: Table, caption: str = "") -> str:
    """``table`` as an HTML table inside a box that scrolls sideways when the screen is narrow."""
    kinds = {column: ' class="number"' if table.is_numeric(column) else "" for column in table.columns}
    head = "".join(f'<th scope="col"{kinds[c]}>{html.escape(table.titles.get(c, c))}</th>' for c in table.columns)
    body = "\n".join(
        "<tr>" + "".join(f"<td{kinds[c]}>{html.escape(table.text(row, c))}</td>" for c in table.columns) + "</tr>"
        for row in table.rows
    )
    label = html.escape(caption or "Table")
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{label}"><table>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def to_markdown(table: Table) -> str:
    """``table`` as a GitHub Markdown table."""
    columns = table.columns
    rules = ["---:" if table.is_numeric(column) else "---" for column in columns]
    lines = [[_escape_markdown(table.titles.get(column, column)) for column in columns], rules]
    lines += [[_escape_markdown(table.text(row, column)) for column in columns] for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _escape_markdown(text: str) -> str:
    one_line = " ".join(text.split())
    return html.escape(_MARKDOWN_SPECIAL.sub(r"\\\1", one_line), quote=False)
