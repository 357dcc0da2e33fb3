"""A measured series: dates and positive values out of a table, with what was left out said aloud."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.errors import RunsError, did_you_mean
from isoflop.outlook.dates import decimal_years, written
from isoflop.outlook.growth import running_rank
from isoflop.runs.tabular import Table

Array = NDArray[np.float64]

FEWEST = 3


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """years, values: shaped (n,), in order of date; values positive. notes: what was left out."""

    years: Array
    values: Array
    column: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.years)

    def take(self, rows: ArrayLike) -> Series:
        """The rows that a mask or indices choose."""
        chosen = np.asarray(rows)
        return replace(self, years=self.years[chosen], values=self.values[chosen])


def read_series(table: Table, column: str, date: str) -> Series:
    """Rows of a table with a date and a value, oldest first.

    Raises RunsError for an unknown column, unreadable cells, a value at or below zero, and fewer than three rows.
    """
    known = table.frame.columns
    if date not in known:
        raise RunsError(
            f"Unknown column '{date}' in {table.source}. Known: {', '.join(known[:40])}.{did_you_mean(date, known)} "
            "Name the column of dates with --date."
        )
    years = decimal_years(table.frame[date].to_list(), column=date, source=table.source)
    values = table.numbers(column)
    usable = np.isfinite(years) & np.isfinite(values)
    _refuse_no_logarithm(values, usable, column, table.source)
    series = made_series(years[usable], values[usable], column)
    left = len(table) - len(series)
    notes = (*table.notes, *([f"{left} of {len(table)} rows lack a date or a value and are left out."] * (left > 0)))
    _refuse_few(series, table.source)
    return replace(series, notes=notes)


def made_series(years: ArrayLike, values: ArrayLike, column: str = "value") -> Series:
    """A series of arrays, sorted by date. The order of rows with one date follows their value, not the file."""
    x, y = np.asarray(years, dtype=float), np.asarray(values, dtype=float)
    order = np.lexsort((y, x))
    return Series(x[order], y[order], column)


def running_frontier(series: Series, k: int) -> Series:
    """The rows that fewer than k rows of earlier days exceeded. Raises RunsError when fewer than three are left."""
    kept = series.take(running_rank(series.years, series.values, k))
    _refuse_few(kept, f"the running top {k}")
    return kept


def within(series: Series, start: float | None, end: float | None) -> Series:
    """Rows from start up to, not including, end. Raises RunsError when fewer than three are left."""
    low, high = -np.inf if start is None else start, np.inf if end is None else end
    kept = series.take((series.years >= low) & (series.years < high))
    _refuse_few(kept, f"the stretch from {written(low)} to {written(high)}" if len(kept) else "the stretch asked for")
    return kept


def _refuse_no_logarithm(values: Array, usable: NDArray[np.bool_], column: str, source: str) -> None:
    bad = np.flatnonzero(usable & (values <= 0))
    if len(bad):
        cells = "; ".join(f"row {i + 1}: {values[i]:g}" for i in bad[:3])
        raise RunsError(
            f"Column '{column}' of {source} has {len(bad)} values at or below zero ({cells}). Growth by a factor "
            "a year is a line through logarithms, which only positive values have. Leave them out with "
            f"--where '{column} > 0' if zero means unknown, or shift to a quantity that is positive."
        )


def _refuse_few(series: Series, source: str) -> None:
    if len(series) < FEWEST or np.ptp(series.years) == 0:
        dates = "one date" if len(series) and np.ptp(series.years) == 0 else f"{len(series)} rows"
        raise RunsError(
            f"{source} leaves {dates} of '{series.column}'. A trend needs {FEWEST} rows or more with different dates: "
            "two points fix a line and say nothing of its error. Add rows, or widen --where, --since and --top; with "
            "two values alone, the factor a year is (b/a)^(1/years), without an interval."
        )
