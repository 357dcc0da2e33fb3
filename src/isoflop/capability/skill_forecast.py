"""The score of a model not yet made, with an interval that the runs at hand have checked.

Curves that fit alike part ways past the data, and scores of different tasks scatter differently. So the forecast
averages over the forms of ``skill`` by how well each, fitted to the lesser part of the rows, foretold the next ones;
rows are resampled to show what they leave open; and the whole is widened where those earlier forecasts erred by more
than they said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax, stdtrit

from isoflop.capability.skill import FORMS, LEAST_ROWS, SkillLaw, fit_skill, refit
from isoflop.errors import BadInput

Array = NDArray[np.float64]

CUTS = (0.5, 0.6, 0.7, 0.8)
"""Share of the rows, lowest x first, from which the rest was foretold."""
RESAMPLES = 20
LEAST_FORECAST = 8
LEAST_WEIGHT = 0.02
LEAST_SD = 0.005
"""Scatter of a score that a benchmark of a thousand items cannot undercut by much."""
MOVED = 0.1
"""A task whose best scores lie less than this above chance is said to be still at chance."""


@dataclass(frozen=True, slots=True)
class SkillForecast:
    """x, mean, low, high: (K,), scores between 0 and 1, the interval at ``level``.

    weights: of each form. laws: fitted to all rows. widening: factor that earlier forecasts asked for, at least 1.
    backtest_error: mean absolute error of those, in points of 100; naive_error: that of repeating the last scores.
    notes: what makes it doubtful.
    """

    x: Array
    mean: Array
    low: Array
    high: Array
    level: float
    weights: Mapping[str, float]
    laws: tuple[SkillLaw, ...]
    widening: float
    backtest_error: float
    naive_error: float
    notes: tuple[str, ...]


def forecast_skill(
    x: ArrayLike,
    score: ArrayLike,
    at: ArrayLike,
    *,
    chance: float = 0.0,
    level: float = 0.9,
    seed: int = 0,
) -> SkillForecast:
    """Scores at ``at``, (K,), from rows x and score, (rows,); see ``fit_skill`` for their meaning and what it refuses.

    Raises BadInput also for fewer than 8 rows, of which no earlier forecast can be made.
    """
    known, seen = _sorted(x, score)
    wanted = np.atleast_1d(np.asarray(at, dtype=float))
    laws = tuple(fit_skill(known, seen, chance=chance, form=form) for form in FORMS)
    earlier = _earlier_forecasts(known, seen, chance)
    weights = earlier.weights()
    curves = np.stack([law(wanted) for law in laws])
    mean = weights @ curves
    between = weights @ (curves - mean) ** 2
    within = _within(np.random.default_rng(seed), known, seen, wanted, laws, weights)
    scatter = weights @ np.array([max(law.sd, LEAST_SD) ** 2 for law in laws])
    widening = earlier.widening(weights)
    half = stdtrit(len(known) - 3, (1 + level) / 2) * widening * np.sqrt(between + within + scatter)
    return SkillForecast(
        wanted,
        mean,
        np.clip(mean - half, 0, 1),
        np.clip(mean + half, 0, 1),
        level,
        dict(zip(FORMS, weights.tolist(), strict=True)),
        laws,
        widening,
        100 * float(np.abs(weights @ earlier.misses).mean()),
        100 * float(np.abs(earlier.naive).mean()),
        _notes(known, seen, wanted, chance),
    )


@dataclass(frozen=True, slots=True)
class _Earlier:
    """Forecasts of later rows from earlier ones. misses: (forms, targets); said: the deviation each form gave then;
    naive: the misses of repeating the mean of the last three scores."""

    misses: Array
    said: Array
    naive: Array

    def weights(self) -> Array:
        """By the likelihood of the misses at their own size, targets of one cut counted as one (they miss together)."""
        return np.asarray(softmax(-0.5 * len(CUTS) * np.log((self.misses**2).mean(axis=1) + LEAST_SD**2)))

    def widening(self, weights: Array) -> float:
        """Root mean square of the average's misses over what it said; at least 1."""
        said = weights @ self.said**2 + weights @ (self.misses - weights @ self.misses) ** 2
        return float(max(1.0, np.sqrt(np.mean((weights @ self.misses) ** 2 / said))))


def _earlier_forecasts(x: Array, score: Array, chance: float) -> _Earlier:
    misses, said, naive = [], [], []
    for cut in CUTS:
        rows = max(LEAST_ROWS, round(cut * len(x)))
        if rows >= len(x) or np.ptp(x[:rows]) == 0:
            continue
        laws = [fit_skill(x[:rows], score[:rows], chance=chance, form=form) for form in FORMS]
        misses.append(np.stack([law(x[rows:]) - score[rows:] for law in laws]))
        said.append(np.stack([np.full(len(x) - rows, max(law.sd, LEAST_SD)) for law in laws]))
        naive.append(score[rows - 3 : rows].mean() - score[rows:])
    return _Earlier(np.concatenate(misses, axis=1), np.concatenate(said, axis=1), np.concatenate(naive))


def _within(
    rng: np.random.Generator,
    x: Array,
    score: Array,
    at: Array,
    laws: tuple[SkillLaw, ...],
    weights: Array,
) -> Array:
    """Variance at ``at`` that the rows leave open: refits to the curve with its residuals shuffled onto it."""
    total = np.zeros(len(at))
    for law, weight in zip(laws, weights, strict=True):
        if weight < LEAST_WEIGHT:
            continue
        fitted, left = law(x), score - law(x)
        refits = []
        for _ in range(RESAMPLES):
            redrawn = np.clip(fitted + rng.choice(left, size=len(x)), 0, 1)
            refits.append(refit(law, x, redrawn)(at))
        total += weight * np.var(refits, axis=0)
    return total


def _sorted(x: ArrayLike, score: ArrayLike) -> tuple[Array, Array]:
    at, seen = np.asarray(x, dtype=float), np.asarray(score, dtype=float)
    if at.shape == seen.shape and at.ndim == 1:
        kept = np.isfinite(at) & np.isfinite(seen)
        at, seen = at[kept], seen[kept]
        if len(at) < LEAST_FORECAST:
            raise BadInput(
                f"A forecast that is checked on earlier ones needs at least {LEAST_FORECAST} rows; given: {len(at)} "
                f"with both x and score. Fit without a forecast with fit_skill."
            )
        order = np.argsort(at, kind="stable")
        at, seen = at[order], seen[order]
    return at, seen


def _notes(x: Array, score: Array, at: Array, chance: float) -> tuple[str, ...]:
    notes = []
    top = float(np.mean(np.sort(score)[-3:]))
    if top < chance + MOVED:
        notes.append(
            f"The best scores, {top:.2f}, are hardly above chance ({chance:.2f}): where the task begins to be learnt "
            f"cannot be seen from these rows."
        )
    beyond = (float(at.max()) - x[-1]) / float(np.ptp(x))
    if beyond > 0:
        notes.append(f"The forecast reaches past the rows by {beyond:.0%} of the range of x that they span.")
    return tuple(notes)
