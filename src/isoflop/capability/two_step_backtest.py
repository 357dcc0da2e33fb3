"""How good two steps were: the largest runs of a table foretold from the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.capability.skill_forecast import LEAST_FORECAST
from isoflop.capability.two_step import forecast_two_step
from isoflop.counting import FLOPS_PER_PARAM_TOKEN
from isoflop.errors import BadInput
from isoflop.forecasting.forecast import Forecast
from isoflop.laws.form import Form
from isoflop.runs.table import Runs

Array = NDArray[np.float64]

LARGEST = 0.2
"""Share of the runs, by compute, that is foretold where no cut is given (chosen)."""
BEST = 3
"""Scores whose mean the naive forecast repeats."""


@dataclass(frozen=True, eq=False)
class TwoStepBacktest:
    """loss: the first step of all runs above the cut. flops (6ND), score, mean, low, high: (runs foretold,).

    above: the cut in FLOP; fitted: runs below it. error, worst, naive_error: in points; held: share of the scores
    inside their intervals.
    """

    loss: Forecast
    above: float
    fitted: int
    flops: Array
    score: Array
    mean: Array
    low: Array
    high: Array
    level: float
    naive_error: float

    @property
    def error(self) -> float:
        """Mean absolute error in points."""
        return 100 * float(np.abs(self.mean - self.score).mean())

    @property
    def worst(self) -> float:
        """The largest of them."""
        return 100 * float(np.abs(self.mean - self.score).max())

    @property
    def held(self) -> float:
        """Share of the scores inside their intervals."""
        return float(((self.low <= self.score) & (self.score <= self.high)).mean())


def backtest_two_step(
    runs: Runs,
    score: ArrayLike,
    *,
    chance: float = 0.0,
    form: str | Form = "chinchilla",
    level: float = 0.9,
    above: float | None = None,
    seed: int = 0,
    loss: Forecast | None = None,
) -> TwoStepBacktest:
    """Foretell the runs of more than ``above`` FLOP, by default the fifth of them with the most compute.

    loss: the first step of an earlier backtest of the same runs and cut, for another score. Raises BadInput where fewer
    than 8 runs with a score remain below, or none is above, and what the steps raise.
    """
    seen = np.asarray(score, dtype=float)
    if seen.shape != (len(runs),):
        raise BadInput(f"One score a run is needed, NaN where it is not known; given: {seen.shape} for {len(runs)}.")
    told, flops = np.isfinite(seen), FLOPS_PER_PARAM_TOKEN * runs.params * runs.tokens
    if not told.any():
        raise BadInput("No run has a score. Name another column.")
    cut = float(np.quantile(flops, 1 - LARGEST)) if above is None else above
    small, large = flops <= cut, flops > cut
    if (small & told).sum() < LEAST_FORECAST or not (large & told).any():
        raise BadInput(
            f"{int((small & told).sum())} runs with a score have up to {cut:.3g} FLOP, and {int((large & told).sum())} "
            f"more; at least {LEAST_FORECAST} and 1 are needed. Choose another cut, or add runs."
        )
    known, later = runs.take(small), runs.take(large)
    found = forecast_two_step(
        known, seen[small], chance=chance, form=form, level=level, seed=seed, loss=loss, N=later.params, D=later.tokens
    )
    here, scored = told[large], large & told
    best = np.sort(seen[small & told])[-BEST:].mean()
    naive = 100 * float(np.abs(best - seen[scored]).mean())
    return TwoStepBacktest(
        found.loss,
        cut,
        int((small & told).sum()),
        flops[scored],
        seen[scored],
        found.mean[here],
        found.low[here],
        found.high[here],
        level,
        naive,
    )
