"""Which runs to train in a given time: arithmetic from a measured speed, and nothing else.

The target comes first: the largest run that its share of the time allows, at about the recipe's tokens per parameter.
Then the ladder: every width up to the target's, each trained to as many tokens as its compute allows while staying
below the target's compute / 4, with branches at halvings of that. If the whole takes longer than its share, every D
shrinks alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from isoflop.counting import training_flops
from isoflop.errors import SpecError
from isoflop.train.spec import TrunkSpec
from isoflop.train.speed import Speed

TARGET_SHARE = 0.36
"""Of the time, for the target run."""
RESERVED_SECONDS = 25.0
"""Measuring the speed, fitting, and drawing the report."""
LEAST_SECONDS = 60.0
COMPUTE_RATIO = 4.0
"""The target's 6ND over that of the largest rung, at least."""
TOKENS_PER_PARAM = 6.0
"""Of the target. Fewer than the optimal split (33 to 47 on the default text at 6.8e12 FLOP, by a ladder's own fits),
so that the target is at least as large a model as any rung and its text is not read twice."""
REPEAT_SEED = 1_000
"""Added to the seed of a rung's repeat; the order of the text stays."""
BRANCHES = 4
"""Halvings of a rung's largest D at which a branch is measured."""
LEAST_STEPS = 400
"""Of a branch: before that the warm-up is felt."""


@dataclass(frozen=True, slots=True)
class LadderDesign:
    """trunks: longest first, to pack them onto cores in that order. target: trained after the forecast is written.

    ladder_seconds, target_seconds: expected wall time of either part on all cores.
    """

    trunks: tuple[TrunkSpec, ...]
    target: TrunkSpec
    ladder_seconds: float
    target_seconds: float

    @property
    def runs(self) -> int:
        """Runs that the ladder yields."""
        return sum(len(trunk.branch_tokens) for trunk in self.trunks)


def design_ladder(
    speed: Speed, wall_seconds: float, cores: int = 2, seed: int = 0, recipe: TrunkSpec | None = None
) -> LadderDesign:
    """Plan a ladder and its target for ``wall_seconds`` in all on ``cores``.

    recipe: the spec whose width, branch_tokens, seed and devices are replaced; the rest (text, batch, rates) is kept.
    Raises SpecError when the time does not even allow three widths.
    """
    if not math.isfinite(wall_seconds) or wall_seconds < LEAST_SECONDS:
        raise SpecError(
            f"A ladder and its target cannot be trained in {wall_seconds:g} s. Allowed: at least {LEAST_SECONDS:g} s; "
            f"6 minutes are the default. Give more --minutes."
        )
    base = replace(recipe or TrunkSpec(), seed=seed, data_seed=seed)
    usable = wall_seconds - RESERVED_SECONDS
    target = _target(speed, usable * TARGET_SHARE, cores, base)
    ladder_seconds = usable - speed.trunk_seconds(target)
    trunks = _with_repeats(speed, ladder_seconds, cores, _ladder(speed, ladder_seconds, cores, base, target))
    return LadderDesign(
        trunks, target, packed_seconds([speed.trunk_seconds(t) for t in trunks], cores), speed.trunk_seconds(target)
    )


def packed_seconds(durations: Sequence[float], cores: int) -> float:
    """Wall time of jobs started in this order, each on the first free core."""
    free = [0.0] * cores
    for duration in durations:
        free[free.index(min(free))] += duration
    return max(free)


def _target(speed: Speed, seconds: float, cores: int, base: TrunkSpec) -> TrunkSpec:
    """The width whose D, in ``seconds``, is nearest to the wanted tokens per parameter."""
    shared = replace(base, devices=_devices(cores, base.batch))
    candidates = []
    for width in range(2 * base.head_dim, 4096, base.head_dim):
        spec = _one_branch(replace(shared, width=width), speed, seconds)
        if spec is None:
            break
        candidates.append(spec)
    if len(candidates) < 2:
        raise SpecError(
            f"{seconds:.0f} s are too short for a target run: starting a process takes {speed.start_seconds:.0f} s "
            f"here. "
            f"Give more --minutes."
        )
    return min(candidates, key=lambda spec: abs(math.log(spec.branch_tokens[0] / spec.params / TOKENS_PER_PARAM)))


def _one_branch(spec: TrunkSpec, speed: Speed, seconds: float) -> TrunkSpec | None:
    left = seconds - speed.start_seconds - speed.evaluation_seconds(spec)
    steps = int(left / speed.seconds_per_token(spec) / spec.batch_tokens)
    return replace(spec, branch_tokens=(steps * spec.batch_tokens,)) if steps >= LEAST_STEPS else None


def _devices(cores: int, batch: int) -> int:
    """The largest number of cores that divides the batch."""
    return max(n for n in range(1, cores + 1) if batch % n == 0)


def _ladder(speed: Speed, seconds: float, cores: int, base: TrunkSpec, target: TrunkSpec) -> tuple[TrunkSpec, ...]:
    """The longest ladder that fits, by bisection on the share of each width's largest allowed D."""

    def trunks(share: float) -> tuple[TrunkSpec, ...]:
        widths = range(base.head_dim, target.width + 1, base.head_dim)
        found = [spec for width in _thinned(widths) if (spec := _trunk(replace(base, width=width), target, share))]
        return tuple(sorted(found, key=speed.trunk_seconds, reverse=True))

    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        fits = packed_seconds([speed.trunk_seconds(trunk) for trunk in trunks(middle)], cores) <= seconds
        low, high = (middle, high) if fits else (low, middle)
    chosen = trunks(low)
    if len(chosen) < 3:
        raise SpecError(
            f"{seconds:.0f} s allow a ladder of only {len(chosen)} widths; 3 are needed to see how loss falls with "
            f"size. "
            f"Give more --minutes."
        )
    return chosen


def _with_repeats(speed: Speed, seconds: float, cores: int, trunks: tuple[TrunkSpec, ...]) -> tuple[TrunkSpec, ...]:
    """Spend time that is left on second seeds, the longest that fit first: they show the spread between seeds."""
    for trunk in trunks:
        again = replace(trunk, seed=trunk.seed + REPEAT_SEED)
        longer = tuple(sorted((*trunks, again), key=speed.trunk_seconds, reverse=True))
        if packed_seconds([speed.trunk_seconds(each) for each in longer], cores) <= seconds:
            trunks = longer
    return trunks


def _thinned(widths: range) -> list[int]:
    """At most six widths, evenly spread in their logarithm, the first and last kept."""
    if len(widths) <= 6:
        return list(widths)
    step = widths.step
    wanted = [widths[0] * (widths[-1] / widths[0]) ** (i / 5) for i in range(6)]
    return sorted({step * max(1, round(width / step)) for width in wanted})


def _trunk(spec: TrunkSpec, target: TrunkSpec, share: float) -> TrunkSpec | None:
    """One width with its branches, none above the target's compute / 4, or None when too short to have two."""
    ceiling = training_flops(target.params, target.branch_tokens[0]) / COMPUTE_RATIO
    longest = share * min(ceiling / (6 * spec.params), target.branch_tokens[0])
    steps = [int(longest / spec.batch_tokens) >> halving for halving in range(BRANCHES)]
    branches = tuple(sorted(step * spec.batch_tokens for step in steps if step >= LEAST_STEPS))
    return replace(spec, branch_tokens=branches) if len(branches) >= 2 else None
