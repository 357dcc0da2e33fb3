"""What ``isoflop outlook compute``, ``cost``, ``data`` and ``limits`` answer, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from isoflop.outlook.spread import Spread


@dataclass(frozen=True, slots=True)
class Crossing:
    """Years in which a typical frontier run, and the largest one, reach a value."""

    value: float
    typical: Spread
    largest: Spread


@dataclass(frozen=True, slots=True)
class Growth:
    """Growth a year with its interval, and the years of the rows behind it."""

    factor: float
    low: float
    high: float
    level: float
    start: float
    end: float
    rows: int
    source: str


@dataclass(frozen=True, slots=True)
class Basis:
    """One way to count what a run costs, or its compute: the line, the largest run known, now and later."""

    name: str
    what: str
    unit: str
    growth: Growth
    largest_known: Mapping[str, object]
    typical_now: Spread
    largest_now: Spread
    crossings: tuple[Crossing, ...]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A sum, and when the amortised cost of the largest run would reach it."""

    name: str
    usd: float
    date: str
    reached: Spread
    source: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Four dials and what they give: revenue that a year's chips ask for, and what is missing to it."""

    chips_usd: float
    total_cost: float
    gross_margin: float
    known_usd: float
    required_usd: float
    gap_usd: float


@dataclass(frozen=True, slots=True)
class ComputeOutlook:
    """as_of: decimal year of "now"; growth_given: what replaced the fitted growth, if anything."""

    as_of: float
    compute: Basis
    growth_given: tuple[float, float] | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CostOutlook:
    """bases: amortised, rented, bought; payers: organisations that had paid as much, by sum."""

    as_of: float
    bases: tuple[Basis, ...]
    ceilings: tuple[Ceiling, ...]
    gap: Gap
    payers: tuple[Mapping[str, object], ...]
    growth_given: tuple[float, float] | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Use of text: tokens in 2024, growth a year, and the year in which one run would use the whole stock."""

    name: str
    used: Spread
    growth: Spread
    meets: Spread
    met_by_2032: float


@dataclass(frozen=True, slots=True)
class WayOut:
    """What lies behind the wall: a factor or an amount, its law and where that comes from."""

    name: str
    what: str
    value: float
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class DataOutlook:
    """The stock of 2024, raw and effective (level 0.9), in later years, the scenarios, and the ways out."""

    raw: Spread
    effective: Spread
    by_year: Mapping[str, Spread]
    scenarios: tuple[Scenario, ...]
    span: tuple[float, float]
    text_limit_flops: Spread
    other_media_tokens: Spread
    ways_out: tuple[WayOut, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """FLOP of the largest run that one limit allows; binds: share of draws in which it is the smallest."""

    name: str
    flops: Spread
    published: tuple[float, float]
    binds: float | None
    off_by: float


@dataclass(frozen=True, slots=True)
class LongestRun:
    """1 / Σ g in years for what is counted as progress."""

    counted: str
    years: float


@dataclass(frozen=True, slots=True)
class LimitsOutlook:
    """year, each limit, the smallest of them, the trend's compute in that year, and the longest run worth starting."""

    year: float
    limits: tuple[Limit, ...]
    smallest: Spread
    trend_flops: Spread
    trend_allowed: float
    longest_runs: tuple[LongestRun, ...]
    notes: tuple[str, ...]
