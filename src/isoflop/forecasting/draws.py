"""Predictive draws of a fit: every bootstrap replicate of the law, with the residuals around it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.fitting.fit import Fit
from isoflop.laws.law import evaluate

Array = NDArray[np.float64]

NOISE_DRAWS = 25
"""Residual draws per bootstrap replicate."""


def law_draws(fitted: Fit, variables: Mapping[str, ArrayLike]) -> Array:
    """The law's loss under every bootstrap replicate, shaped (targets, replicates)."""
    constants = {name: draw[None, :] for name, draw in fitted.draws.items()}
    columns = {name: np.atleast_1d(np.asarray(variables[name], dtype=float))[:, None] for name in fitted.form.inputs}
    return evaluate(fitted.form, constants, columns)


def residual_noise(fitted: Fit) -> Array:
    """Residuals in ln loss, centred by their median and enlarged for the parameters that were fitted to them.

    The factor sqrt(n/(n − P)) makes a least-squares residual variance unbiased; with n ≤ P + 1 it stops at that of
    one degree of freedom.
    """
    count, fitted_with = len(fitted.residuals), len(fitted.form.parameters)
    enlarged = np.sqrt(count / max(count - fitted_with, 1))
    return np.asarray((fitted.residuals - np.median(fitted.residuals)) * enlarged)


def predictive_log_draws(fitted: Fit, variables: Mapping[str, ArrayLike], rng: np.random.Generator) -> Array:
    """ln loss of a new run at each target, shaped (targets, replicates × NOISE_DRAWS)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        law = np.log(law_draws(fitted, variables))
    noise = rng.choice(residual_noise(fitted), (len(law), law.shape[1] * NOISE_DRAWS))
    return np.asarray(np.repeat(law, NOISE_DRAWS, axis=1) + noise)
