"""Where the solver starts: exponents drawn from their plausible ranges, coefficients solved for.

A formula is often affine in some parameters (E, A and B of the additive law). Given drawn exponents these follow
from one weighted linear least-squares problem, so that every start already passes through the data's middle: this is
the inner half of variable projection (Golub & Pereyra 1973).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import BadInput, did_you_mean
from isoflop.fitting.solver import Problem
from isoflop.laws.form import Parameter

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Starts = int | Mapping[str, Sequence[float]]
"""How many starts to draw, or a grid: parameter -> its values in natural units."""

HOFFMANN_GRID: Mapping[str, Sequence[float]] = {
    "E": tuple(np.exp(np.arange(-1.0, 1.5, 0.5)).tolist()),
    "A": tuple(np.exp(np.arange(0.0, 30.0, 5.0)).tolist()),
    "alpha": (0.0, 0.5, 1.0, 1.5, 2.0),
    "B": tuple(np.exp(np.arange(0.0, 30.0, 5.0)).tolist()),
    "beta": (0.0, 0.5, 1.0, 1.5, 2.0),
}
"""The 4,500 starts of Hoffmann et al. 2022, appendix D.2: ln E, ln A and ln B in steps, alpha and beta in halves."""
LARGEST_GRID = 1_000_000

SMALLEST_SHARE = 1e-3
"""A solved coefficient that comes out negative starts at this share of the typical loss instead."""


def draw_starts(problem: Problem, count: int, rng: np.random.Generator) -> Array:
    """Working parameters (count, P), from a stratified draw per parameter; bounds are respected."""
    parameters = problem.compiled.form.parameters
    typical = float(np.exp(np.median(problem.target)))
    columns = [_draw(p, count, typical, rng) for p in parameters]
    for index in problem.compiled.free_scales:
        columns[index] = _draw_scale(problem, index, count, rng)
    starts: Array = np.stack(columns, axis=1)
    starts = _solve_linear(problem, np.clip(starts, problem.low, problem.high), typical)
    return np.clip(starts, problem.low, problem.high)


def grid_starts(problem: Problem, grid: Mapping[str, Sequence[float]]) -> tuple[Array, Counts]:
    """Distinct starts (k, P) of a grid, and how many of the grid's points fall on each (k,).

    Affine parameters are solved for, so points that differ in nothing else are one start: Hoffmann et al.'s 4,500 are
    25, one for each pair of exponents. Raises BadInput for a name that the form lacks, for a missing one that cannot be
    solved for, for values a parameter cannot have and for more than LARGEST_GRID points.
    """
    values = [_grid_values(problem, grid, index) for index in range(len(problem.compiled.form.parameters))]
    points = int(np.prod([len(column) for column in values]))
    unknown = [name for name in grid if name not in problem.compiled.form.symbols]
    if unknown:
        raise BadInput(
            f"The form has no parameter '{unknown[0]}'; it has {', '.join(problem.compiled.form.symbols)}."
            f"{did_you_mean(unknown[0], problem.compiled.form.symbols)}"
        )
    if not 0 < points <= LARGEST_GRID:
        raise BadInput(f"The grid has {points:,} points. Allowed: 1 to {LARGEST_GRID:,}.")
    natural = np.array(list(itertools.product(*values)), dtype=float)
    working = np.clip(problem.compiled.to_working(natural, problem.centres), problem.low, problem.high)
    # the affine ones are set alike first, so that what is solved for them does not depend on where they stood
    working[:, list(problem.compiled.linear)] = working[0, list(problem.compiled.linear)]
    exponents, counts = np.unique(working, axis=0, return_counts=True)
    solved = _solve_linear(problem, exponents, float(np.exp(np.median(problem.target))))
    return np.clip(solved, problem.low, problem.high), counts


def _grid_values(problem: Problem, grid: Mapping[str, Sequence[float]], index: int) -> Sequence[float]:
    parameter = problem.compiled.form.parameters[index]
    if parameter.symbol not in grid:
        if index in problem.compiled.linear:
            return (1.0,)
        raise BadInput(f"The grid gives no values for '{parameter.symbol}', which cannot be solved for. Add some.")
    values = grid[parameter.symbol]
    wrong = [v for v in values if not np.isfinite(v) or (parameter.kind == "scale" and v <= 0)]
    if wrong:
        raise BadInput(
            f"The grid holds {parameter.symbol} = {wrong[0]:g}: "
            f"{'a scale must be positive' if parameter.kind == 'scale' else 'values must be finite'}."
        )
    return values


def _draw(parameter: Parameter, count: int, typical: float, rng: np.random.Generator) -> Array:
    share = _slices(count, rng)
    if parameter.kind == "offset":
        return 0.95 * typical * share
    if parameter.kind == "scale":
        # a working scale is the logarithm of its whole term at the middle of the data
        return np.asarray(np.log(typical) + np.log(0.02) * share)
    return parameter.low + share * (parameter.high - parameter.low)


def _draw_scale(problem: Problem, index: int, count: int, rng: np.random.Generator) -> Array:
    """A scale that is not the size of a term, such as N_c or R_D: log-uniform over its plausible range."""
    parameter = problem.compiled.form.parameters[index]
    zeros = [0.0] * len(problem.compiled.form.parameters)
    shift = float(problem.compiled.shifts(zeros, list(problem.centres))[index])
    low, high = np.log(parameter.low), np.log(parameter.high)
    return np.asarray(low + _slices(count, rng) * (high - low) - shift)


def _slices(count: int, rng: np.random.Generator) -> Array:
    """A stratified uniform draw: every start takes another slice of the range, in shuffled order."""
    return np.asarray((rng.permutation(count) + rng.random(count)) / count)


def _solve_linear(problem: Problem, starts: Array, typical: float) -> Array:
    """Replace the affine parameters by their relative least-squares values at the drawn exponents."""
    linear = problem.compiled.linear
    if not linear or len(problem.target) < len(linear):
        return starts
    columns = [starts[:, i : i + 1] for i in range(starts.shape[1])]
    shape = (len(starts), len(problem.target))
    with np.errstate(all="ignore"):
        parts = problem.compiled.basis(columns, problem.logs, problem.centres)
    rest, *basis = (np.broadcast_to(np.asarray(part, dtype=float), shape) for part in parts)
    loss = np.exp(problem.target)
    design = np.stack(basis, axis=1) / loss
    right = (loss - rest) / loss
    usable = np.isfinite(design).all(axis=(1, 2)) & np.isfinite(right).all(axis=1)
    if not usable.any():
        return starts
    solved = _nonnegative(design[usable], right[usable])
    result = starts.copy()
    for place, index in enumerate(linear):
        kind = problem.compiled.form.parameters[index].kind
        value = solved[:, place] if kind == "real" else np.maximum(solved[:, place], SMALLEST_SHARE * typical)
        result[usable, index] = np.log(value) if kind == "scale" else value
    return result


def _nonnegative(design: Array, right: Array) -> Array:
    """Least squares (b, k) of designs (b, k, n); those with a negative coefficient are solved again without it."""
    normal = np.matmul(design, design.transpose(0, 2, 1))
    moment = np.matmul(design, right[:, :, None])[:, :, 0]
    ridge = 1e-12 * np.einsum("bkk->bk", normal)
    places = np.arange(normal.shape[1])
    normal[:, places, places] += ridge + 1e-300
    solved = np.linalg.solve(normal, moment[:, :, None])[:, :, 0]
    negative = solved < 0
    if not negative.any():
        return np.asarray(solved)
    kept = ~negative[:, :, None] & ~negative[:, None, :]
    reduced = np.where(kept, normal, 0.0)
    reduced[:, places, places] += negative
    return np.asarray(np.linalg.solve(reduced, np.where(negative, 0.0, moment)[:, :, None])[:, :, 0])
