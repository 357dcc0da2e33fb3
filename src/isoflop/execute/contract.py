"""What every executor promises, in prose first.

An executor runs *jobs*: commands that each work in a folder of their own. It knows nothing of training. There are
three: ``local`` starts processes on this machine, ``ray`` and ``slurm`` hand jobs to a cluster whose machines see the
same folders as this one.

1.  ``submit`` returns at once. A job that finds no free place waits. At most ``capacity`` jobs run at a time, and
    waiting jobs start in the order in which they were submitted. On a cluster both hold where the executor was given a
    number of places; without one, jobs are handed over as they come, the cluster decides when and in which order they
    run, and ``capacity`` is how many of them it could hold when it was last asked.
2.  A job gets its ``argv`` unchanged, its ``env`` on top of the environment of the caller (on Ray: of the machine that
    it runs on), no standard input, and ``directory`` as its working folder. ``ISOFLOP_THREADS`` tells it how many
    threads its cores are worth, and ``ISOFLOP_CPUS`` ("0" or "0,1") which cores are its own; a cluster that does not
    pin jobs to cores leaves ``ISOFLOP_CPUS`` out. ``CUDA_VISIBLE_DEVICES`` names its GPUs where it was given some.
    ``ISOFLOP_PARENT`` is the number of the process with which the job must stop, so that a job born after its death
    knows it too: the one that submitted it (local), or the wrapper that runs it on its machine (a cluster).
3.  Everything the job prints is appended to ``directory/log.txt`` after a line that begins with ``LOG_MARK``.
4.  ``poll`` says where a job stands and never waits. It is also what makes waiting jobs start, so call it often.
5.  ``cancel`` asks the jobs to stop (SIGTERM), gives them ``grace_seconds`` to save their work, then ends them and
    whatever they started. A waiting job is dropped. Cancelling a job that has ended changes nothing.
6.  ``close`` cancels what is left. After it the executor takes no more jobs. Executors are context managers.
7.  A state is a hint, not a proof: schedulers lose records and re-use numbers. Whoever needs to know that the work is
    done looks for the marker that the job itself wrote last. The executors of clusters go by markers too, which a
    wrapper writes beside the job's own files (``isoflop.execute.wrap``), and never by the number or the last word of a
    scheduler: a job that left the queue without its marker, and whose wrapper gives no sign of life, has failed.
8.  One thread uses an executor, and outlives its jobs: to Linux the parent of a job is the thread that started it.
9.  ``outlives_coordinator`` says whether jobs go on when the process that submitted them dies. Where they do, a job
    that is submitted again by the next coordinator, with the same command for the same folder, is taken over: it is not
    started a second time. In one folder one job runs at a time, whatever was submitted, lost and submitted again.
10. A job that a cluster stops for reasons of its own (the time limit, a machine taken back, a record lost before the
    start) gets a SIGTERM where there is time for one, and is handed over again without being asked for, at most
    ``restarts`` times; it waits and runs again under the same handle. A job that ends by itself is never repeated.
11. ``Job.resources`` is what to ask a cluster for; only Slurm has a time limit. Local places have their size already,
    by their own options, so the same job runs on a laptop without the GPU that it gets on a cluster.
12. ``pause`` sleeps as long as it is told, or until a job ends where the executor hears of that at once (local does);
    ``poll`` has to have been asked since, or it may hear of the same end again.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

LOG_NAME = "log.txt"
LOG_MARK = "=== isoflop starts "
TAIL_BYTES = 64 * 1024  # enough for any traceback; a log may be gigabytes


class JobState(Enum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of the job."""
        return self not in (JobState.WAITING, JobState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What to ask a cluster for. cpus: cores, None for one; memory_mb: MiB; seconds: a time limit, kept by Slurm."""

    cpus: int | None = None
    gpus: int = 0
    memory_mb: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A command, the folder that belongs to it, and what it needs."""

    name: str
    argv: tuple[str, ...]
    directory: Path
    env: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = Resources()


@dataclass(frozen=True, slots=True)
class Handle:
    """A submitted job. ``token`` means something only to the executor that gave it."""

    job: Job
    token: str


@dataclass(frozen=True, slots=True)
class JobStatus:
    """The state of a job and, once it has ended by itself, how: an exit code, negative for a signal.

    detail: what else is known, such as why a job waits or that it vanished; it makes a sentence with the job's name.
    """

    state: JobState
    exit_code: int | None = None
    detail: str = ""


class Executor(Protocol):
    """A place where jobs run; the promises are in the head of this module."""

    @property
    def capacity(self) -> int:
        """How many jobs can run at a time."""
        ...

    @property
    def outlives_coordinator(self) -> bool:
        """Whether jobs go on when the process that submitted them dies."""
        ...

    def submit(self, job: Job) -> Handle:
        """Take the job; it starts when a place is free. Raises ValueError after ``close``."""
        ...

    def poll(self, handle: Handle) -> JobStatus:
        """Say where the job stands, without waiting."""
        ...

    def pause(self, seconds: float) -> None:
        """Sleep that long, or less when a job ends meanwhile."""
        ...

    def cancel(self, handles: Sequence[Handle], grace_seconds: float = 20.0) -> None:
        """Stop the jobs together; returns when they have ended."""
        ...

    def close(self) -> None:
        """Cancel whatever is left and take no more jobs."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def log_path(job: Job) -> Path:
    """Where the job's output goes."""
    return job.directory / LOG_NAME


def log_tail(path: Path, lines: int = 20) -> str:
    """The last lines that the latest attempt wrote to its log; empty when it wrote none."""
    try:
        with path.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - TAIL_BYTES))
            text = log.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    _, mark, attempt = text.rpartition(LOG_MARK)
    written = attempt.partition("\n")[2] if mark else attempt  # the mark of a long log lies before what is read
    return "\n".join(written.rstrip().splitlines()[-lines:])


def failure_message(job: Job, status: JobStatus, lines: int = 20) -> str:
    """What to tell a person about a job that failed: how it ended, its last words, and where the rest is."""
    path = log_path(job)
    tail = log_tail(path, lines)
    said = (
        f"Its last lines were:\n\n{_indent(tail)}\n\nThe whole log: {path}" if tail else f"It printed nothing ({path})."
    )
    return f"'{job.name}' {_ending(status)}. {said}"


def _ending(status: JobStatus) -> str:
    if status.detail:
        return status.detail
    if status.exit_code is None:
        return f"is {status.state.value}"
    if status.exit_code >= 0:
        return f"stopped with exit code {status.exit_code}"
    return f"was ended by {_signal_name(-status.exit_code)}"


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    hint = ", which is also what the system sends when memory runs out" if number == signal.SIGKILL else ""
    return f"signal {number} ({name}{hint})"


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
