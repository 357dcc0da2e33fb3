"""Dates as decimal years: ISO dates, years, quarters, month names; what may be read in two ways is refused."""

from __future__ import annotations

import calendar
import datetime as dt
import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import BadInput, RunsError

Array = NDArray[np.float64]

UNKNOWN = frozenset(("", "na", "n/a", "nan", "nat", "none", "null", "-", "–", "?", "unknown", "tbd"))
FIRST, LAST = 1800.0, 2200.0
"""Years that a table of trends may name: a number outside is a day count or a typing error."""
ALLOWED = "2024-03-14, 2024-03, 2024, 2024.25, 2024-Q1, 14 March 2024, Mar 14, 2024 or Mar 2024"
MID_MONTH = 15
EXAMPLES = 3

_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?")
_MONTH = re.compile(r"(\d{4})[-/](\d{1,2})")
_QUARTER = re.compile(r"(?:(\d{4})[ -]?q([1-4])|q([1-4])[ -]?(\d{4}))", re.IGNORECASE)
_NUMBER = re.compile(r"\d{4}(\.\d+)?")
_DAY_NAME = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[ -]([a-z]{3,9})\.?[ ,-]+(\d{4})", re.IGNORECASE)
_NAME_DAY = re.compile(r"([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})", re.IGNORECASE)
_NAME = re.compile(r"([a-z]{3,9})\.?[ ,-]+(\d{4})", re.IGNORECASE)
_TWO_WAYS = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}")
_NAMES = {name.lower(): i for i, name in enumerate(calendar.month_name) if name}


def decimal_years(cells: Sequence[object], *, column: str = "date", source: str = "memory") -> Array:
    """Decimal years, shaped (n,); NaN where a cell says that the date is not known.

    A month alone stands for its 15th and a quarter for its middle. A year alone stands for its middle among finer
    dates, and for itself in a column of years: there only differences count.
    Raises RunsError naming cells that are no date, and those with day and month in an unknown order.
    """
    texts = ["" if cell is None else _text(cell) for cell in cells]
    years_only = all(_NUMBER.fullmatch(text) or text.lower() in UNKNOWN for text in texts)
    found, strange = np.full(len(texts), np.nan), list[str]()
    for i, text in enumerate(texts):
        if text.lower() in UNKNOWN:
            continue
        year = _year(text)
        if year is None or not FIRST <= year <= LAST:
            strange.append(f"row {i + 1}: {text!r}")
        else:
            found[i] = year if years_only or not re.fullmatch(r"\d{4}", text) else year + 0.5
    if strange:
        raise RunsError(_refusal(strange, len(texts), column, source))
    return found


def parse_date(text: str) -> float:
    """One date as a decimal year. Raises BadInput for what is no date."""
    year = _year(text.strip())
    if year is None or not FIRST <= year <= LAST:
        raise BadInput(f"'{text}' is no date between {FIRST:g} and {LAST:g}. Allowed: {ALLOWED}.")
    return year


def written(year: float) -> str:
    """A decimal year for reading: ``2026-03``, and far from now the year alone."""
    if not math.isfinite(year):
        return "never"
    if not FIRST <= year < LAST:
        return f"{year:.0f}" if abs(year) < 1e5 else f"{year:.1e}"
    return f"{int(year)}-{min(int((year % 1) * 12) + 1, 12):02d}"


def _text(cell: object) -> str:
    if isinstance(cell, dt.date):
        return cell.isoformat()[:10]
    return (f"{cell:.10g}" if isinstance(cell, float) else str(cell)).strip()


def _year(text: str) -> float | None:
    if match := _NUMBER.fullmatch(text):
        return float(text)
    if match := _ISO.fullmatch(text):
        return _of_day(int(match[1]), int(match[2]), int(match[3]))
    if match := _MONTH.fullmatch(text):
        return _of_day(int(match[1]), int(match[2]), MID_MONTH)
    if match := _QUARTER.fullmatch(text):
        return int(match[1] or match[4]) + (int(match[2] or match[3]) - 0.5) / 4
    if match := _DAY_NAME.fullmatch(text):
        return _of_day(int(match[3]), _month(match[2]), int(match[1]))
    if match := _NAME_DAY.fullmatch(text):
        return _of_day(int(match[3]), _month(match[1]), int(match[2]))
    if match := _NAME.fullmatch(text):
        return _of_day(int(match[2]), _month(match[1]), MID_MONTH)
    return None


def _month(name: str) -> int:
    return next((i for full, i in _NAMES.items() if full.startswith(name.lower())), 0)


def _of_day(year: int, month: int, day: int) -> float | None:
    try:
        date = dt.date(year, month, day)
    except ValueError:
        return None
    return year + (date.timetuple().tm_yday - 1) / (366 if calendar.isleap(year) else 365)


def _refusal(strange: Sequence[str], rows: int, column: str, source: str) -> str:
    shown = "; ".join(strange[:EXAMPLES]) + (f"; and {len(strange) - EXAMPLES} more" if len(strange) > EXAMPLES else "")
    two_ways = any(_TWO_WAYS.search(text) for text in strange)
    why = " Day and month could be either way round: write them as 2024-03-14." if two_ways else ""
    return (
        f"Column '{column}' of {source} must hold dates, but {len(strange)} of {rows} rows do not ({shown}).{why} "
        f"Allowed: {ALLOWED}. Correct the cells, or leave the rows out with --where."
    )
