"""Accounts of progress: how much came from more compute, from more data, and from better methods.

A gain that several causes bring together is divided by Shapley's rule (1953): the average, over every order in which
the causes could have come, of what each adds. The shares add up, and no order is preferred.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import BadInput
from isoflop.facts import facts
from isoflop.laws import find_law, outside
from isoflop.laws.progress import scales
from isoflop.outlook.dates import parse_date, written
from isoflop.outlook.effective import (
    AGAINST,
    Methods,
    draw_methods,
    joint_doubling,
    within_reach,
    years_to_double,
)
from isoflop.outlook.frontier import draw_frontier, line_of
from isoflop.outlook.sampling import lognormal, skewed
from isoflop.outlook.spread import DRAWS, Spread, spread

Array = NDArray[np.float64]

SCALING, METHODS = "more compute", "better methods"
PARAMETERS, TOKENS = "parameters", "tokens"
LAW = "besiroglu2024"
FIRST, LAST = AGAINST, "Llama 3.1-405B"
"""Released models between which the loss is accounted for unless asked elsewhere."""


@dataclass(frozen=True, slots=True)
class Part:
    """A cause: by how much it multiplied (or lowered) over the period, and its share of the whole."""

    name: str
    amount: Spread
    share: Spread


@dataclass(frozen=True, slots=True)
class GrowthPart:
    """A part of the growth of compute: factor a year and share of log growth, each with its interval."""

    account: str
    name: str
    what: str
    factor: float
    low: float
    high: float
    share: float
    share_low: float
    share_high: float
    source: str


@dataclass(frozen=True, slots=True)
class ComputeAccount:
    """effective: growth of effective compute over the period, as a factor. half: share of the draws in which methods
    brought half of it or more. at_small_scale: methods' share if their gain were that of small models everywhere,
    which only a dependence on scale makes different.
    """

    effective: Spread
    parts: tuple[Part, ...]
    a_year: tuple[Spread, Spread]
    half: float
    at_small_scale: Spread
    scale_dependent: bool


@dataclass(frozen=True, slots=True)
class LossAccount:
    """Fall of a law's loss between two runs, in its unit, by cause.

    first, last: (N, D); years: of methods between them; loss_last: with those methods; outside: how far past its data.
    """

    law: str
    unit: str
    first: tuple[float, float]
    last: tuple[float, float]
    years: float
    loss_first: float
    loss_last: Spread
    parts: tuple[Part, ...]
    outside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DollarAccount:
    """One skill at two dates: what it cost, and how much of the fall came from hardware.

    hardware, methods: factors, the first by the growth of FLOP a dollar. by_price: the hardware's factor as the two
    rents and peaks say it.
    """

    what: str
    usd_first: float
    usd_last: float
    years: float
    factor: float
    a_year: float
    parts: tuple[Part, Part]
    by_price: float


@dataclass(frozen=True, slots=True)
class ProgressOutlook:
    """The accounts of a period, with what was published beside them."""

    since: float
    to: float
    level: float
    compute: ComputeAccount
    of_compute: tuple[GrowthPart, ...]
    loss: LossAccount
    dollars: DollarAccount
    doubling_months: dict[str, float]
    notes: tuple[str, ...]


def progress_outlook(
    *,
    since: float | None = None,
    to: float | None = None,
    halving: tuple[float, float] | None = None,
    scale_dependent: bool = False,
    law: str = LAW,
    first: tuple[float, float] | None = None,
    last: tuple[float, float] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.9,
) -> ProgressOutlook:
    """All accounts of a period. since, to: decimal years; first, last: (N, D) of two runs of those dates.

    Without dates: those of GPT-3 and Llama 3.1; without runs: these two, with the years between them. Raises BadInput
    for a period that does not run forward or lies too far off and for a law that is not one of N and D, LawError for
    an unknown one.
    """
    dates, points = _released()
    start, end = (within_reach(own if year is None else year) for own, year in zip(dates, (since, to), strict=True))
    if not start < end:
        raise BadInput(
            f"A period from {written(start)} to {written(end)} does not run forward: give --since before --to."
        )
    rng = np.random.default_rng(seed)
    methods = draw_methods(rng, draws, halving=halving, scale_dependent=scale_dependent)
    years = dates[1] - dates[0] if first is None and last is None else end - start
    ends = points[0] if first is None else first, points[1] if last is None else last
    return ProgressOutlook(
        start,
        end,
        level,
        compute_account(methods, start, end, rng, draws, scale_dependent=scale_dependent, level=level),
        tuple(_growth_part(row) for row in facts("growth_parts").values()),
        loss_account(law, *ends, years, methods, rng, draws, level=level),
        dollar_account(rng, draws, level=level),
        published_doubling(),
        _notes(start, end, scale_dependent),
    )


def _released() -> tuple[tuple[float, float], tuple[tuple[float, float], tuple[float, float]]]:
    """Dates and (N, D) of the two released models."""
    first, last = (facts("published_runs")[name] for name in (FIRST, LAST))
    sizes = (first["params"], first["tokens"]), (last["params"], last["tokens"])
    return (parse_date(first["date"]), parse_date(last["date"])), sizes


def shapley(worth: Callable[[frozenset[str]], Array], causes: Sequence[str]) -> dict[str, Array]:
    """What each cause adds, averaged over all orders; worth: of a set of causes, shaped (draws,)."""
    worths = {
        frozenset(some): worth(frozenset(some))
        for k in range(len(causes) + 1)
        for some in itertools.combinations(causes, k)
    }
    orders = list(itertools.permutations(causes))
    added = dict.fromkeys(causes, np.zeros(1))
    for order in orders:
        for place, cause in enumerate(order):
            before = frozenset(order[:place])
            added[cause] = added[cause] + (worths[before | {cause}] - worths[before]) / len(orders)
    return added


def compute_account(
    methods: Methods,
    since: float,
    to: float,
    rng: np.random.Generator,
    draws: int,
    *,
    scale_dependent: bool = False,
    level: float = 0.9,
) -> ComputeAccount:
    """Growth of the frontier's effective compute, divided between its compute and its methods, in ln."""
    frontier = draw_frontier("training_compute", rng, draws)
    first, last, years = frontier.line_at(since), frontier.line_at(to), to - since

    def worth(come: frozenset[str]) -> Array:
        flops = last if SCALING in come else first
        grown = methods.rate(flops) * years if METHODS in come else np.zeros(draws)
        return np.asarray(np.log(flops / first) + grown)

    added = shapley(worth, (SCALING, METHODS))
    whole = added[SCALING] + added[METHODS]
    share, small = added[METHODS] / whole, methods.rate(scales()[0]) * years
    return ComputeAccount(
        spread(np.exp(whole), level),
        tuple(Part(name, spread(np.exp(log), level), spread(log / whole, level)) for name, log in added.items()),
        (spread(np.exp(added[SCALING] / years), level), spread(np.exp(added[METHODS] / years), level)),
        float(np.mean(share >= 0.5)),
        spread(small / (small + added[SCALING]), level),
        scale_dependent,
    )


def loss_account(
    name: str,
    first: tuple[float, float],
    last: tuple[float, float],
    years: float,
    methods: Methods,
    rng: np.random.Generator,
    draws: int,
    *,
    level: float = 0.9,
) -> LossAccount:
    """Fall of a law's loss from one (N, D) to another, divided between N, D and methods.

    Methods that save a factor G of compute make N worth N G^(1 − s) and D worth D G^s; s, the data's share of the gain,
    is the unknown ``data_share``. Raises BadInput for runs of the same loss, LawError for another kind of law.
    """
    law = find_law(name)
    if set(law.form.inputs) != {"N", "D"}:
        raise BadInput(
            f"The law '{name}' is one of {', '.join(law.form.inputs)}; an account of size and data needs a law of N "
            f"and D, such as {LAW}. `isoflop laws size-and-data` lists them."
        )
    row = facts("unknowns")["data_share"]
    share = _share(row["low"], row["middle"], row["high"], rng, draws, row["level"])

    def loss(come: frozenset[str]) -> Array:
        params = last[0] if PARAMETERS in come else first[0]
        tokens = last[1] if TOKENS in come else first[1]
        gain = methods.gain(6 * params * tokens, years) if METHODS in come else np.ones(draws)
        return law(N=params * gain ** (1 - share), D=tokens * gain**share)

    added = shapley(lambda come: -loss(come), (PARAMETERS, TOKENS, METHODS))
    whole = np.sum(list(added.values()), axis=0)
    if not (np.abs(whole) > 0).all():
        raise BadInput("The two runs have the same loss, so nothing is to be divided: give runs of different N or D.")
    beyond = dict.fromkeys(str(o) for point in (first, last) for o in outside(law, N=point[0], D=point[1]))
    return LossAccount(
        name,
        law.loss_unit,
        first,
        last,
        years,
        float(law(N=first[0], D=first[1])),
        spread(loss(frozenset((PARAMETERS, TOKENS, METHODS))), level),
        tuple(Part(cause, spread(fall, level), spread(fall / whole, level)) for cause, fall in added.items()),
        tuple(beyond),
    )


def dollar_account(rng: np.random.Generator, draws: int, *, level: float = 0.9) -> DollarAccount:
    """GPT-2's skill in 2019 and in 2026: the fall of its cost, divided between FLOP a dollar and the rest."""
    first, last = (facts("progress")[f"gpt2 {year}"] for year in (2019, 2026))
    usd = [row["devices"] * row["hours"] * row["usd_per_hour"] for row in (first, last)]
    years = parse_date(last["date"]) - parse_date(first["date"])
    row = facts("growth")["price_performance"]
    hardware = np.log(lognormal(row["low"], row["high"], rng, draws, level=row["level"])) * years
    whole = float(np.log(usd[0] / usd[1]))
    per_usd = [
        facts("accelerators")[r["accelerator"]]["bf16_dense_flops_per_second"] / r["usd_per_hour"]
        for r in (first, last)
    ]
    return DollarAccount(
        "training a model as good as GPT-2",
        usd[0],
        usd[1],
        years,
        usd[0] / usd[1],
        float(np.exp(whole / years)),
        (
            Part("cheaper hardware", spread(np.exp(hardware), level), spread(hardware / whole, level)),
            Part(
                "methods and their use of it",
                spread(np.exp(whole - hardware), level),
                spread(1 - hardware / whole, level),
            ),
        ),
        per_usd[1] / per_usd[0],
    )


def published_doubling() -> dict[str, float]:
    """Months in which methods double effective size, data and compute by the best model of Ho et al. 2024."""
    row = facts("progress")["ho2024"]
    size, tokens = years_to_double(row["a_year"], row["a_size"]), years_to_double(row["b_year"], row["b_data"])
    return {"size": 12 * size, "data": 12 * tokens, "compute": 12 * joint_doubling(size, tokens)}


def _share(low: float, middle: float, high: float, rng: np.random.Generator, draws: int, level: float) -> Array:
    """Draws of a share with these quantiles: of its odds."""
    odds = skewed((low / (1 - low), middle / (1 - middle), high / (1 - high)), rng, draws, level=level)
    return np.asarray(odds / (1 + odds))


def _growth_part(row: Mapping[str, Any]) -> GrowthPart:
    return GrowthPart(**{name: row[name] for name in GrowthPart.__dataclass_fields__})


def _notes(since: float, to: float, scale_dependent: bool) -> tuple[str, ...]:
    line, notes = line_of("training_compute"), list[str]()
    if since < line["start"] or to > line["end"]:
        notes.append(
            f"The line of compute rests on {written(line['start'])} to {written(line['end'])}; outside it is prolonged."
        )
    row = facts("growth")["algorithms"]
    if not scale_dependent and (since < row["start"] or to > row["end"] + 1):
        notes.append(
            f"The halving time was measured from {row['start']} to {row['end']}; outside it is taken to have gone on."
        )
    return tuple(notes)
