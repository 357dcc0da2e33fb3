"""How coverage grows with attempts: the spread of problems behind it, and the curve that sums it up.

Problems differ: the chance p that one attempt solves a problem is spread over problems, here as Beta(a, b), with a
share z that no number of attempts will solve. Then of n attempts c succeed with beta-binomial probability, and

    pass@k  =  (1 - z) (1 - B(a, b + k) / B(a, b)),        1 - z - pass@k  ->  (1 - z) Γ(a + b) / Γ(b) k^-a

so failures fall as a power of k although each problem's fall exponentially: the *tail index* a is the density's power
near p = 0 (Schaeffer et al. 2025, arXiv:2502.17578). It is not the slope of ln(-ln pass@k), which belongs to the
exponentiated power law of Brown et al. 2024 (arXiv:2407.21787, equation 2):

    pass@k  =  exp(-s k^-slope)

Advice. To foretell many attempts from few use ``extrapolate``: that problems are spread as a Beta is an assumption that
a hundred attempts cannot check where it matters, near p = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import betaln, digamma, expit, gammaln, logsumexp

from isoflop.capability.attempts import counted
from isoflop.errors import BadInput

Array = NDArray[np.float64]

LEAST_PROBLEMS = 5
BOUNDS = (np.log(1e-4), np.log(1e6))
"""Of a and b. A likelihood that wants more is that of problems which are all alike."""
START_SHARES = (0.02, 0.3)


@dataclass(frozen=True, slots=True)
class Population:
    """The spread of p over problems: Beta(a, b) with a share ``never`` at zero. log_likelihood: of the counts."""

    a: float
    b: float
    never: float
    log_likelihood: float

    def coverage(self, k: ArrayLike) -> Array:
        """Expected pass@k of a new problem of this population; any shape of k."""
        log_failure = betaln(self.a, self.b + np.asarray(k, dtype=float)) - betaln(self.a, self.b)
        return np.asarray((1 - self.never) * -np.expm1(log_failure))

    def tail(self, k: ArrayLike) -> Array:
        """What 1 - never - pass@k tends to for large k: (1 - never) Γ(a + b) / Γ(b) k^-a."""
        scale = np.exp(gammaln(self.a + self.b) - gammaln(self.b))
        return np.asarray((1 - self.never) * scale * np.asarray(k, dtype=float) ** -self.a)


def fit_population(attempts: ArrayLike, successes: ArrayLike, *, never: bool = False) -> Population:
    """The beta-binomial of greatest likelihood, with a share that can never be solved if ``never``.

    attempts: one number or (problems,); successes: (problems,). Raises BadInput for counts that cannot be, fewer than
    5 problems, or none or all attempts successful, where every large b or a fits alike.
    """
    n, c = problems(attempts, successes)
    return _fit(n, c, np.ones(len(c)), never)


@dataclass(frozen=True, slots=True)
class PowerOfAttempts:
    """pass@k = exp(-scale k^-slope): the exponentiated power law. rms: of the residuals of ln(-ln pass@k)."""

    scale: float
    slope: float
    rms: float

    def coverage(self, k: ArrayLike) -> Array:
        """pass@k at any number of attempts."""
        return np.asarray(np.exp(-self.scale * np.asarray(k, dtype=float) ** -self.slope))


def fit_power_of_attempts(k: ArrayLike, coverage: ArrayLike) -> PowerOfAttempts:
    """Least squares of ln(-ln pass@k) on ln k (Brown et al. 2024). k, coverage: (K,), coverage inside (0, 1).

    A summary of a curve, not a forecast: it goes to 1 whatever the problems are. Raises BadInput for fewer than three
    points inside (0, 1).
    """
    x, y = np.asarray(k, dtype=float), np.asarray(coverage, dtype=float)
    inside = (y > 0) & (y < 1) & (x >= 1)
    if x.shape != y.shape or inside.sum() < 3:
        raise BadInput(
            f"The power law of attempts needs three values of coverage between 0 and 1 (exclusive); given: {y.size} "
            f"values, {int(inside.sum())} of them inside."
        )
    logs, tall = np.log(x[inside]), np.log(-np.log(y[inside]))
    slope, intercept = np.polyfit(logs, tall, 1)
    rms = float(np.sqrt(np.mean((tall - intercept - slope * logs) ** 2)))
    return PowerOfAttempts(float(np.exp(intercept)), float(-slope), rms)


def problems(attempts: ArrayLike, successes: ArrayLike) -> tuple[Array, Array]:
    """n and c of problems whose spread can be told; raises BadInput as ``fit_population`` says."""
    n, c = counted(attempts, successes)
    if c.ndim != 1 or len(c) < LEAST_PROBLEMS:
        raise BadInput(
            f"The spread over problems needs at least {LEAST_PROBLEMS} problems, one count each; given: {c.size}."
        )
    if c.sum() == 0 or (c == n).all():
        what = "No attempt" if c.sum() == 0 else "Every attempt"
        raise BadInput(
            f"{what} of {n.sum():g} succeeded, which leaves the spread over problems open. "
            f"{'Make more attempts, or take easier problems.' if c.sum() == 0 else 'Take harder problems.'}"
        )
    return n, c


def _fit(n: Array, c: Array, share: Array, never: bool) -> Population:
    counts, where = np.unique(np.stack([n, c]), axis=1, return_inverse=True)
    weight = np.asarray(np.bincount(where.ravel(), weights=share), dtype=float)
    starts = [(0.3, 5.0, z) for z in (START_SHARES if never else (0.0,))]
    fits = [_descend(counts[0], counts[1], weight, a, b, z) for a, b, z in starts]
    return max(fits, key=lambda fit: fit.log_likelihood)


def _descend(n: Array, c: Array, weight: Array, a: float, b: float, z: float) -> Population:
    never = z > 0
    start = np.array([np.log(a), np.log(b), *([np.log(z / (1 - z))] if never else [])])
    bounds = [BOUNDS, BOUNDS, *([(-12.0, 12.0)] if never else [])]
    found = minimize(_objective, start, args=(n, c, weight), jac=True, method="L-BFGS-B", bounds=bounds)
    share = float(expit(found.x[2])) if never else 0.0
    ways = gammaln(n + 1) - gammaln(c + 1) - gammaln(n - c + 1)
    return Population(float(np.exp(found.x[0])), float(np.exp(found.x[1])), share, float(weight @ ways - found.fun))


def _objective(x: Array, n: Array, c: Array, weight: Array) -> tuple[float, Array]:
    """Minus the log-likelihood, binomial coefficients left out, and its gradient in (ln a, ln b[, logit z])."""
    a, b = np.exp(x[:2])
    log_bb = betaln(a + c, b + n - c) - betaln(a, b)
    both = digamma(a + b + n) - digamma(a + b)
    slope_a = a * (digamma(a + c) - digamma(a) - both)
    slope_b = b * (digamma(b + n - c) - digamma(b) - both)
    if len(x) == 2:
        return -float(weight @ log_bb), -np.array([weight @ slope_a, weight @ slope_b])
    z = expit(x[2])
    dead = np.where(c == 0, np.log(z), -np.inf)
    total = logsumexp(np.stack([np.log1p(-z) + log_bb, dead]), axis=0)
    alive = np.exp(np.log1p(-z) + log_bb - total)
    slope_z = (1 - alive) * (1 - z) - alive * z
    return -float(weight @ total), -np.array([weight @ (alive * slope_a), weight @ (alive * slope_b), weight @ slope_z])
