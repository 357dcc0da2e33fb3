"""Rolling-origin backtests: fit the cheap runs, forecast the dear ones, and see.

For several amounts of compute C_cut, forms are fitted to the runs with C ≤ C_cut and forecast those above. What they
miss by there is the only evidence that a ladder holds about its own extrapolation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import FitFailure
from isoflop.fitting.fit import Fit, fit
from isoflop.fitting.objectives import Objective
from isoflop.forecasting.draws import predictive_log_draws
from isoflop.laws.form import Form
from isoflop.laws.law import evaluate
from isoflop.runs.table import Runs

Array = NDArray[np.float64]

ORIGINS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the runs, by compute, that are fitted."""
STARTS = 12
REPLICATES = 60
SPARE_RUNS = 2
"""A form is backtested where it leaves at least this many runs more than it has parameters."""


@dataclass(frozen=True)
class Origin:
    """One cut. flops: the largest fitted. rows: the forecast runs, as indices. errors: ln loss − ln forecast, one row
    per form, NaN where a form could not be fitted. spread: standard deviation of the pooled predictive draws.
    constants: per form, those fitted below the cut, or None."""

    flops: float
    rows: NDArray[np.int64]
    errors: Array
    spread: Array
    constants: tuple[Mapping[str, float] | None, ...] = ()


def rolling_origin(
    runs: Runs, forms: Sequence[Form], *, objective: str | Objective = "log_huber", seed: int = 0
) -> tuple[Origin, ...]:
    """Backtest forms on a table of runs; empty when there are too few runs for any cut.

    Deterministic in ``seed``. Runs of equal compute stay on one side of a cut.
    """
    order = np.sort(runs.flops)
    cuts = sorted({float(order[max(int(share * len(order)) - 1, 0)]) for share in ORIGINS})
    origins = (_origin(runs, forms, cut, objective, seed) for cut in cuts)
    return tuple(origin for origin in origins if origin is not None)


def _origin(runs: Runs, forms: Sequence[Form], cut: float, objective: str | Objective, seed: int) -> Origin | None:
    rows = np.flatnonzero(runs.flops > cut)
    below = runs.take(runs.flops <= cut)
    if not len(rows):
        return None
    above = runs.take(rows)
    rng = np.random.default_rng([seed, len(below)])
    errors = np.full((len(forms), len(rows)), np.nan)
    pooled = []
    constants: list[Mapping[str, float] | None] = [None] * len(forms)
    for index, form in enumerate(forms):
        fitted = _fitted(form, below, objective, seed)
        if fitted is None:
            continue
        variables = {symbol: np.asarray(above.column(c), dtype=float) for symbol, c in form.columns.items()}
        errors[index] = np.log(above.loss) - np.log(evaluate(form, fitted.law.constants, variables))
        constants[index] = fitted.law.constants
        pooled.append(predictive_log_draws(fitted, variables, rng))
    if not pooled:
        return None
    return Origin(cut, rows, errors, np.concatenate(pooled, axis=1).std(axis=1), tuple(constants))


def _fitted(form: Form, below: Runs, objective: str | Objective, seed: int) -> Fit | None:
    """None where the form has too many parameters for these runs or no start gives a finite loss."""
    distinct = len(np.unique(np.stack([below.params, below.tokens]), axis=1).T)
    if distinct < len(form.parameters) + SPARE_RUNS:
        return None
    try:
        return fit(form, below, objective=objective, starts=STARTS, replicates=REPLICATES, seed=seed)
    except FitFailure:
        return None
