"""The compute-optimal frontier as two power laws of compute, N* = k C**a and D* = m C**b, with intervals.

Approaches 1 and 2 of Hoffmann et al. 2022 (arXiv:2203.15556, sections 3.1 and 3.2) end here: each finds the best N and
D at several amounts of compute and draws straight lines through them in logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.errors import BadInput
from isoflop.fitting.fit import Estimate

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """y = coefficient · C**exponent, C in FLOP.

    draws: bootstrap replicates of (ln coefficient, exponent), shaped (replicates, 2); none where none were asked for.
    level: of the intervals. Coefficient and exponent are so correlated that only ``at`` should be used to predict.
    """

    coefficient: Estimate
    exponent: Estimate
    draws: Array
    level: float

    def __call__(self, flops: ArrayLike) -> Array:
        """y at the given compute, shaped as ``flops``."""
        return np.asarray(self.coefficient.value * np.asarray(flops, dtype=float) ** self.exponent.value)

    def at(self, flops: float) -> Estimate:
        """y at one amount of compute, with its interval."""
        value = float(self(flops))
        if not len(self.draws):
            return Estimate(value, value, value)
        drawn = np.exp(self.draws[:, 0] + self.draws[:, 1] * np.log(flops))
        low, high = np.quantile(drawn, _edges(self.level))
        return Estimate(value, float(low), float(high))


@dataclass(frozen=True, eq=False)
class Frontier:
    """params: N*(C). tokens: D*(C)."""

    params: PowerLaw
    tokens: PowerLaw


def power_law(line: Array, draws: Array, level: float) -> PowerLaw:
    """A power law from (ln coefficient, exponent), shaped (2,), and its replicates (replicates, 2).

    Replicates that are not finite (none of their budgets had an optimum) are left out.
    """
    drawn = draws[np.isfinite(draws).all(axis=1)]
    spread = drawn if len(drawn) else line[None, :]
    low, high = np.quantile(spread, _edges(level), axis=0)
    coefficient = Estimate(float(np.exp(line[0])), float(np.exp(low[0])), float(np.exp(high[0])))
    return PowerLaw(coefficient, Estimate(float(line[1]), float(low[1]), float(high[1])), drawn, level)


def straight_lines(x: Array, y: Array) -> Array:
    """(intercept, slope) of least-squares lines, shaped (batch, 2), for x (n,) and y (batch, n).

    NaN in y leaves that point out of its own line; a line with fewer than two points is NaN.
    """
    known = np.isfinite(y)
    count = known.sum(axis=1)
    filled = np.where(known, y, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        x_mean, y_mean = (known * x).sum(axis=1) / count, filled.sum(axis=1) / count
        away = np.where(known, x - x_mean[:, None], 0.0)
        slope = (away * filled).sum(axis=1) / (away**2).sum(axis=1)
        lines = np.stack([y_mean - slope * x_mean, slope], axis=1)
    return np.asarray(np.where((count > 1)[:, None], lines, np.nan))


def require_level(level: float, replicates: int) -> None:
    """Raise BadInput for a level outside (0, 1) or a negative number of replicates."""
    if not 0 < level < 1 or replicates < 0:
        raise BadInput(
            f"level = {level}, replicates = {replicates}: level must lie between 0 and 1 and replicates be at least 0."
        )


def _edges(level: float) -> list[float]:
    return [(1 - level) / 2, (1 + level) / 2]
