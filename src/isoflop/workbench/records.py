"""What a campaign writes into the store: its runs, their states and their training curves.

The files of the workers are the truth; the store is what the coordinator last saw of them. Each method may be called
again after a crash, and then changes nothing that was written before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoflop.runs.run import Run
from isoflop.store import Store
from isoflop.store.planned import FINAL
from isoflop.workbench.curves import RunCurve, run_curve
from isoflop.workbench.trunk import DIVERGED, Trunk, trained

METRICS = ("loss", "tokens_per_second")
"""The curves that are kept of a run: fields of ``RunCurve``."""
STOPPED = "stopped; goes on from its checkpoint"


def planned_spec(trunk: Trunk, run_id: str) -> dict[str, Any]:
    """What makes a run this run, whatever other branches its trunk has: what the worker reads, but for those."""
    spec = trained(json.loads(trunk.spec), trunk.command)
    spec.pop("branch_tokens", None)
    return {"name": trunk.name, "params": trunk.params, "tokens": trunk.branches[run_id], "spec": spec}


class Records:
    """The runs of one campaign in the store.

    recorded: run_ids of the study that ended, diverged ones too, whichever campaign made them.
    """

    def __init__(self, store: Store, study: str, trunks: Sequence[Trunk]) -> None:
        self._store, self._study = store, study
        self.recorded = set(store.run_ids(study))
        self._states: dict[str, str] = {}
        self._plan(trunks)
        self._catch_up()

    def missing(self, trunk: Trunk) -> list[str]:
        """The runs of a trunk that are not recorded."""
        return [run_id for run_id in trunk.branches if run_id not in self.recorded]

    def begin(self, trunk: Trunk) -> None:
        """A worker trains: its missing runs are being made, once more."""
        with self._store.together():
            for run_id in self.missing(trunk):
                self._store.begin_attempt(run_id, self._study)
                self._states[run_id] = "running"

    def record(self, run: Run, trunk: Trunk, folder: Path) -> None:
        """A run ended. Raises StoreError when the store has another result of it, or cannot be written."""
        run_id = run.run_id
        own = run_id in trunk.branches and self._states.get(str(run_id)) not in FINAL
        curve = run_curve(trunk, str(run_id), folder) if own else None
        with self._store.together():
            self._store.record_run(run, self._study)
            if curve is not None:
                self._keep_curve(str(run_id), curve)
                self._set(str(run_id), DIVERGED if run.status == DIVERGED else "done")
        self.recorded.add(str(run_id))

    def fail(self, trunk: Trunk, trouble: str) -> None:
        """The missing runs of a trunk will not be made by this call."""
        with self._store.together():
            for run_id in self.missing(trunk):
                self._set(run_id, "failed", trouble)

    def rest(self, trunk: Trunk) -> None:
        """The worker of a trunk was asked to save and stop."""
        begun = [run_id for run_id in self.missing(trunk) if self._states.get(run_id) == "running"]
        with self._store.together():
            for run_id in begun:
                self._set(run_id, "planned", STOPPED)

    def _plan(self, trunks: Sequence[Trunk]) -> None:
        known = {plan.run_id: plan for plan in self._store.planned_runs(self._study)}
        self._states = {run_id: plan.state for run_id, plan in known.items()}
        with self._store.together():
            for trunk, run_id in ((each, run_id) for each in trunks for run_id in each.branches):
                plan, spec = known.get(run_id), planned_spec(trunk, run_id)
                if plan is None or not _same(plan.spec, spec):
                    name = dict(plan.spec).get("name", trunk.name) if plan else trunk.name
                    self._store.plan_run(run_id, spec | {"name": name}, self._study)
                    self._states.setdefault(run_id, "planned")

    def _catch_up(self) -> None:
        """Runs that were recorded by another way than this, as in an older store, left their state behind."""
        behind = [run_id for run_id in self._states if run_id in self.recorded and self._states[run_id] not in FINAL]
        if behind:
            ended = self._store.runs(self._study, diverged=True).frame
            diverged = set(ended.filter(ended["status"] == DIVERGED)["run_id"]) if "status" in ended.columns else set()
            with self._store.together():
                for run_id in behind:
                    self._set(run_id, DIVERGED if run_id in diverged else "done")

    def _keep_curve(self, run_id: str, curve: RunCurve) -> None:
        """The training loss and the speed of a run by step; a worker that wrote none leaves none."""
        for metric in METRICS if curve.steps else ():
            values = getattr(curve, metric)
            self._store.record_points(
                run_id, curve.steps, values, tokens=curve.tokens, metric=metric, study=self._study
            )

    def _set(self, run_id: str, state: Any, note: str = "") -> None:
        self._store.set_state(run_id, state, note, self._study)
        self._states[run_id] = state


def _same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Names may change: they are for people."""
    return {**before, "name": ""} == {**after, "name": ""}
