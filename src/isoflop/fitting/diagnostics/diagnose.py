"""Everything that a table of runs and a law say about whether to trust the law: ``diagnose(runs)``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import BadInput
from isoflop.fitting.diagnostics.context import Context
from isoflop.fitting.diagnostics.directions import Direction, direction_finding, directions
from isoflop.fitting.diagnostics.families import Families, families, family_finding
from isoflop.fitting.diagnostics.finding import Finding, by_severity
from isoflop.fitting.diagnostics.influence import Influence, influence, influence_findings
from isoflop.fitting.diagnostics.oddities import critical_z, outlier_finding, robust_z, tuning_findings
from isoflop.fitting.diagnostics.profiles import Profile, profile_findings, profiles
from isoflop.fitting.diagnostics.replicates import SeedNoise, replicate_findings, seed_noise
from isoflop.fitting.diagnostics.support import support_findings
from isoflop.fitting.diagnostics.trends import Trend, recipe_findings, trend_findings, trends
from isoflop.fitting.fit import Fit, fit
from isoflop.fitting.objectives import Objective
from isoflop.laws.catalogue import find_form
from isoflop.laws.form import Form
from isoflop.laws.law import check_variables
from isoflop.runs.table import Runs

Array = NDArray[np.float64]

REPLICATES = 400
BEYOND = 10.0
"""The default target has this many times the compute of the largest run, at the same tokens per parameter."""


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What was found, and the numbers behind it, one array entry per run where shaped (n,).

    fit: the law, whose status comes first. target: symbol -> value, where forecasts are watched. findings: warnings
    first. z: robust z of each residual (n,), NaN where unknown. critical: |z| beyond which a run is named. influence,
    profiles (empty with too few runs), directions (flattest first), trends, noise and families as their rooms say.
    """

    fit: Fit
    target: Mapping[str, float]
    findings: tuple[Finding, ...]
    z: Array
    critical: float
    influence: Influence
    profiles: tuple[Profile, ...]
    directions: tuple[Direction, ...]
    trends: tuple[Trend, ...]
    noise: SeedNoise | None
    families: Families | None

    @property
    def runs(self) -> Runs:
        return self.fit.runs

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "warning")


def diagnose(
    runs: Runs | Fit,
    *,
    form: str | Form = "chinchilla",
    target: Mapping[str, float] | None = None,
    objective: str | Objective = "log_huber",
    replicates: int = REPLICATES,
    level: float = 0.9,
    seed: int = 0,
) -> Diagnosis:
    """Look at a law and its runs from every side.

    runs: a table, or a fit made before (form, objective, replicates, level and seed are then its own). target: symbol
    -> value, where the influence of each run is measured; by default ten times the compute of the largest run at the
    same tokens per parameter, with its other variables. replicates: of the bootstrap that gives standard errors.

    Nothing is dropped or changed. Raises LawError for a target that the form cannot use, and whatever ``fit`` raises;
    tables too small to be diagnosed give findings that say so.
    """
    fitted = runs if isinstance(runs, Fit) else None
    if isinstance(runs, Runs):
        chosen = find_form(form)
        fitted = fit(chosen, runs, objective=objective, replicates=replicates, level=level, seed=seed)
    if fitted is None:
        raise BadInput(f"diagnose takes Runs or a Fit, not a {type(runs).__name__}.")
    context = Context(fitted, _target(fitted, target))
    z, moved, shapes = robust_z(context), influence(context), profiles(context)
    flat, drift, noise, mixed = directions(context), trends(context), seed_noise(context), families(context)
    findings = [
        *_status(fitted),
        *support_findings(context),
        *profile_findings(context, shapes),
        direction_finding(context, flat),
        *trend_findings(context, drift),
        *recipe_findings(context),
        outlier_finding(context, z),
        *tuning_findings(context, z),
        family_finding(context, mixed),
        *replicate_findings(noise),
        *influence_findings(context, moved),
    ]
    limit = critical_z(len(z), len(fitted.form.parameters))
    return Diagnosis(fitted, context.target, by_severity(findings), z, limit, moved, shapes, flat, drift, noise, mixed)


def _status(fitted: Fit) -> list[Finding]:
    """The doubts of the fit itself."""
    doubts = [doubt for doubt in (fitted.status, *fitted.status.also) if not doubt.converged]
    return [Finding("fit", "warning", f"{d.outcome}: {d.cause}", d.remedy, "profiles") for d in doubts]


def _target(fitted: Fit, given: Mapping[str, float] | None) -> dict[str, float]:
    """N and D and whatever else the form reads, at one point."""
    runs, form = fitted.runs, fitted.form
    largest = int(np.argmax(runs.flops))
    point = {symbol: float(runs.column(column)[largest]) for symbol, column in form.columns.items()}
    point |= {"N": float(runs.params[largest]), "D": float(runs.tokens[largest])}
    if given is None:
        point |= {"N": point["N"] * BEYOND**0.5, "D": point["D"] * BEYOND**0.5}
        point |= {"C": float(runs.flops[largest]) * BEYOND} if "C" in form.inputs else {}
        return point
    allowed = {*form.inputs, "N", "D", "C"}
    used = {name: float(value) for name, value in given.items() if name in allowed}
    if not used or len(used) < len(given):
        unknown = next((name for name in given if name not in allowed), "none")
        raise BadInput(f"The target names '{unknown}'. Known: {', '.join(sorted(allowed))}. Give N and D.")
    point |= used
    check_variables(form, {name: point[name] for name in form.inputs})
    return point
