"""Jobs as processes of this machine, one to a slot, each slot pinned to its own cores or GPUs.

Two processes of one thread each train small models 1.7 times as fast as one process of two threads, where pinned
(measured for this project on a 2-core x86 machine), so a slot is usually one core.

A job is the leader of a process group of its own, within the session of the terminal. So Ctrl-C reaches only the
coordinator, which then asks the jobs to save and stop; and ending the group ends what the job itself started.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from isoflop.execute.contract import LOG_MARK, Handle, Job, JobState, JobStatus, log_path
from isoflop.execute.cores import available_cores
from isoflop.execute.places import Place

Slot = tuple[int, ...]
POLL_SECONDS = 0.02
LAST_WORDS_SECONDS = 5.0  # how long a killed process may take to vanish, e.g. while the kernel frees its memory


def one_slot_per_core() -> tuple[Slot, ...]:
    """A slot for each core that this process may use."""
    return tuple((core,) for core in available_cores())


@dataclass(slots=True)
class _Entry:
    """The mutable record behind a handle."""

    job: Job
    status: JobStatus = field(default_factory=lambda: JobStatus(JobState.WAITING))
    process: subprocess.Popen[bytes] | None = None
    end: int | None = None  # a descriptor that becomes readable when the process ends, where the system has such
    place: Place | None = None
    cancelled: bool = False


class LocalExecutor:
    """Runs jobs as local processes.

    slots: the cores of each place where a job can run, such as ``[(0,), (1,)]`` for two jobs of one core each or
    ``[(0, 1)]`` for one job that has both, or a ``Place`` with its GPUs; by default one slot for each usable core.
    Cores are pinned where the system can (Linux); elsewhere they only set the number of threads. Raises ValueError for
    no slot or an empty one.
    """

    outlives_coordinator = False

    def __init__(self, slots: Sequence[Slot | Place] | None = None) -> None:
        given = one_slot_per_core() if slots is None else slots
        self._places = tuple(slot if isinstance(slot, Place) else Place(slot) for slot in given)
        if not self._places or not all(place.cores for place in self._places):
            raise ValueError(f"Slots {slots!r} hold no core. Give at least one core a slot, as in [(0,), (1,)].")
        self._free = list(reversed(self._places))
        self._entries: dict[str, _Entry] = {}
        self._waiting: deque[_Entry] = deque()
        self._running: list[_Entry] = []
        self._closed = False

    @property
    def capacity(self) -> int:
        """How many jobs can run at a time: the number of slots."""
        return len(self._places)

    def submit(self, job: Job) -> Handle:
        """Take the job and start it if a slot is free. Raises ValueError after ``close``."""
        if self._closed:
            raise ValueError(f"'{job.name}' was submitted to an executor that is closed. Make a new executor.")
        handle = Handle(job, token=str(len(self._entries)))
        self._entries[handle.token] = entry = _Entry(job)
        self._waiting.append(entry)
        self._advance()
        return handle

    def poll(self, handle: Handle) -> JobStatus:
        """Say where the job stands; also starts jobs that were waiting for a slot."""
        self._advance()
        return self._entries[handle.token].status

    def pause(self, seconds: float) -> None:
        """Sleep that long, or until a job ends (Linux; elsewhere always that long)."""
        ends = [entry.end for entry in self._running if entry.end is not None]
        if not ends:
            time.sleep(seconds)
            return
        watch = select.poll()
        for end in ends:
            watch.register(end, select.POLLIN)
        watch.poll(seconds * 1e3)

    def cancel(self, handles: Sequence[Handle], grace_seconds: float = 20.0) -> None:
        """SIGTERM to all, ``grace_seconds`` in all to save, then SIGKILL. A second Ctrl-C ends the grace."""
        entries = [self._entries[handle.token] for handle in handles]
        running = [entry for entry in entries if entry.process]
        for entry in entries:
            self._drop(entry)
        for entry in running:
            _signal_group(entry.process, signal.SIGTERM)
        try:
            self._wait(running, grace_seconds)
        finally:
            for entry in running:
                _signal_group(entry.process, signal.SIGKILL)
            self._wait(running, LAST_WORDS_SECONDS)

    def close(self) -> None:
        """Cancel whatever is left and take no more jobs."""
        self._closed = True
        self.cancel([Handle(entry.job, token) for token, entry in self._entries.items()])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _drop(self, entry: _Entry) -> None:
        entry.cancelled = True
        if entry.status.state is JobState.WAITING:
            self._waiting.remove(entry)
            entry.status = JobStatus(JobState.CANCELLED)

    def _wait(self, entries: Sequence[_Entry], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while any(entry.process for entry in entries) and time.monotonic() < deadline:
            self._collect()
            time.sleep(POLL_SECONDS)

    def _advance(self) -> None:
        self._collect()
        while self._free and self._waiting and not self._closed:
            self._start(self._waiting.popleft())

    def _collect(self) -> None:
        """Free the slots of processes that have ended."""
        for entry in tuple(self._running):
            if entry.process is None or (code := entry.process.poll()) is None:
                continue
            _signal_group(entry.process, signal.SIGKILL)  # what the job started may not outlive it
            entry.process = None
            if entry.end is not None:
                os.close(entry.end)
                entry.end = None
            self._running.remove(entry)
            if entry.place:
                self._free.append(entry.place)
            entry.status = JobStatus(_final_state(code, entry.cancelled), exit_code=code)

    def _start(self, entry: _Entry) -> None:
        place = self._free.pop()
        try:
            entry.process = _launch(entry.job, place)
        except OSError as error:
            self._free.append(place)
            detail = f"could not be started ({error.strerror}: {error.filename or entry.job.directory})"
            entry.status = JobStatus(JobState.FAILED, detail=detail)
        else:
            entry.place, entry.end = place, _end_of(entry.process)
            entry.status = JobStatus(JobState.RUNNING)
            self._running.append(entry)


def _end_of(process: subprocess.Popen[bytes]) -> int | None:
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(process.pid)
    except OSError:  # an old kernel, or no descriptor left: the pauses are then as long as they are told
        return None


def _launch(job: Job, place: Place) -> subprocess.Popen[bytes]:
    job.directory.mkdir(parents=True, exist_ok=True)
    command = shlex.join(job.argv).replace("\n", "\\n")  # one line, or the mark no longer heads the attempt
    own = {**place.environment(), "ISOFLOP_PARENT": str(os.getpid())}
    with log_path(job).open("ab") as log, _affinity(place.cores):
        log.write(f"{LOG_MARK}{datetime.now(UTC).isoformat(timespec='seconds')} {command}\n".encode())
        log.flush()
        return subprocess.Popen(
            job.argv,
            cwd=job.directory,
            env={**os.environ, **job.env, **own},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
        )


@contextlib.contextmanager
def _affinity(slot: Slot) -> Iterator[None]:
    """Pin this thread while a child is born: the child inherits the mask, so it never runs unpinned."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    if before & set(slot):
        os.sched_setaffinity(0, before & set(slot))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _signal_group(process: subprocess.Popen[bytes] | None, number: signal.Signals) -> None:
    if process is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
            os.killpg(process.pid, number)


def _final_state(code: int, cancelled: bool) -> JobState:
    if cancelled:  # also with exit code 0: a job that saved and left when asked has not finished its work
        return JobState.CANCELLED
    return JobState.SUCCEEDED if code == 0 else JobState.FAILED
