"""A quantity that is not known exactly, told by a few quantiles of its draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

DRAWS = 100_000
LEVEL = 0.8


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and the central interval at ``level``. Years that never come are inf."""

    low: float
    middle: float
    high: float
    level: float


def spread(draws: ArrayLike, level: float = LEVEL) -> Spread:
    """Quantiles of draws, shaped (draws,); each is one of the draws, so that inf stays inf."""
    tail = (1 - level) / 2
    low, middle, high = np.quantile(np.asarray(draws, dtype=float), [tail, 0.5, 1 - tail], method="inverted_cdf")
    return Spread(float(low), float(middle), float(high), level)
