"""Wait or train: whether a run is better begun later, on better hardware, with better methods and more money.

With a fixed finish a window of W years apart, a run begun after τ has W − τ left, on what has grown by e^(g τ). Each
month of waiting also costs the share λ of the run's worth. What comes of it, over starting now, is

    v(τ) = e^((g − λ) τ) (W − τ)/W          best where the run is 1/(g − λ) long, at τ = W − 1/(g − λ)

Sevilla et al. 2022, The longest training run: T* = 1/Σg. For a fixed result the finish is at τ + W e^(−g τ), soonest at
τ = ln(g W)/g, so that waiting pays under the same condition, W > T*. For fixed money a month of waiting buys e^(g/12)
as much, and pays where it costs less than that.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import BadInput
from isoflop.facts import facts
from isoflop.outlook.dates import parse_date
from isoflop.outlook.effective import draw_methods
from isoflop.outlook.frontier import line_of
from isoflop.outlook.sampling import lognormal
from isoflop.outlook.spread import DRAWS, Spread, spread

Array = NDArray[np.float64]

HARDWARE, METHODS, SPENDING = "hardware", "methods", "spending"
COUNTED = (HARDWARE, METHODS, SPENDING)
POINTS = 61
LONGEST = 20.0
"""Years of the longest run that is answered; today's growth says nothing of more (chosen)."""
BUCKETS = (0.0, 1.0, 3.0, 6.0, 12.0, np.inf)
"""Months between which starts are counted."""


@dataclass(frozen=True, slots=True)
class Starts:
    """Share of the draws whose best start lies from ``low`` to ``high`` months from now; (0, 0): at once."""

    low: float
    high: float
    share: float


@dataclass(frozen=True, slots=True)
class Delay:
    """v at a start: quantiles of what the run gives by the finish, over starting now, net of the cost of waiting."""

    months: float
    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class WaitOutlook:
    """flops: of the run if begun now; effective: what it gives from the best start, both in FLOP of today's methods.

    longest_months: T*, inf where waiting costs more than it gains. best_months, begins: the start for the fixed finish,
    from now and as a date; better: v there. pays: share of the draws in which waiting pays. soonest_months and
    saved_months: start and gain of time for the fixed result. bought: what the same money buys a month later, as a
    factor; money_pays: share of the draws in which that beats its cost.
    """

    as_of: float
    flops: Spread
    usd: float | None
    run_months: float
    lost_a_month: float
    counted: tuple[str, ...]
    growth: dict[str, Spread]
    longest_months: Spread
    best_months: Spread
    begins: Spread
    better: Spread
    effective: Spread
    pays: float
    starts: tuple[Starts, ...]
    soonest_months: Spread
    saved_months: Spread
    bought: Spread
    money_pays: float
    curve: tuple[Delay, ...]
    level: float


def wait_outlook(
    *,
    as_of: float,
    run_years: float,
    flops: float | None = None,
    usd: float | None = None,
    lost_a_month: float = 0.0,
    counted: tuple[str, ...] | None = None,
    halving: tuple[float, float] | None = None,
    scale_dependent: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.9,
) -> WaitOutlook:
    """Whether to wait with a run of so much compute, or for so much money, that takes ``run_years`` if begun now.

    lost_a_month: share of the run's worth that a month of waiting costs. counted: kinds of progress; by default all,
    and all but spending for fixed money. Raises BadInput unless one of flops and usd is given, and for times, amounts
    and shares that are not possible.
    """
    _check(run_years, flops, usd, lost_a_month, counted)
    rng = np.random.default_rng(seed)
    kinds = counted or (COUNTED if usd is None else COUNTED[:2])
    methods = draw_methods(rng, draws, halving=halving, scale_dependent=scale_dependent)
    hardware, spending = _hardware(rng, draws), _spending(rng, draws)
    size = np.full(draws, flops) if usd is None else usd * flops_per_usd(as_of, hardware, rng)
    rates = {HARDWARE: hardware, METHODS: methods.rate(size), SPENDING: spending}
    lost = -12 * np.log1p(-lost_a_month)
    growth = np.sum([rates[kind] for kind in kinds], axis=0)
    net, money = growth - lost, hardware + rates[METHODS]
    longest = np.divide(1.0, net, out=np.full(draws, np.inf), where=net > 0)
    best = np.clip(run_years - longest, 0, None)
    better = _given(best, run_years, net)
    soonest = np.log(np.maximum(growth * run_years, 1)) / growth
    saved = run_years - soonest - run_years * np.exp(-growth * soonest)
    return WaitOutlook(
        as_of,
        spread(size, level),
        usd,
        12 * run_years,
        lost_a_month,
        tuple(kinds),
        {kind: spread(np.exp(rates[kind]), level) for kind in COUNTED},
        spread(12 * longest, level),
        spread(12 * best, level),
        spread(as_of + best, level),
        spread(better, level),
        spread(size * _given(best, run_years, growth), level),
        float(np.mean(best > 0)),
        _starts(12 * best),
        spread(12 * soonest, level),
        spread(12 * saved, level),
        spread(np.exp(money / 12), level),
        float(np.mean(money > lost)),
        _curve(run_years, net, level),
        level,
    )


def flops_per_usd(as_of: float, hardware: Array, rng: np.random.Generator) -> Array:
    """Draws of FLOP a dollar of amortised hardware and energy: of the largest run known, grown since then."""
    compute, cost = (facts("frontier_state")[name] for name in ("training_compute", "amortised"))
    since = parse_date(str(cost["date"]))
    doubt = lognormal(1 / cost["within"], cost["within"], rng, len(hardware), level=0.9)
    return np.asarray(compute["value"] / cost["value"] * doubt * np.exp(hardware * (as_of - since)))


def _hardware(rng: np.random.Generator, draws: int) -> Array:
    row = facts("growth")["price_performance"]
    return np.log(lognormal(row["low"], row["high"], rng, draws, level=row["level"]))


def _spending(rng: np.random.Generator, draws: int) -> Array:
    line = line_of("amortised")
    return np.asarray(np.log(10) * (line["slope"] + line["slope_se"] * rng.standard_normal(draws)))


def _given(start: Array, run_years: float, net: Array) -> Array:
    return np.asarray(np.exp(net * start) * (run_years - start) / run_years)


def _curve(run_years: float, net: Array, level: float) -> tuple[Delay, ...]:
    """v along starts. It grows with the net rate, so its quantiles are those of the rate."""
    rate = spread(net, level)
    starts = np.linspace(0, run_years, POINTS)
    left = (run_years - starts) / run_years
    rows = [left * np.exp(g * starts) for g in (rate.low, rate.middle, rate.high)]
    return tuple(Delay(*(float(x) for x in row)) for row in zip(12 * starts, *rows, strict=True))


def _starts(months: Array) -> tuple[Starts, ...]:
    rows = [Starts(0.0, 0.0, float(np.mean(months == 0)))]
    for low, high in itertools.pairwise(BUCKETS):
        rows.append(Starts(low, high, float(np.mean((months > low) & (months <= high)))))
    return tuple(row for row in rows if row.share > 0)


def _check(
    run_years: float, flops: float | None, usd: float | None, lost: float, counted: tuple[str, ...] | None
) -> None:
    if (flops is None) == (usd is None):
        raise BadInput(
            "How large is the run? Give its compute or its money, one of them: --flops 1e26 or --budget '$100M'."
        )
    amount = flops if usd is None else usd
    if amount is None or not (np.isfinite(amount) and amount > 0):
        raise BadInput(f"A run of {amount:g} is not possible: give a positive amount of compute or money.")
    if not (np.isfinite(run_years) and 0 < run_years <= LONGEST):
        raise BadInput(
            f"A run of {run_years:g} years is not possible: give a time above 0 and up to {LONGEST:.0f} years."
        )
    if not 0 <= lost < 1:
        raise BadInput(
            f"A loss of {lost:g} of the worth a month is not possible: give a share from 0 to below 1, such as 0.05."
        )
    if counted is not None and (not counted or set(counted) - set(COUNTED) or len(set(counted)) < len(counted)):
        raise BadInput(
            f"Progress counted as '{', '.join(counted)}' is not known. Known, each once: {', '.join(COUNTED)}."
        )
