"""What Approach 2 gets wrong on a grid of runs when an additive law is exactly true.

A parabola fitted to a valley whose two sides differ in steepness has its lowest point beside the valley's. The shift
depends on the exponents and on the grid's width and centring alone (Open-Athena 2026, scaling-law-analysis). A grid
whose centre is off by the same factor at every budget shifts D* by a constant factor; a centre that drifts tilts the
exponent too. It is found here by doing the same on losses computed from the law.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.counting import FLOPS_PER_PARAM_TOKEN
from isoflop.fitting.frontier import straight_lines
from isoflop.fitting.parabola import interior, parabolas
from isoflop.laws.law import Law
from isoflop.laws.optimum import optimal_split

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GridBias:
    """The error of Approach 2 on noise-free losses of a law.

    law: taken as true. exponent_params, exponent_tokens: exponent found minus the law's own. flops: budgets at which
    the optimum is compared, (k,). params, tokens: N* and D* found over the law's own, minus 1, each (k,). lost: budgets
    that have no interior optimum even without noise.
    """

    law: Law
    exponent_params: float
    exponent_tokens: float
    flops: Array
    params: Array
    tokens: Array
    lost: int


def grid_bias(
    law: Law,
    params: Array,
    tokens: Array,
    flops: Array,
    groups: Sequence[NDArray[np.int64]],
    at: ArrayLike,
) -> GridBias:
    """Repeat Approach 2 on losses of ``law`` at the runs' own N, D and C, each shaped (n,).

    groups: rows of each budget. at: compute in FLOP at which to compare. Where the runs' C is not 6ND, the optimum is
    the law's own at their C/(ND). NaN where fewer than two budgets have an interior optimum.
    """
    loss = law(N=params, D=tokens)
    optima = np.array([_optimum(np.log(params[g]), np.log(tokens[g]), loss[g]) for g in groups])
    budgets = np.array([np.log(flops[g]).mean() for g in groups])
    lines = straight_lines(budgets, optima.T)
    compared = np.atleast_1d(np.asarray(at, dtype=float))
    per_pair = float(np.exp(np.mean(np.log(flops / (params * tokens)))))
    truth = optimal_split(law.form, law.constants, np.exp(budgets) * FLOPS_PER_PARAM_TOKEN / per_pair)
    true_lines = straight_lines(budgets, np.log(np.stack([truth.N_opt, truth.D_opt])))
    there = optimal_split(law.form, law.constants, compared * FLOPS_PER_PARAM_TOKEN / per_pair)
    found = np.exp(lines[:, :1] + lines[:, 1:] * np.log(compared))
    return GridBias(
        law,
        float(lines[0, 1] - true_lines[0, 1]),
        float(lines[1, 1] - true_lines[1, 1]),
        compared,
        np.asarray(found[0] / there.N_opt - 1),
        np.asarray(found[1] / there.D_opt - 1),
        int(np.isnan(optima).any(axis=1).sum()),
    )


def _optimum(log_params: Array, log_tokens: Array, loss: Array) -> tuple[float, float]:
    """ln N* and ln D* of one budget, NaN where there is none inside."""
    found = []
    for x in (log_params, log_tokens):
        parabola = parabolas(x, loss, np.ones((1, len(x))))
        found.append(float(parabola.vertex[0]) if interior(x, parabola)[0] else np.nan)
    return found[0], found[1]
