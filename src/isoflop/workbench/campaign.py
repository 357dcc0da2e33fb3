"""A campaign trains trunks and records their runs, through crashes of either.

The truth is in the folders of the trunks: a worker puts a run on disk before it goes on, and a mark when all is done.
The campaign copies runs into the store, where recording one twice is recording it once. So whatever is killed, at
whatever moment, the same call goes on: what is done is not trained again, what was cut goes on from its checkpoint, and
what a killed coordinator had not copied is copied now.

    how a worker ended                      what follows
    done.json                               settled
    error.json of kind "diverged"           settled: its missing runs are recorded as diverged and not tried again
    error.json of another kind              failed: trying again would end the same way
    neither (crash, kill, out of memory)    once more from its checkpoint, then failed

A failed trunk does not stop the others; the failures are raised together at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from isoflop.errors import SpecError, TrainingFailure
from isoflop.execute import Executor, Handle, JobState, JobStatus, failure_message, log_path
from isoflop.runs.table import Runs
from isoflop.store import Store
from isoflop.workbench.progress import CampaignProgress, TrunkState, snapshot
from isoflop.workbench.trunk import Trunk, TrunkFolder

POLL_SECONDS = 0.2
GRACE_SECONDS = 30.0  # for a worker to write its checkpoint when it is asked to stop
ATTEMPTS = 2
ORPHAN_SECONDS = 30.0  # workers notice within a second or so that their coordinator died, and then write a checkpoint


class CampaignInterrupted(KeyboardInterrupt):
    """Ctrl-C, after the workers were asked to save and have stopped; its text says how to go on."""


class _Stage(Enum):
    PENDING = "pending"
    SUBMITTED = "submitted"
    SETTLED = "settled"
    FAILED = "failed"


@dataclass(slots=True)
class _Watch:
    """A trunk and how far the campaign is with it."""

    folder: TrunkFolder
    stage: _Stage = _Stage.PENDING
    handle: Handle | None = None
    running: bool = False
    attempts: int = 0
    recorded: set[str | None] = field(default_factory=set)
    trouble: str = ""


def run_campaign(
    trunks: Sequence[Trunk],
    executor: Executor,
    store: Store,
    *,
    folder: Path,
    study: str = "study",
    on_progress: Callable[[CampaignProgress], None] | None = None,
    poll_seconds: float = POLL_SECONDS,
) -> Runs:
    """Train what is not trained yet and give back all runs of the study, the diverged ones left out.

    trunks: in the order in which they should start. folder: holds a folder for each, named by its spec_id. study: the
    name under which the store keeps the runs. on_progress: called at every look, ``poll_seconds`` apart.

    Raises TrainingFailure, after all others have ended, when trunks failed twice or gave up; StoreError when a run
    cannot be recorded; CampaignInterrupted on Ctrl-C. Workers are stopped, with time to save, before any exception
    leaves.
    """
    campaign = _Campaign(trunks, executor, store, folder, study)
    begun = time.monotonic()
    try:
        while campaign.advance():
            if on_progress:
                on_progress(campaign.progress(time.monotonic() - begun))
            time.sleep(poll_seconds)
    except KeyboardInterrupt:
        campaign.stop()
        raise CampaignInterrupted(campaign.farewell()) from None
    except BaseException:
        campaign.stop(record=False)
        raise
    if on_progress:
        on_progress(campaign.progress(time.monotonic() - begun))
    campaign.raise_failures()
    return store.runs(study)


class _Campaign:
    """The loop's state; lives only inside ``run_campaign``."""

    def __init__(self, trunks: Sequence[Trunk], executor: Executor, store: Store, folder: Path, study: str) -> None:
        self._executor, self._store, self._study = executor, store, study
        self._watches = [_Watch(TrunkFolder(trunk, folder / trunk.spec_id)) for trunk in trunks]
        self._begun = time.monotonic()

    def advance(self) -> bool:
        """One look at every trunk that is not settled; False when none is left to wait for."""
        in_order = True
        for watch in self._watches:
            try:
                if watch.stage is _Stage.SUBMITTED:
                    self._follow(watch)
                elif watch.stage is _Stage.PENDING and in_order:
                    in_order = self._start(watch)
            except (TrainingFailure, SpecError) as error:  # about this trunk; the others go on
                self._fail(watch, str(error))
        return any(watch.stage in (_Stage.PENDING, _Stage.SUBMITTED) for watch in self._watches)

    def progress(self, seconds_elapsed: float) -> CampaignProgress:
        states = [
            TrunkState(w.folder, w.stage in (_Stage.SETTLED, _Stage.FAILED), w.running, len(w.recorded))
            for w in self._watches
        ]
        return snapshot(states, self._executor.capacity, seconds_elapsed)

    def stop(self, record: bool = True) -> None:
        """Ask all workers to save and stop, then record what they had finished."""
        self._executor.cancel([w.handle for w in self._watches if w.handle], GRACE_SECONDS)
        for watch in self._watches if record else ():
            self._record(watch)

    def farewell(self) -> str:
        progress = self.progress(0.0)
        return (
            f"Stopped with {progress.done} of {progress.total} runs recorded. What was being trained is saved: the "
            f"same command goes on from there."
        )

    def raise_failures(self) -> None:
        failed = [watch for watch in self._watches if watch.stage is _Stage.FAILED]
        if failed:
            raise TrainingFailure(
                f"{len(failed)} of {len(self._watches)} trunks failed; the runs of the others are recorded.\n\n"
                + "\n\n".join(watch.trouble for watch in failed)
                + "\n\nRemove the cause, then give the same command again: it trains only what is missing."
            )

    def _start(self, watch: _Watch) -> bool:
        """Settle what is settled already, else submit it; False while a worker of a killed coordinator is in the way.

        Later trunks wait too: that worker still has a core, and the order was chosen to fill the slots well.
        """
        watch.folder.look()
        self._record(watch)
        if self._settle(watch):
            return True
        if not watch.folder.held():
            watch.handle = self._executor.submit(watch.folder.job())
            watch.stage = _Stage.SUBMITTED
            watch.attempts += 1
            return True
        if time.monotonic() - self._begun > ORPHAN_SECONDS:
            self._fail(
                watch,
                f"'{watch.folder.trunk.name}' is being trained in {watch.folder.path} by a process that this command "
                f"did not start, and it has not stopped in {ORPHAN_SECONDS:.0f} s. Stop that process.",
            )
        return False

    def _follow(self, watch: _Watch) -> None:
        assert watch.handle is not None
        status = self._executor.poll(watch.handle)
        watch.running = status.state is JobState.RUNNING
        if status.state is JobState.WAITING:
            return
        watch.folder.look()
        self._record(watch)  # after the poll: what a worker wrote before it ended is there by now
        if status.state.ended and not self._settle(watch):
            self._retry_or_fail(watch, status)

    def _record(self, watch: _Watch) -> None:
        for run in watch.folder.new_runs():
            self._store.record_run(run, self._study)
            watch.recorded.add(run.run_id)

    def _settle(self, watch: _Watch) -> bool:
        """Whether the worker's own marks say that nothing is left to train."""
        if watch.folder.done:
            self._refuse_missing_runs(watch)
        elif watch.folder.diverged():
            for run_id in [run_id for run_id in watch.folder.trunk.branches if run_id not in watch.recorded]:
                self._store.record_run(watch.folder.diverged_run(run_id), self._study)
        else:
            return False
        watch.stage = _Stage.SETTLED
        return True

    def _refuse_missing_runs(self, watch: _Watch) -> None:
        if missing := set(watch.folder.trunk.branches) - watch.recorded - self._store.run_ids(self._study):
            raise TrainingFailure(
                f"'{watch.folder.trunk.name}' is marked as done in {watch.folder.path}, but neither runs.jsonl nor the "
                f"store has its runs {', '.join(sorted(missing))}. Delete that folder to train it anew."
            )

    def _retry_or_fail(self, watch: _Watch, status: JobStatus) -> None:
        job = watch.handle.job if watch.handle else watch.folder.job()
        if error := watch.folder.error():
            self._fail(watch, f"'{job.name}' gave up: {error.get('message')} Its log: {log_path(job)}")
        elif watch.attempts >= ATTEMPTS:
            self._fail(watch, f"Tried {watch.attempts} times: {failure_message(job, status)}")
        else:
            watch.stage = _Stage.PENDING

    def _fail(self, watch: _Watch, trouble: str) -> None:
        if watch.handle:
            self._executor.cancel([watch.handle], GRACE_SECONDS)
        watch.stage = _Stage.FAILED
        watch.trouble = trouble
