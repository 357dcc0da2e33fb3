"""Thousands of robust fits of one form at once, by damped Gauss–Newton on exact gradients.

All starts, or all bootstrap replicates, of a form are one array problem: the data are shared, a replicate is a row of
weights. The step is

    p = −(H + μ G)⁻¹ g,   H = Σ w ρ'' J Jᵀ,   G = Σ w (ψ/r) J Jᵀ,

where G is the matrix of iteratively reweighted least squares, whose quadratic lies above the robust loss: μ = 0 is
Gauss–Newton on the loss itself and a large μ a short, safe step. Damping by G instead of by a diagonal makes the
iteration independent of how parameters are scaled and correlated. Second derivatives of the law are left out: with
residuals of a per cent their part of the Hessian is below a per cent, and they would double the work.

A Huber loss with δ far below the residuals is nearly an absolute value, on which Newton steps stall, so δ starts at
the size of the residuals and shrinks to its value as each problem converges.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isoflop.fitting.objectives import Objective
from isoflop.laws.compiled import Compiled

Array = NDArray[np.float64]

BLOCK_ELEMENTS = 24_000
"""Problems × runs in one block: about 200 kB an array, so that a block's arrays stay in a core's cache."""
SHRINK = 4.0
"""Factor by which δ shrinks between stages."""
CONVERGED = 1e-11
"""Predicted decrease, relative to the objective, at which a problem counts as converged."""
STALLED = 1e-9
"""Predicted decrease at which a problem that cannot descend any more counts as converged all the same."""
LARGEST_STEP = 2.0
"""Longest step of one working parameter: e² in a scale, 2 in an exponent or in nats."""


@dataclass(frozen=True)
class Problem:
    """What all replicates share.

    logs: one array per variable of centred ln V, shaped (n,). centres: mean ln V, (variables,). target: ln loss, (n,).
    low, high: bounds of the working parameters, (P,).
    """

    compiled: Compiled
    logs: tuple[Array, ...]
    centres: Array
    target: Array
    low: Array
    high: Array
    objective: Objective


@dataclass(frozen=True)
class Solution:
    """One row per replicate: working parameters (batch, P), objective, iterations, whether it converged, and which
    parameters ended on a bound (batch, P)."""

    working: Array
    objective: Array
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]
    bound: NDArray[np.bool_]


def solve(
    problem: Problem,
    starts: Array,
    weights: Array | None = None,
    *,
    continuation: bool = True,
    max_iterations: int = 200,
    threads: int | None = None,
) -> Solution:
    """Minimise the objective from every row of ``starts``, shaped (batch, P).

    weights: (batch, n) or (1, n) multiplicities of the runs; None weighs each run once. continuation: start with a
    wide δ (for starts from afar); without it the objective is used as it is (for warm starts).
    """
    batch, runs = len(starts), len(problem.target)
    size = max(1, min(batch, BLOCK_ELEMENTS // max(runs, 1)))
    blocks = [slice(first, min(first + size, batch)) for first in range(0, batch, size)]

    def one(block: slice) -> Solution:
        own = weights if weights is None or len(weights) == 1 else weights[block]
        return _Block(problem, starts[block], own, continuation).run(max_iterations)

    workers = min(threads or usable_threads(), len(blocks))
    if workers <= 1:
        return _join([one(block) for block in blocks])
    with ThreadPoolExecutor(workers) as pool:
        return _join(list(pool.map(one, blocks)))


def usable_threads() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def residuals_at(problem: Problem, working: Array) -> Array:
    """Residuals (batch, n) of working parameters (batch, P), in the objective's space."""
    return _residuals(problem, _log_value(problem, working))


def jacobian_at(problem: Problem, working: Array) -> Array:
    """d residual / d working parameter, shaped (batch, P, n)."""
    value, jacobian = _value_and_jacobian(problem, working)
    return jacobian * np.exp(value)[:, None, :] if problem.objective.space == "loss" else jacobian


def _log_value(problem: Problem, working: Array) -> Array:
    with np.errstate(all="ignore"):
        value = problem.compiled.log_value(_columns(working), problem.logs, problem.centres)
    return np.broadcast_to(np.asarray(value, dtype=float), (len(working), len(problem.target)))


def _value_and_jacobian(problem: Problem, working: Array) -> tuple[Array, Array]:
    shape = (len(working), len(problem.target))
    with np.errstate(all="ignore"):
        value, *slopes = problem.compiled.gradient(_columns(working), problem.logs, problem.centres)
    jacobian = np.empty((shape[0], len(slopes), shape[1]))
    for index, slope in enumerate(slopes):
        jacobian[:, index, :] = slope
    return np.broadcast_to(value, shape), jacobian


def _columns(working: Array) -> list[Array]:
    return [np.ascontiguousarray(working[:, index : index + 1]) for index in range(working.shape[1])]


def _residuals(problem: Problem, log_value: Array) -> Array:
    if problem.objective.space == "loss":
        with np.errstate(over="ignore"):
            residual: Array = np.exp(log_value) - np.exp(problem.target)
        return residual
    return log_value - problem.target


@dataclass(frozen=True)
class _State:
    """Objective (b,), gradient (b, P), the two curvature matrices (b, P, P) at some working parameters."""

    total: Array
    gradient: Array
    newton: Array
    majorant: Array


class _Block:
    """The iteration over one block of problems; converged ones are set aside as they finish."""

    def __init__(self, problem: Problem, starts: Array, weights: Array | None, continuation: bool) -> None:
        self.problem = problem
        self.weights = weights
        self.working = np.clip(starts, problem.low, problem.high)
        self.batch, self.count = self.working.shape
        self.scale = np.full((self.batch, 1), problem.objective.scale)
        if continuation and problem.objective.name == "log_huber":
            spread = np.nanmedian(np.abs(self._finite_residuals()), axis=1, keepdims=True)
            self.scale = np.clip(spread, problem.objective.scale, 1.0)
        self.total = np.full(self.batch, np.inf)
        self.damping = np.full(self.batch, 1e-2)
        self.iterations = np.zeros(self.batch, dtype=np.int64)
        self.converged = np.zeros(self.batch, dtype=bool)

    def _finite_residuals(self) -> Array:
        found = residuals_at(self.problem, self.working)
        return np.where(np.isfinite(found), found, 1e3)

    def run(self, max_iterations: int) -> Solution:
        active = np.arange(self.batch)
        state = self._evaluate(active, self.working)
        self.total[active] = state.total
        for _ in range(max_iterations):
            if not len(active):
                break
            state, done = self._step(active, state)
            keep = ~done
            self.converged[active[done]] = True
            active = active[keep]
            state = _State(*(getattr(state, name)[keep] for name in ("total", "gradient", "newton", "majorant")))
        low, high = self.problem.low, self.problem.high
        bound = (self.working <= low + 1e-12 * np.abs(low)) | (self.working >= high - 1e-12 * np.abs(high))
        return Solution(self.working, self.total, self.iterations, self.converged & np.isfinite(self.total), bound)

    def _evaluate(self, active: NDArray[np.int64], working: Array) -> _State:
        value, jacobian = _value_and_jacobian(self.problem, working)
        if self.problem.objective.space == "loss":
            with np.errstate(over="ignore", invalid="ignore"):
                jacobian *= np.exp(value)[:, None, :]
        with np.errstate(over="ignore", invalid="ignore"):
            point = self.problem.objective.pointwise(_residuals(self.problem, value), self.scale[active])
            if self.weights is None:
                psi, rho, curvature, weight = point.psi, point.rho, point.curvature, point.weight
            else:
                own = self.weights if len(self.weights) == 1 else self.weights[active]
                psi, rho, curvature, weight = (own * a for a in (point.psi, point.rho, point.curvature, point.weight))
            transposed = jacobian.transpose(0, 2, 1)
            return _State(
                total=rho.sum(axis=1),
                gradient=np.matmul(jacobian, psi[:, :, None])[:, :, 0],
                newton=np.matmul(jacobian * curvature[:, None, :], transposed),
                majorant=np.matmul(jacobian * weight[:, None, :], transposed),
            )

    def _step(self, active: NDArray[np.int64], state: _State) -> tuple[_State, NDArray[np.bool_]]:
        here = self.working[active]
        free = self._free(here, state.gradient)
        step, decrease = _damped_step(state, self.damping[active], free)
        trial = np.clip(here + step, self.problem.low, self.problem.high)
        after = self._evaluate(active, trial)
        better = after.total < state.total
        self.iterations[active] += 1
        self.working[active] = np.where(better[:, None], trial, here)
        self.damping[active] = np.clip(np.where(better, self.damping[active] / 5, self.damping[active] * 6), 1e-9, 1e9)
        relative = decrease / np.maximum(state.total, 1e-300)
        settled = (relative < CONVERGED) | (~better & (relative < STALLED)) | (~better & (self.damping[active] >= 1e9))
        merged = _State(*(_choose(better, getattr(after, name), getattr(state, name)) for name in _FIELDS))
        self.total[active] = merged.total
        return self._shrink(active, merged, settled)

    def _shrink(
        self, active: NDArray[np.int64], state: _State, settled: NDArray[np.bool_]
    ) -> tuple[_State, NDArray[np.bool_]]:
        """Where δ is still wide, shrink it after every step; a problem is done only at the objective's own δ."""
        target = self.problem.objective.scale
        wide = self.scale[active, 0] > target
        if not wide.any():
            return state, settled
        self.scale[active[wide]] = np.maximum(self.scale[active[wide]] / SHRINK, target)
        renewed = self._evaluate(active, self.working[active])
        self.total[active] = renewed.total
        self.damping[active[wide]] = np.maximum(self.damping[active[wide]], 1e-3)
        return renewed, settled & ~wide

    def _free(self, here: Array, gradient: Array) -> NDArray[np.bool_]:
        """Parameters that are not pressed against a bound."""
        problem = self.problem
        pressed = ((here <= problem.low) & (gradient > 0)) | ((here >= problem.high) & (gradient < 0))
        return ~pressed


_FIELDS = ("total", "gradient", "newton", "majorant")


def _choose(better: NDArray[np.bool_], after: Array, before: Array) -> Array:
    shaped = better.reshape(-1, *([1] * (after.ndim - 1)))
    return np.where(shaped, after, before)


def _damped_step(state: _State, damping: Array, free: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Step (b, P) and the decrease it predicts (b,); parameters that are not free stay."""
    both = free[:, :, None] & free[:, None, :]
    matrix = state.newton + damping[:, None, None] * state.majorant
    diagonal = np.einsum("bpp->bp", state.majorant)
    matrix = np.asarray(np.where(both, matrix, 0.0))
    ridge = np.maximum(diagonal, 1e-30) * (1e-12 + 1e-9 * np.minimum(damping, 1.0)[:, None])
    places = np.arange(matrix.shape[1])
    matrix[:, places, places] += ridge + ~free
    gradient = np.where(free, state.gradient, 0.0)
    usable = np.asarray(np.isfinite(matrix).all(axis=(1, 2)) & np.isfinite(gradient).all(axis=1))
    matrix[~usable] = np.eye(matrix.shape[1])
    step = -_solve_definite(matrix, np.where(usable[:, None], gradient, 0.0))
    longest = np.abs(step).max(axis=1, keepdims=True)
    decrease = -0.5 * np.einsum("bp,bp->b", step, np.where(usable[:, None], gradient, 0.0))
    return step * np.minimum(1.0, LARGEST_STEP / np.maximum(longest, 1e-300)), decrease


def _solve_definite(matrix: Array, right: Array) -> Array:
    """Solve symmetric positive semi-definite systems (b, P, P) x = (b, P); singular ones get the eigenvalue cut."""
    scale = 1 / np.sqrt(np.maximum(np.einsum("bpp->bp", matrix), 1e-300))
    scaled = matrix * scale[:, :, None] * scale[:, None, :]
    try:
        solved: Array = np.linalg.solve(scaled, (right * scale)[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(scaled)
        inner = np.einsum("bpk,bp->bk", vectors, right * scale) / np.maximum(values, 1e-12)
        solved = np.einsum("bpk,bk->bp", vectors, inner)
    return np.asarray(solved * scale)


def _join(parts: Sequence[Solution]) -> Solution:
    return Solution(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Solution.__dataclass_fields__)
    )


def with_objective(problem: Problem, objective: Objective) -> Problem:
    """The same data under another objective."""
    return replace(problem, objective=objective)
