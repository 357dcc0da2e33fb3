"""A trend tried on its own past: fitted to what was known by a date, and asked for what came after.

Beside it stand the two things anyone can say without a law: that it stays as it is, and that it goes on as last year.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.outlook.piecewise import Bent
from isoflop.outlook.series import Series

Array = NDArray[np.float64]

HORIZONS = ((0.0, 1.0), (1.0, 2.0), (2.0, 4.0))
FIRST_ROWS = 8
STEP_YEARS = 0.5
SPACING = 4
"""A series of n rows is tried from at least n / 4 of them on."""


@dataclass(frozen=True, slots=True)
class Score:
    """Mean absolute errors in orders of magnitude, ``start`` to ``end`` years past the origin.

    coverage: share of rows inside the interval as the formulas give it. rows: forecasts scored, over ``origins``.
    """

    start: float
    end: float
    rows: int
    origins: int
    trend: float
    last_value: float
    last_growth: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Tried:
    """Scores by horizon, and the factor by which intervals must be wider to have held their level (1 or more)."""

    scores: tuple[Score, ...]
    wider: float
    level: float
    rows: int


@dataclass(frozen=True, slots=True)
class _Errors:
    origin: float
    ahead: float
    trend: float
    last_value: float
    last_growth: float
    deviations: float


def try_on_the_past(series: Series, fit: Callable[[Series], Bent], level: float) -> Tried:
    """Rolling origins every half year, from the first with eight rows and a quarter of all behind it."""
    errors = [error for origin in _origins(series) for error in _errors_from(series, origin, fit, level)]
    scores = tuple(_score(errors, *horizon) for horizon in HORIZONS if _between(errors, *horizon))
    return Tried(scores, _wider(errors, level), level, len(errors))


def last_level(series: Series, origin: float) -> tuple[float, float]:
    """Mean date and mean log10 of the rows of the year before a date, or of the last row where that year has none."""
    year = (series.years >= origin - 1) & (series.years < origin)
    known = year if year.any() else series.years == series.years[series.years < origin].max()
    return float(series.years[known].mean()), float(np.log10(series.values[known]).mean())


def last_growth(series: Series, origin: float) -> float:
    """Orders of magnitude a year from the year before last to the last; 0 where one of them has no row."""
    date, level = last_level(series, origin)
    before = (series.years >= origin - 2) & (series.years < origin - 1)
    last = (series.years >= origin - 1) & (series.years < origin)
    if not before.any() or not last.any():
        return 0.0
    return (level - float(np.log10(series.values[before]).mean())) / (date - float(series.years[before].mean()))


def _origins(series: Series) -> list[float]:
    need = max(FIRST_ROWS, len(series) // SPACING)
    if len(series) <= need:
        return []
    first = float(series.years[need - 1]) + 1e-6
    return [float(x) for x in np.arange(first, float(series.years[-1]), STEP_YEARS)]


def _errors_from(series: Series, origin: float, fit: Callable[[Series], Bent], level: float) -> list[_Errors]:
    bent = fit(series.take(series.years < origin))
    date, base = last_level(series, origin)
    growth = last_growth(series, origin)
    later = series.take((series.years >= origin) & (series.years < origin + HORIZONS[-1][1]))
    truth = np.log10(later.values)
    missed = truth - bent.log10_at(later.years)
    deviations = np.abs(missed) / np.maximum(bent.deviation(later.years, of_row=True) * bent.student(level), 1e-12)
    return [
        _Errors(origin, year - origin, abs(m), abs(t - base), abs(t - base - growth * (year - date)), d)
        for year, t, m, d in zip(later.years, truth, missed, deviations, strict=True)
    ]


def _between(errors: list[_Errors], start: float, end: float) -> list[_Errors]:
    return [error for error in errors if start <= error.ahead < end]


def _score(errors: list[_Errors], start: float, end: float) -> Score:
    inside = _between(errors, start, end)
    trend, value, growth = (_mean(inside, name) for name in ("trend", "last_value", "last_growth"))
    held = float(np.mean([e.deviations <= 1 for e in inside]))
    return Score(start, end, len(inside), len({e.origin for e in inside}), trend, value, growth, held)


def _mean(errors: list[_Errors], name: str) -> float:
    return float(np.mean([getattr(error, name) for error in errors]))


def _wider(errors: list[_Errors], level: float) -> float:
    """The largest over horizons of the level's quantile of misses, in half widths."""
    quantiles = [
        float(np.quantile([e.deviations for e in inside], level))
        for horizon in HORIZONS
        if len(inside := _between(errors, *horizon)) >= FIRST_ROWS
    ]
    return max(1.0, *quantiles) if quantiles else 1.0
