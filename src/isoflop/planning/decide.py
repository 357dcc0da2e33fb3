"""What to spend a budget on: more compute, a better algorithm, better or more data, or a split of them.

    decide(1e6)                        -> Decision: on top of a run of the same sum, H100, published laws
    decide(1e6, Baseline(flops=1e23, tokens_available=1e11), law=fitted)

Every option is priced into effective compute and distinct tokens (decide_effects), its loss is that of the best split
under each draw of everything unknown (decide_law, decide_options), and all options share the draws. So differences are
far better known than losses. What to find out first is the unknown with the largest expected value of perfect
information (decide_value). Expected loss is what is minimised; one nat per token is worth the same everywhere.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isoflop.counting import FLOPS_PER_PARAM_TOKEN
from isoflop.errors import BadInput, did_you_mean
from isoflop.laws.catalogue import find_law
from isoflop.planning.accelerators import find_accelerator
from isoflop.planning.decide_effects import Baseline, Outcome, World, gains, planned, spent
from isoflop.planning.decide_law import REPEATS, LawSource, Source, compute_multiplier, law_source
from isoflop.planning.decide_options import PROGRESS, Option, delivered, options, relevant, settle
from isoflop.planning.decide_result import LAW, Choice, CurvePoint, Decision, Mixture, Planned, gain_at, spread
from isoflop.planning.decide_sensitivity import Weighed, altogether, everything, tornado, worths
from isoflop.planning.decide_value import perfect_information, shares_best, simplex, stratified
from isoflop.planning.design_prior import LAWS
from isoflop.planning.hardware import LATEST
from isoflop.units import format_ratio

Array = NDArray[np.float64]

BUDGET_USD = 1e6
DRAWS, FEWEST_DRAWS, MOST_DRAWS = 100_000, 100, 2_000_000
CURVE_DRAWS, SPLIT_DRAWS = 2_000, 1_000
"""Draws of curves and tornado, and of the grid of splits: all share theirs, so differences are steady."""
MULTIPLES = np.geomspace(0.1, 10, 13)
"""Of the budget, along the curves of diminishing returns."""
MOST_SPLITS = 300
NEARLY = 0.02
"""Splits whose expected gain is this close to the best one's count as good as it (chosen)."""
LITTLE = 1.05
"""A compute multiplier below this counts as little (chosen)."""


def decide(
    budget_usd: float = BUDGET_USD,
    baseline: Baseline | None = None,
    *,
    law: Source | None = None,
    accelerator: str = "H100",
    names: Sequence[str] | None = None,
    known: Mapping[str, float] | None = None,
    progress: str = "halving",
    repeats: str = "decay",
    level: float = 0.8,
    draws: int = DRAWS,
    seed: int = 0,
    date: str = LATEST,
    overrides: Path | None = None,
) -> Decision:
    """Weigh the options for a budget in dollars on top of a plan.

    baseline: the plan, by default a run of the same sum. law: a published law, several as equally likely, a fit or an
    average of fits; by default the published laws of N and D. names: options, by default all that need no asking.
    known: unknowns that are known. progress: halving or scale_dependent. repeats: decay or half_life. level: of the
    ranges. date: of the last rent used. overrides: a person's own facts.

    Raises BadInput for what is not possible, LawError for a law outside the coupled family.
    """
    plan = baseline or Baseline(usd=budget_usd)
    _check(budget_usd, plan, level, draws, progress, repeats)
    chip, chosen = find_accelerator(accelerator, overrides), options(names, overrides)
    if not chosen:
        raise BadInput("There is no option to weigh. Name at least one, such as compute.")
    limited, priced = plan.tokens_available is not None, plan.usd is not None
    found = relevant(
        chosen, chip, priced=priced, limited=limited, progress=progress, repeats=repeats, date=date, overrides=overrides
    )
    source = law_source(law if law is not None else [find_law(name) for name in LAWS])
    unknowns = settle([*found, delivered(source.drift)], known or {})
    shares = {name: stratified(_stream(seed, name), draws) for name in (LAW, *(each.name for each in unknowns))}
    values = {each.name: each.quantile(shares[each.name]) for each in unknowns}
    world = World(source.draw(shares[LAW]), values, _with_flops(plan), chip, progress, repeats)
    start = planned(world)
    runs = [spent(world, chosen, {option.name: budget_usd}) for option in chosen]
    falls = np.stack([gains(world, start, run) for run in runs])
    curves = _curves(world.take(slice(0, CURVE_DRAWS)), chosen, budget_usd, level)
    best = int(np.argmax(falls.mean(axis=1)))
    weighed = Weighed(chosen, falls, world, source, unknowns, shares, curves[best], budget_usd)
    return Decision(
        budget_usd=budget_usd,
        plan=plan,
        baseline=_planned(start, level),
        choices=_choices(weighed, start, runs, curves, level),
        mixture=_mixture(weighed, start, level),
        tornado=tornado(weighed, CURVE_DRAWS),
        everything=everything(weighed),
        worths=worths(weighed),
        altogether=altogether(weighed, runs),
        unknowns=unknowns,
        laws=source.names,
        accelerator=chip,
        progress=progress,
        repeats=repeats,
        level=level,
        draws=draws,
        seed=seed,
        notes=(*_notes(source, start, plan), *(_THINKING for option in chosen if option.effect == "inference")),
    )


def _choices(
    weighed: Weighed, start: Outcome, runs: Sequence[Outcome], curves: Sequence[tuple[CurvePoint, ...]], level: float
) -> tuple[Choice, ...]:
    likely = shares_best(weighed.gains)
    parts = zip(weighed.chosen, runs, weighed.gains, likely, curves, strict=True)
    return tuple(_choice(weighed, start, *part, level) for part in parts)


def _choice(
    weighed: Weighed,
    start: Outcome,
    option: Option,
    run: Outcome,
    falls: Array,
    best: float,
    curve: tuple[CurvePoint, ...],
    level: float,
) -> Choice:
    multiple = compute_multiplier(weighed.world.law, start.loss, run.loss)
    here, twice = gain_at(curve, weighed.budget), gain_at(curve, 2 * weighed.budget)
    return Choice(
        option=option,
        loss=spread(start.loss - falls, level),
        gain=spread(falls, level),
        compute_multiplier=spread(multiple, level),
        worth=spread(run.method_gain * run.data_gain, level),
        flops=spread(run.flops, level),
        params=spread(run.params, level),
        tokens=spread(run.tokens, level),
        unique=spread(run.unique, level),
        epochs=spread(run.epochs, level),
        best=float(best),
        little=float((multiple < LITTLE).mean()),
        unused=float((run.data_gain == 1).mean()) if option.effect == "data_gain" else 0.0,
        next_doubling=twice / here if here > 0 else 1.0,
        curve=curve,
        gains=falls,
    )


def _planned(start: Outcome, level: float) -> Planned:
    return Planned(
        flops=spread(start.flops, level),
        params=spread(start.params, level),
        tokens=spread(start.tokens, level),
        epochs=spread(start.epochs, level),
        loss=spread(start.loss, level),
        limited=float((start.tokens > start.unique).mean()),
    )


def _curves(world: World, chosen: Sequence[Option], budget: float, level: float) -> list[tuple[CurvePoint, ...]]:
    start = planned(world)

    def at(option: Option, usd: float) -> CurvePoint:
        return CurvePoint(usd, spread(gains(world, start, spent(world, chosen, {option.name: usd})), level))

    return [tuple(at(option, float(usd)) for usd in budget * MULTIPLES) for option in chosen]


def _mixture(weighed: Weighed, start: Outcome, level: float) -> Mixture:
    chosen, world, budget = weighed.chosen, weighed.world, weighed.budget
    steps = next(s for s in (10, 8, 6, 5, 4, 3, 2, 1) if s == 1 or len(simplex(len(chosen), s)) <= MOST_SPLITS)
    ways, few = simplex(len(chosen), steps), world.take(slice(0, SPLIT_DRAWS))
    before = planned(few)
    falls = np.stack([gains(few, before, spent(few, chosen, _dollars(chosen, way, budget))) for way in ways])
    means = falls.mean(axis=1)
    top = int(np.argmax(means))
    near = ways[means >= means[top] - NEARLY * abs(means[top])]
    run = spent(world, chosen, _dollars(chosen, ways[top], budget))
    mixed, single = gains(world, start, run), weighed.gains[int(np.argmax(weighed.gains.mean(axis=1)))]
    names = [option.name for option in chosen]
    return Mixture(
        shares=dict(zip(names, map(float, ways[top]), strict=True)),
        within={name: (float(near[:, i].min()), float(near[:, i].max())) for i, name in enumerate(names)},
        gain=spread(mixed, level),
        compute_multiplier=spread(compute_multiplier(world.law, start.loss, run.loss), level),
        better=float((mixed > single).mean()),
        step=1 / steps,
        information=perfect_information(falls),
    )


def _dollars(chosen: Sequence[Option], way: Array, budget: float) -> dict[str, float]:
    return {option.name: float(share) * budget for option, share in zip(chosen, way, strict=True)}


_THINKING = (
    "Thinking longer is taken at a published exchange rate between orders of training and of inference, not at one "
    "measured on your tasks, and stands for a lower loss rather than lowering it."
)


def _notes(source: LawSource, start: Outcome, plan: Baseline) -> tuple[str, ...]:
    notes = []
    if len(source.weights) == 1:
        notes.append(f"{source.names[0]} is taken at its word: a published law comes without draws. Name several.")
    if source.scenarios:
        boxes = [box for name in source.names if (box := find_law(name).validity.get("N"))]
        largest, size = max((high for _, high in boxes), default=np.inf), float(np.median(start.params))
        if size > largest:
            notes.append(
                f"The plan's model is {format_ratio(size / largest)} times the largest behind any of these laws."
            )
    elif source.compute_seen is not None and (ratio := float(np.median(start.flops)) / source.compute_seen) > 1:
        notes.append(
            f"The plan has {format_ratio(ratio)} times the compute of the largest run that the law was fitted to."
        )
    if plan.tokens_available is None:
        notes.append("No limit of distinct tokens is given, so no token is seen twice and more of them add nothing.")
    return tuple(notes)


def _stream(seed: int, name: str) -> np.random.Generator:
    """Randomness of one unknown, the same whatever others there are."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _with_flops(plan: Baseline) -> Baseline:
    if plan.params is not None and plan.tokens is not None:
        return replace(plan, flops=FLOPS_PER_PARAM_TOKEN * plan.params * plan.tokens)
    return plan


def _check(budget: float, plan: Baseline, level: float, draws: int, progress: str, repeats: str) -> None:
    ways = sum(x is not None for x in (plan.flops, plan.usd)) + (plan.params is not None or plan.tokens is not None)
    if ways != 1 or (plan.params is None) != (plan.tokens is None):
        raise BadInput("A plan has compute in FLOP, or dollars, or both N and D: one of the three. Give exactly one.")
    amounts = {"budget": budget, "FLOP": plan.flops, "dollars": plan.usd, "N": plan.params, "D": plan.tokens}
    for name, amount in {**amounts, "tokens available": plan.tokens_available}.items():
        if amount is not None and not 0 < amount < np.inf:
            raise BadInput(f"{name} = {amount:g} cannot be decided on. Give a positive, finite amount.")
    if not 0 < level < 1 or not FEWEST_DRAWS <= draws <= MOST_DRAWS:
        raise BadInput(
            f"level = {level}, draws = {draws}: the level must lie between 0 and 1, and the draws from "
            f"{FEWEST_DRAWS} to {MOST_DRAWS:,}."
        )
    for what, given, allowed in (("progress", progress, PROGRESS), ("repeats", repeats, REPEATS)):
        if given not in allowed:
            raise BadInput(f"{what} = '{given}'. Known: {', '.join(allowed)}.{did_you_mean(given, allowed)}")
