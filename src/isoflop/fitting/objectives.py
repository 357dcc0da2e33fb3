"""What a fit minimises: a robust loss summed over residuals.

Each objective gives, per residual r: its loss ρ, its slope ψ = dρ/dr, a curvature for Gauss–Newton that is never
negative, and the weight ψ/r of iteratively reweighted least squares, whose quadratic lies above ρ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import BadInput, did_you_mean

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pointwise:
    """ρ, ψ, curvature and weight, each shaped as the residuals."""

    rho: Array
    psi: Array
    curvature: Array
    weight: Array


@dataclass(frozen=True, slots=True)
class Objective:
    """A robust loss with its scale, in units of the residual.

    space: "log" takes r = ln L̂ − ln L, "loss" takes r = L̂ − L.
    """

    name: str
    space: Literal["log", "loss"]
    scale: float
    pointwise: Callable[[Array, Array], Pointwise]
    meaning: str

    def with_scale(self, scale: float) -> Objective:
        """The same objective with another δ or Student-t scale."""
        return Objective(self.name, self.space, scale, self.pointwise, self.meaning)

    def total(self, residuals: Array) -> float:
        """Σ ρ(r): the sum, not the mean, which stopped the solver of Hoffmann et al. early (Besiroglu et al. 2024)."""
        return float(self.pointwise(residuals, np.asarray(self.scale)).rho.sum())


def huber(residuals: Array, delta: Array) -> Pointwise:
    """r²/2 within ±δ and δ(|r| − δ/2) beyond (Huber 1964)."""
    size = np.abs(residuals)
    weight = delta / np.maximum(size, delta)
    psi = residuals * weight
    rho = psi * (residuals - 0.5 * psi)
    return Pointwise(rho, psi, np.asarray(size <= delta, dtype=float), weight)


def squares(residuals: Array, _scale: Array) -> Pointwise:
    """r²/2; squares have no scale."""
    ones = np.ones_like(residuals)
    return Pointwise(0.5 * residuals**2, residuals, ones, ones)


STUDENT_DOF = 4.0
"""Degrees of freedom of the Student-t noise: heavy tails with a finite variance (Lange, Little & Taylor 1989)."""


def student(residuals: Array, scale: Array) -> Pointwise:
    """(ν+1)/2 · ln(1 + r²/(ν s²)) · s², with ν = 4; near zero it is r²(ν+1)/(2ν)."""
    ratio = residuals**2 / (STUDENT_DOF * scale**2)
    weight = (STUDENT_DOF + 1) / STUDENT_DOF / (1 + ratio)
    rho = 0.5 * (STUDENT_DOF + 1) * scale**2 * np.log1p(ratio)
    curvature = np.maximum(weight * (1 - ratio) / (1 + ratio), 0.0)
    return Pointwise(rho, weight * residuals, curvature, weight)


OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective("log_huber", "log", 1e-3, huber, "Huber on ln loss, δ = 1e-3, summed (Hoffmann et al. 2022, eq. 3)"),
        Objective("least_squares", "loss", 1.0, squares, "squares of the loss itself, in nats²"),
        Objective("student_t", "log", 1e-2, student, "Student-t with 4 degrees of freedom on ln loss, scale profiled"),
    )
}


def find_objective(name: str | Objective) -> Objective:
    """Look an objective up by name. Raises BadInput for an unknown one."""
    if isinstance(name, Objective):
        return name
    if name not in OBJECTIVES:
        raise BadInput(f"Unknown objective '{name}'. Known: {', '.join(OBJECTIVES)}.{did_you_mean(name, OBJECTIVES)}")
    return OBJECTIVES[name]
