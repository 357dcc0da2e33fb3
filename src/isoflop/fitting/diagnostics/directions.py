"""Flat directions: which parameters can move together without the runs noticing.

Eigenvectors of J Jᵀ in the logarithms of the parameters, one standard error σ/s each along them. Along a flat one the
parameters move far and the fitted losses hardly at all: the runs have told their combination, not the parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.fitting.diagnostics.context import Context
from isoflop.fitting.diagnostics.finding import Finding, Severity

Array = NDArray[np.float64]

LOOSE = 0.5
"""Standard error of ln parameter along a direction above which it is called flat: a factor of 1.6 (chosen)."""
DOUBLED = np.log(2.0)
WORTH_NAMING = 0.1
"""Share of the largest movement below which a parameter is not named."""
SMALLEST = 1e-3


@dataclass(frozen=True, eq=False)
class Direction:
    """weights: parameter -> component of the unit eigenvector in ln parameter. error: standard error of ln parameter
    along it, infinite where the runs say nothing. effect: rms change of ln loss over the runs for one unit of it."""

    weights: dict[str, float]
    error: float
    effect: float


def directions(context: Context) -> tuple[Direction, ...]:
    """All directions, flattest first."""
    form = context.fit.form
    jacobian = _in_logarithms(context)
    left, values, _ = np.linalg.svd(jacobian, full_matrices=True)
    values = np.concatenate([values, np.zeros(len(form.parameters) - len(values))])
    tiny = 1e-10 * max(float(values.max()), 1e-300)
    found = []
    for column, size in zip(left.T, values, strict=True):
        sign = np.sign(column[int(np.argmax(np.abs(column)))]) or 1.0
        error = context.noise / size if size > tiny else np.inf
        weights = dict(zip(form.symbols, (float(v) for v in sign * column), strict=True))
        found.append(Direction(weights, float(error), float(size / np.sqrt(jacobian.shape[1]))))
    return tuple(reversed(found))


def _in_logarithms(context: Context) -> Array:
    """d residual / d ln parameter (P, n): working parameters differentiated by the natural ones' logarithms."""
    natural = context.natural[0]
    compiled, centres = context.problem.compiled, context.problem.centres
    jacobian = np.zeros_like(context.jacobian)
    for i, parameter in enumerate(context.fit.form.parameters):
        size = max(abs(natural[i]), SMALLEST)
        moved = np.repeat(context.natural, 2, axis=0)
        step = 1e-5 * size
        moved[:, i] += (step, -step) if natural[i] > step or parameter.kind != "scale" else (step, 0.0)
        working = compiled.to_working(moved, centres)
        span = moved[0, i] - moved[1, i]
        jacobian[i] = ((working[0] - working[1]) / span * size) @ context.jacobian
    return np.nan_to_num(jacobian)


def direction_finding(context: Context, found: tuple[Direction, ...]) -> Finding:
    """The flattest direction in words."""
    flattest = found[0]
    largest = max(abs(weight) for weight in flattest.weights.values())
    length = min(flattest.error, DOUBLED / largest)
    moves = {name: weight * length for name, weight in flattest.weights.items()}
    named = [name for name, move in moves.items() if abs(move) > WORTH_NAMING * largest * length]
    told = ", ".join(f"{name} ×{np.exp(moves[name]):.3g}" for name in named)
    beside = f", beside residuals of {100 * context.scale:.2g} %" if context.scale > 0 else ""
    flat = flattest.error > LOOSE
    together = " together change" if len(named) > 1 else " changes"
    seen = 100 * flattest.effect * length
    message = f"Flattest direction: {told}{together} the fitted losses by {seen:.2g} % (rms){beside}."
    severity: Severity = "warning" if flattest.error > 3 else "note" if flat else "good"
    remedy = f"Do not quote {' or '.join(named)} alone; forecasts inside the range do not suffer." if flat else ""
    error = flattest.error if np.isfinite(flattest.error) else -1.0
    return Finding("flat", severity, message, remedy, "directions", (), {"error": error, "effect": flattest.effect})
