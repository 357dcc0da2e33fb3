"""How far each run alone moves the forecast and the parameters: every run is left out once and the law refitted.

n refits from the optimum are one batch of the solver with one weight at zero in each row; 240 runs take a tenth of a
second. Beyond MOST_REFITS runs those with the largest one-step influence (Cook 1977; Huber 1981, section 7.2.1) are
refitted and the others keep the one-step value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.fitting.diagnostics.context import Context
from isoflop.fitting.diagnostics.finding import Finding, Severity, named, percent
from isoflop.fitting.diagnostics.robust import mean_score_slope
from isoflop.fitting.solver import solve
from isoflop.laws.law import evaluate

Array = NDArray[np.float64]

MOST_REFITS = 1000
BELSLEY = 2.0
"""A run counts as influential when it moves the forecast by more than 2 sqrt(P/n) standard errors (Belsley, Kuh &
Welsch 1980, section 2.1, for DFFITS)."""


@dataclass(frozen=True, eq=False)
class Influence:
    """What leaving each run out does.

    forecast: change of ln loss at the target, (n,). parameters: name -> change over its standard error, (n,). error:
    standard error of ln loss at the target. leverage: (n,), sums to the number of parameters. exact: which runs were
    refitted rather than approximated.
    """

    forecast: Array
    parameters: dict[str, Array]
    error: float
    leverage: Array
    exact: NDArray[np.bool_]


def influence(context: Context) -> Influence:
    """Leave every run out once. With one run there is nothing to leave out, and every change is zero."""
    count = len(context.residuals)
    symbols = context.fit.form.symbols
    natural = np.repeat(context.natural, count, axis=0)
    exact = np.zeros(count, dtype=bool)
    if count > 1:
        stepped = _one_step(context)
        at = _log_loss(context, stepped)
        chosen = np.argsort(-np.abs(at - _log_loss(context, context.natural)[0]))[:MOST_REFITS]
        exact[chosen] = True
        natural = stepped
        natural[chosen] = _refitted(context, chosen)
    here = _log_loss(context, context.natural)[0]
    errors = _standard_errors(context)
    moved = (natural - context.natural) / np.where(errors > 0, errors, np.inf)
    changes = {name: moved[:, i] for i, name in enumerate(symbols)}
    return Influence(_log_loss(context, natural) - here, changes, forecast_error(context), context.leverage, exact)


def _one_step(context: Context) -> Array:
    """Natural parameters (n, P) after one Newton step away from each run: θ − (J Jᵀ E ψ')⁻¹ (−ψ_i J_i)."""
    jacobian, residuals = context.jacobian, context.solver_residuals
    objective = context.fit.objective
    psi = objective.pointwise(residuals, np.asarray(objective.scale)).psi
    inverse = np.linalg.pinv(jacobian @ jacobian.T, rcond=1e-12, hermitian=True)
    steps = (inverse @ (jacobian * psi)).T / mean_score_slope(objective, residuals, len(jacobian))
    problem = context.problem
    low, high = problem.low, problem.high
    working = np.clip(context.working + np.clip(np.nan_to_num(steps), -1.0, 1.0), low, high)
    return problem.compiled.to_natural(working, problem.centres)


def _refitted(context: Context, rows: NDArray[np.int64]) -> Array:
    weights = np.ones((len(rows), len(context.residuals)))
    weights[np.arange(len(rows)), rows] = 0.0
    starts = np.repeat(context.working, len(rows), axis=0)
    found = solve(context.problem, starts, weights, continuation=False)
    return context.problem.compiled.to_natural(found.working, context.problem.centres)


def _log_loss(context: Context, natural: Array) -> Array:
    """ln loss at the target for parameters (batch, P), shaped (batch,)."""
    form = context.fit.form
    constants = {name: natural[:, i] for i, name in enumerate(form.symbols)}
    with np.errstate(all="ignore"):
        return np.asarray(np.log(evaluate(form, constants, {name: context.target[name] for name in form.inputs})))


def _standard_errors(context: Context) -> Array:
    """Half the central 68 % of the bootstrap draws, (P,); zero where there is no bootstrap."""
    drawn = np.stack([context.fit.draws[name] for name in context.fit.form.symbols], axis=1)
    low, high = np.quantile(drawn, [0.16, 0.84], axis=0)
    return np.asarray((high - low) / 2)


def forecast_error(context: Context) -> float:
    """Standard error of ln loss at the target, from the bootstrap draws; zero where there is none."""
    drawn = np.stack([context.fit.draws[name] for name in context.fit.form.symbols], axis=1)
    low, high = np.nanquantile(_log_loss(context, drawn), [0.16, 0.84])
    return float(high - low) / 2


def influence_findings(context: Context, found: Influence) -> list[Finding]:
    """The run that moves the forecast most, and all that move it more than their share."""
    count, fitted = len(found.forecast), len(context.fit.form.parameters)
    if count <= fitted:
        message = f"Each run decides, since {count} run{' meets' if count == 1 else 's meet'} {fitted} parameters."
        return [Finding("influence", "warning", message, "Add runs, or fit a form with fewer parameters.", "influence")]
    top = int(np.nanargmax(np.abs(found.forecast)))
    limit = BELSLEY * np.sqrt(fitted / count) * found.error
    beyond = np.flatnonzero(np.abs(found.forecast) > limit) if found.error > 0 else np.array([top])
    beyond = beyond[np.argsort(-np.abs(found.forecast[beyond]))]
    share = abs(found.forecast[top]) / found.error if found.error > 0 else float("nan")
    pulled = max(found.parameters, key=lambda name: abs(found.parameters[name][top]))
    errors = f", {share:.2g} of its standard errors," if np.isfinite(share) else ""
    message = (
        f"Without {named([top], context.name(np.array([top])))} the forecast at the target moves by "
        f"{percent(found.forecast[top])}{errors} and {pulled} by {found.parameters[pulled][top]:+.2g} standard errors; "
        f"{len(beyond)} of {count} runs move it more than 2·sqrt(P/n) = {BELSLEY * np.sqrt(fitted / count):.2g} "
        "standard errors."
    )
    severity: Severity = "warning" if share > 1 else "note"
    remedy = (
        "Train a second run like it: a forecast should not hang on one." if share > 1 else "Look at these runs first."
    )
    numbers = {"forecast_change": float(found.forecast[top]), "standard_errors": float(share)}
    return [Finding("influence", severity, message, remedy, "influence", tuple(int(row) for row in beyond), numbers)]
