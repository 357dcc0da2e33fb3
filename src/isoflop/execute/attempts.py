"""Attempts at a job, from the side of the coordinator: it writes the order and reads the wrapper's markers.

The files and their meaning are in the head of ``isoflop.execute.wrap``.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isoflop.execute.contract import LOG_MARK, Job, log_path
from isoflop.execute.wrap import FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a wrapper looks at the coordinator's files and shows its pulse, and its patience with the job.

    look_seconds: between two looks for a cancellation. pulse_seconds: between two signs of life. grace_seconds: what a
    job has to save its work when something else than the coordinator stops it.
    """

    look_seconds: float = 1.0
    pulse_seconds: float = 5.0
    grace_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Ended:
    """The wrapper's last word: why it ended, and the job's exit code where it ran."""

    why: str
    code: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a job and its files."""

    job: Job
    token: str

    @property
    def started(self) -> bool:
        """Whether a wrapper began to run the job."""
        return self._path("started").exists()

    @property
    def cancelled(self) -> bool:
        """Whether a coordinator asked it to stop."""
        return self._path("cancel").exists()

    def pulse(self) -> float | None:
        """A number that changes while the wrapper lives (by the file server's clock, so only a change says anything);
        None before the start."""
        try:
            return self._path("started").stat().st_mtime
        except OSError:
            return None

    def ended(self) -> Ended | None:
        """How it ended, or None while nothing is known."""
        try:
            said = json.loads(self._path("ended").read_text())
        except FileNotFoundError:
            return None
        return Ended(said["why"], said["code"], said["detail"])

    def cancel(self, grace_seconds: float) -> None:
        """Ask the wrapper, also one that has yet to start, to end the job."""
        _write_whole(self._path("cancel"), str(grace_seconds))

    def where(self) -> str:
        """The machine and the process number of the latest start, for a person."""
        try:
            start = json.loads(self._path("started").read_text().splitlines()[-1])
        except (OSError, ValueError, IndexError):
            return "an unknown machine"
        return f"{start['host']} (process {start['pid']})"

    def _path(self, kind: str) -> Path:
        return self.job.directory / FOLDER / f"{self.token}.{kind}"


def order_attempt(job: Job, pace: Pace, environment: Mapping[str, str] | None = None) -> Attempt:
    """Make the attempt that counts from now on: wrappers of earlier ones end when they see it.

    environment: of the place rather than of the job, such as the part of a GPU's memory that a run may take.
    """
    folder = job.directory / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    attempt = Attempt(job, secrets.token_hex(8))
    command = shlex.join(job.argv).replace("\n", "\\n")  # one line, or the mark no longer heads the attempt
    order = {
        **_identity(job),
        "place": dict(environment or {}),
        "cpus": job.resources.cpus or 1,
        "log": str(log_path(job)),
        "heading": f"{LOG_MARK}{datetime.now(UTC).isoformat(timespec='seconds')} {command}\n",
        "look_seconds": pace.look_seconds,
        "pulse_seconds": pace.pulse_seconds,
        "grace_seconds": pace.grace_seconds,
    }
    _write_whole(folder / f"{attempt.token}.json", json.dumps(order))
    _write_whole(folder / "latest", attempt.token)
    return attempt


def find_attempt(job: Job) -> Attempt | None:
    """An attempt at the very same job that another coordinator ordered and that may still wait or run."""
    folder = job.directory / FOLDER
    try:
        attempt = Attempt(job, (folder / "latest").read_text().strip())
        order: dict[str, Any] = json.loads((folder / f"{attempt.token}.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    same = {name: order.get(name) for name in _identity(job)} == _identity(job)
    return attempt if same and not attempt.cancelled and attempt.ended() is None else None


def nothing_runs(directory: Path) -> bool:
    """Whether no wrapper, and no job that one left behind, holds the folder."""
    try:
        lock = os.open(directory / FOLDER / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def _identity(job: Job) -> dict[str, Any]:
    return {"argv": list(job.argv), "env": dict(job.env)}


def _write_whole(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text)
    with contextlib.suppress(OSError), part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
