"""Laws of two recipes fitted side by side, so that what the two share cancels in their difference.

Two recipes of one laboratory usually have runs at the same N and D, with the same seeds and the same formula's misfit.
So every bootstrap replicate weighs a cell (N, D) alike in both tables: whether noise is shared or not, the spread of
the difference then comes out right, because a weighted bootstrap estimates the covariance of two estimates that share
their weights. And every draw takes the same form for both: a formula that is wrong in the same way for both does not
move their difference.

Forms are weighed, and the spread widened, by rolling-origin backtests of the *difference*: both laws are fitted below a
compute and foretell by how much one recipe beats the other above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isoflop.counting import FLOPS_PER_PARAM_TOKEN
from isoflop.errors import FitFailure, RunsError
from isoflop.fitting.bootstrap import bootstrap_weights
from isoflop.fitting.fit import pose
from isoflop.fitting.objectives import find_objective
from isoflop.fitting.solver import Problem, residuals_at, solve
from isoflop.fitting.starts import draw_starts
from isoflop.laws.form import Form
from isoflop.laws.law import evaluate
from isoflop.runs.table import Runs

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

CELL = 0.02
"""Runs of the two recipes are at one scale when N and D differ by at most this share: vocabularies and last steps make
planned sizes differ by a per cent or so (chosen)."""
STARTS = 16
REFIT_ITERATIONS = 50
"""Steps of the solver from the optimum to a replicate's own. On flat directions it would creep on for hundreds without
moving what the law foretells."""
ORIGINS = (0.5, 0.65, 0.8)
"""Shares of the runs of each recipe, by compute, that a backtest fits."""
ORIGIN_REPLICATES = 40
SPARE_RUNS = 2
PRIOR_ORIGINS = 2.0
"""Origins' worth of belief in equal weights of forms, and in intervals as wide as they should be (chosen)."""
WIDEST = 5.0
E_GRID = 11
"""Values of a shared irreducible loss that are tried."""
E_ITERATIONS = 30
"""Steps of the solver at each of them: every replicate begins at its own optimum."""


@dataclass(frozen=True, eq=False)
class Pair:
    """One form fitted to both recipes. point, draws: per recipe, parameter -> number or (replicates,). residuals: per
    recipe, ln loss − ln law, (runs,). doubt: factor of each replicate, for the unknown size of the noise."""

    form: Form
    point: tuple[dict[str, float], dict[str, float]]
    draws: tuple[dict[str, Array], dict[str, Array]]
    residuals: tuple[Array, Array]
    doubt: Array

    def log_loss(self, recipe: int, N: Array, D: Array, replicates: Ints | None = None) -> Array:
        """ln of the law's loss at N and D, (points,), or under the given replicates, (replicates, points)."""
        values = {"N": N, "D": D}
        if replicates is None:
            return np.asarray(np.log(evaluate(self.form, self.point[recipe], values)))
        constants = {name: draw[replicates][:, None] for name, draw in self.draws[recipe].items()}
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = np.log(evaluate(self.form, constants, values))
        return self.spread(recipe, replicates, self.log_loss(recipe, N, D), drawn)

    def spread(self, recipe: int, replicates: Ints, centre: Array, draws: Array) -> Array:
        """Draws (replicates, points) about the centre (points,), enlarged twice: by sqrt(n/(n − P)), since a bootstrap
        takes its noise from residuals that P fitted parameters have shortened, and by the doubt about the size of that
        noise, which is Student's t in place of the normal, with one factor for both recipes."""
        count = len(self.residuals[recipe])
        shortened = np.sqrt(count / max(count - len(self.form.parameters), 1))
        return np.asarray(centre + shortened * self.doubt[replicates][:, None] * (draws - centre))


@dataclass(frozen=True)
class Origin:
    """A backtest of the difference. flops: the largest fitted. errors: per form, the mean over the cells above of (ln
    of B over A, measured minus foretold), NaN where it could not be fitted. spread: its standard deviation in the
    draws. cells: how many. law_right, scale_right: in how many of them the laws, and the ranking at the largest common
    cell below, named the better recipe."""

    flops: float
    errors: Array
    spread: Array
    cells: int
    law_right: int
    scale_right: int


def compute_of(runs: Runs) -> Array:
    """6ND of every run, (runs,). The paths of a comparison are in N and D, so a stated C that counts otherwise, or was
    written wrongly, does not enter."""
    return FLOPS_PER_PARAM_TOKEN * runs.params * runs.tokens


def common_cells(a: Runs, b: Runs) -> tuple[Ints, Ints]:
    """Rows of a and b at the same N and D, paired one to one (cells,), by compute; replicates are paired in order."""
    logs_a, logs_b = (np.log(np.stack([runs.params, runs.tokens], axis=1)) for runs in (a, b))
    free = np.ones(len(b), dtype=bool)
    pairs: list[tuple[int, int]] = []
    for row in np.argsort(compute_of(a), kind="stable"):
        near = np.flatnonzero(free & (np.abs(logs_b - logs_a[row]).max(axis=1) <= np.log1p(CELL)))
        if len(near):
            pairs.append((int(row), int(near[0])))
            free[near[0]] = False
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def shared_clusters(a: Runs, b: Runs) -> tuple[Ints, Ints]:
    """Cluster numbers of the runs of a and of b, in which a trunk of a and one of b with a common cell are one."""
    in_a, in_b = a.clusters, b.clusters + (a.clusters.max() + 1)
    joined = in_b.copy()
    taken: set[int] = set()
    for row_a, row_b in zip(*common_cells(a, b), strict=True):
        theirs, ours = in_b[row_b], int(in_a[row_a])
        if (joined[in_b == theirs] == theirs).all() and ours not in taken:
            joined[in_b == theirs] = ours
            taken.add(ours)
    both = np.unique(np.concatenate([in_a, joined]), return_inverse=True)[1].astype(np.int64)
    return both[: len(a)], both[len(a) :]


def fit_pair(a: Runs, b: Runs, form: Form, *, replicates: int, seed: int, shared_floor: bool = False) -> Pair:
    """Fit one form to both recipes with common bootstrap weights. shared_floor: one irreducible loss for both, found by
    trying E_GRID values. Raises RunsError and FitFailure as ``fit`` does."""
    clusters = shared_clusters(a, b)
    rng = np.random.default_rng(seed)
    weights = bootstrap_weights(np.concatenate(clusters), replicates, rng)
    problems = tuple(pose(form, runs, find_objective("log_huber")) for runs in (a, b))
    split = (weights[:, : len(a)], weights[:, len(a) :])
    best = tuple(_best(problem, form, np.random.default_rng(seed)) for problem in problems)
    worked = tuple(
        np.concatenate([own, _refit(problem, own, share)[0]])
        for problem, own, share in zip(problems, best, split, strict=True)
    )
    if shared_floor and "E" in form.symbols:
        worked = _with_shared_offset(problems, worked, split, form.symbols.index("E"))
    natural = [
        problem.compiled.to_natural(work, problem.centres) for problem, work in zip(problems, worked, strict=True)
    ]
    points = [{name: float(values[0, i]) for i, name in enumerate(form.symbols)} for values in natural]
    draws = [{name: values[1:, i] for i, name in enumerate(form.symbols)} for values in natural]
    degrees = max(min(len(a), len(b)) - len(form.parameters), 2)
    doubt = np.sqrt(degrees / rng.chisquare(degrees, replicates))
    left = [-residuals_at(problem, work[:1])[0] for problem, work in zip(problems, worked, strict=True)]
    return Pair(form, (points[0], points[1]), (draws[0], draws[1]), (left[0], left[1]), doubt)


def _best(problem: Problem, form: Form, rng: np.random.Generator) -> Array:
    found = solve(problem, draw_starts(problem, STARTS, rng), max_iterations=2 * REFIT_ITERATIONS)
    if not np.isfinite(found.objective).any():
        raise FitFailure(f"No start gave '{form.formula}' a finite loss on these runs. Choose another form.")
    return found.working[[int(np.nanargmin(found.objective))]]


def _refit(problem: Problem, best: Array, weights: Array, iterations: int = REFIT_ITERATIONS) -> tuple[Array, Array]:
    starts = np.repeat(best, len(weights), axis=0) if len(best) == 1 else best
    found = solve(problem, starts, weights, continuation=False, max_iterations=iterations)
    return found.working, found.objective


def _with_shared_offset(
    problems: Sequence[Problem], worked: Sequence[Array], weights: Sequence[Array], index: int
) -> tuple[Array, ...]:
    """Refit every replicate, and the point, at each E of a grid, and keep the E with the lowest sum of both."""
    highest = min(float(problem.high[index]) for problem in problems)
    seen = np.concatenate([work[:, index] for work in worked])
    low, high = np.quantile(seen, [0.005, 0.995])
    grid = np.linspace(max(0.0, float(low)), min(float(high), highest * (1 - 1e-6)), E_GRID)
    plain = [np.concatenate([np.ones((1, share.shape[1])), share]) for share in weights]
    total, held = np.zeros((E_GRID, len(worked[0]))), []
    for problem, work, share in zip(problems, worked, plain, strict=True):
        at_each = []
        for step, value in enumerate(grid):
            low_bound, high_bound = problem.low.copy(), problem.high.copy()
            low_bound[index] = high_bound[index] = value
            fixed, objective = _refit(replace(problem, low=low_bound, high=high_bound), work, share, E_ITERATIONS)
            total[step] += objective
            at_each.append(fixed)
        held.append(np.stack(at_each))
    chosen = np.argmin(np.where(np.isfinite(total), total, np.inf), axis=0)
    return tuple(each[chosen, np.arange(len(chosen))] for each in held)


def carried(a: Runs, b: Runs, forms: Sequence[Form]) -> list[Form]:
    """The forms that both tables can carry: SPARE_RUNS more distinct scales than parameters, in each."""
    distinct = min(len(np.unique(np.stack([runs.params, runs.tokens]), axis=1).T) for runs in (a, b))
    return [form for form in forms if distinct >= len(form.parameters) + SPARE_RUNS]


def backtest_difference(a: Runs, b: Runs, forms: Sequence[Form], *, seed: int) -> tuple[Origin, ...]:
    """Rolling origins of the difference; empty without common cells or with too few runs."""
    rows_a, rows_b = common_cells(a, b)
    flops = compute_of(a)[rows_a]
    cuts = (
        sorted({float(np.sort(flops)[max(int(share * len(flops)) - 1, 0)]) for share in ORIGINS}) if len(flops) else []
    )
    found = [_origin(a, b, (rows_a, rows_b), flops, cut, forms, seed) for cut in cuts]
    return tuple(origin for origin in found if origin is not None)


def _origin(
    a: Runs, b: Runs, cells: tuple[Ints, Ints], flops: Array, cut: float, forms: Sequence[Form], seed: int
) -> Origin | None:
    limit = cut * (1 + 2 * CELL)
    below = (a.take(compute_of(a) <= limit), b.take(compute_of(b) <= limit))
    above = flops > limit
    if not above.any() or min(map(len, below)) == 0:
        return None
    N, D = a.params[cells[0][above]], a.tokens[cells[0][above]]
    measured = np.log(b.loss[cells[1][above]] / a.loss[cells[0][above]])
    errors, foretold, pooled = np.full(len(forms), np.nan), [], []
    every = np.arange(ORIGIN_REPLICATES)
    for index, form in enumerate(forms):
        if not carried(*below, [form]):
            continue
        try:
            pair = fit_pair(*below, form, replicates=ORIGIN_REPLICATES, seed=seed)
        except (FitFailure, RunsError):
            continue
        foretold.append(pair.log_loss(1, N, D) - pair.log_loss(0, N, D))
        errors[index] = float(np.mean(measured - foretold[-1]))
        noise = np.sqrt((_scatter(pair.residuals[0], form) ** 2 + _scatter(pair.residuals[1], form) ** 2) / len(N))
        drawn = (pair.log_loss(1, N, D, every) - pair.log_loss(0, N, D, every)).mean(axis=1)
        pooled.append(drawn + noise * np.random.default_rng(seed).standard_normal(len(drawn)))
    if not pooled:
        return None
    last = int(np.argmax(np.where(above, -np.inf, flops)))
    scale_sign = np.sign(np.log(b.loss[cells[1][last]] / a.loss[cells[0][last]]))
    law_right = int(np.sum(np.sign(np.mean(foretold, axis=0)) == np.sign(measured)))
    spread = np.array([np.std(np.concatenate(pooled))])
    return Origin(cut, errors, spread, int(above.sum()), law_right, int(np.sum(scale_sign == np.sign(measured))))


def _scatter(residuals: Array, form: Form) -> float:
    """Standard deviation of a single run about its law, unbiased for the parameters that were fitted."""
    return float(np.sqrt(np.sum(residuals**2) / max(len(residuals) - len(form.parameters), 1)))


def scatter(pair: Pair, recipe: int) -> float:
    """Standard deviation of ln loss of a run of a recipe about its law."""
    return _scatter(pair.residuals[recipe], pair.form)


def weigh(origins: Sequence[Origin], forms: int) -> Array:
    """Inverse mean squared error of the foretold difference, shrunk towards equal weights, (forms,)."""
    equal = np.full(forms, 1 / forms)
    if not origins:
        return equal
    squared = np.array([origin.errors**2 for origin in origins])
    worst = np.nanmax(squared, axis=1, keepdims=True)
    loss = np.where(np.isnan(squared), worst, squared).mean(axis=0)
    by_error = 1 / np.maximum(loss, 1e-12)
    trust = len(origins) / (len(origins) + PRIOR_ORIGINS)
    return np.asarray(trust * by_error / by_error.sum() + (1 - trust) * equal)


def widen(origins: Sequence[Origin], weights: Array) -> float:
    """How much too narrow the draws of the difference were in the backtests, at least 1: the root mean square of error
    over spread, shrunk towards 1."""
    ratios = []
    for origin in origins:
        known = ~np.isnan(origin.errors)
        error = float(weights[known] @ origin.errors[known] / weights[known].sum())
        ratios.append((error / max(float(origin.spread[0]), 1e-12)) ** 2)
    shrunk = (PRIOR_ORIGINS + float(np.sum(ratios))) / (PRIOR_ORIGINS + len(ratios))
    return float(np.clip(np.sqrt(shrunk), 1.0, WIDEST))
