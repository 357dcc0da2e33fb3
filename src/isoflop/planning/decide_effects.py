"""What money does to a run: from dollars by option to effective compute, distinct tokens and the loss, draw by draw.

    C  = C_0 + $ of compute · FLOP a dollar
    g  = product of the gains of method        2**(months/T), months = p s**λ with s staff-years; or by scale
    q  = product of the gains of data          1 + (gain − 1) $/($ + half)
    U  = U_0 · kept + $/price of a token
    P  = C g q / 6 effective parameters times tokens,  u = U q g**share distinct effective tokens

With a table of pools the gain of data and the kept share are those of the best filter at the run's own compute, draw by
draw: the best pools, as many as pay for being repeated (Goyal et al. 2024, arXiv:2404.07177).

and the loss is that of the best split of P under u (decide_law). A gain of data that is worth q everywhere is worth q
times the compute, where data are not short and N and D are split anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from isoflop.laws.progress import beyond_small, span
from isoflop.planning.accelerators import Accelerator
from isoflop.planning.decide_law import LawDraws, best_split, loss_at
from isoflop.planning.decide_options import Grade, Option

Array = NDArray[np.float64]

INFERENCE_SPAN = 10.0
"""Most training compute that thinking longer stands in for: about one order (Villalobos & Atkinson 2023, table)."""
STAFF_YEARS_FLOOR = 1e-12


@dataclass(frozen=True, slots=True)
class Baseline:
    """The run as planned without the budget: FLOP, or dollars at the rent drawn, or N and D (then as they are).

    tokens_available: distinct tokens at hand, None without limit.
    """

    flops: float | None = None
    usd: float | None = None
    params: float | None = None
    tokens: float | None = None
    tokens_available: float | None = None


@dataclass(frozen=True, eq=False)
class World:
    """Draws of everything unknown. values: name -> (draws,); a number where it is known or plays no part."""

    law: LawDraws
    values: Mapping[str, Array]
    baseline: Baseline
    chip: Accelerator
    progress: str
    repeats: str

    def __len__(self) -> int:
        return len(self.law.E)

    def take(self, rows: slice) -> World:
        """Some of the draws."""
        return replace(self, law=self.law.take(rows), values={name: value[rows] for name, value in self.values.items()})

    def hold(self, name: str, value: float) -> World:
        """The same draws with one unknown at a value."""
        return replace(self, values={**self.values, name: np.full(len(self), value)})

    @property
    def flops_per_usd(self) -> Array:
        """FLOP that a dollar rents: peak · utilisation · 3600/rent."""
        return np.asarray(self.chip.peak() * 3600 * self.values["mfu"] / self.values["rent_usd"])

    @property
    def baseline_flops(self) -> Array:
        """Compute of the run as planned, (draws,)."""
        plan = self.baseline
        if plan.usd is not None:
            return np.asarray(plan.usd * self.flops_per_usd)
        assert plan.flops is not None  # checked where a decision begins
        return np.full(len(self), plan.flops)

    @property
    def unique(self) -> Array:
        """Distinct tokens at hand, inf without limit."""
        have = self.baseline.tokens_available
        return np.full(len(self), np.inf if have is None else have)

    @property
    def repeat_rate(self) -> Array:
        """The unknown of the law of repetition in use."""
        name = "half_life_passes" if self.repeats == "half_life" else "repeat_value"
        return self.values.get(name, np.full(len(self), np.inf))


@dataclass(frozen=True, eq=False)
class Outcome:
    """A run as it would be: loss, C in FLOP, N, D, distinct tokens, the gains of method and of data, each (draws,)."""

    loss: Array
    flops: Array
    params: Array
    tokens: Array
    unique: Array
    method_gain: Array
    data_gain: Array

    @property
    def epochs(self) -> Array:
        """D over the distinct tokens, at least 1; 1 where they have no limit."""
        return np.maximum(self.tokens / self.unique, 1.0)


def gains(world: World, start: Outcome, run: Outcome) -> Array:
    """Fall of the loss from the plan to a run, as far as what the law promises comes, (draws,)."""
    return np.asarray((start.loss - run.loss) * world.values.get("delivered", 1.0))


def planned(world: World) -> Outcome:
    """The baseline: N and D where they are given, else the best split of its compute."""
    plan = world.baseline
    if plan.params is None or plan.tokens is None:
        return spent(world, (), {})
    flops, unique, one = world.baseline_flops, world.unique, np.ones(len(world))
    loss = loss_at(world.law, plan.params, plan.tokens, unique, value=world.repeat_rate, repeats=world.repeats)
    return Outcome(loss, flops, plan.params * one, plan.tokens * one, unique, one, one)


def spent(world: World, chosen: Sequence[Option], usd: Mapping[str, float]) -> Outcome:
    """The best run after spending dollars by option. Of filters the best is taken in each draw, or none."""
    paid = [option for option in chosen if usd.get(option.name, 0.0) > 0]
    filters = [(option.name, _filters(world, option, usd[option.name])) for option in paid]
    ways = [
        dict(zip((name for name, _ in filters), cuts, strict=True)) for cuts in product(*(cuts for _, cuts in filters))
    ]
    best = _run(world, paid, usd, ways[0])
    for way in ways[1:]:
        other = _run(world, paid, usd, way)
        better = other.loss < best.loss
        names = Outcome.__dataclass_fields__
        best = Outcome(**{n: np.where(better, getattr(other, n), getattr(best, n)) for n in names})
    return best


@dataclass(frozen=True, eq=False)
class _Filter:
    """What an option does to the data at hand. gain: worth of a token that is kept; kept: share; passes: in which they
    wear out, None as ever."""

    gain: Array | float = 1.0
    kept: Array | float = 1.0
    passes: float | None = None


_NONE = _Filter()


def _filters(world: World, option: Option, usd: float) -> list[_Filter]:
    """Ways in which the option can filter, none last; one that does nothing for options that are no filter."""
    if option.effect != "data_gain":
        return [_NONE]
    if option.grades:
        half = world.values[f"{option.name}_half_usd"]
        cuts = range(1, len(option.grades))
        return [*(_cut(option.grades[:many], usd / (usd + half)) for many in cuts), _NONE]
    gain = _saturating(world, option.name, usd)
    keep = world.values.get(f"{option.name}_keep")
    if keep is None:
        return [_Filter(gain)]
    return [_Filter(gain, keep), *([] if world.baseline.tokens_available is None else [_NONE])]


def _cut(kept: Sequence[Grade], done: Array) -> _Filter:
    """The best grades alone, as far as the money sorts them out."""
    shares = np.array([grade.share for grade in kept])
    worth = float(shares @ [grade.worth for grade in kept] / shares.sum())
    known = [grade.passes for grade in kept if grade.passes is not None]
    passes = float(shares @ known / shares.sum()) if len(known) == len(kept) else None
    return _Filter(1 + (worth - 1) * done, float(shares.sum()), passes)


def _run(world: World, paid: Sequence[Option], usd: Mapping[str, float], way: Mapping[str, _Filter]) -> Outcome:
    flops, unique = world.baseline_flops, world.unique
    for option in paid:
        if option.effect == "flops":
            flops = flops + usd[option.name] * world.flops_per_usd
    method, tokens_share, data, rate = np.ones(len(world)), np.ones(len(world)), np.ones(len(world)), world.repeat_rate
    for option in paid:
        if option.effect == "data_gain":
            cut = way[option.name]
            data, unique = data * cut.gain, unique * cut.kept
            rate = rate if cut.passes is None else np.full(len(world), cut.passes)
        elif option.effect != "flops" and option.effect != "unique_tokens":
            gain = _method_gain(world, option, usd[option.name], flops)
            method = method * gain
            tokens_share = tokens_share * gain ** world.values.get("data_share", 0.5)
    for option in paid:
        if option.effect == "unique_tokens" and world.baseline.tokens_available is not None:
            unique = unique + 1e9 * usd[option.name] / world.values["token_usd_per_billion"]
    worth = data * tokens_share
    best = best_split(world.law, flops * method * data, unique * worth, value=rate, repeats=world.repeats)
    params, tokens = np.exp(best.log_n) * tokens_share / method, np.exp(best.log_d) / worth
    return Outcome(best.loss, flops, params, tokens, unique, method, data)


def _method_gain(world: World, option: Option, usd: float, flops: Array) -> Array:
    if option.effect == "progress":
        return progress_gain(world, usd, flops)
    if option.effect == "inference":
        return inference_gain(world, usd)
    return _saturating(world, option.name, usd)


def _saturating(world: World, name: str, usd: float) -> Array:
    """1 + (gain − 1) $/($ + half): half of the gain at ``half`` dollars, all of it never."""
    gain, half = world.values[f"{name}_gain"], world.values[f"{name}_half_usd"]
    return np.asarray(1 + (gain - 1) * usd / (usd + half))


def progress_gain(world: World, usd: float, flops: Array) -> Array:
    """Compute multiplier of research: 2**(months/T), or by a yearly factor that grows with scale as a power of C."""
    values = world.values
    years = np.maximum(usd / values["staff_year_usd"], STAFF_YEARS_FLOOR)
    months = values["months_per_staff_year"] * years ** values["team_exponent"]
    if world.progress == "halving":
        return np.asarray(2 ** (months / values["halving_months"]))
    small, frontier = np.log(values["small_factor"]), np.log(values["frontier_factor"])
    return np.asarray(np.exp((small + (frontier - small) * (beyond_small(flops) / span())) * months / 12))


def inference_gain(world: World, usd: float) -> Array:
    """Training compute that thinking longer stands in for: 10**(log10(1 + $/bill)/exchange), up to its span."""
    bill = world.values["inference_bill"] * world.baseline_flops / world.flops_per_usd
    return np.asarray(np.minimum((1 + usd / bill) ** (1 / world.values["inference_exchange"]), INFERENCE_SPAN))
