"""The usual practice, to be measured against: the additive law by log-Huber, with a bootstrap.

Hoffmann et al. 2022 (arXiv:2203.15556, appendix D.2) as mended by Besiroglu et al. 2024 (arXiv:2404.10102). Its
interval is that of the law; people who forecast single runs add the residuals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.fitting.fit import fit
from isoflop.forecasting.draws import law_draws, predictive_log_draws
from isoflop.laws.law import evaluate
from isoflop.runs.table import Runs

Array = NDArray[np.float64]

REPLICATES = 200


@dataclass(frozen=True, eq=False)
class Usual:
    """loss: (targets,). law: draws of the law, (targets, replicates). noisy: with residuals added, (targets, draws)."""

    loss: Array
    law: Array
    noisy: Array


def usual_practice(runs: Runs, targets: Mapping[str, Array], seed: int = 0) -> Usual:
    """Forecast targets {"N": (targets,), "D": (targets,)} as most people do. Raises whatever ``fit`` raises."""
    fitted = fit("chinchilla", runs, replicates=REPLICATES, bootstrap="resample", seed=seed)
    at = {"N": targets["N"], "D": targets["D"]}
    noisy = np.exp(predictive_log_draws(fitted, at, np.random.default_rng(seed)))
    return Usual(evaluate(fitted.form, fitted.law.constants, at), law_draws(fitted, at), noisy)
