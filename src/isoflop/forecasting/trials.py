"""Fits of one shape to a table: starts and folds in one batch, zeros and losses below zero allowed.

A proportion may be zero. Its logarithm then stands at ln ZERO, so that every positive power of it vanishes in double
precision, and the centre is the mean of the other logarithms. A loss that is not positive everywhere is lifted by a
constant before the fit and lowered again after it; such a fit minimises residuals of the loss, not of its logarithm,
since the constant would change what a logarithm means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import FitFailure, RunsError
from isoflop.fitting.bootstrap import bootstrap_weights
from isoflop.fitting.objectives import OBJECTIVES, Objective, huber
from isoflop.fitting.solver import Problem, solve
from isoflop.fitting.starts import draw_starts
from isoflop.laws.compiled import compile_form
from isoflop.laws.form import Form

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

ZERO = 1e-300
STARTS = 16
SKETCH = 300
"""Rows on which the starts are tried; only the best optima are fitted to all rows of a longer table."""
WARM = 3
"""Distinct optima from which all rows and each fold are fitted again."""
LONGEST_DESCENT = 100
"""Steps of the solver. A sloppy shape may want more; it will then not be among the best."""
HUBER_SHARE = 0.02
"""δ of the loss-space Huber as a share of the losses' standard deviation (chosen)."""
_LOW = {"offset": 0.0, "scale": -80.0, "exponent": 0.0, "real": -50.0}
_HIGH = {"offset": np.inf, "scale": 80.0, "exponent": 8.0, "real": 50.0}


@dataclass(frozen=True)
class Response:
    """A target as the solver takes it. lifted: target + lift, all positive. lift: zero for positive targets."""

    lifted: Array
    lift: float

    @classmethod
    def of(cls, target: Array) -> Response:
        """Positive targets stay; others are lifted until the lowest stands at the spread of all."""
        lift = 0.0 if target.min() > 0 else float(np.ptp(target) + 1e-9 - target.min())
        return cls(target + lift, lift)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What may be minimised: robust on ln loss and plain squares, or both in loss space where it was lifted."""
        squares = OBJECTIVES["least_squares"]
        if self.lift == 0:
            return OBJECTIVES["log_huber"], squares
        width = HUBER_SHARE * float(np.std(self.lifted)) or 1.0
        return Objective("loss_huber", "loss", width, huber, "Huber on the loss, δ 2 % of its spread"), squares


@dataclass(frozen=True)
class Fitted:
    """Constants in the solver's working units: best of all rows (P,), and of each fold (folds, P), NaN where none.
    kept: the rows that took part."""

    problem: Problem
    best: Array
    folds: Array
    lift: float
    kept: Mask

    @property
    def form(self) -> Form:
        return self.problem.compiled.form

    @property
    def constants(self) -> dict[str, float]:
        """The form's parameters in natural units, for target + lift."""
        natural = self.problem.compiled.to_natural(self.best[None, :], self.problem.centres)[0]
        return {name: float(value) for name, value in zip(self.form.symbols, natural, strict=True)}

    def predict(self, variables: Mapping[str, Array], working: Array | None = None) -> Array:
        """The target for rows of variables (n,), shaped (sets, n) for working constants (sets, P)."""
        sets = self.best[None, :] if working is None else working
        columns = [np.ascontiguousarray(sets[:, i : i + 1]) for i in range(sets.shape[1])]
        logs = tuple(
            np.log(np.maximum(variables[name], ZERO)) - centre
            for name, centre in zip(self.form.inputs, self.problem.centres, strict=True)
        )
        rows = len(next(iter(variables.values())))
        with np.errstate(all="ignore"):
            value = np.exp(np.asarray(self.problem.compiled.log_value(columns, logs, self.problem.centres)))
        return np.broadcast_to(value, (len(sets), rows)) - self.lift

    def replicates(self, count: int, rng: np.random.Generator) -> Array:
        """Working constants of bootstrap replicates, (count, P)."""
        rows = np.arange(len(self.problem.target))
        weights = bootstrap_weights(rows, count, rng) * self.kept
        begin = np.repeat(self.best[None, :], count, axis=0)
        return solve(self.problem, begin, weights, continuation=False, max_iterations=40).working


def fit_table(
    form: Form,
    variables: Mapping[str, Array],
    response: Response,
    objective: Objective,
    folds: tuple[Mask, ...] = (),
    *,
    kept: Mask | None = None,
    starts: int = STARTS,
    seed: int = 0,
) -> Fitted:
    """Fit a form to all rows from many starts, and to each fold's fitted rows from the best distinct optima.

    variables: symbol -> values (n,). folds: masks of the rows to fit. kept: rows that may take part at all. Raises
    FitFailure when no start gives a finite objective, RunsError for values that are negative or not finite.
    """
    kept = np.ones(len(response.lifted), dtype=bool) if kept is None else kept
    folds = tuple(fold & kept for fold in folds)
    problem = pose_table(form, variables, response, objective, folds)
    rng = np.random.default_rng(seed)
    warm = _optima(_sketch(problem, kept, rng), draw_starts(problem, starts, rng), form)
    masks = np.stack([kept, *folds]).astype(float)
    again = solve(
        problem,
        np.tile(warm, (len(masks), 1)),
        np.repeat(masks, len(warm), axis=0),
        max_iterations=LONGEST_DESCENT,
    )
    objectives = np.where(np.isfinite(again.objective), again.objective, np.inf).reshape(len(masks), -1)
    working = again.working.reshape(len(masks), len(warm), -1)[np.arange(len(masks)), objectives.argmin(axis=1)]
    working = np.where(np.isfinite(objectives.min(axis=1))[:, None], working, np.nan)
    return Fitted(problem, working[0], working[1:], response.lift, kept)


def _sketch(problem: Problem, kept: Mask, rng: np.random.Generator) -> Problem:
    """The problem on at most ``SKETCH`` of the rows that are kept."""
    rows = np.flatnonzero(kept)
    if len(rows) > SKETCH:
        rows = np.sort(rng.choice(rows, SKETCH, replace=False))
    return replace(problem, logs=tuple(log[rows] for log in problem.logs), target=problem.target[rows])


def _optima(problem: Problem, starts: Array, form: Form) -> Array:
    """The best distinct optima reached from the starts, (at most WARM, P)."""
    found = solve(problem, starts, max_iterations=LONGEST_DESCENT)
    if not np.isfinite(found.objective).any():
        raise FitFailure(f"None of {len(starts)} starts gave '{form.formula}' a finite loss on this table.")
    order = np.argsort(np.where(np.isfinite(found.objective), found.objective, np.inf))
    return np.asarray(found.working[_distinct(found.objective, order)[:WARM]])


def _distinct(objective: Array, order: NDArray[np.int64]) -> list[int]:
    """Starts in order of their objective, one for each optimum."""
    kept: list[int] = []
    for index in order:
        value = objective[index]
        if np.isfinite(value) and (not kept or value > objective[kept[-1]] * (1 + 1e-4)):
            kept.append(int(index))
    return kept


def pose_table(
    form: Form, variables: Mapping[str, Array], response: Response, objective: Objective, folds: tuple[Mask, ...] = ()
) -> Problem:
    """The solver's problem, with zeros let in. An offset lies between zero and the lowest loss of every fold's rows."""
    for name in form.inputs:
        values = variables[name]
        if not np.all(np.isfinite(values) & (values >= 0)):
            bad = int(np.flatnonzero(~(np.isfinite(values) & (values >= 0)))[0])
            raise RunsError(
                f"{name} is {values[bad]:g} in row {bad + 1}. A law takes numbers from zero up. Correct the row, or "
                "leave it out with --where."
            )
    logs = [np.log(np.maximum(variables[name], ZERO)) for name in form.inputs]
    centres = np.array([_centre(variables[name]) for name in form.inputs])
    low, high = (np.array([side[p.kind] for p in form.parameters]) for side in (_LOW, _HIGH))
    lowest = max([response.lifted.min(), *(response.lifted[fold].min() for fold in folds)])
    centred = tuple(log - centre for log, centre in zip(logs, centres, strict=True))
    return Problem(
        compile_form(form),
        centred,
        centres,
        np.log(response.lifted),
        low,
        np.where(np.isinf(high), lowest, high),
        replace(objective),
    )


def _centre(values: Array) -> float:
    positive = values[values > 0]
    return float(np.log(positive).mean()) if len(positive) else 0.0
