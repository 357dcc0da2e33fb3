"""What a report of a study says: computed once, by the functions of the verbs, from the runs that there are.

    study_report(studied, at={"N": 7e10, "D": 1.4e12})     -> StudyReport
    report_sections(report)                                -> what is shown, in ``reporting_sections``

Each part that these runs do not allow is left out with the reason, so that a study of two runs, or of failed ones, has
a report too.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np

from isoflop import __version__
from isoflop.errors import BadInput, InfeasiblePlan, IsoflopError
from isoflop.fitting.diagnostics import Diagnosis, diagnose
from isoflop.forecasting.averaging import Ensemble, fit_ensemble
from isoflop.forecasting.forecast import Forecast, complete_targets, forecast
from isoflop.laws.catalogue import find_form
from isoflop.planning.budget import read_budget
from isoflop.planning.next_run import NextRuns, next_runs
from isoflop.planning.plan import Plan
from isoflop.planning.plan import plan as make_plan
from isoflop.runs.checks import Finding, check_runs
from isoflop.runs.table import Runs

AHEAD = 10.0
"""The target has this many times the compute of the largest run, where none is given."""
LEAST_RUNS = 4
"""With fewer runs no law is tried: the smallest form of N and D has four parameters."""
LEVEL, REPLICATES = 0.9, 400
DIGESTED = ("params", "tokens", "flops", "loss", "loss_se", "unique_tokens", "trunk", "seed")
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as it is listed. state: done, target (foretold, and not fitted), planned, running, failed or diverged;
    share: of its tokens that are trained, where it is in training; note: what is known of a trouble."""

    name: str
    params: float | None
    tokens: float | None
    flops: float | None
    loss: float | None
    loss_se: float | None = None
    state: str = "done"
    note: str = ""
    share: float | None = None


@dataclass(frozen=True, eq=False)
class Studied:
    """What a study has. runs: those that a law may use. lines: all. records: forecasts on record, each with its scores
    under "scores". notes: how the runs were read. where: the folder, store or table. seconds_left: of a ladder that is
    being trained; None where nobody can tell."""

    name: str
    where: str
    runs: Runs
    lines: tuple[RunLine, ...]
    records: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    seconds_left: float | None = None

    @property
    def unfinished(self) -> bool:
        """Whether runs are still to come."""
        return any(line.state in ("running", "planned") for line in self.lines)


@dataclass(frozen=True, eq=False)
class StudyReport:
    """A study with all that is concluded from it; None for a part that these runs do not allow, and why in missing.

    target: N and D of the run that is asked about. manifest: what makes the same report again.
    """

    studied: Studied
    question: str
    findings: tuple[Finding, ...]
    ensemble: Ensemble | None
    target: Mapping[str, float]
    forecast: Forecast | None
    plan: Plan | None
    next: NextRuns | None
    diagnosis: Diagnosis | None
    missing: Mapping[str, str]
    manifest: Mapping[str, Any]
    remarks: tuple[str, ...] = field(default=())


def study_report(
    studied: Studied,
    *,
    at: Mapping[str, float] | None = None,
    question: str = "",
    level: float = LEVEL,
    replicates: int = REPLICATES,
    seed: int = 0,
    command: str = "",
) -> StudyReport:
    """Compute every part of the report. at: two of N, D and C, or C alone for its best split; by default ten times the
    largest run's compute. level: of the intervals of law and forecast. Raises BadInput for a target that cannot be.
    """
    runs, missing = studied.runs, {}
    remarks: list[str] = []
    ensemble = forecasted = plan = picked = diagnosis = None
    target: dict[str, float] = {}
    if len(runs) < LEAST_RUNS:
        why = (
            f"{_runs(len(runs))} with a loss. A law of N and D needs at least {LEAST_RUNS} that differ in size and "
            "data; train more."
        )
        missing = dict.fromkeys(("law", "forecast", "plan", "next", "diagnosis"), why)
    else:
        ensemble = _part(missing, "law", lambda: fit_ensemble(runs, replicates=replicates, seed=seed))
    if ensemble is not None:
        flops = _flops(ensemble, at)
        plan = _part(missing, "plan", lambda: _planned(ensemble, flops, seed, remarks))
        picked = _part(missing, "next", lambda: next_runs(ensemble, dict(at or {"C": flops}), level=level, seed=seed))
        target = _target(at, plan, picked, ensemble, flops)
        wanted: dict[str, Any] = {**target}
        forecasted = _part(missing, "forecast", lambda: forecast(ensemble, level=level, seed=seed, **wanted))
        diagnosis = _part(missing, "diagnosis", lambda: _diagnosed(runs, target, replicates, seed))
    elif "law" in missing:
        missing = {**dict.fromkeys(("forecast", "plan", "next", "diagnosis"), missing["law"]), **missing}
    return StudyReport(
        studied=studied,
        question=question,
        findings=check_runs(runs) if len(runs) else (),
        ensemble=ensemble,
        target=target,
        forecast=forecasted,
        plan=plan,
        next=picked,
        diagnosis=diagnosis,
        missing=missing,
        manifest=manifest(studied, command=command, level=level, replicates=replicates, seed=seed, target=target),
        remarks=tuple(remarks),
    )


def _part(missing: dict[str, str], name: str, make: Callable[[], Part]) -> Part | None:
    """What ``make`` gives, or None with the reason in ``missing``."""
    try:
        return make()
    except (IsoflopError, np.linalg.LinAlgError) as error:
        missing[name] = str(error)
        return None


def _flops(ensemble: Ensemble, at: Mapping[str, float] | None) -> float:
    given = dict(at or {})
    if "C" in given:
        return given["C"]
    if {"N", "D"} <= given.keys():
        return 6 * given["N"] * given["D"]
    if given:
        raise BadInput(f"The target gives {', '.join(given)} only. Give C alone, or two of N, D and C.")
    return AHEAD * float(ensemble.runs.flops.max())


def _planned(ensemble: Ensemble, flops: float, seed: int, remarks: list[str]) -> Plan:
    """For the target's compute; without a layout where the model is too small to have one."""
    budget = read_budget(flops=repr(flops))
    try:
        return make_plan(budget, ensemble, seed=seed)
    except InfeasiblePlan:
        made = make_plan(budget, ensemble, seed=seed, layouts=False)
        remarks.append("The planned model is too small for a usual shape and layout, so the plan names neither.")
        return made


def _target(
    at: Mapping[str, float] | None, plan: Plan | None, picked: NextRuns | None, ensemble: Ensemble, flops: float
) -> dict[str, float]:
    """N and D of the target: as given, as planned, as the next runs have it, or split as the largest run was."""
    given = dict(at or {})
    if len(given) > 1:
        return given
    if plan is not None:
        return {"N": float(plan.N.value), "D": float(plan.D.value)}
    if picked is not None:
        return {"N": float(picked.target.params[0]), "D": float(picked.target.tokens[0])}
    largest = int(np.argmax(ensemble.runs.flops))
    ratio = float(ensemble.runs.tokens[largest] / ensemble.runs.params[largest])
    N = float(np.sqrt(flops / 6 / ratio))
    return {"N": N, "D": flops / 6 / N}


def _diagnosed(runs: Runs, target: Mapping[str, float], replicates: int, seed: int) -> Diagnosis:
    """By the form that ``isoflop diagnose`` takes, watched at the report's target."""
    whole = complete_targets(find_form("chinchilla"), target)
    point = {name: float(whole[name][0]) for name in ("N", "D")}
    return diagnose(runs, target=point, replicates=replicates, level=LEVEL, seed=seed)


def manifest(
    studied: Studied, *, command: str, level: float, replicates: int, seed: int, target: Mapping[str, float]
) -> dict[str, Any]:
    """What makes the same report again: the runs by digest, the command, versions, seed."""
    return {
        "schema": "isoflop report 1",
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "source": studied.where,
        "runs": len(studied.runs),
        "runs_sha256": digest(studied.runs),
        "target": dict(target),
        "level": level,
        "replicates": replicates,
        "seed": seed,
        "versions": versions(),
    }


def digest(runs: Runs) -> str:
    """SHA-256 of what an answer depends on: a line a run in the order of the table, numbers as Python writes them."""
    names = [name for name in DIGESTED if name in runs.frame.columns]
    lines = [",".join(names)]
    lines += [",".join(map(repr, row)) for row in runs.frame.select(names).iter_rows()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Of isoflop, Python and the libraries that compute."""
    import polars
    import scipy

    return {
        "isoflop": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "polars": polars.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }


def sources(report: StudyReport) -> list[str]:
    """Where forms, methods and prices come from, each once."""
    found: list[str] = []
    if report.ensemble is not None:
        found += [f"{fitted.form.title}: {fitted.form.source}" for fitted in report.ensemble.fits if fitted.form.source]
        found += METHODS
    if report.plan is not None:
        found.append(f"{report.plan.machine.chip.product}: {report.plan.machine.chip.source}")
    return list(dict.fromkeys(found))


METHODS: Sequence[str] = (
    "Robust fit: Huber loss on ln L, δ = 1e-3. Hoffmann et al. 2022, arXiv:2203.15556, equation 3",
    "Resampling by random weights, runs of one trunk together: Rubin 1981, Annals of Statistics 9, 130",
    "Scores of intervals: Gneiting & Raftery 2007, Journal of the American Statistical Association 102, 359",
)


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"
