"""The worker that runs an external trainer: ``python -m isoflop.train.external SPEC.json --out DIR``.

    how the command ended                               what is left
    exit code 0, all tokens, a loss                     a row in runs.jsonl, then done.json
    losses that are no numbers, or that gave all back   error.json of kind "diverged"; a running command is stopped
    exit code 0, no loss, or too few tokens             error.json of kind "failed"
    a log that can never be counted in tokens           error.json of kind "failed"; the command is stopped at once
    another exit code before any new loss               error.json of kind "failed": it would end the same way again
    another exit code or a signal after new losses      nothing: the run may be tried again, from its own checkpoint

Exit codes: 0 done (or done before), 1 failed or diverged, 2 bad input, 143 stopped on demand.

``ended.json`` is written when the command ended with exit code 0. A worker that finds it reads the log before it starts
anything, so a corrected log profile costs no second training.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from isoflop.errors import BadInput, IsoflopError, RunsError, TrainingFailure
from isoflop.train.external import ExternalSpec, read_external
from isoflop.train.external_command import Command
from isoflop.train.external_finish import Diverged, TooShort, diverged, finished_run, refuse_diverged
from isoflop.train.external_log import FILES, OUTPUT, Course, LogReading, Unreadable, look
from isoflop.train.journal import Journal, write_whole
from isoflop.train.worker import StopRequest, die_with_parent, lock, settle

STOPPED = 143
TICK = 0.1
LOOK_SECONDS = 0.5
LOOK_SHARE = 0.02
"""Of the time at most goes into reading the log, however long it has become (chosen)."""
TAIL = 20
"""Lines of the output that an error shows of a command that broke off."""
LAST_LINES = 5
"""And of one that ended well, but showed no loss."""
ENDED = "ended.json"


class MayBeTriedAgain(TrainingFailure):
    """The command broke off after it had trained on: once more, from its own checkpoint, may go well."""


def main(argv: list[str] | None = None) -> int:
    """Run one spec in one folder; say on stderr and in DIR/error.json why not."""
    parser = argparse.ArgumentParser(prog="python -m isoflop.train.external", description="Run an external trainer.")
    parser.add_argument("spec", type=Path, help="JSON file of an ExternalSpec")
    parser.add_argument("--out", type=Path, required=True, help="folder for progress, the run and the command's files")
    arguments = parser.parse_args(argv)
    try:
        return _work(read_external(arguments.spec), arguments.out.resolve())
    except IsoflopError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def _work(spec: ExternalSpec, directory: Path) -> int:
    directory.mkdir(parents=True, exist_ok=True)
    with lock(directory):
        if os.environ.get("ISOFLOP_THREADS"):
            settle(1)
        die_with_parent()
        return run_external(spec, directory, StopRequest())


def run_external(spec: ExternalSpec, directory: Path, stop: Callable[[], bool]) -> int:
    """Run a spec in a folder that this process holds: 0 where it is done, 143 where ``stop`` said so.

    Raises Diverged, TrainingFailure or BadInput, with error.json written where the run is not to be tried again.
    """
    done = directory / "done.json"
    if done.exists() and spec.run_id in json.loads(done.read_text())["runs"]:
        return 0
    _same_training(spec, directory)
    (directory / "error.json").unlink(missing_ok=True)
    journal = Journal(directory, spec.tokens)
    try:
        return _Run(spec, directory, journal, stop).run()
    except MayBeTriedAgain:
        raise
    except IsoflopError as error:
        kind = "diverged" if isinstance(error, Diverged) else "bad_input" if isinstance(error, BadInput) else "failed"
        journal.mark("error.json", {"kind": kind, "message": str(error)})
        raise


def _same_training(spec: ExternalSpec, directory: Path) -> None:
    """Write DIR/spec.json, or refuse a folder that holds another training; another reading of its log is welcome."""
    path = directory / "spec.json"
    if path.exists() and (other := read_external(path)).spec_id != spec.spec_id:
        raise BadInput(
            f"{directory} holds the run of another spec ({other.spec_id}, not {spec.spec_id}). Give another folder to "
            "--out."
        )
    write_whole(path, spec.to_json() + "\n")


def _reading(spec: ExternalSpec) -> LogReading:
    """How the spec's log is read, with the rung's own bytes a token where the log's table has none."""
    reading, rung = LogReading.of(spec.log), spec.values.get("bytes_per_token")
    return replace(reading, bytes_per_token=float(rung)) if rung and not reading.bytes_per_token else reading


class _Run:
    """One attempt at a run."""

    def __init__(self, spec: ExternalSpec, directory: Path, journal: Journal, stop: Callable[[], bool]) -> None:
        self._spec, self._directory, self._journal, self._stop = spec, directory, journal, stop
        self._files = directory / FILES
        self._files.mkdir(exist_ok=True)
        self._reading = _reading(spec)
        self._next_look = 0.0
        self._told = 0.0

    def run(self) -> int:
        """Read what is finished, else run the command to its end; the worker's exit code."""
        if (self._directory / ENDED).exists():
            try:
                return self._finish(None)
            except TooShort as error:
                print(f"The command had ended, but: {error} It is started again.", flush=True)
                (self._directory / ENDED).unlink()
        for note in self._spec.notes:
            print(f"note: {note}", flush=True)
        before = self._points()
        self._journal.progress(step=0, tokens=0, loss=None, rate=0.0, phase="compile", force=True)
        began = time.monotonic()
        with Command(
            self._spec.argv(self._files),
            cwd=Path(self._spec.cwd or Path.cwd()),
            env=self._spec.environment(self._files),
            output=self._directory / OUTPUT,
            grace=self._spec.grace,
        ) as command:
            code = self._follow(command)
            tail = command.tail(TAIL)
        if code is None:
            return STOPPED
        if code != 0:
            self._broke_off(code, tail, before)
        seconds = time.monotonic() - began
        self._journal.mark(ENDED, {"seconds": seconds, "resumed": before > 0})
        return self._finish(tail)

    def _follow(self, command: Command) -> int | None:
        """The command's exit code, or None where it was stopped on demand. Raises where its log is beyond hope."""
        try:
            while (code := command.wait(TICK)) is None:
                if self._stop():
                    command.stop()
                    return None
                self._look_now_and_then()
        except (Diverged, Unreadable):
            command.stop()
            raise
        return code

    def _look_now_and_then(self) -> None:
        began = time.monotonic()
        if began < self._next_look:
            return
        try:
            course = self._look()
        except RunsError:
            course = None  # none yet, or a line that is being written; the last look, after the end, tells
        self._next_look = time.monotonic() + max(LOOK_SECONDS, (time.monotonic() - began) / LOOK_SHARE)
        if course is None:
            return
        refuse_diverged(course)
        if course.tokens != self._told:
            self._told = course.tokens
            self._progress(course, "trunk")

    def _look(self) -> Course:
        return look(
            self._reading,
            self._directory,
            params=self._spec.params,
            params_convention=self._spec.params_convention,
            batch_tokens=self._spec.batch_tokens,
        )

    def _points(self) -> int:
        try:
            return self._look().points
        except (RunsError, TrainingFailure):
            return 0

    def _progress(self, course: Course, phase: str) -> None:
        self._journal.progress(
            step=round(course.step),
            tokens=round(course.tokens),
            loss=course.loss,
            rate=course.lr or 0.0,
            phase=phase,
            force=True,
        )

    def _broke_off(self, code: int, tail: str, before: int) -> None:
        """Raises what an exit code other than 0 means."""
        ended = f"exit code {code}" if code > 0 else f"signal {-code}"
        said = "\n".join(f"    {line}" for line in tail.splitlines()) or "    (it printed nothing)"
        message = f"The command ended with {ended}. Its last lines were:\n\n{said}\n"
        try:
            course = self._look()
        except (RunsError, TrainingFailure):
            raise TrainingFailure(f"{message}\nIt showed no loss before that.") from None
        if reason := diverged(course, ended=True):
            raise Diverged(f"{reason} Then the command ended with {ended}.")
        if course.points == before:
            raise TrainingFailure(f"{message}\nIt showed no new loss before that.")
        raise MayBeTriedAgain(f"{message}\nIt had trained on {course.tokens:,.0f} of {self._spec.tokens:,} tokens.")

    def _finish(self, tail: str | None) -> int:
        """Record the run of a command that ended well. Raises TrainingFailure where its log shows no whole one."""
        try:
            course = self._look()
        except RunsError as error:
            last = "\n".join(f"  {line}" for line in (tail or "").splitlines()[-LAST_LINES:])
            said = f"\nThe last lines that it printed:\n{last}" if last else ""
            raise TrainingFailure(
                f"The command ended with exit code 0, but its log shows no loss. {error}{said}\nCorrect the recipe's "
                f"log, and it is read again without training; delete {self._directory} to train anew."
            ) from error
        run, notes = finished_run(self._spec, course, self._timing())
        for note in notes:
            print(f"note: {note}", flush=True)
        self._journal.record(run.to_dict())
        self._progress(course, "done")
        self._journal.mark("done.json", {"spec_id": self._spec.spec_id, "runs": sorted(self._journal.recorded())})
        return 0

    def _timing(self) -> dict[str, Any]:
        ended: dict[str, Any] = json.loads((self._directory / ENDED).read_text())
        return ended
