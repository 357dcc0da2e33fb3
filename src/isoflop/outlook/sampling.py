"""Draws from published bounds, and the error of a sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from isoflop.errors import BadInput

Array = NDArray[np.float64]

EXPONENT = 0.5
"""Of the error of a mean in the size of its sample."""


def lognormal(
    low: float, high: float, rng: np.random.Generator, size: int | tuple[int, ...], *, level: float = 0.8
) -> Array:
    """Draws of a lognormal whose central ``level`` lies between two positive bounds; level 0.8: p10 and p90.

    Raises BadInput for bounds that are not positive and in order.
    """
    if not 0 < low < high:
        raise BadInput(f"A lognormal between {low:g} and {high:g} is not possible: give 0 < low < high.")
    middle, half = np.log(low * high) / 2, np.log(high / low) / 2
    return np.asarray(np.exp(middle + half / ndtri((1 + level) / 2) * rng.standard_normal(size)))


def skewed(quantiles: tuple[float, float, float], rng: np.random.Generator, size: int, *, level: float = 0.8) -> Array:
    """Draws with these quantiles, at (1 − level)/2, 1/2 and (1 + level)/2: normal in ln on either side of the middle.

    Equal quantiles give that value. Raises BadInput for values that are not positive and in order.
    """
    low, middle, high = quantiles
    if not 0 < low <= middle <= high:
        raise BadInput(f"Quantiles {low:g}, {middle:g}, {high:g} are not possible: give 0 < low ≤ middle ≤ high.")
    z = rng.standard_normal(size) / ndtri((1 + level) / 2)
    return np.asarray(middle * np.where(z < 0, middle / low, high / middle) ** z)


def margin_of_error(standard_deviation: ArrayLike, samples: ArrayLike, *, level: float = 0.95) -> Array:
    """Half width of the confidence interval of a mean: z s / √n, z = 1.96 for 95 %."""
    z = float(ndtri((1 + level) / 2))
    return np.asarray(z * np.asarray(standard_deviation, dtype=float) / np.sqrt(np.asarray(samples, dtype=float)))


def samples_for(standard_deviation: ArrayLike, margin: ArrayLike, *, level: float = 0.95) -> Array:
    """How many to ask so that the margin is no wider than wanted: (z s / margin)², rounded up."""
    z = float(ndtri((1 + level) / 2))
    needed = (z * np.asarray(standard_deviation, dtype=float) / np.asarray(margin, dtype=float)) ** 2
    return np.asarray(np.ceil(needed * (1 - 1e-12)))


def deviation_of_share(share: ArrayLike) -> Array:
    """Standard deviation of one answer of yes or no, p of them yes: √(p (1 − p))."""
    p = np.asarray(share, dtype=float)
    return np.asarray(np.sqrt(p * (1 - p)))


def halving_factor(exponent: float) -> float:
    """How many times as much halves an error that falls as n^−exponent: 2^(1/exponent); 4 for a mean."""
    return float(2 ** (1 / exponent))
