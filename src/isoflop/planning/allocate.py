"""How to split a compute budget between parameters and tokens, and how much the split matters.

The optimum is a valley, not a point: halving or doubling N at the optimum of Besiroglu et al. 2024 wastes 16 % of the
compute. So the answer names the range of N that costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.counting import tokens_for
from isoflop.errors import LawError
from isoflop.fitting.fit import Estimate, Fit
from isoflop.laws.form import Form
from isoflop.laws.law import Law, check_variables, evaluate
from isoflop.laws.optimum import optimal_split, require_split
from isoflop.units import format_flops, parse_flops

Array = NDArray[np.float64]

LOSS_TOLERANCE = 0.01
COMPUTE_TOLERANCE = 0.10
VALLEY_GRID = 4001
VALLEY_SPAN = np.log(1e4)
"""The valley is searched within a factor of 10,000 on each side of the optimum."""


@dataclass(frozen=True, slots=True)
class Valley:
    """Range of N, in parameters, over which a wrong split costs little.

    within_loss: loss at most 1 % above the optimum at the same compute. within_compute: 10 % more compute makes up
    for the split.
    """

    within_loss: tuple[float, float]
    within_compute: tuple[float, float]


@dataclass(frozen=True)
class Allocation:
    """The compute-optimal run for a budget.

    flops in FLOP; N_opt in parameters; D_opt in tokens; loss in the law's unit. Intervals come from the fit's
    bootstrap and equal the value for a published law, whose draws are not at hand. interior: share of the draws that
    have an optimum at all.
    """

    flops: float
    N_opt: Estimate
    D_opt: Estimate
    tokens_per_param: Estimate
    loss: Estimate
    valley: Valley
    level: float | None
    interior: float
    law: Law
    extrapolation: float | None
    notes: tuple[str, ...] = ()


def allocate(source: Law | Fit, flops: float | str, *, level: float = 0.9, **others: ArrayLike) -> Allocation:
    """Split a compute budget between parameters and tokens under C = 6ND.

    source: a published law or a fit. flops: the budget in FLOP, or text such as ``1e24`` or ``10 PF-days``. level:
    of the intervals, from the bootstrap of a fit. others: further variables of the form, such as U (unique tokens).

    Raises LawError for a form that cannot be split or constants without an interior optimum, QuantityError for a
    budget that does not parse, LawError for one that is not positive.
    """
    budget = parse_flops(flops)
    law = source.law if isinstance(source, Fit) else source
    require_split(law.form)
    extra = _others(law.form, others)
    if budget <= 0:
        raise LawError(f"A budget of {budget:g} FLOP cannot be split. Give a positive amount, such as 1e24.")
    best = optimal_split(law.form, law.constants, budget, extra)
    if not np.isfinite(best.N_opt):
        raise LawError(
            f"'{law.form.formula}' with these constants has no interior optimum at {format_flops(budget)}: one of its "
            "exponents or coefficients is zero. Add runs that vary size and data independently, or use a published law."
        )
    N, D, loss = float(best.N_opt), float(best.D_opt), float(best.loss)
    spread = _draws(source, budget, extra) if isinstance(source, Fit) else {}
    return Allocation(
        flops=budget,
        N_opt=_estimate(N, spread.get("N"), level),
        D_opt=_estimate(D, spread.get("D"), level),
        tokens_per_param=_estimate(D / N, spread.get("D/N"), level),
        loss=_estimate(loss, spread.get("loss"), level),
        valley=_valley(law, budget, N, loss, extra),
        level=level if spread else None,
        interior=float(np.isfinite(spread["N"]).mean()) if spread else 1.0,
        law=law,
        extrapolation=budget / float(source.runs.flops.max()) if isinstance(source, Fit) else None,
        notes=_notes(source, law, spread),
    )


def _others(form: Form, others: Mapping[str, ArrayLike]) -> dict[str, Array]:
    """Variables besides N and D, checked with placeholders for those two."""
    checked = check_variables(form, {"N": 1.0, "D": 1.0, **others})
    return {name: value for name, value in checked.items() if name not in ("N", "D")}


def _draws(source: Fit, budget: float, extra: Mapping[str, Array]) -> dict[str, Array]:
    split = optimal_split(source.form, source.draws, budget, extra)
    return {"N": split.N_opt, "D": split.D_opt, "D/N": split.D_opt / split.N_opt, "loss": split.loss}


def _estimate(value: float, draws: Array | None, level: float) -> Estimate:
    usable = draws[np.isfinite(draws)] if draws is not None else np.array([])
    if not len(usable):
        return Estimate(value, value, value)
    low, high = np.quantile(usable, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high))


def _valley(law: Law, budget: float, N_opt: float, loss: float, extra: Mapping[str, Array]) -> Valley:
    return Valley(
        _range_below(law, budget, N_opt, loss * (1 + LOSS_TOLERANCE), extra),
        _range_below(law, budget * (1 + COMPUTE_TOLERANCE), N_opt, loss, extra),
    )


def _range_below(
    law: Law, budget: float, N_opt: float, ceiling: float, extra: Mapping[str, Array]
) -> tuple[float, float]:
    """The N around the optimum at which the loss stays below a ceiling, by interpolation on a fine grid of ln N."""
    x = np.log(N_opt) + np.linspace(-VALLEY_SPAN, VALLEY_SPAN, VALLEY_GRID)
    N = np.exp(x)
    excess = evaluate(law.form, law.constants, {"N": N, "D": tokens_for(budget, N), **extra}) - ceiling
    middle = VALLEY_GRID // 2
    left = _crossing(x[: middle + 1][::-1], excess[: middle + 1][::-1])
    right = _crossing(x[middle:], excess[middle:])
    return float(np.exp(left)), float(np.exp(right))


def _crossing(x: Array, excess: Array) -> float:
    outside = np.flatnonzero(~(excess <= 0))
    if not len(outside) or outside[0] == 0:
        return float(x[-1] if not len(outside) else x[0])
    after = int(outside[0])
    share = -excess[after - 1] / (excess[after] - excess[after - 1])
    return float(x[after - 1] + share * (x[after] - x[after - 1]))


def _notes(source: Law | Fit, law: Law, spread: Mapping[str, Array]) -> tuple[str, ...]:
    notes = [law.caution] if law.caution else []
    if isinstance(source, Fit) and not source.status.converged:
        notes.append(f"The fit is doubtful: {source.status}")
    if spread and (missing := float(1 - np.isfinite(spread["N"]).mean())) > 0:
        notes.append(f"{missing:.1%} of the bootstrap replicates have no interior optimum; they are left out.")
    return tuple(notes)
