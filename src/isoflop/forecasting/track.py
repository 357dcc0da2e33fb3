"""How good the recorded forecasts were: error, coverage, calibration, and how many independent trials that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.stats import beta, kstwo

from isoflop.forecasting.ledger import Ledger, Recorded

Array = NDArray[np.float64]

NOMINAL = (0.5, 0.8, 0.9, 0.95)
CONFIDENCE = 0.9
"""Of the intervals of coverage and of the band of the calibration chart (chosen)."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often the central interval of a level held the measurement. low, high: Clopper and Pearson's 90 % interval of
    the share (Biometrika 26, 1934), which takes the scored forecasts as independent."""

    level: float
    held: int
    share: float
    low: float
    high: float

    @property
    def honest(self) -> bool:
        """Whether the promised level lies inside the interval of the share."""
        return self.low <= self.level <= self.high


@dataclass(frozen=True)
class TrackRecord:
    """Scores over the forecasts that count.

    ladders: distinct tables of runs behind them; forecasts from one table share its errors, so this is nearer to the
    number of independent trials. median_abs_rel_error: of |forecast/measured − 1|. bias: median of forecast/measured
    − 1. crps: mean continuous ranked probability score in percent of the measured loss, lower is better (Gneiting &
    Raftery 2007, eq. 21). pit: where each measurement fell in its forecast's distribution, (n,). band: half-width of
    the 90 % band around a calibrated distribution of n such values (Kolmogorov's statistic).
    """

    n_scored: int
    n_open: int
    n_forced: int
    ladders: int
    median_abs_rel_error: float
    bias: float
    crps: float
    coverage: tuple[Coverage, ...]
    pit: Array
    band: float


def track_record(ledger: Ledger) -> TrackRecord:
    """Sum up a ledger. Forced scores are counted and not scored; without scores the measures are NaN."""
    scored = ledger.scored
    forced = sum(entry.score is not None and entry.score.forced for entry in ledger.entries)
    measured = np.array([entry.score.loss for entry in scored if entry.score is not None])
    relative = np.array([entry.loss for entry in scored]) / measured - 1 if len(scored) else np.array([math.nan])
    return TrackRecord(
        n_scored=len(scored),
        n_open=len(ledger.open),
        n_forced=forced,
        ladders=len({entry.runs_hash for entry in scored}),
        median_abs_rel_error=float(np.median(np.abs(relative))),
        bias=float(np.median(relative)),
        crps=100 * float(np.mean([crps(entry) / m for entry, m in zip(scored, measured, strict=True)]))
        if scored
        else math.nan,
        coverage=tuple(_coverage(scored, level) for level in NOMINAL),
        pit=np.array([entry.pit for entry in scored]),
        band=float(kstwo.ppf(CONFIDENCE, len(scored))) if scored else math.nan,
    )


def _coverage(scored: Sequence[Recorded], level: float) -> Coverage:
    held = 0
    for entry in scored:
        low, high = entry.interval(level)
        held += entry.score is not None and low <= entry.score.loss <= high
    n, tail = len(scored), (1 - CONFIDENCE) / 2
    low_share = float(beta.ppf(tail, held, n - held + 1)) if held else 0.0
    high_share = float(beta.ppf(1 - tail, held + 1, n - held)) if held < n else 1.0
    return Coverage(level, held, held / n if n else math.nan, low_share, high_share)


def crps(entry: Recorded) -> float:
    """The continuous ranked probability score in units of the loss, from the stored quantiles: twice the integral over
    p of (1{y < q(p)} − p)(q(p) − y), by the trapezoidal rule, the outermost quantiles standing for what lies beyond."""
    if entry.score is None:
        return math.nan
    levels, values = (np.array(column) for column in zip(*sorted(entry.quantiles.items()), strict=True))
    levels = np.concatenate([[0.0], levels, [1.0]])
    values = np.concatenate([values[:1], values, values[-1:]])
    pinball = ((entry.score.loss < values) - levels) * (values - entry.score.loss)
    return float(2 * trapezoid(pinball, levels))
