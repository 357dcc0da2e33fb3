"""The loss that no size and no amount of data would remove, with the doubt that a small ladder leaves.

E is the hardest constant of a scaling law: it lies at infinite N and D, and formulas that agree on every run disagree
about it. Its variance has four parts, added as if independent:

    parameters   the bootstrap of each form
    form         the forms' values about their weighted mean
    reach        how far E moved while the ladder grew: its mean square distance, over the rolling origins, from the
                 value that all runs give
    evaluation   the standard error of the held-out loss, which all runs share, so that residuals cannot show it

On 20 ladders of benchmarks/entropy_study.py, each on a source whose entropy rate is known, the additive law's own
bootstrap held that rate in 7 and this interval in all 20. Small ladders know E to about half a per cent, no better: the
evaluation and the reach, which a bootstrap does not see, are most of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from isoflop.errors import BadInput, LawError
from isoflop.fitting.fit import Estimate
from isoflop.forecasting.averaging import Ensemble
from isoflop.forecasting.backtest import Origin


@dataclass(frozen=True, slots=True)
class IrreducibleLoss:
    """E with its interval, and the standard deviations that made it: parameters, form, reach, evaluation."""

    estimate: Estimate
    parameters: float
    form: float
    reach: float
    evaluation: float


def irreducible_loss(ensemble: Ensemble, *, level: float = 0.9) -> IrreducibleLoss:
    """E in the unit of the loss, pooled over the forms that have one.

    Raises LawError when none of the forms has an offset E, BadInput for a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise BadInput(f"level = {level} is not allowed: it must lie between 0 and 1, such as 0.9.")
    having = [index for index, fitted in enumerate(ensemble.fits) if "E" in fitted.draws]
    if not having:
        raise LawError("None of the fitted forms has an irreducible loss E. Fit chinchilla or coupled.")
    shares = np.array([ensemble.weights[i] for i in having])
    shares = shares / shares.sum()
    values = np.array([ensemble.fits[i].law.constants["E"] for i in having])
    centre = float(shares @ values)
    parameters = float(np.sqrt(shares @ [np.var(ensemble.fits[i].draws["E"]) for i in having]))
    form = float(np.sqrt(shares @ (values - centre) ** 2))
    reach = _reach(ensemble.origins, having, shares, centre)
    evaluation = _evaluation(ensemble)
    half = float(norm.ppf((1 + level) / 2)) * float(np.sqrt(parameters**2 + form**2 + reach**2 + evaluation**2))
    estimate = Estimate(centre, max(0.0, centre - half), centre + half)
    return IrreducibleLoss(estimate, parameters, form, reach, evaluation)


def _reach(origins: Sequence[Origin], having: Sequence[int], shares: NDArray[np.float64], centre: float) -> float:
    moved = []
    for origin in origins:
        known = [(s, c["E"]) for s, i in zip(shares, having, strict=True) if (c := origin.constants[i]) is not None]
        if known:
            weights, values = (np.array(column) for column in zip(*known, strict=True))
            moved.append(float(weights @ values / weights.sum()) - centre)
    return float(np.sqrt(np.mean(np.square(moved)))) if moved else 0.0


def _evaluation(ensemble: Ensemble) -> float:
    """The standard error of the lowest loss; zero where the runs do not say."""
    runs = ensemble.runs
    if not runs.has("loss_se"):
        return 0.0
    found = float(np.asarray(runs.column("loss_se"), dtype=float)[int(np.argmin(runs.loss))])
    return found if np.isfinite(found) else 0.0
