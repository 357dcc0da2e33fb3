"""From the size of a run to its score in two steps: N and D to a loss, the loss to the score.

    L(N, D)  =  A / N^α + B / D^β + E            a task's own loss, or the validation loss
    score    =  g + (u - g) / (1 + exp(s (L - m)))

Source: Bhagia et al. 2024 (arXiv:2412.04403, equations 1 and 2); Gadre et al. 2024 (arXiv:2403.08540, section 3). The
interval joins both steps: what the skill law leaves open at the forecast loss, and what the loss's own interval means
for the score, as independent errors.

Advice. "Within two points" is true of four of the eight tasks of Bhagia et al.; one missed by eleven. A loss on the
task's right answers says more than a loss on text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.capability.skill_forecast import SkillForecast, forecast_skill
from isoflop.errors import BadInput
from isoflop.forecasting.forecast import AVERAGE, Forecast, forecast
from isoflop.laws.form import Form
from isoflop.runs.table import Runs

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TwoStep:
    """mean, low, high: (targets,), scores between 0 and 1. loss: the first step; skill: the second at its losses."""

    mean: Array
    low: Array
    high: Array
    level: float
    loss: Forecast
    skill: SkillForecast
    notes: tuple[str, ...]


def forecast_two_step(
    runs: Runs,
    score: ArrayLike,
    *,
    chance: float = 0.0,
    form: str | Form = AVERAGE,
    level: float = 0.9,
    seed: int = 0,
    loss: Forecast | None = None,
    **targets: ArrayLike,
) -> TwoStep:
    """Scores of runs not yet made: ``forecast_two_step(runs, accuracy, chance=0.25, N=7e9, D=2e12)``.

    runs: with the loss that both steps share. score: (runs,), NaN where not measured. form, targets: of the loss, as in
    ``forecasting.forecast``. loss: the first step where it was made before, for another score. Raises BadInput for a
    score of another length, and what the two steps raise.
    """
    seen = np.asarray(score, dtype=float)
    if seen.shape != (len(runs),):
        raise BadInput(
            f"One score a run is needed, NaN where it is not known; given: {seen.shape} for {len(runs)} runs."
        )
    if loss is None:
        wanted: dict[str, Any] = dict(targets)
        loss = forecast(runs, form=form, level=level, seed=seed, **wanted)
    at = np.concatenate([-loss.loss, -loss.high, -loss.low])
    skill = forecast_skill(-runs.loss, seen, at, chance=chance, level=level, seed=seed)
    n = len(loss)
    mean, worse, better = skill.mean[:n], skill.mean[n : 2 * n], skill.mean[2 * n :]
    low = mean - np.hypot(mean - skill.low[:n], mean - worse)
    high = mean + np.hypot(skill.high[:n] - mean, better - mean)
    return TwoStep(mean, np.clip(low, 0, 1), np.clip(high, 0, 1), level, loss, skill, (*loss.notes, *skill.notes))
