"""How good forecasts were: error, bias, coverage and the interval score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.forecasting.forecast import Forecast

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """Summary over targets whose loss is known.

    median_abs_rel_error: of |forecast/measured − 1|. bias: median of forecast/measured − 1. coverage: share inside
    the interval. mean_interval_score, mean_crps: in units of the loss, lower is better. level: of the interval.
    """

    n_targets: int
    median_abs_rel_error: float
    bias: float
    coverage: float
    mean_interval_score: float
    mean_crps: float
    level: float


def interval_score(low: Array, high: Array, measured: Array, level: float) -> Array:
    """Width plus 2/(1 − level) times the distance by which the measurement misses (Gneiting & Raftery 2007, eq. 43)."""
    penalty = 2.0 / (1.0 - level)
    missed = np.maximum(low - measured, 0.0) + np.maximum(measured - high, 0.0)
    return (high - low) + penalty * missed


def continuous_ranked_probability_score(draws: Array, measured: Array) -> Array:
    """E|X − y| − E|X − X'|/2 over predictive draws (targets, draws), in units of the loss, (targets,).

    Gneiting & Raftery 2007, eq. 21; the second term from the sorted draws, in one pass.
    """
    count = draws.shape[1]
    ranks = 2 * np.arange(1, count + 1) - count - 1
    apart = np.sort(draws, axis=1) @ ranks / count**2
    return np.asarray(np.mean(np.abs(draws - measured[:, None]), axis=1) - apart)


def score(forecast: Forecast, measured: Array) -> Scores:
    """Score a forecast against measured losses, shaped (targets,)."""
    relative = forecast.loss / measured - 1.0
    inside = (forecast.low <= measured) & (measured <= forecast.high)
    return Scores(
        n_targets=len(measured),
        median_abs_rel_error=float(np.median(np.abs(relative))),
        bias=float(np.median(relative)),
        coverage=float(np.mean(inside)),
        mean_interval_score=float(interval_score(forecast.low, forecast.high, measured, forecast.level).mean()),
        mean_crps=float(continuous_ranked_probability_score(forecast.draws, measured).mean()),
        level=forecast.level,
    )
