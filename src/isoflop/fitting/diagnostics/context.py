"""What every diagnostic reads: the fit, its problem for the solver, the residuals and the design."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.fitting.diagnostics.robust import noise_of_parameters, robust_scale
from isoflop.fitting.fit import Fit, pose
from isoflop.fitting.solver import Problem, jacobian_at, residuals_at
from isoflop.units import format_count

Array = NDArray[np.float64]

NAMES = ("run_id", "name", "label", "id")
"""Columns by which a run may be called, in this order."""
ROUNDING = 1e-9
"""Residuals of ln loss below this are arithmetic, not noise."""


@dataclass(frozen=True, eq=False)
class Context:
    """A fit with what follows from it. target: symbol -> value, where forecasts are watched."""

    fit: Fit
    target: Mapping[str, float]

    @functools.cached_property
    def problem(self) -> Problem:
        return pose(self.fit.form, self.fit.runs, self.fit.objective)

    @functools.cached_property
    def natural(self) -> Array:
        """Parameters (1, P)."""
        return np.array([[estimate.value for estimate in self.fit.parameters.values()]])

    @functools.cached_property
    def working(self) -> Array:
        """The solver's parameters (1, P)."""
        low, high = self.problem.low, self.problem.high
        return np.asarray(np.clip(self.problem.compiled.to_working(self.natural, self.problem.centres), low, high))

    @functools.cached_property
    def residuals(self) -> Array:
        """ln loss − ln law (n,)."""
        return np.asarray(self.fit.residuals)

    @functools.cached_property
    def solver_residuals(self) -> Array:
        """In the objective's space and sign, (n,)."""
        return np.asarray(residuals_at(self.problem, self.working)[0])

    @functools.cached_property
    def jacobian(self) -> Array:
        """d residual / d working parameter (P, n)."""
        return np.asarray(np.nan_to_num(jacobian_at(self.problem, self.working)[0]))

    @functools.cached_property
    def leverage(self) -> Array:
        """Diagonal of Jᵀ(J Jᵀ)⁺J, (n,): how far each run holds its own fitted value; they sum to the rank of J."""
        _, values, right = np.linalg.svd(_unit_rows(self.jacobian), full_matrices=False)
        kept = values > 1e-8 * max(values.max(), 1e-300)
        return np.asarray((right[kept] ** 2).sum(axis=0))

    @functools.cached_property
    def scale(self) -> float:
        """Robust standard deviation of ln loss about the law; NaN where no run is left over, 0 where it misses none."""
        found = robust_scale(self.residuals, len(self.fit.form.parameters))
        return 0.0 if found < ROUNDING else found

    @functools.cached_property
    def noise(self) -> float:
        """σ of Cov θ̂ = σ² (J Jᵀ)⁻¹."""
        return noise_of_parameters(self.fit.objective, self.solver_residuals, len(self.fit.form.parameters))

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """What each run is called, or its N and D where the table does not say."""
        runs = self.fit.runs
        sizes = [f"{format_count(n)} on {format_count(d)}" for n, d in zip(runs.params, runs.tokens, strict=True)]
        column = next((name for name in NAMES if runs.has(name)), None)
        if column is None:
            return tuple(sizes)
        known = runs.column(column)
        return tuple(size if name is None else str(name) for name, size in zip(known, sizes, strict=True))

    def thin(self, needed: int) -> str:
        """Why residuals cannot be judged, in words: too few runs, or none that the law misses."""
        count, fitted = len(self.residuals), len(self.fit.form.parameters)
        if count >= needed and not self.scale > 0:
            return (
                f"the law passes through most of the {count} runs"
                if count > fitted
                else f"{count} runs, {fitted} parameters"
            )
        return f"{count} run{'' if count == 1 else 's'} for {fitted} parameters, and {needed} runs are needed"

    def axes(self) -> dict[str, Array]:
        """N, D, D/N and C of each run, each (n,)."""
        runs = self.fit.runs
        return {"N": runs.params, "D": runs.tokens, "D/N": runs.tokens / runs.params, "C": runs.flops}

    def name(self, rows: NDArray[np.int64]) -> list[str]:
        return [self.names[row] for row in rows]


def _unit_rows(jacobian: Array) -> Array:
    lengths = np.linalg.norm(jacobian, axis=1, keepdims=True)
    return np.asarray(np.divide(jacobian, lengths, out=np.zeros_like(jacobian), where=lengths > 0))
