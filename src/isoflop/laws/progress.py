"""Progress of methods that gains more at large scale: where along ln C a run lies between ablations and the frontier.

    ln(compute saved a year at C)  =  ln(small) + (ln(frontier) - ln(small)) * beyond_small(C) / span()

Gundlach et al. 2025, arXiv:2511.21622, give one yearly rate for small models and one for the frontier. That the rate is
straight in ln C between the two, and stays beyond them, is assumed, as are the scales at which they hold
(facts/progress.toml).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.facts import facts


@cache
def scales() -> tuple[float, float]:
    """FLOP of a training run at which the two rates hold: small models, and the frontier."""
    row = facts("progress")["gundlach2025"]
    return float(row["small_flops"]), float(row["frontier_flops"])


def span() -> float:
    """ln of the frontier's compute over that of small models."""
    small, frontier = scales()
    return float(np.log(frontier / small))


def beyond_small(flops: ArrayLike) -> NDArray[np.float64]:
    """ln of a run's compute over that of small models, from 0 to ``span()``. flops: positive, any shape."""
    small, frontier = scales()
    return np.asarray(np.log(np.clip(np.asarray(flops, dtype=float), small, frontier) / small))
