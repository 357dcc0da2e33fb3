"""Spread of residuals that a few wild runs do not move, and what it means for the parameters of a robust fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isoflop.fitting.objectives import Objective

Array = NDArray[np.float64]

NORMAL_MAD = 1.4826
"""1/Φ⁻¹(3/4): makes the median absolute deviation of a normal distribution its standard deviation."""


def robust_scale(residuals: Array, parameters: int) -> float:
    """Standard deviation by the median absolute residual, with the P − 1 smallest left out.

    A fit near least absolute deviations passes through P runs exactly; their zeros would shrink the median (Holland &
    Welsch 1977). NaN where no run is left over.
    """
    centred = np.sort(np.abs(residuals - np.median(residuals)))
    left = centred[max(parameters - 1, 0) :]
    return float(NORMAL_MAD * np.median(left)) if len(residuals) > parameters else float("nan")


def bandwidth(residuals: Array) -> float:
    """Silverman's (1986, eq. 3.31) rule of thumb for the density of the residuals."""
    spread = min(float(np.std(residuals)), float(np.subtract(*np.quantile(residuals, [0.75, 0.25]))) / 1.349)
    return float(0.9 * max(spread, float(np.std(residuals)) / 10, 1e-12) * len(residuals) ** -0.2)


def mean_score_slope(objective: Objective, residuals: Array, parameters: int) -> float:
    """E ψ'(r), as the slope of E ψ(r + t) at t = 0 over a bandwidth.

    ψ' of a Huber loss with δ = 1e-3 is 1 for a handful of runs and 0 for the others: counting them is far too rough.
    The P smallest residuals are left out: a fit near least absolute deviations passes through P runs, which say nothing
    of the density of the noise there (McKean & Schrader 1987).
    """
    h = bandwidth(residuals)
    scale = np.asarray(objective.scale)
    left = residuals[np.argsort(np.abs(residuals))[parameters if len(residuals) > 2 * parameters else 0 :]]
    above, below = (objective.pointwise(left + side * h, scale).psi.mean() for side in (1, -1))
    return float(max((above - below) / (2 * h), 1e-12))


def mean_squared_score(objective: Objective, residuals: Array, parameters: int) -> float:
    """E ψ², enlarged by n/(n − P) for the parameters that were fitted."""
    psi = objective.pointwise(residuals, np.asarray(objective.scale)).psi
    count = len(residuals)
    return float(np.mean(psi**2) * count / max(count - parameters, 1))


def noise_of_parameters(objective: Objective, residuals: Array, parameters: int) -> float:
    """σ with Cov θ̂ = σ² (J Jᵀ)⁻¹: σ² = E ψ² / (E ψ')² (Huber 1981, section 7.6)."""
    slope = mean_score_slope(objective, residuals, parameters)
    return float(np.sqrt(mean_squared_score(objective, residuals, parameters)) / slope)
