"""An external command as a child of the worker: a process group of its own that never outlives the worker."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from isoflop.errors import SpecError

GUARD = Path(__file__).with_name("external_guard.py")
TICK = 0.05
LAST_WORDS_SECONDS = 5.0  # that a killed group may take to vanish
TAIL_BYTES = 64 * 1024


class Command:
    """A running command, its output appended to a file.

    argv: filled, as the command gets it. cwd: where it runs. env: on top of the worker's own; Python prints line by
    line, unless env says otherwise, since the log is followed. grace: seconds between SIGTERM and SIGKILL.

    Raises SpecError where there is no such command or folder.
    """

    def __init__(self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], output: Path, grace: float) -> None:
        self.grace = grace
        self._output = output
        full = {"PYTHONUNBUFFERED": "1", **os.environ, **env}
        refuse_missing(argv[0], cwd, full)
        self._began = _header(output, argv)
        with output.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(GUARD), str(grace), *argv],
                cwd=cwd,
                env=full,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End whatever is left of the group, and return when it has vanished: its folder is then nobody's."""
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        while self._signal(signal.SIGKILL) and time.monotonic() < deadline:
            self.wait(TICK)
            time.sleep(TICK / 10)
        if self._process.stdin is not None:
            self._process.stdin.close()

    def wait(self, seconds: float) -> int | None:
        """The exit code, negative for a signal, or None while the command runs."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> int | None:
        """SIGTERM to the group, ``grace`` seconds, SIGKILL; the exit code, or None where it had to be killed."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + self.grace
        while time.monotonic() < deadline:
            if (code := self.wait(TICK)) is not None:
                return code
        self._signal(signal.SIGKILL)
        return None

    def tail(self, lines: int = 20) -> str:
        """The last lines that this attempt printed."""
        with self._output.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._began, size - TAIL_BYTES))
            text = log.read().decode("utf-8", errors="replace")
        return "\n".join(text.rstrip().splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> bool:
        """Whether anything of the group is left to get it."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
            return False
        return True


def refuse_missing(program: str, cwd: Path, env: Mapping[str, str]) -> None:
    """Raises SpecError where the folder or the program is not there, before anything is started."""
    if not cwd.is_dir():
        raise SpecError(f"The folder {cwd}, in which the command runs, does not exist. Give cwd an existing one.")
    found = str(cwd / program) if os.sep in program else program
    if shutil.which(found, path=env.get("PATH")) is None:
        raise SpecError(
            f"There is no program '{program}' that can be run (looked in {cwd if os.sep in program else 'PATH'}). "
            "Install it, give its path, or write {python} for the Python that runs isoflop."
        )


def _header(output: Path, argv: Sequence[str]) -> int:
    """Show the command in its log, on a line of its own also where a kill cut the last one; the place after it."""
    with output.open("ab+") as log:
        if log.seek(0, os.SEEK_END):
            log.seek(-1, os.SEEK_END)
            if log.read(1) != b"\n":
                log.write(b"\n")
        log.write(f"$ {shlex.join(argv)}".replace("\n", "\\n").encode() + b"\n")
        log.flush()
        return log.seek(0, os.SEEK_END)
