"""The frontier from shipped facts: a fitted line of typical large runs, and the largest one known.

Two questions differ by years: when does the line of large runs reach a value, and when does the largest run. The first
is log10 v(t) = a + b (t − t₀) with a and b drawn; the second starts at the largest known run and grows with the same b.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from isoflop.errors import BadInput
from isoflop.facts import facts
from isoflop.outlook.dates import parse_date

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Frontier:
    """Draws of a line and of the largest run, in orders of magnitude; level, slope, largest shaped (draws,).

    origin: decimal year at which the line has ``level``; since: of the largest run. scatter: of runs about the line.
    """

    name: str
    origin: float
    level: Array
    slope: Array
    since: float
    largest: Array
    scatter: float

    def line_at(self, year: float) -> Array:
        """Draws of the line's value."""
        return np.asarray(10 ** (self.level + self.slope * (year - self.origin)))

    def largest_at(self, year: float) -> Array:
        """Draws of the value of the largest run, had it grown from the largest known one."""
        return np.asarray(10 ** (self.largest + self.slope * (year - self.since)))

    def line_reaches(self, value: float) -> Array:
        """Draws of the year in which the line reaches a value; inf where it falls."""
        return self._year(np.log10(value) - self.level, self.origin)

    def largest_reaches(self, value: float) -> Array:
        """The same of the largest run; no earlier than the largest known one, if that has the value already."""
        return np.maximum(self._year(np.log10(value) - self.largest, self.since), self.since)

    def _year(self, gap: Array, start: float) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(self.slope > 0, start + gap / self.slope, np.inf))


def draw_frontier(
    name: str, rng: np.random.Generator, draws: int, *, growth: tuple[float, float] | None = None
) -> Frontier:
    """Draws of a line of facts/frontier_lines.toml and its largest run of facts/frontier_state.toml.

    growth: factors a year between which growth lies with 80 %, instead of the line's own, from the largest run on.
    Raises BadInput for an unknown name and for factors that are not above 1 and in order.
    """
    line, state = line_of(name), facts("frontier_state")[name]
    level = np.log10(line["value"]) + line["value_se"] * rng.standard_normal(draws)
    since = parse_date(str(state["date"]))
    largest = np.log10(state["value"]) + np.log10(state["within"]) / ndtri(0.95) * rng.standard_normal(draws)
    slope = line["slope"] + line["slope_se"] * rng.standard_normal(draws)
    if growth is None:
        return Frontier(name, line["origin"], level, slope, since, largest, line["scatter"])
    known = level + slope * (since - line["origin"])
    return Frontier(name, since, known, _given(growth, rng, draws), since, largest, line["scatter"])


def line_of(name: str) -> dict[str, float]:
    """The numbers of a shipped line by name. Raises BadInput for an unknown one."""
    known = facts("frontier_lines")
    if name not in known:
        raise BadInput(f"No line '{name}' among the shipped ones. Known: {', '.join(known)}.")
    return {key: value for key, value in known[name].items() if isinstance(value, int | float)}


def growth_interval(name: str, level: float) -> tuple[float, float, float]:
    """Growth a year of a shipped line, as (low, middle, high)."""
    line, z = line_of(name), float(ndtri((1 + level) / 2))
    low, middle, high = (10 ** (line["slope"] + k * line["slope_se"]) for k in (-z, 0.0, z))
    return low, middle, high


def _given(growth: ArrayLike, rng: np.random.Generator, draws: int) -> Array:
    low, high = (float(x) for x in np.asarray(growth, dtype=float))
    if not 1 < low <= high:
        raise BadInput(f"Growth of {low:g} to {high:g} a year is not allowed: give factors above 1, the lower first.")
    middle, half = np.log10(low * high) / 2, np.log10(high / low) / 2
    return np.asarray(middle + half / ndtri(0.9) * rng.standard_normal(draws))
