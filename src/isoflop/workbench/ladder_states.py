"""How far a ladder is, as any process may see it while it runs or after: nothing is written, no worker is disturbed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoflop.runs.run import Run
from isoflop.store import PlannedRun, open_store
from isoflop.workbench.ladder import Ladder, Price
from isoflop.workbench.ladder_notes import LadderNotes, Place, notes_in, read_notes
from isoflop.workbench.progress import RunningTrunk, TrunkState, running_trunk, seconds_left, seconds_needed
from isoflop.workbench.records import STOPPED
from isoflop.workbench.study import Study
from isoflop.workbench.trunk import Trunk, TrunkFolder

AT_MOST = 4 << 20
"""Bytes of a worker's progress that are looked back at: a few hours of lines."""
SECONDS_PER_HOUR = 3600.0
STATES = ("done", "running", "planned", "failed", "diverged")


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One run. state: planned, running, done, failed or diverged. share: of its tokens that are trained. loss: held-out
    where it is done, of the last batch while it runs. note: why it failed."""

    run_id: str
    name: str
    trunk: str
    params: float
    tokens: float
    flops: float
    state: str
    share: float
    loss: float | None
    tokens_per_second: float | None
    attempts: int
    note: str


@dataclass(frozen=True, slots=True)
class LadderStatus:
    """A ladder at one moment.

    coordinator: who runs it, None when nobody does. runs: largest first. counts: runs by state. others: runs of the
    study that the ladder no longer has. seconds_left: None while no speed is known. device_hours: of devices held by
    jobs, so far and still to come; cost_usd: the same at the ladder's price, None without one.
    """

    name: str
    folder: Path
    store: str
    on: str
    coordinator: str | None
    runs: tuple[RunStatus, ...]
    counts: Mapping[str, int]
    others: int
    running: tuple[RunningTrunk, ...]
    tokens_per_second: float
    flops_done: float
    flops_total: float
    seconds_left: float | None
    device_hours: float
    device_hours_left: float | None
    cost_usd: float | None
    cost_usd_left: float | None
    price: Price | None


def ladder_status(ladder: Ladder | Path | str) -> LadderStatus:
    """Look at a ladder, or at the folder of one that was run.

    Raises BadInput where the folder holds none, StoreError where its store cannot be read.
    """
    return Onlooker(ladder).look()


class Onlooker:
    """Looks at one ladder again and again, reading each time only what is new of its files."""

    def __init__(self, ladder: Ladder | Path | str) -> None:
        self._ladder = ladder
        self._study = Study(Path(ladder.folder if isinstance(ladder, Ladder) else ladder).absolute())
        self._folders: dict[str, TrunkFolder] = {}

    def look(self) -> LadderStatus:
        """The ladder as it is now."""
        notes = self._notes()
        planned, ended = _from_store(notes)
        who = self._study.coordinator()
        alive = who is not None or notes.place.outlives
        states = [self._state(trunk, planned, ended, alive) for trunk in notes.working]
        by_run = {run_id: state for state in states for run_id in state.folder.trunk.branches}
        runs = tuple(
            _run_status(trunk, run_id, planned, ended, by_run.get(run_id), alive)
            for trunk in notes.trunks
            for run_id in trunk.branches
        )
        return self._status(notes, who, runs, states, len((planned.keys() | ended.keys()) - {r.run_id for r in runs}))

    def _notes(self) -> LadderNotes:
        """As the last start noted them, or as the file has them where it was never started or was edited since."""
        if not isinstance(self._ladder, Ladder):
            return notes_in(self._study.folder)
        ladder, noted = self._ladder, read_notes(self._study)
        if noted is None:
            nowhere = Place("local", 1, False)
            return LadderNotes(
                ladder.name, ladder.store, ladder.trunks, ladder.trunks, nowhere, ladder.devices, ladder.price
            )
        covered = {run_id for trunk in noted.working for run_id in trunk.branches}
        fresh = tuple(trunk for trunk in ladder.trunks if not trunk.branches.keys() <= covered)
        own = {run_id for trunk in ladder.trunks for run_id in trunk.branches}
        kept = tuple(trunk for trunk in noted.working if trunk.branches.keys() & own)
        return LadderNotes(
            *(ladder.name, ladder.store, ladder.trunks, (*kept, *fresh)),
            *(noted.place, ladder.devices, ladder.price),
        )

    def _state(
        self, trunk: Trunk, planned: Mapping[str, PlannedRun], ended: Mapping[str, Run], alive: bool
    ) -> TrunkState:
        folder = self._folders.get(trunk.spec_id)
        if folder is None:
            folder = TrunkFolder(trunk, self._study.trunks / trunk.spec_id, AT_MOST)
            self._folders[trunk.spec_id] = folder
        folder.look()
        recorded = sum(run_id in ended for run_id in trunk.branches)
        open_runs = [planned[run_id].state for run_id in trunk.branches if run_id in planned and run_id not in ended]
        return TrunkState(folder, recorded == len(trunk.branches), alive and "running" in open_runs, recorded)

    def _status(
        self,
        notes: LadderNotes,
        who: str | None,
        runs: tuple[RunStatus, ...],
        states: Sequence[TrunkState],
        others: int,
    ) -> LadderStatus:
        running = tuple(running_trunk(state.folder) for state in states if state.running)
        needed = seconds_needed(states)
        hours = notes.devices * sum(state.folder.busy_seconds for state in states) / SECONDS_PER_HOUR
        left = None if needed is None else notes.devices * sum(needed) / SECONDS_PER_HOUR
        rate = notes.price.usd_per_device_hour if notes.price else None
        return LadderStatus(
            name=notes.name,
            folder=self._study.folder,
            store=notes.store,
            on=notes.place.on,
            coordinator=who,
            runs=runs,
            counts={state: Counter(run.state for run in runs)[state] for state in STATES},
            others=others,
            running=running,
            tokens_per_second=sum(trunk.tokens_per_second for trunk in running),
            flops_done=sum(run.flops * run.share for run in runs),
            flops_total=sum(run.flops for run in runs),
            seconds_left=seconds_left(states, max(1, notes.place.capacity)),
            device_hours=hours,
            device_hours_left=left,
            cost_usd=None if rate is None else rate * hours,
            cost_usd_left=None if rate is None or left is None else rate * left,
            price=notes.price,
        )


def _from_store(notes: LadderNotes) -> tuple[dict[str, PlannedRun], dict[str, Run]]:
    """What the store says, by run_id; nothing where there is no store yet, which looking must not make."""
    if "://" not in notes.store and not Path(notes.store).exists():
        return {}, {}
    with open_store(notes.store) as store:
        planned = {plan.run_id: plan for plan in store.planned_runs(notes.name)}
        rows = store.runs(notes.name, diverged=True).frame.to_dicts()
    return planned, {str(row["run_id"]): Run.from_dict(row) for row in rows}


def _run_status(
    trunk: Trunk,
    run_id: str,
    planned: Mapping[str, PlannedRun],
    ended: Mapping[str, Run],
    state: TrunkState | None,
    alive: bool,
) -> RunStatus:
    run, plan = ended.get(run_id), planned.get(run_id)
    tokens = trunk.branches[run_id]
    live: dict[str, Any] = _live(state, tokens) if run is None and state is not None else {}
    name, note = _state_of(run, plan, alive)
    speed = run.tokens_per_second if run else live.get("tokens_per_second") if name == "running" else None
    return RunStatus(
        run_id=run_id,
        name=trunk.name,
        trunk=state.folder.trunk.spec_id if state else trunk.spec_id,
        params=trunk.params,
        tokens=tokens,
        flops=trunk.flops(tokens),
        state=name,
        share=1.0 if name in ("done", "diverged") else live.get("share", 0.0),
        loss=_finite(run.loss) if run else live.get("loss"),
        tokens_per_second=speed,
        attempts=plan.attempts if plan else 0,
        note=note,
    )


def _state_of(run: Run | None, plan: PlannedRun | None, alive: bool) -> tuple[str, str]:
    """The store's word, but a run that ended is over, and one that nobody can be training waits."""
    if run is not None:
        return ("diverged" if run.status == "diverged" else "done"), ""
    if plan is None:
        return "planned", ""
    if plan.state == "running" and not alive:
        return "planned", STOPPED
    return plan.state, plan.note


def _live(state: TrunkState, tokens: float) -> dict[str, Any]:
    """Of a run that is being trained, from what its trunk said last."""
    folder = state.folder
    return {
        "share": min(float(folder.latest.get("tokens") or 0.0) / tokens, 0.99),
        "loss": _finite(folder.latest.get("train_loss")),
        "tokens_per_second": folder.tokens_per_second or None,
    }


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
