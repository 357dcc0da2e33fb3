"""A text whose entropy rate is known exactly: the one source on which an estimate of E can be marked right or wrong.

An order-k Markov chain over ``states`` symbols. The next symbol's law depends on the last k symbols: Zipf weights
rank^-zipf, their ranks dealt anew for each context. Its entropy rate is the stationary mean of the contexts' entropies,
H = sum_c pi(c) * H(next | c) (Shannon 1948, theorem 5; Cover & Thomas 2006, equation 4.27).
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from isoflop.errors import TextError

LARGEST_TABLE = 50_000_000
"""Entries of a transition table that are still built: 400 MB as float64."""

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class MarkovSource:
    """An order-``order`` chain over ``states`` symbols, fixed by ``seed``."""

    states: int
    order: int
    zipf: float
    seed: int

    def __post_init__(self) -> None:
        entries = self.states ** (self.order + 1)
        if entries > LARGEST_TABLE:
            raise TextError(
                f"A Markov source of order {self.order} over {self.states} symbols needs a table of {entries:.3g} "
                f"entries. "
                f"Allowed: up to {LARGEST_TABLE:.0e}. Use fewer states or a lower order."
            )

    @cached_property
    def table(self) -> Array:
        """P(next | context), [states^order, states]; a context's index has its oldest symbol in the highest place."""
        generator = np.random.default_rng(self.seed)
        ranks = np.arange(1, self.states + 1, dtype=np.float64)
        weights = ranks**-self.zipf / np.sum(ranks**-self.zipf)
        contexts = self.states**self.order
        return generator.permuted(np.broadcast_to(weights, (contexts, self.states)), axis=1)

    @cached_property
    def stationary(self) -> Array:
        """pi, [states^order], by power iteration to an L1 change below 1e-13."""
        share = np.full(self.states**self.order, self.states**-self.order)
        for _ in range(10_000):
            after = self._advance(share)
            if np.abs(after - share).sum() < 1e-13:
                return after
            share = after
        raise TextError("The Markov source does not mix. Use a smaller Zipf exponent.")

    def _advance(self, share: Array) -> Array:
        joint = share[:, None] * self.table
        after: Array = joint.reshape(self.states, -1, self.states).sum(axis=0).reshape(-1)
        return after

    @property
    def entropy_rate(self) -> float:
        """H in nats a token: what no model of any size can go below."""
        with np.errstate(divide="ignore", invalid="ignore"):
            each = -np.sum(np.where(self.table > 0, self.table * np.log(self.table), 0.0), axis=1)
        return float(self.stationary @ each)

    def sample(self, length: int, seed: int) -> Array:
        """``length`` tokens of one unbroken chain started from pi (uint8 up to 256 states, else uint16).

        One chain, not many laid end to end: at a seam nobody can foresee the next symbol, and with a seam every 100
        tokens the best possible loss lay 0.011 nats above the entropy rate (measured, 64 states).
        """
        generator = np.random.default_rng((self.seed, seed))
        context = int(generator.choice(len(self.stationary), p=self.stationary))
        contexts, rows = self.states**self.order, _Rows(self.table)
        symbols: list[int] = []
        for uniform in generator.random(length).tolist():
            drawn = bisect.bisect_right(rows[context], uniform)
            symbols.append(drawn)
            context = (context * self.states + drawn) % contexts
        return np.array(symbols, np.uint8 if self.states <= 256 else np.uint16)


class _Rows(dict[int, list[float]]):
    """Cumulative P(next | context) without its last entry, which is 1; a row is made when its context first comes."""

    def __init__(self, table: Array) -> None:
        super().__init__()
        self.table = table

    def __missing__(self, context: int) -> list[float]:
        row: list[float] = np.cumsum(self.table[context])[:-1].tolist()
        self[context] = row
        return row
