"""Growth by the year: a straight line through logarithms, over the rows that were among the largest when they came."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from isoflop.errors import BadInput

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trend:
    """value = 10^(intercept + slope (year − origin)). factor: growth a year, with its interval at ``level``.

    sd_log10: scatter about the line, in orders of magnitude. rows: points fitted.
    """

    factor: float
    low: float
    high: float
    level: float
    slope: float
    intercept: float
    origin: float
    sd_log10: float
    rows: int

    def at(self, years: ArrayLike) -> Array:
        """The line's value at years."""
        return np.asarray(10 ** (self.intercept + self.slope * (np.asarray(years, dtype=float) - self.origin)))

    def year_of(self, value: ArrayLike) -> Array:
        """The year in which the line reaches a value."""
        reached = (np.log10(np.asarray(value, dtype=float)) - self.intercept) / self.slope
        return np.asarray(self.origin + reached)


def fit_trend(years: ArrayLike, values: ArrayLike, *, level: float = 0.9) -> Trend:
    """Least squares of log10(value) on the year; the interval is Student's, of independent rows.

    years, values: shaped (n,); values positive. Raises BadInput for fewer than three rows or one year only.
    """
    x, y = np.asarray(years, dtype=float), np.log10(np.asarray(values, dtype=float))
    if len(x) < 3 or np.ptp(x) == 0 or not np.isfinite(y).all():
        raise BadInput(f"A trend needs three rows of positive values in different years; given: {len(x)} rows.")
    origin = float(x.mean())
    centred = x - origin
    slope = float(centred @ (y - y.mean()) / (centred @ centred))
    left = y - y.mean() - slope * centred
    sd = float(np.sqrt(left @ left / (len(x) - 2)))
    half = float(stdtrit(len(x) - 2, (1 + level) / 2)) * sd / float(np.sqrt(centred @ centred))
    return Trend(
        10**slope, 10 ** (slope - half), 10 ** (slope + half), level, slope, float(y.mean()), origin, sd, len(x)
    )


def running_top(years: ArrayLike, values: ArrayLike, k: int) -> NDArray[np.bool_]:
    """Which rows were among the k largest so far on the day they came (Sevilla & Roldan 2024). Shaped like years."""
    x, y = np.asarray(years, dtype=float), np.asarray(values, dtype=float)
    kept, best = np.zeros(len(x), dtype=bool), list[float]()
    for row in np.lexsort((-y, x)):
        if len(best) < k or y[row] >= best[0]:
            kept[row] = True
            (heapq.heappush if len(best) < k else heapq.heappushpop)(best, float(y[row]))
    return kept


def running_rank(years: ArrayLike, values: ArrayLike, k: int) -> NDArray[np.bool_]:
    """Which rows fewer than k rows of earlier dates exceeded. Rows of one date do not compete; shaped like years.

    ``running_top`` lets them compete, and so keeps fewer rows on days on which several large ones came.
    """
    if k < 1:
        raise BadInput(f"The running top {k} is empty: give 1 or more.")
    x, y = np.asarray(years, dtype=float), np.asarray(values, dtype=float)
    kept, best, waiting = np.zeros(len(x), dtype=bool), list[float](), list[float]()
    order = np.argsort(x, kind="stable")
    for place, row in enumerate(order):
        if place and x[row] > x[order[place - 1]]:
            best, waiting = sorted([*best, *waiting])[-k:], []
        kept[row] = len(best) < k or y[row] >= best[0]
        waiting.append(float(y[row]))
    return kept


def cost_growth(compute: ArrayLike, price_performance: ArrayLike) -> Array:
    """Growth of the cost of a run from that of its compute and of FLOP a dollar: their ratio."""
    return np.asarray(np.asarray(compute, dtype=float) / np.asarray(price_performance, dtype=float))
