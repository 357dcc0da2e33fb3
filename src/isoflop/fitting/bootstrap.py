"""Random weights of the runs, by which thousands of replicates become rows of one array.

Runs that branch off one training trunk are correlated, so whole clusters are weighted, never single points.

resample: each replicate draws clusters with replacement (Efron 1979), as Besiroglu et al. 2024 do with single runs.
weights: each cluster gets an exponential weight, scaled to the number of clusters (the Bayesian bootstrap of Rubin
1981; Xu et al. 2020 as the fractional-random-weight bootstrap). Its spread is the same for many runs; with few, no
replicate ever loses the only run of a size, so that every replicate can be fitted.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["weights", "resample"]


def bootstrap_weights(
    clusters: NDArray[np.int64], replicates: int, rng: np.random.Generator, kind: Kind = "weights"
) -> NDArray[np.float64]:
    """Weights (replicates, n) with the cluster of each run, shaped (n,), as integers from 0."""
    groups = int(clusters.max()) + 1
    if kind == "resample":
        drawn = rng.integers(0, groups, (replicates, groups))
        offsets = np.arange(replicates)[:, None] * groups
        counts = np.bincount((drawn + offsets).ravel(), minlength=replicates * groups).reshape(replicates, groups)
        return np.asarray(counts[:, clusters], dtype=float)
    weights = rng.standard_exponential((replicates, groups))
    weights *= groups / weights.sum(axis=1, keepdims=True)
    return np.asarray(weights[:, clusters])
