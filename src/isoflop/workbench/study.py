"""A study is a folder: what was planned, what was trained, what was foretold, and the pictures of it.

    study.sqlite      runs, forecasts and scores
    plan.json         the plan, frozen when the study first started
    trunks/SPEC_ID/   one folder for each training process: its checkpoint, its progress, its log
    figures/          pictures
    report.html       the page that shows it all
    coordinator.lock  held by the process that is working here

Everything in it can be moved or copied with the folder while no process is working in it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isoflop.errors import SpecError, StoreError
from isoflop.workbench.files import write_atomically
from isoflop.workbench.places import STORE_FILE

LOCK = "coordinator.lock"
LOOKS, LOOK_SECONDS = 5, 0.02


@dataclass(frozen=True, slots=True)
class Study:
    """The folder of a study and the places in it; see the head of this module."""

    folder: Path

    @property
    def store_path(self) -> Path:
        """The SQLite file with runs, forecasts and scores."""
        return self.folder / STORE_FILE

    @property
    def plan_path(self) -> Path:
        """The frozen plan."""
        return self.folder / "plan.json"

    @property
    def trunks(self) -> Path:
        """Holds one folder for each trunk."""
        return self.folder / "trunks"

    @property
    def figures(self) -> Path:
        """Holds the pictures."""
        return self.folder / "figures"

    @property
    def report_path(self) -> Path:
        """The page."""
        return self.folder / "report.html"

    def plan(self) -> dict[str, Any] | None:
        """The frozen plan, or None while there is none. Raises StoreError when the file was damaged."""
        try:
            plan = json.loads(self.plan_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StoreError(
                f"{self.plan_path} is not JSON ({error}). It is written once and whole, so it was changed since. "
                f"Restore it, or work in another folder."
            ) from error
        if not isinstance(plan, dict):
            raise StoreError(
                f"{self.plan_path} holds a {type(plan).__name__}, not a plan. Restore it, or use another folder."
            )
        return plan

    def freeze_plan(self, plan: Mapping[str, Any]) -> dict[str, Any]:
        """Write the plan for good and give back what a later ``plan()`` will.

        The same plan again changes nothing. Raises SpecError when another plan is frozen here: runs of two plans
        in one study would not be one ladder.
        """
        offered: dict[str, Any] = json.loads(json.dumps(plan))
        if (frozen := self.plan()) is None:
            write_atomically(self.plan_path, json.dumps(offered, indent=2) + "\n")
        elif frozen != offered:
            differing = sorted(key for key in frozen.keys() | offered.keys() if frozen.get(key) != offered.get(key))
            raise SpecError(
                f"The study {self.folder} has a plan that differs in {', '.join(differing)}. A plan is kept once "
                f"training has started. Leave those options as they were to continue, or work in another folder."
            )
        return offered

    def coordinator(self) -> str | None:
        """Who works in this study now, in words, or None when nobody does."""
        path = self.folder / LOCK
        try:
            lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return path.read_text(errors="replace") or "another process"
        finally:
            os.close(lock)
        return None

    @contextmanager
    def coordinate(self) -> Iterator[None]:
        """Be the one process that works in this study. Raises StoreError naming the other, when there is one.

        The kernel drops the lock when its holder dies, however it dies; the text in the file only names the holder.
        """
        path = self.folder / LOCK
        with _opened(path) as lock:
            _lock_or_say_who(lock, path)
            os.ftruncate(lock, 0)
            since = datetime.now(UTC).isoformat(timespec="seconds")
            os.write(lock, f"process {os.getpid()} on {socket.gethostname()} since {since}".encode())
            yield


def open_study(folder: Path | str) -> Study:
    """The study in a folder, which is made where needed. Raises StoreError when that is not possible."""
    study = Study(Path(folder).absolute())
    try:
        study.trunks.mkdir(parents=True, exist_ok=True)
        study.figures.mkdir(exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder of the study, {study.folder}, cannot be made ({error.strerror}). Name another folder, or free "
            f"some space, or change its permissions."
        ) from error
    return study


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be opened ({error.strerror}). Change its permissions, or use another folder."
        ) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock_soon(lock: int) -> None:
    """Take the lock, trying for a moment: whoever only looks holds it for a few microseconds."""
    for _ in range(LOOKS):
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            time.sleep(LOOK_SECONDS)
    return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_or_say_who(lock: int, path: Path) -> None:
    try:
        _lock_soon(lock)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise StoreError(
                f"{path.parent} is on a file system without locks ({error.strerror}). Use another."
            ) from error
        holder = path.read_text(errors="replace") or "another process"
        raise StoreError(
            f"The study {path.parent} is in use by {holder}. One process at a time trains there. Wait for it or stop "
            f"it, then give the same command again; or work in another folder."
        ) from error
