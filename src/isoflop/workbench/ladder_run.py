"""Run a ladder: freeze its recipe, train what is missing, keep a table of its runs beside the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from isoflop.errors import SpecError
from isoflop.execute import Executor, open_executor
from isoflop.runs.table import Runs
from isoflop.store import Store, open_store
from isoflop.workbench.campaign import run_campaign
from isoflop.workbench.files import write_atomically
from isoflop.workbench.ladder import Ladder
from isoflop.workbench.ladder_notes import Place, write_notes
from isoflop.workbench.ladder_work import harvest, working_trunks
from isoflop.workbench.pacing import POLL_SECONDS
from isoflop.workbench.progress import CampaignProgress
from isoflop.workbench.study import Study, open_study

PLAN_VERSION = 1
TABLE = "runs.csv"
"""The runs as a table, beside the store, for whoever reads tables: ``isoflop fit FOLDER/runs.csv``."""


def run_ladder(
    ladder: Ladder,
    *,
    on: str = "local",
    options: Mapping[str, Any] | None = None,
    executor: Executor | None = None,
    on_progress: Callable[[CampaignProgress], None] | None = None,
    poll_seconds: float = POLL_SECONDS,
) -> Runs:
    """Train what is missing of a ladder and give back all runs of its study, the diverged ones left out.

    on: local, ray or slurm. options: of that place, instead of those in the file. executor: one that is open already,
    instead of both. on_progress: as in ``run_campaign``. The same call goes on with what was interrupted.

    Raises SpecError for a recipe that is not the one the study began with; StoreError when another process works in the
    folder or the store fails; ExecutorError for a place that cannot be used; TrainingFailure, after all others have
    ended, for runs that failed; CampaignInterrupted on Ctrl-C.
    """
    study = open_study(ladder.folder)
    with study.coordinate():
        freeze_recipe(study, ladder)
        with open_store(ladder.store) as store:
            harvest(ladder.trunks, store, ladder.name, study.trunks)
            working = working_trunks(ladder.trunks, store.run_ids(ladder.name), study.trunks)
            with executor or open_executor(on, _options(ladder, on, options), folder=study.folder) as place:
                where = Place(on, place.capacity, place.outlives_coordinator)
                write_notes(study, ladder, working, where, store.shown)
                try:
                    return run_campaign(
                        working,
                        place,
                        store,
                        folder=study.trunks,
                        study=ladder.name,
                        on_progress=on_progress,
                        poll_seconds=poll_seconds,
                        attempts=ladder.attempts,
                        resources=ladder.resources,
                    )
                finally:
                    write_table(study, store, ladder.name)


def freeze_recipe(study: Study, ladder: Ladder) -> None:
    """Keep the recipe that the study begins with. Raises SpecError, with what differs, for another one later."""
    offered = json.loads(json.dumps({"version": PLAN_VERSION, "name": ladder.name, "recipe": dict(ladder.recipe)}))
    frozen = study.plan()
    if frozen is not None and "recipe" in frozen:
        before, after = frozen["recipe"] | {"name": frozen["name"]}, offered["recipe"] | {"name": offered["name"]}
        changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        if changed:
            told = "; ".join(f"{key} was {before.get(key)!r} and is {after.get(key)!r}" for key in changed)
            raise SpecError(
                f"The ladder in {study.folder} began with another recipe: {told}. Runs of two recipes are not one "
                "ladder. Restore it to go on (rungs may be added), or give [ladder] another name and folder."
            )
    study.freeze_plan(offered)


def write_table(study: Study, store: Store, name: str) -> None:
    """Write the runs that have a loss as a CSV file, whole or not at all; none are no table."""
    runs = store.runs(name)
    if len(runs):
        write_atomically(study.folder / TABLE, runs.frame.write_csv())


def _options(ladder: Ladder, on: str, options: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Of the place; local places are as large as a job needs them unless they say otherwise."""
    given = dict(ladder.executors.get(on, {}) if options is None else options)
    if on == "local" and ladder.resources.cpus:
        given.setdefault("cores_per_run", ladder.resources.cpus)
    if on == "local" and ladder.resources.gpus > 1:
        given.setdefault("gpus_per_run", ladder.resources.gpus)
    return given
