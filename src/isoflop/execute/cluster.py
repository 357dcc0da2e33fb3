"""Jobs on a cluster: handed to a scheduler, followed by the markers of their wrappers.

    what is seen of an attempt                           where its job stands
    not handed over, or handed over without a start      waiting
    TOKEN.started                                        running
    TOKEN.ended: ended, unstartable, cancelled           succeeded, failed or cancelled, for good
    TOKEN.ended: interrupted                             handed over again as a new attempt
    TOKEN.ended: superseded                              failed: somebody else submitted a job for the same folder
    neither queue nor pulse for ``vanish_seconds``       before a start: handed over again; after it: failed

A new attempt has a new token, so whatever a scheduler still holds of the old one ends the moment it starts. While the
scheduler does not answer nobody is given up: jobs go on without it, and their markers are still read.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from isoflop.execute.attempts import Attempt, Ended, find_attempt, nothing_runs, order_attempt
from isoflop.execute.contract import Handle, Job, JobState, JobStatus, Resources
from isoflop.execute.options import ClusterOptions
from isoflop.execute.scheduler import Queue, Scheduler, Unreachable
from isoflop.execute.wrap import CANCELLED, ENDED, INTERRUPTED, SUPERSEDED, UNSTARTABLE

LAST_WORDS_SECONDS = 10.0  # after the grace, for the markers of ended jobs to cross a network disk
RETRY_LOOKS = 5  # how many times more seldom a scheduler is asked that does not answer
WAITING = JobStatus(JobState.WAITING)


@dataclass(slots=True)
class _Entry:
    """The mutable record behind a handle."""

    job: Job
    status: JobStatus = WAITING
    attempt: Attempt | None = None  # None: not handed over
    adopted: bool = False
    listed: bool = True  # until the scheduler says otherwise
    pulse: float | None = None
    last_sign: float = field(default_factory=time.monotonic)
    restarts: int = 0
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of one exchange with the scheduler; ``queue`` is None when it could not be reached."""

    batch: tuple[tuple[_Entry, Attempt], ...]
    handed_over: bool
    refused: Mapping[str, str]
    queue: Queue | None
    trouble: str = ""


class ClusterExecutor:
    """Runs jobs through a scheduler; the promises are in the head of ``isoflop.execute.contract``."""

    outlives_coordinator = True

    def __init__(self, scheduler: Scheduler, options: ClusterOptions) -> None:
        self._scheduler, self._options = scheduler, options
        self._entries: dict[str, _Entry] = {}
        self._waiting: deque[_Entry] = deque()
        self._live: list[_Entry] = []  # handed over, or about to be
        self._exchange: Future[_Answer] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="isoflop-scheduler")
        self._queue = Queue(frozenset())
        self._trouble = ""
        self._given_up: list[str] = []
        self._ended: dict[str, float] = {}  # attempts that ended by their marker, and when it was seen
        self._next_look = 0.0
        self._next_exchange = 0.0
        self._closed = False

    @property
    def capacity(self) -> int:
        """The number of places, or how many jobs the whole cluster holds, as last heard."""
        if self._options.places:
            return self._options.places
        need = next((entry.job.resources for entry in self._live), Resources())
        return self._queue.room(need)

    def submit(self, job: Job) -> Handle:
        """Take the job, or take over the attempt that an earlier coordinator made at it."""
        if self._closed:
            raise ValueError(f"'{job.name}' was submitted to an executor that is closed. Make a new executor.")
        handle = Handle(job, token=str(len(self._entries)))
        entry = self._entries[handle.token] = _Entry(job, attempt=find_attempt(job))
        if entry.attempt:
            entry.adopted = True
            self._live.append(entry)
        else:
            self._waiting.append(entry)
        self._turn()
        return handle

    def poll(self, handle: Handle) -> JobStatus:
        """Say where the job stands, by what was seen ``refresh_seconds`` ago at most."""
        self._turn()
        return self._entries[handle.token].status

    def pause(self, seconds: float) -> None:
        """Sleep that long: a scheduler calls nobody when a job ends."""
        time.sleep(seconds)

    def cancel(self, handles: Sequence[Handle], grace_seconds: float = 20.0) -> None:
        """Ask by marker, drop from the queue, wait for the end markers; at the end of the grace by force."""
        self._look_at_markers()
        entries = [e for handle in handles if not (e := self._entries[handle.token]).status.state.ended]
        for entry in entries:
            self._ask_to_stop(entry, grace_seconds)
        asked = [entry for entry in entries if entry.attempt and not entry.status.state.ended]
        if not asked:
            return
        try:
            self._force([entry for entry in asked if not entry.attempt or not entry.attempt.started])
            self._wait_for_ends(asked, grace_seconds + self._options.look_seconds + LAST_WORDS_SECONDS)
        finally:
            self._force(asked)
            for entry in asked:
                if not entry.status.state.ended:
                    self._settle(entry, JobStatus(JobState.CANCELLED, detail="was cancelled and left no end marker"))

    def close(self) -> None:
        """Cancel whatever is left and take no more jobs."""
        if self._closed:
            return
        self._closed = True
        self.cancel([Handle(entry.job, token) for token, entry in self._entries.items()])
        self._thread.submit(self._scheduler.close)
        self._thread.shutdown(wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _turn(self) -> None:
        if time.monotonic() >= self._next_look:
            self._advance()
            self._next_look = time.monotonic() + self._options.refresh_seconds

    def _advance(self) -> None:
        if self._exchange and self._exchange.done():
            self._learn(self._exchange.result())
            self._exchange = None
        self._look_at_markers()
        due = self._exchange is None and time.monotonic() >= self._next_exchange
        if due and not self._closed and (self._waiting or self._live):
            batch = self._next_batch()
            self._exchange = self._thread.submit(_exchange, self._scheduler, batch, tuple(self._given_up))
            self._given_up.clear()

    def _next_batch(self) -> tuple[tuple[_Entry, Attempt], ...]:
        """Order attempts for the waiting jobs that have a place."""
        free = self._options.places - len(self._live) if self._options.places else len(self._waiting)
        batch = []
        for _ in range(min(max(0, free), len(self._waiting))):
            entry = self._waiting.popleft()
            environment = self._options.environment(entry.job.resources)
            entry.attempt = order_attempt(entry.job, self._options.pace, environment)
            entry.listed, entry.pulse = True, None
            self._live.append(entry)
            batch.append((entry, entry.attempt))
        return tuple(batch)

    def _learn(self, answer: _Answer) -> None:
        now = time.monotonic()
        self._trouble = answer.trouble
        if answer.trouble:
            self._next_exchange = now + RETRY_LOOKS * self._options.refresh_seconds
        if answer.queue:
            self._queue = answer.queue
            self._drop_ghosts(now)
        for entry, attempt in reversed(answer.batch):
            if entry.attempt is not attempt or entry.status.state.ended:
                continue
            if not answer.handed_over:  # nobody knows whether it was: a new token makes sure of one run
                self._back(entry, answer.trouble)
            elif attempt.token in answer.refused:
                self._settle(entry, JobStatus(JobState.FAILED, detail=answer.refused[attempt.token]))
        for entry in self._live:
            entry.listed = answer.queue is None or bool(entry.attempt and entry.attempt.token in answer.queue.tokens)
            if entry.listed:
                entry.last_sign = now

    def _drop_ghosts(self, now: float) -> None:
        """A controller that lost its last minute shows ended jobs as running, and keeps their cores from others."""
        self._ended = {token: seen for token, seen in self._ended.items() if token in self._queue.tokens}
        old = [token for token, seen in self._ended.items() if now - seen >= self._options.vanish_seconds]
        self._given_up += old

    def _look_at_markers(self) -> None:
        for entry in tuple(self._live):
            if entry.attempt:
                self._look(entry, entry.attempt)

    def _look(self, entry: _Entry, attempt: Attempt) -> None:
        if ended := attempt.ended():
            self._conclude(entry, ended)
            return
        pulse = attempt.pulse()
        if pulse is not None and pulse != entry.pulse:
            entry.pulse, entry.last_sign = pulse, time.monotonic()
        entry.status = JobStatus(JobState.WAITING if pulse is None else JobState.RUNNING, detail=self._trouble)
        if not entry.listed:
            self._doubt(entry, attempt)

    def _doubt(self, entry: _Entry, attempt: Attempt) -> None:
        """The queue does not know the attempt: give it up when its own signs of life have stopped too."""
        silent = time.monotonic() - entry.last_sign
        if entry.adopted and nothing_runs(entry.job.directory):
            self._again(entry, "was not found where an earlier command left it")
        elif silent >= self._options.vanish_seconds:
            detail = f"vanished: neither the queue nor {attempt.where()} has shown it for {silent:.0f} s"
            attempt.cancel(self._options.grace_seconds)  # should it turn up again
            self._given_up.append(attempt.token)
            if attempt.started:
                self._settle(entry, JobStatus(JobState.FAILED, detail=detail))
            else:
                self._again(entry, detail)

    def _conclude(self, entry: _Entry, ended: Ended) -> None:
        if entry.attempt:
            self._ended[entry.attempt.token] = time.monotonic()
        if entry.cancelled or ended.why == CANCELLED:
            self._settle(entry, JobStatus(JobState.CANCELLED, ended.code, ended.detail))
        elif ended.why == INTERRUPTED:
            self._again(entry, "was interrupted by the cluster")
        elif ended.why == ENDED:
            state = JobState.SUCCEEDED if ended.code == 0 else JobState.FAILED
            self._settle(entry, JobStatus(state, ended.code, ended.detail))
        else:
            detail = {
                SUPERSEDED: "was stopped because another command submitted a job for the same folder",
                UNSTARTABLE: ended.detail,
            }[ended.why]
            self._settle(entry, JobStatus(JobState.FAILED, ended.code, detail))

    def _again(self, entry: _Entry, why: str) -> None:
        """Back to the head of the queue, for a new attempt."""
        if entry.restarts >= self._options.restarts:
            detail = f"{why}, and was handed over {entry.restarts + 1} times (option restarts)"
            self._settle(entry, JobStatus(JobState.FAILED, detail=detail))
            return
        entry.restarts += 0 if entry.adopted else 1
        self._back(entry, f"{why}; it will be handed over again")

    def _back(self, entry: _Entry, detail: str) -> None:
        entry.adopted, entry.attempt = False, None
        entry.status = JobStatus(JobState.WAITING, detail=detail)
        entry.last_sign = time.monotonic()
        self._live.remove(entry)
        self._waiting.appendleft(entry)

    def _settle(self, entry: _Entry, status: JobStatus) -> None:
        entry.status = status
        for place in (self._live, self._waiting):
            with contextlib.suppress(ValueError):
                place.remove(entry)

    def _ask_to_stop(self, entry: _Entry, grace_seconds: float) -> None:
        entry.cancelled = True
        if entry.attempt is None:
            self._settle(entry, JobStatus(JobState.CANCELLED))
        else:
            entry.attempt.cancel(grace_seconds)

    def _wait_for_ends(self, entries: Sequence[_Entry], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for entry in [entry for entry in entries if not entry.status.state.ended]:
                idle = nothing_runs(
                    entry.job.directory
                )  # and will stay so: a wrapper looks for the wish under the lock
                if entry.attempt and (ended := entry.attempt.ended()):
                    self._conclude(entry, ended)
                elif idle:
                    self._settle(entry, JobStatus(JobState.CANCELLED))
            if all(entry.status.state.ended for entry in entries):
                return
            time.sleep(min(0.05, self._options.look_seconds))

    def _force(self, entries: Sequence[_Entry]) -> None:
        """Have the scheduler drop the attempts and end what runs of them; its silence changes nothing."""
        tokens = [entry.attempt.token for entry in entries if entry.attempt]
        if tokens:
            with contextlib.suppress(Unreachable):
                self._thread.submit(self._scheduler.stop, tokens).result()


def _exchange(scheduler: Scheduler, batch: tuple[tuple[_Entry, Attempt], ...], given_up: tuple[str, ...]) -> _Answer:
    """Drop what was given up, hand a batch over, ask for the queue; in the background thread, touching no entry."""
    handed_over = False
    refused: Mapping[str, str] = {}
    try:
        if given_up:
            scheduler.stop(given_up)
        if batch:
            refused = scheduler.start([attempt for _, attempt in batch])
        handed_over = True
        return _Answer(batch, handed_over, refused, scheduler.queued())
    except Unreachable as error:
        return _Answer(batch, handed_over, refused, None, str(error))
