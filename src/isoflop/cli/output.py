"""How the command line shows an answer: JSON for programs, tables for people."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TextIO

from isoflop.units import format_ratio


def print_json(data: object) -> None:
    """Strict JSON on stdout, in ASCII for any pipe: numbers that JSON lacks (NaN, infinity) become null."""
    print(json.dumps(plain(data), indent=2, allow_nan=False))


def plain(value: Any) -> Any:
    """Dataclasses, mappings, tuples and NumPy values as what JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> None:
    """A table on stdout with a title above and notes below.

    A header that ends in ``>`` aligns its column right; one that ends in ``…`` cuts long cells short.
    """
    from rich.box import Box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    lines = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
    table = Table(box=lines, show_edge=False, pad_edge=False, collapse_padding=True)
    for name in header:
        justify: Literal["left", "right"] = "right" if name.endswith(">") else "left"
        table.add_column(Text(name.rstrip(">…"), style="bold"), justify=justify)
    for row in _cut(header, rows, console.width):
        table.add_row(*(Text(cell) for cell in row))
    console.print(Text(title, style="bold"))
    if rows:
        console.print()
        console.print(table)
    if notes:
        console.print()
    for note in notes:
        console.print(Text(_hanging(note, console.width)), soft_wrap=True)


def _cut(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """The rows, with the cells of a column that ends in ``…`` cut to the room that the other columns leave."""
    widest = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    room = max(width - 2 * (len(header) - 1) - sum(w for w, h in zip(widest, header, strict=True) if h[-1:] != "…"), 20)
    short = [h.endswith("…") for h in header]
    return [
        [f"{c[: room - 1]}…" if cut and len(c) > room else c for c, cut in zip(row, short, strict=True)] for row in rows
    ]


CODE = ("LaTeX: ", "JavaScript: ")
"""Notes to be copied as they are: the terminal may break them, a line break of ours would spoil them."""


def _hanging(text: str, width: int) -> str:
    if text.startswith(CODE):
        return text
    return textwrap.fill(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def wrapped(text: str, stream: TextIO) -> str:
    """The first line broken between words where a person reads it in a terminal; later lines point at positions."""
    if not stream.isatty():
        return text
    first, newline, rest = text.partition("\n")
    return _hanging(first, shutil.get_terminal_size().columns) + newline + rest


def number(value: float, digits: int = 4) -> str:
    """A parameter or a loss for reading: 4 significant digits, powers of ten where they help."""
    return "–" if not math.isfinite(value) else f"{value:.{digits}g}"


def span(low: float, high: float, digits: int = 4) -> str:
    """``[low, high]``; a dash where the two are equal: no spread was measured, which is not certainty."""
    return "–" if low == high else f"[{number(low, digits)}, {number(high, digits)}]"


def times(ratio: float) -> str:
    """``0.25×``, ``4,900×``, ``72.9M×``."""
    return f"{format_ratio(ratio)}×" if math.isfinite(ratio) else "–"


def loss(value: float) -> str:
    """A loss to four decimals, as it is usually compared."""
    return f"{value:.4f}" if abs(value) < 1e4 else number(value)


def count_of(count: int, thing: str) -> str:
    """``1 run``, ``240 runs``."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def percent(share: float) -> str:
    """A level: 0.9 is ``90%``, 0.995 is ``99.5%``."""
    return f"{share * 100:g}%"
