"""Three accounts of how much text the largest run uses, when each meets the stock, and what lies behind the wall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.outlook import stock
from isoflop.outlook.frontier import line_of
from isoflop.outlook.sampling import lognormal

Array = NDArray[np.float64]

OVERTRAINED = 5.0
HISTORICAL, OPTIMAL, OVER = "as in the past", "compute-optimal", "over-trained"
R_STAR = 15.387756
"""Passes after which a repeated token has lost 1 − 1/e of its worth (Muennighoff et al. 2023, datablations)."""
SYNTHETIC_OVER_TRAINING = 1.0
"""Compute of generating a corpus over that of training on it (Epoch AI 2024: it about doubles a run)."""


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """A scenario: tokens of the largest run of 2024 and growth a year; shaped (draws,)."""

    name: str
    used: Array
    growth: Array

    def at(self, year: float) -> Array:
        """Tokens used in a year."""
        return np.asarray(self.used * self.growth ** (year - stock.YEAR))

    def meets(self, web: stock.Stock) -> Array:
        """Draws of the year in which one run would use the whole stock; inf where use grows no faster."""
        with np.errstate(divide="ignore", invalid="ignore"):
            years = stock.crossing_year(web.effective, web.growth, self.used, self.growth)
        return np.asarray(np.where(self.growth > web.growth, years, np.inf))


def demands(rng: np.random.Generator, draws: int, *, overtrained: float = OVERTRAINED) -> tuple[Demand, ...]:
    """Use as data sets grew; as compute-optimal runs of growing compute need; and as overtrained ones need."""
    text, compute = line_of("training_text"), line_of("training_compute")
    past = 10 ** (text["slope"] + text["slope_se"] * rng.standard_normal(draws))
    used = lognormal(*stock.LARGEST_DATASET, rng, draws, level=0.9)
    flops = lognormal(*stock.LARGEST_RUN, rng, draws, level=0.9)
    root = 10 ** ((compute["slope"] + compute["slope_se"] * rng.standard_normal(draws)) / 2)
    return (
        Demand(HISTORICAL, used, past),
        Demand(OPTIMAL, stock.tokens_of_compute(flops), root),
        Demand(OVER, stock.tokens_of_compute(flops, overtraining=overtrained), root),
    )


def worth_of_passes(passes: float) -> float:
    """Fresh tokens that so many passes over one token are worth: 1 + R* (1 − exp(−(passes − 1) / R*))."""
    return 1 + R_STAR * (1 - float(np.exp(-(passes - 1) / R_STAR)))


def undertrained_plateau(
    tokens: float, *, A: float = 482.01, alpha: float = 0.3478, B: float = 2085.43, beta: float = 0.3658
) -> float:
    """Compute of the compute-optimal run whose loss equals the limit of ever more parameters on so many tokens.

    L(∞, D) = E + B/D^β is met by the optimum with A/N^α + B/D'^β = B/D^β, where α A/N^α = β B/D'^β. FLOP; constants of
    Besiroglu et al. 2024, table 1.
    """
    left = B / tokens**beta
    of_data = left / (1 + beta / alpha)
    optimal_tokens = (B / of_data) ** (1 / beta)
    params = (A / (left - of_data)) ** (1 / alpha)
    return float(6 * params * optimal_tokens)
