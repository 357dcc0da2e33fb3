"""What the worker of a run printed."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

from isoflop.errors import BadInput
from isoflop.execute.contract import LOG_NAME
from isoflop.workbench.files import LineTail
from isoflop.workbench.ladder_states import LadderStatus, RunStatus

LINES = 20
BYTES_A_LINE = 2048


def log_of(status: LadderStatus, run: RunStatus) -> Path:
    """Where the output of a run's trunk is; the file need not exist."""
    return status.folder / "trunks" / run.trunk / LOG_NAME


def ladder_log(status: LadderStatus, wanted: str, lines: int = LINES) -> str:
    """The last lines that a run's worker printed; empty when it printed nothing. Raises BadInput as ``find_run``."""
    return last_lines(log_of(status, find_run(status, wanted)), lines)


def last_lines(path: Path, lines: int = LINES) -> str:
    """The end of a log, marks of new attempts included; empty where there is none. Lines are cut at a few kB."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - BYTES_A_LINE * max(lines, 100)))
            text = log.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def new_lines(path: Path) -> Iterator[list[str]]:
    """What is added to a log from now on: each ``next`` gives the lines since the one before, perhaps none."""
    tail = LineTail(path, at_most=0)
    tail.lines()
    while True:
        yield tail.lines()


def find_run(status: LadderStatus, wanted: str) -> RunStatus:
    """The run with this run_id, or the only one whose run_id, trunk or name begins so; of one trunk, its first.

    Raises BadInput, with what is near, where none or several trunks are meant.
    """
    runs = status.runs
    for matches in (
        [run for run in runs if wanted in (run.run_id, run.trunk, run.name)],
        [run for run in runs if any(name.startswith(wanted) for name in (run.run_id, run.trunk, run.name))],
    ):
        if len({run.trunk for run in matches}) == 1:
            return matches[0]
        if matches:
            shown = ", ".join(dict.fromkeys(f"{run.run_id} ({run.name})" for run in matches[:6]))
            raise BadInput(f"'{wanted}' may be any of {len(matches)} runs: {shown}. Give more of the run_id.")
    names = list(dict.fromkeys(name for run in runs for name in (run.run_id, run.trunk, run.name)))
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise BadInput(
        f"No run '{wanted}' in {status.folder}. Allowed: the beginning of a run_id, a trunk or a name.{hint} "
        "`isoflop ladder status` lists them."
    )
