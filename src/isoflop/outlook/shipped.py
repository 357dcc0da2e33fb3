"""The four questions that the shipped facts answer alone: compute, cost, data, limits. One function each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from isoflop.facts import facts
from isoflop.outlook import demand, limits, revenue, stock
from isoflop.outlook.answers import (
    Basis,
    Ceiling,
    ComputeOutlook,
    CostOutlook,
    Crossing,
    DataOutlook,
    Gap,
    Growth,
    Limit,
    LimitsOutlook,
    LongestRun,
    Scenario,
    WayOut,
)
from isoflop.outlook.dates import parse_date
from isoflop.outlook.frontier import draw_frontier, growth_interval, line_of
from isoflop.outlook.progress import continuous, longest_run_years
from isoflop.outlook.spread import DRAWS, LEVEL, spread

FLOPS = (1e27, 1e28, 1e29, 1e30)
SUMS = (1e9, 1e10, 1e11)
BASES = ("amortised", "rented", "bought")
YEARS = (2026.0, 2028.0, 2030.0)
SHARE_OF_INTERVAL = 0.9
"""Level of growth intervals, as in facts/growth.toml; other intervals have the level asked for."""
EFFECTIVE = (
    "The stock is effective text: the indexed web, the good share of it, each token seen as often as it helps (2 to 5 "
    "times). A crossing is one run using all of it; text runs short earlier for those who have less of it."
)
CORRELATED = (
    "Each input is a lognormal through published percentiles, correlated as published (2024). Chips have since come "
    "faster than assumed there, so power binds more often than shown here."
)


def today() -> float:
    """Now, as a decimal year."""
    return parse_date(dt.date.today().isoformat())


def basis_of(
    name: str,
    values: Sequence[float],
    as_of: float,
    *,
    growth: tuple[float, float] | None,
    draws: int,
    seed: int,
    level: float,
) -> Basis:
    """A shipped line with its crossings."""
    drawn = draw_frontier(name, np.random.default_rng(seed), draws, growth=growth)
    fact, state = facts("frontier_lines")[name], facts("frontier_state")[name]
    low, factor, high = growth_interval(name, SHARE_OF_INTERVAL)
    known = {key: state[key] for key in ("model", "date", "value", "within", "source")}
    crossings = tuple(
        Crossing(value, spread(drawn.line_reaches(value), level), spread(drawn.largest_reaches(value), level))
        for value in values
    )
    return Basis(
        name,
        fact["what"],
        fact["unit"],
        Growth(factor, low, high, SHARE_OF_INTERVAL, fact["start"], fact["end"], fact["rows"], fact["source"]),
        known,
        spread(drawn.line_at(as_of), level),
        spread(drawn.largest_at(as_of), level),
        crossings,
    )


def compute_outlook(
    *,
    as_of: float | None = None,
    values: Sequence[float] = FLOPS,
    growth: tuple[float, float] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> ComputeOutlook:
    """When training compute reaches the values. growth: 80 % bounds of the factor a year, not the fitted ones."""
    now = today() if as_of is None else as_of
    basis = basis_of("training_compute", values, now, growth=growth, draws=draws, seed=seed, level=level)
    return ComputeOutlook(now, basis, growth, (_if_it_goes_on(now, basis),))


def cost_outlook(
    *,
    as_of: float | None = None,
    values: Sequence[float] = SUMS,
    growth: tuple[float, float] | None = None,
    chips_usd: float = 150e9,
    total_cost: float | None = None,
    gross_margin: float | None = None,
    known_usd: float = 100e9,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> CostOutlook:
    """When the cost of a run reaches the values, on three bases, and what stands above it."""
    now = today() if as_of is None else as_of
    bases = tuple(basis_of(n, values, now, growth=growth, draws=draws, seed=seed, level=level) for n in BASES)
    drawn = draw_frontier(BASES[0], np.random.default_rng(seed), draws, growth=growth)
    ceilings = tuple(
        Ceiling(name, row["usd"], row["date"], spread(drawn.largest_reaches(row["usd"]), level), row["source"])
        for name, row in facts("ceilings").items()
    )
    around = facts("overheads")["total_cost"]["value"] if total_cost is None else total_cost
    margin = facts("overheads")["gross_margin"]["value"] if gross_margin is None else gross_margin
    asked = float(revenue.required_revenue_usd(chips_usd, total_cost=around, gross_margin=margin))
    gap = Gap(chips_usd, around, margin, known_usd, asked, float(revenue.revenue_gap_usd(asked, known_usd)))
    return CostOutlook(
        now, bases, ceilings, gap, tuple(facts("who_can_pay").values()), growth, (_if_it_goes_on(now, bases[0]),)
    )


def data_outlook(
    *,
    overtrained: float = demand.OVERTRAINED,
    passes: float = 4.0,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> DataOutlook:
    """How much text there is and when one run would use it all, in three scenarios."""
    rng = np.random.default_rng(seed)
    web = stock.web_stock(rng, draws)
    scenarios = []
    for made in demand.demands(rng, draws, overtrained=overtrained):
        years = made.meets(web)
        growth = spread(np.broadcast_to(made.growth, (draws,)), level)
        scenarios.append(
            Scenario(made.name, spread(made.used, level), growth, spread(years, level), float(np.mean(years < 2032)))
        )
    unknowns = limits.draw_unknowns(rng, draws)
    return DataOutlook(
        spread(web.raw, 0.95),
        spread(web.effective, 0.9),
        {f"{year:.0f}": spread(web.at(year), level) for year in YEARS},
        tuple(scenarios),
        (min(s.meets.low for s in scenarios), max(s.meets.high for s in scenarios)),
        spread(stock.compute_of_tokens(web.effective), level),
        spread(limits.effective_tokens(unknowns), level),
        _ways_out(float(np.median(web.effective)), passes, overtrained),
        (EFFECTIVE,),
    )


def limits_outlook(*, year: float = 2030.0, draws: int = DRAWS, seed: int = 0, level: float = LEVEL) -> LimitsOutlook:
    """The largest run that each limit allows in a year, beside those published for 2030, and the longest run."""
    names = ("power", "chips", "data", "latency")
    unknowns = limits.draw_unknowns(np.random.default_rng(seed), draws)
    smallest, which = limits.binding(unknowns, year, names)
    rows = []
    for name, limit in limits.LIMITS.items():
        known = facts("limits2030_published")[name]
        found = spread(limit(unknowns, year), level)
        off = max(abs(np.log10(found.low / known["low"])), abs(np.log10(found.high / known["high"])))
        binds = float(np.mean(which == names.index(name))) if name in names else None
        rows.append(Limit(name, found, (known["low"], known["high"]), binds, float(off)))
    trend = draw_frontier("training_compute", np.random.default_rng(seed + 1), draws).line_at(year)
    return LimitsOutlook(
        year,
        tuple(rows),
        spread(smallest, level),
        spread(trend, level),
        float(np.mean(smallest >= trend)),
        longest_runs(),
        (CORRELATED, _batch_of_today()),
    )


def longest_runs() -> tuple[LongestRun, ...]:
    """The longest run worth starting at the growth of hardware a dollar, algorithms and spending in the facts."""
    rows = facts("growth")
    rates = {
        "hardware": float(continuous(rows["price_performance"]["factor"])),
        "algorithms": float(continuous(rows["algorithms"]["factor"])),
        "spending": float(line_of("amortised")["slope"] * np.log(10)),
    }
    sets = (("hardware",), ("hardware", "algorithms"), ("hardware", "spending"), ("hardware", "algorithms", "spending"))
    return tuple(LongestRun(" + ".join(s), float(longest_run_years(*(rates[n] for n in s)))) for s in sets)


def _batch_of_today() -> str:
    headline = facts("limits2030_published")["latency, batch growing with size"]
    return (
        f"Latency is with the batch of today; the published headline, {headline['low']:.0e} to {headline['high']:.0e} "
        "FLOP, lets the batch grow with the model, from a size that is not published."
    )


def _if_it_goes_on(now: float, basis: Basis) -> str:
    return (
        f"Distributions hold if growth goes on as it did from {basis.growth.start:.0f} to {basis.growth.end:.1f}; they "
        f"know nothing of a trend that stops. The largest run known is of {basis.largest_known['date']}, "
        f"{now - parse_date(str(basis.largest_known['date'])):.1f} years before now; --growth LOW..HIGH asks otherwise."
    )


def _ways_out(tokens: float, passes: float, overtrained: float) -> tuple[WayOut, ...]:
    muennighoff = "Muennighoff et al. 2023, arXiv:2305.16264; constants of huggingface/datablations"
    besiroglu = "Besiroglu et al. 2024, arXiv:2404.10102, table 1"
    return (
        WayOut(
            "repeat", f"fresh tokens that {passes:g} passes are worth", demand.worth_of_passes(passes), "×", muennighoff
        ),
        WayOut("repeat without end", "the most that repeating is worth", 1 + demand.R_STAR, "×", muennighoff),
        WayOut(
            "under-train",
            "compute-optimal run that ever more parameters on the median stock end up equal to",
            demand.undertrained_plateau(tokens),
            "FLOP",
            besiroglu,
        ),
        WayOut(
            "synthetic text",
            "compute of generating a corpus with a chain of thought, over that of training on it",
            demand.SYNTHETIC_OVER_TRAINING,
            "×",
            "Epoch AI 2024, Can AI scaling continue through 2030?: it about doubles the compute of a run",
        ),
        WayOut(
            "train less over",
            "tokens saved by giving up over-training",
            float(np.sqrt(overtrained)),
            "×",
            "D grows as √k",
        ),
    )
