"""JSON in which what comes again is written once: charts repeat their axes, expressions and scales in every layer, and
rows the names of their columns."""

from __future__ import annotations

import json
from typing import Any

WORTH_SHARING = 20
"""Characters from which a repeated piece of JSON is written once."""
FEWEST_ROWS = 3
"""Objects of equal names from which on a list of them is written as a table."""
SIGN = "@"
TABLE = "@t"


def packed(value: Any) -> dict[str, Any]:
    """{"value", "parts"}: every object, list and text that comes again stands once among the parts, and "@3" where it
    was, for the fourth of them. A list of objects with the same names is ["@t", names, values, values, …]. A text that
    begins with @ gets one more. ``static/core/packed.js`` undoes it."""
    counts: dict[str, int] = {}
    _count(value, counts)
    return _Writer(counts).packed(value)


def _count(item: Any, counts: dict[str, int]) -> None:
    text = json.dumps(item)
    if len(text) < WORTH_SHARING:
        return
    counts[text] = counts.get(text, 0) + 1
    if counts[text] == 1:
        for child in _children(item):
            _count(child, counts)


def _children(item: Any) -> list[Any]:
    return list(item.values()) if isinstance(item, dict) else item if isinstance(item, list) else []


class _Writer:
    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts
        self._parts: list[Any] = []
        self._places: dict[str, str] = {}

    def packed(self, value: Any) -> dict[str, Any]:
        return {"value": self._written(value), "parts": self._parts}

    def _written(self, item: Any) -> Any:
        text = json.dumps(item) if isinstance(item, dict | list | str) else ""
        if text in self._places:
            return self._places[text]
        made = self._inside(item)
        if self._counts.get(text, 0) < 2:
            return made
        self._parts.append(made)
        self._places[text] = f"{SIGN}{len(self._parts) - 1}"
        return self._places[text]

    def _inside(self, item: Any) -> Any:
        if isinstance(item, dict):
            return {name: self._written(child) for name, child in item.items()}
        if isinstance(item, list):
            return self._table(item) if _is_table(item) else [self._written(child) for child in item]
        return SIGN + item if isinstance(item, str) and item.startswith(SIGN) else item

    def _table(self, rows: list[dict[str, Any]]) -> list[Any]:
        return [TABLE, list(rows[0]), *([self._written(value) for value in row.values()] for row in rows)]


def _is_table(items: list[Any]) -> bool:
    if len(items) < FEWEST_ROWS or not isinstance(items[0], dict) or not items[0]:
        return False
    names = list(items[0])
    return all(isinstance(item, dict) and list(item) == names for item in items)
