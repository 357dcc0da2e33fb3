"""How wide an interval must be, learned from what backtests missed by.

An error of ln loss is taken as what statistics knows, the noise of a single run and the bootstrap of the parameters,
plus a Student-t error of scale

    sqrt(w² (form + surface) + c² reach²)

with w how much the forms' disagreement and the surface's doubt say about errors, and c the share by which the
improvement that is forecast beyond the largest run (the reach) may be wrong. The reach makes intervals grow with
extrapolation, in proportion to what is promised, whatever the unit of the loss. Both constants have log-normal priors,
learned from public sets (facts/calibration.toml); a table's own backtests sharpen them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from isoflop.facts import facts

Array = NDArray[np.float64]

RUNS_WORTH = 4.0
"""An origin counts as this many independent errors, however many runs it forecast: they share their cause. With 2 to 16
the pooled 90 % intervals held 90 to 85 % on public ladders; with 2 they were too wide far out on made-up ones."""
GRID = 41
SPAN = 3.0
"""The grid of (ln w, ln c) reaches this many prior standard deviations to each side."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Mean and standard deviation of ln w and ln c, and the degrees of freedom of the errors."""

    log_widening: tuple[float, float]
    log_drift: tuple[float, float]
    freedom: float


@dataclass(frozen=True)
class Calibration:
    """Posterior of (w, c) on a grid. widening, drift: grid values, (g,). shares: their probabilities, (g,)."""

    widening: Array
    drift: Array
    shares: Array
    freedom: float

    @property
    def mean_widening(self) -> float:
        """Posterior mean of w."""
        return float(self.shares @ self.widening)

    @property
    def mean_drift(self) -> float:
        """Posterior mean of c."""
        return float(self.shares @ self.drift)

    @property
    def mean_square_widening(self) -> float:
        """Posterior mean of w² times the variance of the Student-t errors, so that it scales variances."""
        return float(self.shares @ self.widening**2) * self.freedom / (self.freedom - 2)

    @property
    def mean_square_drift(self) -> float:
        """The same of c²."""
        return float(self.shares @ self.drift**2) * self.freedom / (self.freedom - 2)

    def draw(self, own: Array, reach: Array, count: int, rng: np.random.Generator) -> Array:
        """Errors of ln loss by form, surface and reach, (targets, count). own: variance by the first two."""
        picked = rng.choice(len(self.shares), size=count, p=self.shares)
        scale = np.sqrt(self.widening[picked] ** 2 * own[:, None] + self.drift[picked] ** 2 * np.square(reach)[:, None])
        return np.asarray(scale * rng.standard_t(self.freedom, size=(len(own), count)))


@dataclass(frozen=True)
class Missed:
    """What one origin missed by: errors of ln loss, variance by noise and parameters, variance by form and surface, and
    the reach, each (rows,)."""

    errors: Array
    known: Array
    own: Array
    reach: Array


def prior() -> Prior:
    """The prior that ships: what public sets showed."""
    fact = facts("calibration")["prior"]
    return Prior(
        (float(fact["log_widening"][0]), float(fact["log_widening"][1])),
        (float(fact["log_drift"][0]), float(fact["log_drift"][1])),
        float(fact["freedom"]),
    )


def calibrate(missed: Sequence[Missed], before: Prior | None = None) -> Calibration:
    """Posterior of the two constants given backtests; without any, the prior."""
    before = before or prior()
    axes = [mean + spread * np.linspace(-SPAN, SPAN, GRID) for mean, spread in (before.log_widening, before.log_drift)]
    log_w, log_c = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
    (mean_w, spread_w), (mean_c, spread_c) = before.log_widening, before.log_drift
    logs: Array = -0.5 * (((log_w - mean_w) / spread_w) ** 2 + ((log_c - mean_c) / spread_c) ** 2)
    for origin in missed:
        logs = logs + log_likelihood(origin, np.exp(2 * log_w), np.exp(2 * log_c), before.freedom)
    shares = np.exp(logs - logs.max())
    return Calibration(np.exp(log_w), np.exp(log_c), shares / shares.sum(), before.freedom)


def log_likelihood(origin: Missed, w2: Array, c2: Array, freedom: float) -> Array:
    """Student-t log-likelihood of an origin's errors at each grid point, (g,), as RUNS_WORTH independent ones."""
    usable = np.isfinite(origin.errors) & np.isfinite(origin.own) & np.isfinite(origin.reach)
    if not usable.any():
        return np.zeros(len(w2))
    errors, known, own, reach = (a[usable][:, None] for a in (origin.errors, origin.known, origin.own, origin.reach))
    # the sum of normal noise and a Student-t error is taken as one Student-t of the same variance
    variance = known * (freedom - 2) / freedom + w2 * own + c2 * reach**2 + 1e-18
    logs = (
        gammaln((freedom + 1) / 2)
        - gammaln(freedom / 2)
        - 0.5 * np.log(freedom * np.pi * variance)
        - (freedom + 1) / 2 * np.log1p(errors**2 / (freedom * variance))
    )
    return np.asarray(logs.mean(axis=0) * min(RUNS_WORTH, int(usable.sum())))
