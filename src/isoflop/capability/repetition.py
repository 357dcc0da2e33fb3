"""What a repeated token is worth: the half-life of its utility, and pools of data of different quality.

    y_K  =  a n_1^-b_1 Π_{k = 2..K} (n_k/n_(k-1))^-b_k + d,     b_k = b (1/2)^((k-1)/tau),    n_k = k U

y is an error or a loss after K passes over U samples; the k-th pass helps with an exponent that halves every tau
passes (Goyal et al. 2024, arXiv:2404.07177; their b is negative, here it is positive as in the catalogue). A part of a
pass counts for its part of ln n. Pools mixed and passed over together: p pools of equal size last p times as
long, and their exponents average,

    b_eff(k)  =  mean over pools of  b_i (1/2)^((k-1)/(p tau_i)),     n_k = k times the mean size

(their theorem on mixtures; by it a mixture wears a little within its first pass). Pools of other sizes are weighed by
their share of the samples, a generalisation made here.

Advice. Better data have a larger b and, having fewer samples, wear out sooner: the best filter depends on compute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.errors import BadInput

Array = NDArray[np.float64]

MOST_PASSES = 4_096
"""Passes that are counted one by one; the half-lives in use leave nothing of the exponent long before."""
MOST_HALF_LIVES = 50.0
"""After so many nothing is left to count."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Data of one quality. samples: distinct ones, in the reader's unit. b: how fast they help; half_life: tau, in
    passes; a: the reducible error at one sample; floor: d."""

    name: str
    samples: float
    b: float
    half_life: float
    a: float = 1.0
    floor: float = 0.0


@dataclass(frozen=True, slots=True)
class Filter:
    """The best pools kept. pools: their names, best first; samples: distinct ones that remain."""

    pools: tuple[str, ...]
    samples: float

    @property
    def label(self) -> str:
        """``best``, ``best + good``."""
        return " + ".join(self.pools)


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """Filters by how much they keep, strictest first. seen: (K,) samples seen in training; error: (filters, K).

    crossings: (samples seen, from, to) at which the best filter changes, as far as ``seen`` goes.
    """

    filters: tuple[Filter, ...]
    seen: Array
    error: Array
    crossings: tuple[tuple[float, Filter, Filter], ...]

    @property
    def best(self) -> tuple[Filter, ...]:
        """The filter of the least error at each of ``seen``."""
        return tuple(self.filters[i] for i in self.error.argmin(axis=0))

    @property
    def epochs(self) -> Array:
        """Passes over what each filter keeps, (filters, K)."""
        return np.asarray(self.seen[None, :] / np.array([f.samples for f in self.filters])[:, None])


def error_after(pools: Pool | Sequence[Pool], seen: ArrayLike) -> Array:
    """The error after ``seen`` samples, any shape, of one pool or of several mixed. Raises BadInput for pools that
    cannot be: no samples, an exponent or half-life not above zero."""
    mixed = (pools,) if isinstance(pools, Pool) else tuple(pools)
    _refuse(mixed)
    n = np.asarray(seen, dtype=float)
    sizes = np.array([pool.samples for pool in mixed])
    shares, step = sizes / sizes.sum(), float(sizes.mean())
    ln_a = float(shares @ np.log([pool.a for pool in mixed]))
    floor = float(shares @ [pool.floor for pool in mixed])
    ln_gain = np.array([part * pool.b for part, pool in zip(shares, mixed, strict=True)])
    lives = np.array([len(mixed) * pool.half_life for pool in mixed])
    passes = n / step
    last = int(np.clip(np.ceil(min(passes.max(initial=1.0), MOST_HALF_LIVES * lives.max() + 1)), 1, MOST_PASSES))
    k = np.arange(1, last + 1)
    exponents = ln_gain @ 0.5 ** ((k - 1) / lives[:, None])
    ln_error = ln_a - exponents[0] * (np.log(np.minimum(passes, 1)) + np.log(step))
    for number, exponent in zip(k[1:].tolist(), exponents[1:].tolist(), strict=True):
        ln_error = ln_error - exponent * np.log(np.clip(passes, number - 1, number) / (number - 1))
    return np.asarray(np.exp(ln_error) + floor)


def quality_tradeoff(pools: Sequence[Pool], seen: ArrayLike) -> Tradeoff:
    """Which pools to keep at each number of samples seen, (K,): the best, the best two, … or all, best by ``b``.

    The crossings are exact to a part in a million. Raises BadInput for fewer than two pools, or names used twice.
    """
    ranked = sorted(pools, key=lambda pool: -pool.b)
    if len(ranked) < 2 or len({pool.name for pool in ranked}) < len(ranked):
        raise BadInput(
            f"Filters are chosen among at least two pools with names of their own; given: "
            f"{', '.join(pool.name for pool in ranked) or 'none'}."
        )
    at = np.atleast_1d(np.asarray(seen, dtype=float))
    if at.size == 0 or not (np.isfinite(at) & (at > 0)).all():
        raise BadInput("Samples seen in training are positive and finite. Give at least one number.")
    at = np.sort(at)
    kept = [ranked[: i + 1] for i in range(len(ranked))]
    filters = tuple(Filter(tuple(p.name for p in part), sum(p.samples for p in part)) for part in kept)
    error = np.stack([error_after(part, at) for part in kept])
    return Tradeoff(filters, at, error, _crossings(kept, filters, at, error))


def _crossings(
    kept: Sequence[Sequence[Pool]], filters: Sequence[Filter], at: Array, error: Array
) -> tuple[tuple[float, Filter, Filter], ...]:
    best = error.argmin(axis=0)
    found = []
    for i, (before, after) in enumerate(pairwise(best.tolist())):
        if before == after:
            continue
        low, high = np.log(at[i]), np.log(at[i + 1])
        for _ in range(40):
            middle = 0.5 * (low + high)
            worse = error_after(kept[before], np.exp(middle)) > error_after(kept[after], np.exp(middle))
            low, high = (low, middle) if worse else (middle, high)
        found.append((float(np.exp(high)), filters[before], filters[after]))
    return tuple(found)


def _refuse(pools: Sequence[Pool]) -> None:
    if not pools:
        raise BadInput("No pool of data is given. Name at least one.")
    for pool in pools:
        for what, value in (
            ("samples", pool.samples),
            ("b", pool.b),
            ("half_life", pool.half_life),
            ("a", pool.a),
        ):
            if not (value > 0 and np.isfinite(value)):
                hint = " The paper's b is negative; write it without its sign." if what == "b" and value < 0 else ""
                raise BadInput(f"Pool '{pool.name}' has {what} = {value:g}. It must be positive and finite.{hint}")
        if not (pool.floor >= 0 and np.isfinite(pool.floor)):
            raise BadInput(f"Pool '{pool.name}' has a floor of {pool.floor:g}. It must be 0 or more.")
