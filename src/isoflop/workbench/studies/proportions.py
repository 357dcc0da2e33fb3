"""Shares of right answers: their intervals, and how they rise with exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import norm

from isoflop.errors import BadInput, FitFailure

Array = NDArray[np.float64]
STEEPEST = 1e-2
"""Least spread of a rise, in e-folds of exposure: data that go from nothing to all between two points have no other."""


def wilson(right: ArrayLike, asked: ArrayLike, level: float = 0.9) -> tuple[Array, Array]:
    """Low and high of the share right/asked (Wilson 1927, equation 8), which stays inside 0 and 1 at none or all.

    Shapes broadcast. Raises BadInput where none was asked, or more were right than asked.
    """
    k, n = np.broadcast_arrays(np.asarray(right, float), np.asarray(asked, float))
    if not ((n > 0) & (k >= 0) & (k <= n)).all():
        raise BadInput("An interval for a share needs at least one question, and between none and all of them right.")
    z = norm.ppf((1 + level) / 2)
    share, weight = k / n, z**2 / n
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * np.sqrt(share * (1 - share) / n + weight / (4 * n))
    return np.where(k == 0, 0.0, centre - half), np.where(k == n, 1.0, centre + half)


@dataclass(frozen=True, slots=True)
class Rise:
    """share = chance + (1 − chance) / (1 + exp(−(x − middle)/spread)), by maximum likelihood on binomial counts.

    middle, spread: in the unit of x. middle_error: standard error by the Fisher information. log_likelihood: of the
    counts, without the binomial coefficients.
    """

    middle: float
    spread: float
    middle_error: float
    log_likelihood: float
    chance: float

    def __call__(self, x: ArrayLike) -> Array:
        return _rise(np.asarray(x, float), self.middle, self.spread, self.chance)


def fit_rise(x: ArrayLike, right: ArrayLike, asked: ArrayLike, chance: float) -> Rise:
    """Fit a rise from guessing to knowing. x, right, asked: shaped (n,). Raises FitFailure where the shares do not rise
    through their middle, so that none is to be found."""
    at, k, n = (np.asarray(v, float) for v in (x, right, asked))
    share = k / n
    if not (share.min() < (1 + chance) / 2 < share.max()):
        raise FitFailure(
            f"The shares go from {share.min():.0%} to {share.max():.0%} and do not pass {(1 + chance) / 2:.0%}: where "
            "half is known cannot be said. Ask about more or fewer exposures."
        )

    def loss(theta: Array) -> float:
        return -_likelihood(_rise(at, theta[0], STEEPEST + np.exp(theta[1]), chance), k, n)

    start = [float(np.interp(0.5, np.maximum.accumulate(share), at)), 0.0]
    found: Any = minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-8})
    middle, spread = float(found.x[0]), float(STEEPEST + np.exp(found.x[1]))
    return Rise(middle, spread, _middle_error(at, n, middle, spread, chance), -float(found.fun), chance)


def fit_line(x: ArrayLike, right: ArrayLike, asked: ArrayLike, chance: float) -> float:
    """The log-likelihood of the best straight line in x, cut off at guessing and at all."""
    at, k, n = (np.asarray(v, float) for v in (x, right, asked))

    def loss(theta: Array) -> float:
        return -_likelihood(np.clip(theta[0] + theta[1] * at, chance, 1.0), k, n)

    slope, intercept = np.polyfit(at, k / n, 1)
    found: Any = minimize(loss, [intercept, slope], method="Nelder-Mead", options={"maxiter": 2000})
    return -float(found.fun)


def _rise(x: Array, middle: float, spread: float, chance: float) -> Array:
    return np.asarray(chance + (1 - chance) * expit((x - middle) / spread))


def _likelihood(share: Array, right: Array, asked: Array) -> float:
    p = np.clip(share, 1e-6, 1 - 1e-6)  # a fact told a thousand times may still be missed once
    return float(np.sum(right * np.log(p) + (asked - right) * np.log1p(-p)))


def _middle_error(x: Array, asked: Array, middle: float, spread: float, chance: float) -> float:
    """From the expected information of (middle, spread), whose inverse is their covariance."""
    base = expit((x - middle) / spread)
    share = np.clip(_rise(x, middle, spread, chance), 1e-6, 1 - 1e-6)
    by_middle = -(1 - chance) * base * (1 - base) / spread
    slopes = np.stack([by_middle, by_middle * (x - middle) / spread])
    information = (slopes * (asked / (share * (1 - share)))) @ slopes.T
    return float(np.sqrt(np.linalg.pinv(information)[0, 0]))
