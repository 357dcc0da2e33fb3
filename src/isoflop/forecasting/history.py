"""How forecasts from a table's cheaper runs would have done on its dearer ones: the backtest a user asks for.

At each cut everything is done anew with the runs below it, weights and calibration included, and the runs above are
forecast; nothing above a cut is known to what is below.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import BadInput, FitFailure, RunsError
from isoflop.fitting.fit import REPLICATES
from isoflop.forecasting.discrepancy import SIZES, repeats_tokens, runs_at
from isoflop.forecasting.forecast import AVERAGE, forecast
from isoflop.forecasting.scores import continuous_ranked_probability_score, interval_score
from isoflop.forecasting.usual import usual_practice
from isoflop.laws.form import Form
from isoflop.runs.table import Runs

Array = NDArray[np.float64]

LEVELS = (0.5, 0.8, 0.9, 0.95)
CUTS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the runs, by compute, that are fitted."""
LEAST_RUNS = 6
"""Runs below a cut without which it is left out."""
RATIOS = (1.0, 2.0, 4.0, 10.0, 30.0, 100.0, np.inf)
"""Edges of the groups of targets by compute over the largest fitted."""
ISOFLOP, USUAL, USUAL_NOISY = "isoflop", "usual", "usual+noise"


@dataclass(frozen=True, eq=False)
class Trial:
    """One method at one cut; arrays are (targets,).

    flops: the largest fitted. ratio: the targets' compute over it. loss: forecast. low, high: level -> bounds.
    interval_score: at 90 %, and crps: in units of the loss.
    """

    method: str
    flops: float
    n_fitted: int
    ratio: Array
    measured: Array
    loss: Array
    low: Mapping[float, Array]
    high: Mapping[float, Array]
    interval_score: Array
    crps: Array


@dataclass(frozen=True, slots=True)
class Record:
    """Scores of a method over a group of targets. ratio: the group's lowest and highest compute over the largest
    fitted. error: median |forecast/measured − 1|. bias: median of forecast/measured − 1. coverage: level -> share held.
    interval_score: at 90 %, and crps: means, in units of the loss."""

    method: str
    ratio: tuple[float, float]
    n_targets: int
    error: float
    bias: float
    coverage: Mapping[float, float]
    interval_score: float
    crps: float


def backtest(
    runs: Runs, *, form: str | Form = AVERAGE, cuts: Sequence[float] = CUTS, usual: bool = True, seed: int = 0
) -> tuple[Trial, ...]:
    """Forecast the runs above each cut from those below it.

    cuts: shares of the runs, by compute. usual: try the usual practice beside it. Raises BadInput for a cut outside
    (0, 1), RunsError when no cut leaves LEAST_RUNS runs below and one above.
    """
    if not cuts or not all(0 < cut < 1 for cut in cuts):
        raise BadInput(f"cuts = {list(cuts)} is not allowed: they must lie between 0 and 1, such as 0.5, 0.8.")
    order = np.sort(runs.flops)
    limits = sorted({float(order[max(int(cut * len(order)) - 1, 0)]) for cut in cuts})
    usable = [c for c in limits if np.sum(runs.flops <= c) >= LEAST_RUNS and np.any(runs.flops > c)]
    if not usable:
        raise RunsError(
            f"{len(runs)} runs with {len(np.unique(runs.flops))} amounts of compute leave no cut with {LEAST_RUNS} "
            "runs below it and one above. A backtest needs more runs that differ in compute."
        )
    trials = [trial for limit in usable for trial in _at_cut(runs, limit, form, usual, seed)]
    if not trials:
        raise RunsError("No form could be fitted below any cut. Fit all runs with `isoflop fit` to see why.")
    return tuple(trials)


def _at_cut(runs: Runs, limit: float, form: str | Form, usual: bool, seed: int) -> list[Trial]:
    below, above = runs.take(runs.flops <= limit), runs.take(runs.flops > limit)
    at = runs_at(above, SIZES | ({"U": "unique_tokens"} if repeats_tokens(below) else {}))
    try:
        made = forecast(below, form=form, level=0.9, objective="log_huber", replicates=REPLICATES, seed=seed, **at)
        trials = [trial(ISOFLOP, below, above, made.loss, made.draws)]
        if usual:
            other = usual_practice(below, at, seed)
            trials.append(trial(USUAL, below, above, other.loss, other.law))
            trials.append(trial(USUAL_NOISY, below, above, other.loss, other.noisy))
    except FitFailure:
        return []
    return trials


def trial(method: str, below: Runs, above: Runs, loss: Array, draws: Array) -> Trial:
    """Measure one method's predictive draws (targets, draws) against the runs above a cut."""
    bounds = {level: np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=1) for level in LEVELS}
    return Trial(
        method,
        float(below.flops.max()),
        len(below),
        above.flops / below.flops.max(),
        above.loss,
        loss,
        {level: low for level, (low, _) in bounds.items()},
        {level: high for level, (_, high) in bounds.items()},
        interval_score(bounds[0.9][0], bounds[0.9][1], above.loss, 0.9),
        continuous_ranked_probability_score(draws, above.loss),
    )


def record(trials: Sequence[Trial], within: tuple[float, float] = (0.0, np.inf)) -> Record | None:
    """Scores over all targets of one method's trials whose ratio lies in [low, high); None without any."""
    kept = [(each, (within[0] <= each.ratio) & (each.ratio < within[1])) for each in trials]
    if not any(mask.any() for _, mask in kept):
        return None
    relative = np.concatenate([(each.loss / each.measured - 1)[mask] for each, mask in kept])
    held = {
        level: float(np.mean(np.concatenate([_held(each, level)[mask] for each, mask in kept]))) for level in LEVELS
    }
    ratios = np.concatenate([each.ratio[mask] for each, mask in kept])
    return Record(
        trials[0].method,
        (float(ratios.min()), float(ratios.max())),
        len(relative),
        float(np.median(np.abs(relative))),
        float(np.median(relative)),
        held,
        float(np.mean(np.concatenate([each.interval_score[mask] for each, mask in kept]))),
        float(np.mean(np.concatenate([each.crps[mask] for each, mask in kept]))),
    )


def _held(each: Trial, level: float) -> NDArray[np.bool_]:
    return (each.low[level] <= each.measured) & (each.measured <= each.high[level])


def methods(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    """Trials by method, in the order they came."""
    found: dict[str, list[Trial]] = {}
    for each in trials:
        found.setdefault(each.method, []).append(each)
    return found


def by_ratio(trials: Sequence[Trial]) -> list[Record]:
    """Records of one method by groups of extrapolation, those without targets left out."""
    groups = (record(trials, (low, high)) for low, high in itertools.pairwise(RATIOS))
    return [group for group in groups if group is not None]
