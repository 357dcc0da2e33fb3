"""How the command line shows an answer: JSON for programs, tables for people."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any


def print_json(data: object) -> None:
    """Strict JSON on stdout: numbers that JSON lacks (NaN, infinity) become null."""
    print(json.dumps(plain(data), indent=2, allow_nan=False, ensure_ascii=False))


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
    """A table on stdout with a title above and notes below; a header that ends in ``>`` aligns its column right."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in header:
        table.add_column(Text(name.removesuffix(">")), justify="right" if name.endswith(">") else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(Text(title, style="bold"), soft_wrap=True)
    console.print(table)
    for note in notes:
        console.print(Text(note), soft_wrap=True)


def number(value: float, digits: int = 4) -> str:
    """A parameter or a loss for reading: 4 significant digits, powers of ten where they help."""
    return "–" if not math.isfinite(value) else f"{value:.{digits}g}"


def span(low: float, high: float, digits: int = 4) -> str:
    """``[low, high]``."""
    return f"[{number(low, digits)}, {number(high, digits)}]"
