"""The long tail: which share of all concepts is known, and what more data bring.

Of K concepts the r-th most frequent is met  T r^-s / H(K, s)  times in T mentions (Zipf); or a table says how often
each was met. A law of frequency turns counts into knowledge; ten times the data are ten times every count. For a steep
rise at count c, (T/(H c))^(1/s) concepts are known, up to K: ten times the data bring 10^(1/s) times as many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.capability.frequency import FrequencyLaw
from isoflop.errors import BadInput

Array = NDArray[np.float64]

EXACT_RANKS = 300
STEPS = 200
"""Ranks up to the first number are taken one by one, the others in so many steps of their logarithm."""
MOST_CONCEPTS = 1e15


@dataclass(frozen=True, slots=True)
class Frequencies:
    """How often concepts are met: count and how many concepts have it, both (steps,)."""

    count: Array
    concepts: Array


@dataclass(frozen=True, slots=True)
class Known:
    """At ``times`` the data: share of concepts known, low and high at ``level``, and the share of mentions that are of
    known concepts. Known is what is above guessing, over what there is between guessing and the ceiling."""

    times: float
    concepts: float
    low: float
    high: float
    level: float
    mentions: float


def zipf(exponent: float, concepts: float, mentions: float) -> Frequencies:
    """Zipf's frequencies. Raises BadInput for an exponent, a number of concepts or mentions that is not positive."""
    for what, value, most in (
        ("Zipf exponent", exponent, 20.0),
        ("number of concepts", concepts, MOST_CONCEPTS),
        ("number of mentions", mentions, np.inf),
    ):
        if not (0 < value <= most and np.isfinite(value)):
            raise BadInput(f"The {what} must be above 0{f' and at most {most:g}' if most < np.inf else ''}: {value:g}.")
    first = np.arange(1.0, min(EXACT_RANKS, np.floor(max(concepts, 1))) + 1)
    rank, many = first, np.ones_like(first)
    if concepts > EXACT_RANKS:
        edges = np.geomspace(EXACT_RANKS + 0.5, concepts + 0.5, STEPS + 1)
        rank, many = np.append(first, np.sqrt(edges[1:] * edges[:-1])), np.append(first * 0 + 1, np.diff(edges))
    share = rank**-exponent
    return Frequencies(mentions * share / (many @ share), many)


def counted(count: ArrayLike) -> Frequencies:
    """One row a concept: a column of counts, 0 allowed. Raises BadInput for negative counts and an empty column."""
    seen = np.asarray(count, dtype=float)
    seen = seen[np.isfinite(seen)]
    if seen.size == 0 or seen.min() < 0 or seen.max() == 0:
        raise BadInput("The frequencies of concepts must be 0 or more, and some of them above 0.")
    different, many = np.unique(seen, return_counts=True)
    return Frequencies(different, many.astype(float))


def known_share(
    law: FrequencyLaw, frequencies: Frequencies, times: Sequence[float] = (1.0, 10.0), *, level: float = 0.9
) -> tuple[Known, ...]:
    """The share of concepts known at each multiple of the data, with its interval by the law's posterior."""
    return tuple(_known(law, frequencies, float(factor), level) for factor in times)


def _known(law: FrequencyLaw, met: Frequencies, times: float, level: float) -> Known:
    if not (times > 0 and np.isfinite(times)):
        raise BadInput(f"A multiple of the data is above 0 and finite; given: {times:g}.")
    count, concepts = times * met.count, met.concepts / met.concepts.sum()
    m, r, u = (column[:, None] for column in law.draws[::10].T)
    at = law._at(count[None, :], m, r, u)
    drawn = ((at - law.chance) / (u - law.chance)) @ concepts
    best = (law(count) - law.chance) / (law.ceiling - law.chance)
    by_mention = met.count * met.concepts
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    told = float(best @ concepts)
    return Known(times, told, float(low), float(high), level, float(best @ by_mention / by_mention.sum()))
