"""The main job: plan a ladder, train it, forecast a larger run, train that run, score the forecast, plan a budget.

The forecast is recorded in the store, with its time and the runs it used, before the target's training starts. Every
step is repeated safely: what the store, the trunks' folders and plan.json already hold is not done again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from isoflop.errors import StoreError
from isoflop.execute import LocalExecutor, available_cores, one_slot_per_core
from isoflop.forecasting.forecast import Forecast, forecast
from isoflop.runs.table import Runs
from isoflop.store import Store, open_store
from isoflop.workbench.budget import BudgetPlan, plan_budget
from isoflop.workbench.campaign import run_campaign
from isoflop.workbench.files import write_atomically
from isoflop.workbench.finished import RESULT
from isoflop.workbench.ladder_plan import LadderPlan, make_plan, require_same
from isoflop.workbench.places import LADDER, TARGET
from isoflop.workbench.progress import CampaignProgress
from isoflop.workbench.study import Study, open_study
from isoflop.workbench.trunk import trunk_of

if TYPE_CHECKING:
    from isoflop.store.store import ForecastRecord
    from isoflop.train.speed import Speed


class View(Protocol):
    """Whoever watches the demonstration."""

    def measuring(self) -> None:
        """The machine's speed is being measured."""

    def planned(self, plan: LadderPlan) -> None:
        """The plan is frozen."""

    def training(self, what: str) -> Callable[[CampaignProgress], None]:
        """Training of the ladder or the target starts; the result is called at every look."""

    def trained(self) -> None:
        """The training announced last has ended."""

    def foretold(self, record: Mapping[str, Any]) -> None:
        """The forecast of the target is on record, and its training has not started."""


@dataclass(frozen=True)
class Demonstration:
    """All that a finished demonstration knows."""

    study: Study
    plan: LadderPlan
    runs: Runs
    target: Runs
    forecast: Forecast
    record: Mapping[str, Any]
    result: Mapping[str, Any]
    budgets: tuple[BudgetPlan, ...]


def run_demo(
    folder: Path,
    view: View,
    *,
    minutes: float = 6.0,
    seed: int = 0,
    speed: Speed | None = None,
    accelerator: str = "H100",
    devices: int = 64,
    budget_usd: float = 1e6,
) -> Demonstration:
    """Run or continue the demonstration in ``folder``.

    speed: of training, to plan with; measured where it is not given. The budget at the end is ``budget_usd`` spent on
    ``devices`` of an ``accelerator``.

    Raises SpecError when the folder holds another plan, StoreError when the study is in use or cannot be written,
    TrainingFailure when a run fails for good, CampaignInterrupted on Ctrl-C.
    """
    study = open_study(folder)
    with study.coordinate(), open_store(study.store_path) as store:
        plan = _plan(study, minutes, seed, speed, view)
        view.planned(plan)
        runs = _train_ladder(study, store, plan, view)
        made = _forecast(runs, plan)
        record = _record(store, plan, made, runs)
        view.foretold(record.content)
        target = _train_target(study, store, plan, view)
        score = _score(store, record, target)
        budgets = plan_budget(made.fit, accelerator=accelerator, devices=devices, budget_usd=budget_usd)
        result = _result(plan, record, score, made, budgets)
        done = Demonstration(study, plan, runs, target, made, record.content, result, budgets)
        _show(done)
        write_atomically(study.folder / RESULT, json.dumps(result, indent=2, allow_nan=False) + "\n")
    return done


def _plan(study: Study, minutes: float, seed: int, speed: Speed | None, view: View) -> LadderPlan:
    frozen = study.plan()
    if frozen is None:
        if speed is None:
            view.measuring()
        frozen = study.freeze_plan(make_plan(minutes, seed, speed).to_dict())
    require_same(frozen, minutes, seed, study.folder)
    return LadderPlan.from_dict(frozen)


def _train_ladder(study: Study, store: Store, plan: LadderPlan, view: View) -> Runs:
    trunks = [trunk_of(spec, seconds=seconds) for spec, seconds in zip(plan.trunks, plan.seconds, strict=True)]
    slots = one_slot_per_core()[: max(1, plan.cores)]
    with LocalExecutor(slots) as executor:
        watch = view.training("the ladder")
        try:
            return run_campaign(trunks, executor, store, folder=study.trunks, study=LADDER, on_progress=watch)
        finally:
            view.trained()


def _train_target(study: Study, store: Store, plan: LadderPlan, view: View) -> Runs:
    trunk = trunk_of(plan.target, seconds=plan.target_seconds)
    with LocalExecutor([available_cores()]) as executor:
        watch = view.training("the target")
        try:
            return run_campaign([trunk], executor, store, folder=study.trunks, study=TARGET, on_progress=watch)
        finally:
            view.trained()


def _forecast(runs: Runs, plan: LadderPlan) -> Forecast:
    target = plan.target
    tokens = float(target.branch_steps[-1] * target.batch_tokens)
    return forecast(runs, form=plan.form, N=float(target.params), D=tokens, level=plan.level, seed=plan.seed)


def _record(store: Store, plan: LadderPlan, made: Forecast, runs: Runs) -> ForecastRecord:
    """The forecast on record: the first one made for this target, whatever a later version would say."""
    run_id = plan.target.run_id(len(plan.target.branch_tokens) - 1)
    for earlier in store.forecasts(TARGET):
        if earlier.content.get("run_id") == run_id:
            return earlier
    content = {
        "run_id": run_id,
        "params": float(made.params[0]),
        "tokens": float(made.tokens[0]),
        "flops": float(made.flops[0]),
        "loss": float(made.loss[0]),
        "low": float(made.low[0]),
        "high": float(made.high[0]),
        "level": made.level,
        "extrapolation": float(made.extrapolation[0]),
        "widening": made.ensemble.widening,
        "parts": {name: float(sd[0]) for name, sd in made.parts.items()},
        "forms": [
            {
                "name": fitted.form.name,
                "formula": fitted.form.formula,
                "weight": weight,
                "loss": float(made.by_form[index, 0]),
                "constants": dict(fitted.law.constants),
                "status": fitted.status.outcome,
            }
            for index, (fitted, weight) in enumerate(zip(made.ensemble.fits, made.ensemble.weights, strict=True))
        ],
    }
    return store.record_forecast(content, [str(name) for name in runs.column("run_id")], TARGET)


def _score(store: Store, record: ForecastRecord, target: Runs) -> dict[str, Any]:
    measured = float(target.loss[-1])
    if not np.isfinite(measured):
        raise StoreError("The target run diverged, so the forecast has nothing to be scored by. Try another --seed.")
    content = {
        "measured": measured,
        "measured_se": float(target.column("loss_se")[-1]) if target.has("loss_se") else None,
        "relative_error": record.content["loss"] / measured - 1.0,
        "inside": record.content["low"] <= measured <= record.content["high"],
    }
    store.record_score(record.digest, record.content["run_id"], content, TARGET)
    return content


def _result(
    plan: LadderPlan,
    record: ForecastRecord,
    score: Mapping[str, Any],
    made: Forecast,
    budgets: tuple[BudgetPlan, ...],
) -> dict[str, Any]:
    return {
        "minutes": plan.minutes,
        "seed": plan.seed,
        "n_runs": made.fit.n_runs,
        "largest_rung_flops": float(made.fit.runs.flops.max()),
        "forecast": dict(record.content),
        "forecast_made_at": record.made_at,
        "forecast_digest": record.digest,
        "score": dict(score),
        "fits": [
            {
                "form": fitted.form.name,
                "parameters": {name: [e.value, e.low, e.high] for name, e in fitted.parameters.items()},
                "status": str(fitted.status),
                "rms_log_residual": float(np.sqrt(np.mean(fitted.residuals**2))),
            }
            for fitted in made.ensemble.fits
        ],
        "budgets": [budget.to_dict() for budget in budgets],
        "report": "report.html",
        "figures": "figures",
    }


def _show(done: Demonstration) -> None:
    from isoflop.workbench.demo_report import write_demo_report

    write_demo_report(done)
