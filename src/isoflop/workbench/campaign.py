"""A campaign trains trunks and records their runs, through crashes of either.

The truth is in the folders of the trunks: a worker puts a run on disk before it goes on, and a mark when all is done.
The campaign copies runs into the store, where recording one twice is recording it once. So whatever is killed, at
whatever moment, the same call goes on: what is done is not trained again, what was cut goes on from its checkpoint, and
what a killed coordinator had not copied is copied now.

    how a worker ended                      what follows
    done.json                               settled
    error.json of kind "diverged"           settled: its missing runs are recorded as diverged and not tried again
    error.json of another kind              failed: trying again would end the same way
    asked to stop by others, after progress again from its checkpoint, as often as that happens
    neither (crash, kill, out of memory)    again from its checkpoint, ``attempts`` times in all, then failed

A failed trunk does not stop the others; the failures are raised together at the end. A trunk whose runs the store has
is not trained again, even if its folder is gone.

Where jobs outlive their coordinator (Slurm, Ray), the executor takes over a job that it was given before, and a folder
that another worker holds is followed until that one is done. Elsewhere the worker of a killed coordinator stops within
seconds, and is waited for.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from isoflop.errors import SpecError, TrainingFailure
from isoflop.execute import Executor, Handle, JobState, JobStatus, Resources, failure_message, log_path
from isoflop.runs.table import Runs
from isoflop.store import Store
from isoflop.workbench.pacing import POLL_SECONDS, Pacing
from isoflop.workbench.progress import CampaignProgress, TrunkState, snapshot
from isoflop.workbench.records import Records
from isoflop.workbench.trunk import Trunk, TrunkFolder

GRACE_SECONDS = 30.0  # for a worker to write its checkpoint when it is asked to stop
ATTEMPTS = 2
ORPHAN_SECONDS = 30.0  # workers notice within a second or so that their coordinator died, and then write a checkpoint
QUEUED = 2  # times the capacity: enough for a place never to wait for the coordinator, few enough to follow
STOPPED_CODES = (143, -15)  # how a worker ends that SIGTERM asked to save


class CampaignInterrupted(KeyboardInterrupt):
    """Ctrl-C, after the workers were asked to save and have stopped; its text says how to go on."""


class _Stage(Enum):
    PENDING = "pending"
    SUBMITTED = "submitted"
    ADOPTED = "adopted"
    SETTLED = "settled"
    FAILED = "failed"


@dataclass(slots=True, eq=False)
class _Watch:
    """A trunk and how far the campaign is with it. reached: tokens at which its last worker ended."""

    folder: TrunkFolder
    stage: _Stage = _Stage.PENDING
    handle: Handle | None = None
    running: bool = False
    begun: bool = False
    attempts: int = 0
    crashes: int = 0
    reached: float = 0.0
    trouble: str = ""

    @property
    def trunk(self) -> Trunk:
        return self.folder.trunk

    @property
    def over(self) -> bool:
        return self.stage in (_Stage.SETTLED, _Stage.FAILED)


def run_campaign(
    trunks: Sequence[Trunk],
    executor: Executor,
    store: Store,
    *,
    folder: Path,
    study: str = "study",
    on_progress: Callable[[CampaignProgress], None] | None = None,
    poll_seconds: float = POLL_SECONDS,
    attempts: int = ATTEMPTS,
    resources: Resources | None = None,
) -> Runs:
    """Train what is not trained yet and give back all runs of the study, the diverged ones left out.

    trunks: in the order in which they should start. folder: holds a folder for each, named by its spec_id. study: the
    name under which the store keeps the runs, their states and their curves. on_progress: called ``poll_seconds``
    apart, or less often where a snapshot of many trunks takes long. attempts: times that a trunk may crash. resources:
    what each job needs, where the executor is to be told.

    Raises TrainingFailure, after all others have ended, when trunks crashed too often or gave up; StoreError when a run
    cannot be recorded; CampaignInterrupted on Ctrl-C. Workers are stopped, with time to save, before any exception
    leaves.
    """
    campaign = _Campaign(trunks, executor, Records(store, study, trunks), folder, attempts, resources or Resources())
    pacing = Pacing(poll_seconds)
    try:
        while campaign.advance():
            if on_progress and pacing.report_due():
                with pacing.reporting():
                    on_progress(campaign.progress(pacing.elapsed))
            executor.pause(pacing.pause(campaign.news, campaign.active))
    except KeyboardInterrupt:
        campaign.stop()
        raise CampaignInterrupted(campaign.farewell()) from None
    except BaseException:
        campaign.stop(record=False)
        raise
    if on_progress:
        on_progress(campaign.progress(pacing.elapsed))
    campaign.raise_failures()
    return store.runs(study)


class _Campaign:
    """The loop's state; lives only inside ``run_campaign``. news: whether the last look saw any."""

    def __init__(
        self,
        trunks: Sequence[Trunk],
        executor: Executor,
        records: Records,
        folder: Path,
        attempts: int,
        resources: Resources,
    ) -> None:
        self._executor, self._records, self._attempts, self._resources = executor, records, attempts, resources
        self._outlives = executor.outlives_coordinator
        self._watches = [_Watch(TrunkFolder(trunk, folder / trunk.spec_id)) for trunk in trunks]
        self._waiting = deque(self._watches)
        self._active: list[_Watch] = []
        self._begun = time.monotonic()
        self.news = False

    @property
    def active(self) -> int:
        """Trunks that are followed."""
        return len(self._active)

    def advance(self) -> bool:
        """One look at the trunks that were submitted, then submit more; False when none is left to wait for."""
        self.news = False
        for watch in tuple(self._active):
            self._guarded(watch, self._look_at)
        self._active = [w for w in self._active if w.stage in (_Stage.SUBMITTED, _Stage.ADOPTED)]
        while self._waiting and len(self._active) < QUEUED * self._executor.capacity:
            if not self._guarded(self._waiting[0], self._start):
                break
            watch = self._waiting.popleft()
            if not watch.over:
                self._active.append(watch)
        return bool(self._waiting or self._active)

    def progress(self, seconds_elapsed: float) -> CampaignProgress:
        """Where everything is."""
        known = self._records.recorded
        states = [
            TrunkState(w.folder, w.over, w.running and not w.over, sum(run_id in known for run_id in w.trunk.branches))
            for w in self._watches
        ]
        return snapshot(states, self._executor.capacity, seconds_elapsed)

    def stop(self, record: bool = True) -> None:
        """Ask all workers to save and stop, then record what they had finished."""
        self._executor.cancel([w.handle for w in self._watches if w.handle and not w.over], GRACE_SECONDS)
        for watch in self._watches if record else ():
            if watch.handle:
                self._record(watch)
                self._records.rest(watch.trunk)

    def farewell(self) -> str:
        """What to tell a person who pressed Ctrl-C."""
        progress = self.progress(0.0)
        adopted = sum(watch.stage is _Stage.ADOPTED for watch in self._watches)
        left = f" {adopted} trunks train on: jobs of an earlier command hold them." if adopted else ""
        return (
            f"Stopped with {progress.done} of {progress.total} runs recorded. What was being trained is saved: the "
            f"same command goes on from there.{left}"
        )

    def raise_failures(self) -> None:
        """Raise TrainingFailure with the troubles of all trunks that failed."""
        failed = [watch for watch in self._watches if watch.stage is _Stage.FAILED]
        if failed:
            raise TrainingFailure(
                f"{len(failed)} of {len(self._watches)} trunks failed; the runs of the others are recorded.\n\n"
                + "\n\n".join(watch.trouble for watch in failed)
                + "\n\nRemove the cause, then give the same command again: it trains only what is missing."
            )

    def _guarded(self, watch: _Watch, step: Callable[[_Watch], bool]) -> bool:
        """Do a step; what is wrong with one trunk fails that trunk, and the others go on."""
        try:
            return step(watch)
        except (TrainingFailure, SpecError) as error:
            self._fail(watch, str(error))
            return True

    def _start(self, watch: _Watch) -> bool:
        """Settle what is settled already, else submit it; False while a worker of a killed coordinator is in the way.

        Later trunks wait too: that worker still has a core, and the order was chosen to fill the slots well.
        """
        if not self._records.missing(watch.trunk):
            watch.stage = _Stage.SETTLED
            return True
        watch.folder.look()
        self._record(watch)
        if self._settle(watch):
            return True
        if self._outlives or not watch.folder.held():  # such an executor takes over a job that it has already
            self._submit(watch)
        elif time.monotonic() - self._begun <= ORPHAN_SECONDS:
            return False
        else:
            self._fail(
                watch,
                f"'{watch.trunk.name}' is being trained in {watch.folder.path} by a process that this command "
                f"did not start, and it has not stopped in {ORPHAN_SECONDS:.0f} s. Stop that process.",
            )
        return True

    def _submit(self, watch: _Watch) -> None:
        watch.handle = self._executor.submit(replace(watch.folder.job(), resources=self._resources))
        watch.stage, watch.begun, watch.running = _Stage.SUBMITTED, False, False
        watch.attempts += 1
        self.news = True

    def _adopt(self, watch: _Watch) -> None:
        """Follow a worker that is not ours; our job found the folder taken and left."""
        watch.stage, watch.running, watch.handle = _Stage.ADOPTED, True, None
        self._begin(watch)

    def _look_at(self, watch: _Watch) -> bool:
        if watch.stage is _Stage.ADOPTED:
            held = watch.folder.held()  # before the look: what it wrote before it let go is there by then
            self._read(watch)
            if not self._settle(watch) and not held:
                self._again(watch)
            return True
        assert watch.handle is not None
        status = self._executor.poll(watch.handle)
        watch.running = status.state is JobState.RUNNING
        if status.state is not JobState.WAITING:
            self._begin(watch)
            self._read(watch)  # after the poll: what a worker wrote before it ended is there by now
            if status.state.ended and not self._settle(watch):
                self._go_on(watch, status)
        return True

    def _begin(self, watch: _Watch) -> None:
        if not watch.begun:
            watch.begun = self.news = True
            self._records.begin(watch.trunk)

    def _read(self, watch: _Watch) -> None:
        watch.folder.look()
        self._record(watch)

    def _record(self, watch: _Watch) -> None:
        for run in watch.folder.new_runs():
            self._records.record(run, watch.trunk, watch.folder.path)
            self.news = True

    def _settle(self, watch: _Watch) -> bool:
        """Whether the worker's own marks say that nothing is left to train."""
        if watch.folder.done:
            self._refuse_missing_runs(watch)
        elif watch.folder.diverged():
            for run_id in self._records.missing(watch.trunk):
                self._records.record(watch.folder.diverged_run(run_id), watch.trunk, watch.folder.path)
        else:
            return False
        watch.stage, self.news = _Stage.SETTLED, True
        return True

    def _refuse_missing_runs(self, watch: _Watch) -> None:
        if missing := self._records.missing(watch.trunk):
            raise TrainingFailure(
                f"'{watch.trunk.name}' is marked as done in {watch.folder.path}, but neither runs.jsonl nor the "
                f"store has its runs {', '.join(sorted(missing))}. Delete that folder to train it anew."
            )

    def _go_on(self, watch: _Watch, status: JobStatus) -> None:
        """A job ended and left work: adopt whoever has it, fail, or try again."""
        job = watch.handle.job if watch.handle else watch.folder.job()
        if error := watch.folder.error():
            self._fail(watch, f"'{job.name}' gave up: {error.get('message')} Its log: {log_path(job)}")
            return
        if self._outlives and watch.folder.held():
            self._adopt(watch)
            return
        watch.crashes += not self._stopped_by_others(watch, status)
        if watch.crashes >= self._attempts:
            self._fail(watch, f"Tried {watch.attempts} times: {failure_message(job, status)}")
        else:
            self._again(watch)

    def _stopped_by_others(self, watch: _Watch, status: JobStatus) -> bool:
        """A scheduler stops a job to make room or at its time limit; that is no crash as long as it gets on."""
        before, watch.reached = watch.reached, float(watch.folder.latest.get("tokens") or 0.0)
        asked = status.exit_code in STOPPED_CODES or status.state is JobState.CANCELLED
        return asked and watch.reached > before

    def _again(self, watch: _Watch) -> None:
        watch.stage, watch.running = _Stage.PENDING, False
        self._waiting.appendleft(watch)
        self.news = True

    def _fail(self, watch: _Watch, trouble: str) -> None:
        if watch.handle:
            self._executor.cancel([watch.handle], GRACE_SECONDS)
        watch.stage, watch.trouble, self.news = _Stage.FAILED, trouble, True
        self._records.fail(watch.trunk, trouble)
