"""Variable projection: the affine parameters of a form follow from the others, so only those are searched.

For given exponents the additive law is a straight line in E, A and B, whose best values are one non-negative
least-squares problem. What is left is a search over the exponents alone (Golub & Pereyra 1973), with Kaufman's (1975)
Jacobian: the part of d law / d exponent that the affine parameters cannot make up for. On the additive law this turns
five parameters of which two pairs correlate at 0.999 into two that hardly do. Open-Athena 2026 use it against the bias
of isoFLOP parabolas.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import FitFailure, LawError
from isoflop.fitting.fit import pose
from isoflop.fitting.objectives import find_objective
from isoflop.fitting.solver import Problem
from isoflop.laws.catalogue import find_form
from isoflop.laws.form import Form
from isoflop.laws.law import Law
from isoflop.runs.table import Runs

Array = NDArray[np.float64]

PER_AXIS = (144, 12, 8, 6)
"""Values looked at before the descent, of one, two, three or more searched parameters; at most LARGEST_GRID in all."""
LARGEST_GRID = 1500
DESCENTS = 4
"""Grid points from which to descend, the best ones."""
STEPS = 60
MOST_AFFINE = 6
"""Affine parameters beyond which trying every support (2**k) would cost more than it is worth."""
SETTLED = 1e-13
"""Promised decrease of the sum of squares, relative to it, below which a descent has ended."""
MOST_DAMPING = 1e8
DIFFERENCE = 1e-5
"""Step of the central difference in an exponent."""


@dataclass(frozen=True)
class Projected:
    """A law by variable projection.

    sum_of_squares: Σ (law − loss)², or of relative errors. searched: parameters that were searched; the others were
    solved for. zeros: affine parameters that came out at zero. descents, agreeing: searches made, and how many of them
    ended at this sum of squares.
    """

    form: Form
    law: Law
    sum_of_squares: float
    searched: tuple[str, ...]
    zeros: tuple[str, ...]
    descents: int
    agreeing: int


def fit_projected(form: str | Form, runs: Runs, *, errors: Literal["absolute", "relative"] = "absolute") -> Projected:
    """Least squares of a form by variable projection, without starts to choose.

    form: any with affine parameters, such as E, A and B of the additive law. errors: absolute minimises
    Σ (law − loss)², relative divides each difference by the loss.

    Raises LawError for a form without affine parameters or with more than six of them, RunsError for runs that lack a
    column of the form, FitFailure when no exponents give it finite values.
    """
    form = find_form(form)
    problem = pose(form, runs, find_objective("least_squares"))
    search = _Search(problem, errors)
    best = search.grid()
    ends = [search.descend(point) for point in best]
    totals = np.array([search.totals(end[None, :])[0] for end in ends])
    if not np.isfinite(totals).any():
        raise FitFailure(
            f"No exponents gave '{form.formula}' finite values on these runs. Check its signs, or declare ranges."
        )
    chosen = int(np.nanargmin(totals))
    working = search.complete(ends[chosen][None, :])
    natural = problem.compiled.to_natural(working, problem.centres)[0]
    constants = {name: float(natural[i]) for i, name in enumerate(form.symbols)}
    zeros = tuple(form.symbols[i] for i in search.affine if constants[form.symbols[i]] < 1e-290)
    constants |= dict.fromkeys(zeros, 0.0)
    law = Law(
        form,
        constants,
        name=f"{form.name} by variable projection on {len(runs)} runs",
        source=f"fitted to {runs.source}",
        params_convention=runs.params_convention,
    )
    agreeing = int(np.sum(totals <= totals[chosen] * (1 + 1e-9) + 1e-300))
    searched = tuple(form.symbols[i] for i in search.outer)
    return Projected(form, law, float(totals[chosen]), searched, zeros, len(ends), agreeing)


def nonnegative_least_squares(design: Array, right: Array, free: NDArray[np.bool_] | None = None) -> Array:
    """min ‖designᵀ c − right‖² with c ≥ 0 for many problems at once; exact.

    design: (batch, k, n), right: (batch, n) or (n,). free: (k,), coefficients that may be negative. Returns (batch, k).
    Every support of the k coefficients is solved for and the best admissible one taken: for the two to six affine
    parameters of a law that is faster than an active set (Lawson & Hanson 1974) for each problem, and cannot cycle.
    """
    batch, count, _ = design.shape
    normal = np.matmul(design, design.transpose(0, 2, 1))
    moment = np.matmul(design, np.broadcast_to(right, (batch, design.shape[2]))[:, :, None])[:, :, 0]
    scale = np.sqrt(np.maximum(np.einsum("bkk->bk", normal), 1e-300))
    normal, moment = normal / (scale[:, :, None] * scale[:, None, :]), moment / scale
    signed = np.zeros(count, dtype=bool) if free is None else free
    best = _on_support(normal, moment, list(range(count)))
    again = np.flatnonzero(~((best >= 0) | signed).all(axis=1))  # the others are at their unhindered minimum
    if len(again):
        best[again] = _best_support(normal[again], moment[again], signed)
    return np.asarray(best / scale)


def _best_support(normal: Array, moment: Array, signed: NDArray[np.bool_]) -> Array:
    best, gain = np.zeros_like(moment), np.full(len(moment), -np.inf)
    for support in _supports(signed):
        solved = _on_support(normal, moment, support)
        fallen = (solved * moment).sum(axis=1)  # by how much the sum of squares falls
        better = ((solved >= 0) | signed).all(axis=1) & (fallen > gain)
        gain = np.where(better, fallen, gain)
        best[better] = solved[better]
    return best


def _on_support(normal: Array, moment: Array, support: list[int]) -> Array:
    """Least squares (b, k) with only the coefficients of a support at work; the others are zero."""
    solved = np.zeros_like(moment)
    if support:
        part = normal[:, support][:, :, support] + 1e-14 * np.eye(len(support))
        solved[:, support] = np.linalg.solve(part, moment[:, support, None])[:, :, 0]
    return solved


def _supports(signed: NDArray[np.bool_]) -> list[list[int]]:
    """Every set of coefficients that may be the ones at work; a signed one always is."""
    always = np.flatnonzero(signed).tolist()
    others = np.flatnonzero(~signed).tolist()
    sizes = range(len(others) + 1)
    return [sorted([*always, *chosen]) for size in sizes for chosen in itertools.combinations(others, size)]


class _Search:
    """The search over the parameters in which a form is not affine; points are (batch, d)."""

    def __init__(self, problem: Problem, errors: str) -> None:
        form = problem.compiled.form
        self.problem = problem
        self.affine = list(problem.compiled.linear)
        self.outer = [i for i in range(len(form.parameters)) if i not in self.affine]
        if not 0 < len(self.affine) <= MOST_AFFINE:
            raise LawError(
                f"'{form.formula}' has {len(self.affine)} affine parameters; variable projection takes 1 to "
                f"{MOST_AFFINE}. Use isoflop fit, which takes any form."
            )
        loss = np.exp(problem.target)
        self.scale = loss if errors == "relative" else np.ones_like(loss)
        self.right = loss / self.scale
        self.free = np.array([form.parameters[i].kind == "real" for i in self.affine])
        self.low, self.high = problem.low[self.outer], problem.high[self.outer]

    def grid(self) -> Array:
        """The best points of an even grid over the plausible ranges, shaped (DESCENTS, d)."""
        if not self.outer:
            return np.empty((1, 0))
        d = len(self.outer)
        per_axis = min(PER_AXIS[min(d, len(PER_AXIS)) - 1], max(int(LARGEST_GRID ** (1 / d)), 2))
        axes = [np.linspace(*self._range(i), per_axis) for i in self.outer]
        points = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
        totals = self.totals(points)
        return np.asarray(points[np.argsort(np.where(np.isfinite(totals), totals, np.inf))[:DESCENTS]])

    def _range(self, index: int) -> tuple[float, float]:
        """Plausible working values; those of a scale (N_c) are logarithms."""
        parameter = self.problem.compiled.form.parameters[index]
        if parameter.kind != "scale":
            return parameter.low, parameter.high
        typical = np.array([[p.low * 0.5 + p.high * 0.5 for p in self.problem.compiled.form.parameters]])
        edges = []
        for value in (parameter.low, parameter.high):
            typical[0, index] = value
            edges.append(float(self.problem.compiled.to_working(typical, self.problem.centres)[0, index]))
        return edges[0], edges[1]

    def parts(self, points: Array) -> tuple[Array, Array, Array]:
        """Design (b, k, n), right-hand side (b, n) and coefficients (b, k) at each point."""
        working = np.zeros((len(points), len(self.problem.compiled.form.parameters)))
        working[:, self.outer] = points
        columns = [working[:, i : i + 1] for i in range(working.shape[1])]
        shape = (len(points), len(self.right))
        with np.errstate(all="ignore"):
            rest, *basis = self.problem.compiled.basis(columns, self.problem.logs, self.problem.centres)
        design = np.stack([np.broadcast_to(np.asarray(b, dtype=float), shape) for b in basis], axis=1) / self.scale
        right = self.right - np.broadcast_to(np.asarray(rest, dtype=float), shape) / self.scale
        usable = np.asarray(np.isfinite(design).all(axis=(1, 2)) & np.isfinite(right).all(axis=1))
        design, right = np.where(usable[:, None, None], design, 0.0), np.where(usable[:, None], right, np.inf)
        solved = np.zeros((len(points), len(self.affine)))
        if usable.any():
            solved[usable] = nonnegative_least_squares(design[usable], right[usable], self.free)
        return design, right, solved

    def totals(self, points: Array) -> Array:
        """The sum of squares at each point, with the affine parameters at their best, (b,)."""
        design, right, solved = self.parts(points)
        with np.errstate(invalid="ignore"):
            return np.asarray(((np.matmul(solved[:, None, :], design)[:, 0] - right) ** 2).sum(axis=1))

    def descend(self, point: Array) -> Array:
        """Levenberg–Marquardt on the projected residuals from one point (d,)."""
        if not self.outer:
            return point
        damping, total = 1e-3, float(self.totals(point[None, :])[0])
        for _ in range(STEPS):
            jacobian, residuals = self._projected(point)
            curvature, gradient = jacobian @ jacobian.T, jacobian @ residuals
            damped = curvature + damping * np.diag(np.maximum(np.diag(curvature), 1e-300))
            move = -np.linalg.lstsq(damped, gradient, rcond=None)[0]
            trial = np.clip(point + move, self.low, self.high)
            after = float(self.totals(trial[None, :])[0])
            promised = -float(gradient @ (trial - point))
            if after < total:
                point, total, damping = trial, after, max(damping / 10, 1e-12)
            else:
                damping *= 10
            if promised <= SETTLED * total or damping > MOST_DAMPING:
                break
        return point

    def _projected(self, point: Array) -> tuple[Array, Array]:
        """Kaufman's Jacobian (d, n) and the residuals (n,) at a point (d,)."""
        d = len(self.outer)
        steps = DIFFERENCE * np.eye(d)
        design, right, solved = self.parts(np.vstack([point[None, :], point + steps, point - steps]))
        held = np.matmul(solved[0], design) - right
        slope = (held[1 : 1 + d] - held[1 + d :]) / (2 * DIFFERENCE)
        at_work = np.flatnonzero(np.logical_or(solved[0] != 0, self.free))
        basis = np.linalg.qr(design[0][at_work].T)[0]
        return slope - (slope @ basis) @ basis.T, held[0]

    def complete(self, points: Array) -> Array:
        """Working parameters (b, P) with the affine ones solved for; a scale of zero becomes exp(−700)."""
        _, _, solved = self.parts(points)
        working = np.zeros((len(points), len(self.problem.compiled.form.parameters)))
        working[:, self.outer] = points
        for place, index in enumerate(self.affine):
            kind = self.problem.compiled.form.parameters[index].kind
            value = solved[:, place]
            working[:, index] = np.log(np.maximum(value, 1e-304)) if kind == "scale" else value
        return working
