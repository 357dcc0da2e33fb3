"""pass@k: the chance that at least one of k attempts succeeds, from n attempts of which c did.

Source: Chen et al. 2021 (arXiv:2107.03374), equation 1. Putting c/n in place of p in 1 - (1 - p)^k is biased downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from isoflop.errors import BadInput

Array = NDArray[np.float64]


def pass_at_k(attempts: ArrayLike, successes: ArrayLike, k: ArrayLike) -> Array:
    """1 - C(n - c, k) / C(n, k), unbiased for independent attempts; shapes broadcast.

    attempts: n, successes: c, k: at most n. Computed through log-gamma, so that n may be in the millions.
    Raises BadInput for c outside 0 .. n and k outside 1 .. n.
    """
    n, c, wanted = np.broadcast_arrays(*counted(attempts, successes), np.asarray(k, dtype=float))
    if not ((wanted >= 1) & (wanted <= n) & (wanted == np.floor(wanted))).all():
        bad = np.flatnonzero(~((wanted >= 1) & (wanted <= n) & (wanted == np.floor(wanted))).ravel())[0]
        raise BadInput(
            f"pass@k is estimated for whole k from 1 to the number of attempts; given: k = {wanted.ravel()[bad]:g} of "
            f"{n.ravel()[bad]:g} attempts. Forecast more attempts than were made with coverage.forecast_coverage."
        )
    failures = n - c
    possible = failures >= wanted
    room = np.where(possible, failures, wanted)  # where fewer failed than k, one of k must have succeeded
    log_ratio = gammaln(room + 1) - gammaln(room - wanted + 1) - gammaln(n + 1) + gammaln(n - wanted + 1)
    return np.asarray(np.where(possible, -np.expm1(np.minimum(log_ratio, 0.0)), 1.0))


@dataclass(frozen=True, slots=True)
class Coverage:
    """Mean pass@k over problems. k, mean, low, high: (K,); the interval, at ``level``, is over which problems."""

    k: Array
    mean: Array
    low: Array
    high: Array
    level: float
    problems: int


def measured_coverage(
    attempts: ArrayLike,
    successes: ArrayLike,
    k: ArrayLike,
    *,
    level: float = 0.9,
    resamples: int = 1_000,
    seed: int = 0,
) -> Coverage:
    """pass@k averaged over problems, with an interval from resampling problems with replacement.

    attempts: one number or (problems,). successes: (problems,). k: (K,). Raises BadInput as ``pass_at_k`` does, and for
    a single problem, whose spread nothing shows.
    """
    n, c = counted(attempts, successes)
    if c.ndim != 1 or len(c) < 2:
        raise BadInput(f"An interval needs at least 2 problems, one count of successes each; given: {c.size}.")
    each = pass_at_k(n[:, None], c[:, None], np.atleast_1d(np.asarray(k, dtype=float))[None, :])
    rng = np.random.default_rng(seed)
    share = rng.multinomial(len(c), np.full(len(c), 1 / len(c)), size=resamples) / len(c)
    low, high = np.quantile(share @ each, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Coverage(np.atleast_1d(np.asarray(k, dtype=float)), each.mean(axis=0), low, high, level, len(c))


def attempts_to_see(probability: ArrayLike, *, confidence: float = 0.95) -> Array:
    """Attempts after which a success of this probability has been seen with ``confidence``: ln(1 - conf) / ln(1 - p).

    What a benchmark of a few attempts cannot tell from zero: with p = 0.001 it takes 2,995 attempts.
    """
    p = np.asarray(probability, dtype=float)
    if not ((p > 0) & (p <= 1)).all():
        raise BadInput("A success that is to be seen needs a probability above 0 and at most 1.")
    with np.errstate(divide="ignore"):
        return np.asarray(np.maximum(1.0, np.ceil(np.log1p(-confidence) / np.log1p(-p))))


def counted(attempts: ArrayLike, successes: ArrayLike) -> tuple[Array, Array]:
    """n and c of equal shape. Raises BadInput for counts that are not whole, negative, or exceed the attempts."""
    n, c = np.broadcast_arrays(np.asarray(attempts, dtype=float), np.asarray(successes, dtype=float))
    whole = (n == np.floor(n)) & (c == np.floor(c))
    sound = whole & (c >= 0) & (c <= n) & (n >= 1)
    if not sound.all():
        bad = int(np.flatnonzero(~sound.ravel())[0])
        raise BadInput(
            f"Successes are whole numbers from 0 to the number of attempts; given: {c.ravel()[bad]:g} of "
            f"{n.ravel()[bad]:g} (problem {bad})."
        )
    return n, c
