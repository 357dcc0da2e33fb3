"""Does a repeated token lose value in the amount of data, or in its exponent? Two laws, told apart by held-out epochs.

    amount      L = E + A/N^α + B/D'^β,   D' = U (1 + R (1 - exp(-(D/U - 1)/R)))     Muennighoff et al. 2023, eq. 5
    exponent    L = E + A/N^α + B U^-β exp(-β ∫_1^{D/U} (1/2)^((s-1)/τ) ds/s)        Goyal et al. 2024, made continuous
    none        L = E + A/N^α + B/D^β                                                repeats as good as new tokens

Each has one constant for repetition and the same for all else, so they differ in nothing but the form of decay. Both
decays saturate: neither holds runs whose loss rises again. Fitted to the runs of few passes, each foretells those of
more. With ``excess`` also parameters beyond what suits U decay (eq. 6), in all three alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.special import exp1

from isoflop.errors import BadInput

Array = NDArray[np.float64]

Decay = Literal["amount", "exponent", "none"]
DECAYS: tuple[Decay, ...] = get_args(Decay)
STARTS = ((0.35, 0.35, 4.0), (0.5, 0.3, 15.0), (0.3, 0.5, 8.0), (0.4, 0.4, 30.0))
"""α, β and the constant of repetition; A and B are laid through the losses."""
LEAST_ROWS, LEAST_OUT = 20, 3
HUBER = 1e-3
"""Of ln L, as Muennighoff et al. and Hoffmann et al. have it."""
RESAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class Repeated:
    """A fitted law. constants: E, A, alpha, B, beta, rate and, with excess, excess (R_N)."""

    decay: Decay
    constants: Mapping[str, float]

    def __call__(self, params: ArrayLike, tokens: ArrayLike, unique: ArrayLike) -> Array:
        """Loss; shapes broadcast."""
        columns = tuple(np.asarray(v, dtype=float) for v in (params, tokens, unique))
        return _loss(_packed(self.constants), self.decay, *columns, excess="excess" in self.constants)


@dataclass(frozen=True, slots=True)
class Foretold:
    """Runs of more than ``up_to`` passes foretold from the others. error: by law, root mean square of ln L, in %.

    ratio: the error of decay in the exponent over that in the amount, with its 90 % interval over runs of one pool of
    distinct tokens together. fitted, held_out: runs.
    """

    up_to: float
    fitted: int
    held_out: int
    error: Mapping[str, float]
    ratio: float
    low: float
    high: float


def fit_repeated(
    params: ArrayLike, tokens: ArrayLike, unique: ArrayLike, loss: ArrayLike, *, decay: Decay, excess: bool = True
) -> Repeated:
    """Least Huber of ln L from several starts. All (runs,). Raises BadInput for fewer than 20 runs, numbers that are
    not positive, more distinct tokens than tokens, or an unknown decay."""
    columns = _columns(params, tokens, unique, loss)
    if decay not in DECAYS:
        raise BadInput(f"Unknown decay '{decay}'. Known: {', '.join(DECAYS)}.")
    return _fit(columns, decay, excess)


def foretell_epochs(
    params: ArrayLike,
    tokens: ArrayLike,
    unique: ArrayLike,
    loss: ArrayLike,
    *,
    up_to: Sequence[float] = (4.0, 10.0),
    excess: bool = True,
    seed: int = 0,
) -> tuple[Foretold, ...]:
    """Each law fitted to the runs of at most ``up_to`` passes and asked about the others.

    Raises BadInput as ``fit_repeated``, and where fewer than 3 runs have more passes.
    """
    columns = _columns(params, tokens, unique, loss)
    passes = columns[:, 1] / columns[:, 2]
    return tuple(_foretold(columns, passes <= 1.001 * most, float(most), excess, seed) for most in up_to)


def _foretold(columns: Array, known: NDArray[np.bool_], most: float, excess: bool, seed: int) -> Foretold:
    if known.sum() < LEAST_ROWS or (~known).sum() < LEAST_OUT:
        raise BadInput(
            f"{int(known.sum())} runs have up to {most:g} passes and {int((~known).sum())} more; at least {LEAST_ROWS} "
            f"and {LEAST_OUT} are needed. Choose another number of passes."
        )
    later = columns[~known]
    laws = {decay: _fit(columns[known], decay, excess) for decay in DECAYS}
    miss = {d: np.log(law(*later[:, :3].T)) - np.log(later[:, 3]) for d, law in laws.items()}
    pools, where = np.unique(later[:, 2], return_inverse=True)
    rng = np.random.default_rng(seed)
    many = rng.multinomial(len(pools), np.full(len(pools), 1 / len(pools)), size=RESAMPLES)
    weight = many[:, where]
    ratios = np.sqrt((weight @ miss["exponent"] ** 2) / (weight @ miss["amount"] ** 2))
    low, high = np.quantile(ratios, [0.05, 0.95])
    error: dict[str, float] = {d: 100 * float(np.sqrt(np.mean(m**2))) for d, m in miss.items()}
    ratio = error["exponent"] / error["amount"]
    return Foretold(most, int(known.sum()), len(later), error, ratio, float(low), float(high))


def _fit(columns: Array, decay: Decay, excess: bool) -> Repeated:
    n, d, u, loss = columns.T
    wanted = np.log(loss)

    def residual(theta: Array) -> Array:
        return np.asarray((np.log(_loss(theta, decay, n, d, u, excess=excess)) - wanted) / HUBER)

    low = np.array([np.log(1e-3), -5, 0.05, -5, 0.05, np.log(0.1), np.log(0.1)])
    high = np.array([np.log(loss.min()), 30, 1.5, 30, 1.5, np.log(1e3), np.log(1e3)])
    fits = []
    for alpha, beta, rate in STARTS:
        share = 0.25 * float(np.median(loss))
        first = [
            np.log(0.6 * loss.min()), np.log(share) + alpha * np.log(np.median(n)), alpha,
            np.log(share) + beta * np.log(np.median(d)), beta, np.log(rate), np.log(5.0),
        ]  # fmt: skip
        start = np.clip(first, low + 1e-9, high - 1e-9)
        fits.append(least_squares(residual, start, bounds=(low, high), loss="huber", x_scale="jac", max_nfev=120))
    best = min(fits, key=lambda fit: float(fit.cost))
    names = ("E", "A", "alpha", "B", "beta", "rate", "excess")
    values = [
        float(v) if name in ("alpha", "beta") else float(np.exp(v)) for name, v in zip(names, best.x, strict=True)
    ]
    unused = ({"rate"} if decay == "none" else set()) | (set() if excess else {"excess"})
    return Repeated(decay, {k: v for k, v in zip(names, values, strict=True) if k not in unused})


def _packed(constants: Mapping[str, float]) -> Array:
    logs = {name: np.log(constants.get(name, 1.0)) for name in ("E", "A", "B", "rate", "excess")}
    return np.array(
        [logs["E"], logs["A"], constants["alpha"], logs["B"], constants["beta"], logs["rate"], logs["excess"]]
    )


def _loss(theta: Array, decay: str, n: Array, d: Array, u: Array, *, excess: bool) -> Array:
    e, ln_a, alpha, ln_b, beta, rate, ln_excess = theta
    ln_n = np.log(n)
    if excess:
        fitting = (np.log(alpha / beta) + ln_a - ln_b + beta * np.log(u)) / alpha
        ln_n = _saturated(ln_n, np.minimum(ln_n, fitting), np.exp(ln_excess))
    passes = np.maximum(d / u, 1.0)
    if decay == "amount":
        ln_d = _saturated(np.log(d), np.log(u), np.exp(rate))
    elif decay == "exponent":
        ln_d = np.log(u) + grown(passes, np.exp(rate))
    else:
        ln_d = np.log(d)
    return np.asarray(np.exp(e) + np.exp(ln_a - alpha * ln_n) + np.exp(ln_b - beta * ln_d))


def _saturated(log_amount: Array, log_base: Array, rate: float) -> Array:
    """ln of base (1 + R (1 - exp(-(amount/base - 1)/R)))."""
    over = np.exp(np.minimum(log_amount - log_base, 600.0)) - 1
    return np.asarray(log_base + np.log1p(rate * -np.expm1(-over / rate)))


def grown(passes: ArrayLike, half_life: ArrayLike) -> Array:
    """∫_1^passes (1/2)^((s-1)/τ) ds/s: e-folds by which repeats enlarge the distinct tokens; ln(passes) if τ = ∞."""
    per_pass = np.log(2) / np.asarray(half_life, dtype=float)
    return np.asarray(np.exp(per_pass) * (exp1(per_pass) - exp1(per_pass * np.asarray(passes, dtype=float))))


def _columns(params: ArrayLike, tokens: ArrayLike, unique: ArrayLike, loss: ArrayLike) -> Array:
    parts = [np.asarray(v, dtype=float) for v in (params, tokens, unique, loss)]
    if len({p.shape for p in parts}) > 1 or parts[0].ndim != 1 or len(parts[0]) < LEAST_ROWS:
        raise BadInput(
            f"Runs of repeated data need params, tokens, unique tokens and loss of at least {LEAST_ROWS} runs; given: "
            f"{', '.join(str(p.shape) for p in parts)}."
        )
    columns = np.column_stack(parts)
    if not (np.isfinite(columns).all() and (columns > 0).all()):
        raise BadInput("Parameters, tokens, distinct tokens and losses must be positive and finite.")
    if (columns[:, 2] > 1.001 * columns[:, 1]).any():
        raise BadInput("Some runs have more distinct tokens than tokens. Are the two columns swapped?")
    return columns
