"""A line through logarithms that may bend: growth in stretches, joined where one ends and the next begins.

log10 value = c + s₀ (t − t₀) + Σ_j δ_j max(0, t − b_j): a continuous line whose slope changes by δ_j at the break b_j.
Given the breaks it is least squares, so a search over dates is a search over small linear problems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from isoflop.errors import BadInput
from isoflop.outlook.series import Series

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Growth a year from start to end, with its interval at ``level``; rows: how many lie in it."""

    start: float
    end: float
    factor: float
    low: float
    high: float
    level: float
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class Bent:
    """A fitted line with its breaks. coefficients: (c, s₀, δ…). covariance: of these and of the breaks' dates.

    sd_log10: scatter of rows about it, in orders of magnitude. sse: sum of squares left over.
    """

    breaks: tuple[float, ...]
    origin: float
    coefficients: Array
    covariance: Array
    sd_log10: float
    sse: float
    years: Array

    @property
    def rows(self) -> int:
        return len(self.years)

    @property
    def freedom(self) -> int:
        """Degrees of freedom left; a break's date counts as one."""
        return self.rows - len(self.coefficients) - len(self.breaks)

    @property
    def slope(self) -> float:
        """Orders of magnitude a year in the last stretch."""
        return float(self.coefficients[1:].sum())

    def log10_at(self, years: ArrayLike) -> Array:
        """The line in orders of magnitude."""
        return np.asarray(design(years, self.origin, self.breaks) @ self.coefficients)

    def deviation(self, years: ArrayLike, *, of_row: bool) -> Array:
        """Standard deviation in orders of magnitude of the line, or of one row about it, in given years."""
        X = self._gradient(years)
        line = np.einsum("...i,ij,...j->...", X, self.covariance, X)
        return np.asarray(np.sqrt(line + (self.sd_log10**2 if of_row else 0.0)))

    def student(self, level: float) -> float:
        """Half width of a central interval in standard deviations."""
        return float(stdtrit(self.freedom, (1 + level) / 2))

    def stretches(self, level: float) -> tuple[Stretch, ...]:
        """Growth in each stretch; its interval knows that the dates of breaks are not exact."""
        edges = (float(self.years.min()), *self.breaks, float(self.years.max()))
        found = []
        for j in range(len(edges) - 1):
            pick = self._slope_of(j)
            slope = float(pick[: len(self.coefficients)] @ self.coefficients)
            half = self.student(level) * float(np.sqrt(pick @ self.covariance @ pick))
            last = j == len(edges) - 2
            inside = (self.years >= edges[j]) & ((self.years <= edges[j + 1]) if last else (self.years < edges[j + 1]))
            low, high = 10.0 ** (slope - half), 10.0 ** (slope + half)
            found.append(Stretch(edges[j], edges[j + 1], 10.0**slope, low, high, level, int(inside.sum())))
        return tuple(found)

    def drawn(self, rng: np.random.Generator, draws: int, *, wider: float = 1.0) -> tuple[Array, Array]:
        """Draws of the last stretch as (level at the last date, slope a year), in log10; ``wider``: times as far."""
        last = float(self.years.max())
        ends = np.stack([self._gradient(last), self._slope_of(len(self.breaks))])
        covariance = ends @ self.covariance @ ends.T
        root = np.linalg.cholesky(covariance + 1e-18 * np.eye(2) * np.trace(covariance) + 1e-300 * np.eye(2))
        scale = np.sqrt(self.freedom / rng.chisquare(self.freedom, draws))
        middle = np.array([float(self.log10_at(last)), self.slope])
        moved = middle[:, None] + wider * (root @ rng.standard_normal((2, draws))) * scale
        return moved[0], moved[1]

    def break_deviation(self, j: int) -> float:
        """Standard deviation of the date of a break, in years."""
        return float(np.sqrt(self.covariance[len(self.coefficients) + j, len(self.coefficients) + j]))

    def _gradient(self, years: ArrayLike) -> Array:
        return gradient(years, self.origin, self.breaks, self.coefficients)

    def _slope_of(self, stretch: int) -> Array:
        """What to multiply the parameters by for the slope in a stretch."""
        later = len(self.breaks) - stretch
        return np.array([0.0, *([1.0] * (stretch + 1)), *([0.0] * (later + len(self.breaks)))])


def gradient(years: ArrayLike, origin: float, breaks: Sequence[float], coefficients: Array) -> Array:
    """The design, and for each break's date the change −δ of the line past it; shaped (..., 2 + 2 breaks)."""
    t = np.asarray(years, dtype=float)
    moved = [-coefficients[2 + j] * (t > b) for j, b in enumerate(breaks)]
    return np.concatenate([design(t, origin, breaks), *(m[..., None] for m in moved)], axis=-1)


def design(years: ArrayLike, origin: float, breaks: Sequence[float]) -> Array:
    """Columns 1, t − t₀ and max(0, t − b) for each break; shaped (..., 2 + breaks)."""
    t = np.asarray(years, dtype=float)
    return np.stack([np.ones_like(t), t - origin, *(np.maximum(t - b, 0.0) for b in breaks)], axis=-1)


def fit_bent(series: Series, breaks: Sequence[float] = ()) -> Bent:
    """Least squares given the breaks; errors as if their dates had been fitted, too (Gauss-Newton).

    Raises BadInput where rows are too few for so many breaks.
    """
    x, y = series.years, np.log10(series.values)
    origin = float(x.mean())
    X = design(x, origin, tuple(breaks))
    freedom = len(x) - X.shape[1] - len(breaks)
    if freedom < 1 or np.linalg.matrix_rank(X) < X.shape[1]:
        raise BadInput(
            f"{len(x)} rows are too few for a trend with {len(breaks)} breaks, which needs {3 + 2 * len(breaks)} "
            "and rows on both sides of each break. Ask for fewer with --breaks 0, or give more rows."
        )
    coefficients = np.asarray(np.linalg.lstsq(X, y, rcond=None)[0], dtype=float)
    left = y - X @ coefficients
    sse = float(left @ left)
    variance = sse / freedom
    J = gradient(x, origin, tuple(breaks), coefficients)
    covariance = np.asarray(variance * np.linalg.pinv(J.T @ J), dtype=float)
    return Bent(tuple(breaks), origin, coefficients, covariance, float(np.sqrt(variance)), sse, x)
