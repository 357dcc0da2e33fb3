"""What every executor promises, in prose first.

An executor runs *jobs*: commands that each work in a folder of their own. It knows nothing of training.

1.  ``submit`` returns at once. A job that finds no free place waits, and waiting jobs start in the order in which they
    were submitted. At most ``capacity`` jobs run at a time.
2.  A job gets its ``argv`` unchanged, its ``env`` on top of the environment of the caller, no standard input, and
    ``directory`` as its working folder. ``ISOFLOP_CPUS`` ("0" or "0,1") and ``ISOFLOP_THREADS`` tell it which cores it
    owns and how many threads that is worth. Where the job should stop when the process that submitted it dies,
    ``ISOFLOP_PARENT`` is the number of that process, so that a job born after its death knows it too.
3.  Everything the job prints is appended to ``directory/log.txt`` after a line that begins with ``LOG_MARK``.
4.  ``poll`` says where a job stands and never waits. It is also what makes waiting jobs start, so call it often.
5.  ``cancel`` asks the jobs to stop (SIGTERM), gives them ``grace_seconds`` to save their work, then ends them and
    whatever they started. A waiting job is dropped. Cancelling a job that has ended changes nothing.
6.  ``close`` cancels what is left. After it the executor takes no more jobs. Executors are context managers.
7.  A state is a hint, not a proof: schedulers lose records and re-use numbers. Whoever needs to know that the work is
    done looks for the marker that the job itself wrote last.
8.  One thread uses an executor, and outlives its jobs: to Linux the parent of a job is the thread that started it.
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
class Job:
    """A command and the folder that belongs to it."""

    name: str
    argv: tuple[str, ...]
    directory: Path
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Handle:
    """A submitted job. ``token`` means something only to the executor that gave it."""

    job: Job
    token: str


@dataclass(frozen=True, slots=True)
class JobStatus:
    """The state of a job and, once it has ended by itself, how: an exit code, negative for a signal."""

    state: JobState
    exit_code: int | None = None
    detail: str = ""


class Executor(Protocol):
    """A place where jobs run; the promises are in the head of this module."""

    @property
    def capacity(self) -> int:
        """How many jobs can run at a time."""
        ...

    def submit(self, job: Job) -> Handle:
        """Take the job; it starts when a place is free. Raises ValueError after ``close``."""
        ...

    def poll(self, handle: Handle) -> JobStatus:
        """Say where the job stands, without waiting."""
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
    before, mark, attempt = text.rpartition(LOG_MARK)
    written = attempt.partition("\n")[2] if mark else before
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
