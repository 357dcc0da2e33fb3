"""Effective compute: what a run is worth in FLOP of an earlier year, once methods since then are counted.

    E = C · 2^((t − t₀)/T) · (C/C_ref)^η

T: time in which methods halve the compute for a given loss; Ho et al. 2024, arXiv:2403.05812: 8 months (95 %: 5 to
14), the same at every scale, so η = 0. Gundlach et al. 2025, arXiv:2511.21622, find that most of what was counted as
progress comes from innovations whose gain grows with scale: small models saw less than 1.52 a year, the frontier 2.23.
Then T is that of small models and η = h (t − t₀), where h carries the rate from small scale to the frontier along ln C.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.errors import BadInput
from isoflop.facts import facts
from isoflop.laws.progress import beyond_small, span
from isoflop.outlook.dates import parse_date, written
from isoflop.outlook.sampling import lognormal, skewed
from isoflop.outlook.spread import DRAWS, Spread, spread

Array = NDArray[np.float64]

EARLIEST, LATEST = 1990.0, 2050.0
"""Dates that are answered: the rates come from 2012 to 2023, and prolonging them further says nothing (chosen)."""
AGAINST = "GPT-3 175B"
"""Released model that a run is compared with unless asked otherwise."""
HALVING_LEVEL = 0.95
"""Central share that --halving LOW..HIGH holds, as published by Ho et al. 2024."""


@dataclass(frozen=True, slots=True, eq=False)
class Methods:
    """Draws of progress in methods, in ln a year: ``base`` at the small scale, ``along`` more for each unit of ln C."""

    base: Array
    along: Array

    def rate(self, flops: ArrayLike) -> Array:
        """ln of the compute saved a year at a scale."""
        return np.asarray(self.base + self.along * beyond_small(flops))

    def gain(self, flops: ArrayLike, years: ArrayLike) -> Array:
        """Compute saved over years at a scale, as a factor."""
        return np.asarray(np.exp(self.rate(flops) * np.asarray(years, dtype=float)))


def draw_methods(
    rng: np.random.Generator, draws: int, *, halving: tuple[float, float] | None = None, scale_dependent: bool = False
) -> Methods:
    """Draws of it. halving: months, central 95 %, instead of the published ones. Raises BadInput for both at once."""
    if scale_dependent and halving is not None:
        raise BadInput(
            "A halving time that holds at every scale and one that depends on scale exclude each other: give --halving "
            "or --scale-dependent."
        )
    if not scale_dependent:
        return Methods(_by_halving(rng, draws, halving), np.zeros(draws))
    rows = facts("unknowns")
    small, frontier = (
        np.log(skewed((row["low"], row["middle"], row["high"]), rng, draws, level=row["level"]))
        for row in (rows["small_factor"], rows["frontier_factor"])
    )
    return Methods(small, (frontier - small) / span())


def _by_halving(rng: np.random.Generator, draws: int, halving: tuple[float, float] | None) -> Array:
    if halving is None:
        row = facts("growth")["algorithms"]
        short, middle, long = (12 * float(np.log(2) / np.log(row[key])) for key in ("high", "factor", "low"))
        drawn = skewed((short, middle, long), rng, draws, level=row["level"])
    elif not 0 < halving[0] <= halving[1]:
        raise BadInput(f"Halving in {halving[0]:g} to {halving[1]:g} months is not possible: give 0 < LOW ≤ HIGH.")
    elif halving[0] == halving[1]:
        drawn = np.full(draws, halving[0])
    else:
        drawn = lognormal(*halving, rng, draws, level=HALVING_LEVEL)
    return np.asarray(12 * np.log(2) / drawn)


def effective_flops(flops: ArrayLike, years: ArrayLike, methods: Methods) -> Array:
    """E in FLOP of methods so many years older. Raises BadInput for compute that is not positive."""
    compute = np.asarray(flops, dtype=float)
    if not (np.isfinite(compute) & (compute > 0)).all():
        raise BadInput(f"Compute of {float(compute.min()):g} FLOP is not possible: give a positive amount.")
    return np.asarray(compute * methods.gain(compute, years))


@dataclass(frozen=True, slots=True)
class EffectiveOutlook:
    """A run against an earlier or later one, whose methods are the unit.

    effective: E of the run. gained: compute that methods saved between the dates. ratio: E over the other's compute;
    share: of that ratio, in ln, which is due to methods. eta: h (t − t₀), 0 unless the gain depends on scale.
    """

    flops: float
    date: float
    against_flops: float
    against_date: float
    effective: Spread
    gained: Spread
    compute_ratio: float
    ratio: Spread
    share: Spread
    eta: Spread
    level: float


def effective_outlook(
    flops: float,
    date: float,
    *,
    against_flops: float | None = None,
    against_date: float | None = None,
    halving: tuple[float, float] | None = None,
    scale_dependent: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.9,
) -> EffectiveOutlook:
    """Effective compute of a run in FLOP of the other's year, and the ratio of the two. Dates as decimal years.

    against: compute and date of the other run, together; without them GPT-3's. Raises BadInput for one without the
    other, for compute that is not positive, and for dates that are too far off.
    """
    other, since = _against(against_flops, against_date)
    methods = draw_methods(np.random.default_rng(seed), draws, halving=halving, scale_dependent=scale_dependent)
    years = within_reach(date) - since
    effective = effective_flops(flops, years, methods)
    compared = effective / effective_flops(other, 0.0, methods)
    logs = np.log(compared)
    share = np.divide(methods.rate(flops) * years, logs, out=np.full(draws, np.nan), where=logs != 0)
    return EffectiveOutlook(
        flops,
        date,
        other,
        since,
        spread(effective, level),
        spread(effective / flops, level),
        flops / other,
        spread(compared, level),
        spread(share, level),
        spread(methods.along * years, level),
        level,
    )


def within_reach(year: float) -> float:
    """The year. Raises BadInput for one so far off that growth measured now says nothing about it."""
    if EARLIEST <= year <= LATEST:
        return year
    raise BadInput(
        f"The date {written(year)} is too far off: growth of compute and methods is known since about 2010. Give dates "
        f"from {EARLIEST:.0f} to {LATEST:.0f}."
    )


def _against(flops: float | None, date: float | None) -> tuple[float, float]:
    if flops is None and date is None:
        row = facts("published_runs")[AGAINST]
        return float(row["flops"]), parse_date(row["date"])
    if flops is None or date is None:
        raise BadInput("The run to compare with needs its compute and its date: give --against and --against-date.")
    return flops, within_reach(date)


def years_to_double(year_rate: float, scale_rate: float) -> float:
    """Years in which methods double effective size or data, of a loss that falls by ``year_rate`` a year and
    ``scale_rate`` a unit of ln N or ln D (Ho et al. 2024): (scale / year) ln 2.
    """
    return float(scale_rate / year_rate * np.log(2))


def joint_doubling(*years: float) -> float:
    """Doubling time of effective compute from those of size and data: 1 / Σ 1/T."""
    return 1 / sum(1 / t for t in years)
