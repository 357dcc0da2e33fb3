"""A trunk as the workbench sees it: a spec to hand over, and a folder in which results appear.

A trunk is one training process: one model at a constant learning rate, which at given token counts branches off, decays
the rate and measures the loss. Each branch is a run. The workbench does not know how training is done; the folder is
all that it and the worker share:

    spec.json        what to train, written by the workbench before the worker starts
    progress.jsonl   a line about every half second: tokens, tokens_total, train_loss, tokens_per_second, phase
    runs.jsonl       a line for each finished branch, a Run as JSON, on disk before the worker goes on
    done.json        written last: the trunk is finished
    error.json       {"kind", "message"}: the worker gave up on purpose; kind "diverged" is a result, others failures
    lock             held (flock) by the worker that owns the folder
    log.txt          what the worker printed
"""

from __future__ import annotations

import errno
import fcntl
import json
import math
import os
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoflop.counting import training_flops
from isoflop.errors import RunsError, SpecError, StoreError, TrainingFailure
from isoflop.execute import Job
from isoflop.runs.run import Run
from isoflop.units import format_count
from isoflop.workbench.files import LineTail, write_atomically

if TYPE_CHECKING:
    from isoflop.train.spec import TrunkSpec

TRAINER = (sys.executable, "-m", "isoflop.train")
EXTERNAL_TRAINER = (sys.executable, "-m", "isoflop.train.external")
DIVERGED = "diverged"
BEGINNING = "compile"
"""Phase of the first line that a worker writes."""
PACE_LINES = 20  # about ten seconds: long enough to smooth an evaluation, short enough to follow a busy machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A training process to be done.

    spec_id: hash of the spec; also the name of its folder. spec: the JSON text that the worker reads.
    params: N of the model. branches: the run_id of each run with its tokens D. tokens_total: tokens trained in all,
    the decays included. seconds: how long it should take alone in a slot, where a plan says so. command: the worker,
    which is called with SPEC.json --out DIR. flops_per_token: of training; None stands for 6N.
    """

    name: str
    spec_id: str
    spec: str
    params: float
    branches: Mapping[str, float]
    tokens_total: float
    seconds: float | None = None
    command: tuple[str, ...] = TRAINER
    flops_per_token: float | None = None

    def flops(self, tokens: float) -> float:
        """Of training on so many tokens."""
        per_token = self.flops_per_token
        return training_flops(self.params, tokens) if per_token is None else per_token * tokens


def trunk_of(spec: TrunkSpec, *, seconds: float | None = None, name: str = "") -> Trunk:
    """The trunk that the embedded trainer makes of a spec; ``seconds`` is the planned time, if any."""
    steps = enumerate(spec.branch_steps)
    return Trunk(
        name=name or f"N={format_count(spec.params)} seed {spec.seed}",
        spec_id=spec.spec_id,
        spec=spec.to_json(),
        params=float(spec.params),
        branches={spec.run_id(branch): float(end * spec.batch_tokens) for branch, end in steps},
        tokens_total=float(spec.tokens_total),
        seconds=seconds,
        flops_per_token=spec.training_flops_per_token if spec.experts else None,
    )


def trained(spec: Mapping[str, Any], command: tuple[str, ...]) -> dict[str, Any]:
    """What of a spec makes its training this training: all of it, but how another trainer's log is read and held."""
    if command != EXTERNAL_TRAINER:
        return dict(spec)
    from isoflop.train.external import UNTRAINED

    return {name: value for name, value in spec.items() if name not in UNTRAINED}


class TrunkFolder:
    """Reads what a worker leaves in the folder of a trunk, whatever moment it was stopped at.

    latest: the last line of progress. busy_seconds: between the lines of each worker, as far as they were looked at.
    at_most: bytes of progress to go back at the first look; None for all.
    """

    def __init__(self, trunk: Trunk, path: Path, at_most: int | None = None) -> None:
        self.trunk = trunk
        self.path = path
        self.latest: Mapping[str, Any] = {}
        self.busy_seconds = 0.0
        self._seen_at: float | None = None
        self._pace: deque[tuple[float, float]] = deque(maxlen=PACE_LINES)
        self._progress = LineTail(path / "progress.jsonl", at_most)
        self._runs = LineTail(path / "runs.jsonl")

    def job(self) -> Job:
        """Hand the spec over and say what to execute; clears the note of an earlier failure.

        Raises SpecError when the spec in the folder is not the one that the folder is named after.
        """
        spec = self.path / "spec.json"
        if not spec.exists():
            write_atomically(spec, self.trunk.spec)
        elif trained(_parsed(spec), self.trunk.command) != trained(json.loads(self.trunk.spec), self.trunk.command):
            raise SpecError(
                f"{spec} was changed after its trunk was planned, and {self.trunk.spec_id} no longer names it. Delete "
                f"the folder {self.path} to train '{self.trunk.name}' as planned, or plan a new study for the new spec."
            )
        elif _parsed(spec) != json.loads(self.trunk.spec):
            write_atomically(spec, self.trunk.spec)
        (self.path / "error.json").unlink(missing_ok=True)
        argv = (*self.trunk.command, str(spec), "--out", str(self.path))
        return Job(name=self.trunk.name, argv=argv, directory=self.path)

    def new_runs(self) -> list[Run]:
        """Runs that were finished since the last look. Raises TrainingFailure for a line that is no run."""
        return [self._run(line) for line in self._runs.lines() if line.strip()]

    def look(self) -> None:
        """Bring ``latest``, the last line of progress, and the speed up to date. A line that a kill cut is no news."""
        for line in self._progress.lines():
            try:
                self.latest = dict(json.loads(line))
            except (ValueError, TypeError):
                continue
            self._count_time(self.latest)
            if self.latest.get("phase") in ("trunk", "branch"):
                self._pace.append((float(self.latest["time"]), float(self.latest["tokens"])))
            else:  # a worker began or ended: time between its lines is not training
                self._pace.clear()

    def _count_time(self, line: Mapping[str, Any]) -> None:
        """Add the time since the line before to ``busy_seconds``, unless a new worker begins with this one."""
        now = float(line.get("time") or 0.0)
        if self._seen_at is not None and line.get("phase") != BEGINNING:
            self.busy_seconds += max(0.0, now - self._seen_at)
        self._seen_at = now

    @property
    def tokens_per_second(self) -> float:
        """Over the last ``PACE_LINES`` lines; 0 before the second. The first line's own speed holds the compilation."""
        if len(self._pace) < 2:
            return 0.0
        (began, before), (ended, after) = self._pace[0], self._pace[-1]
        return (after - before) / max(ended - began, 1e-9)

    @property
    def done(self) -> bool:
        """Whether the worker left its own mark that all is finished; no word of a scheduler counts."""
        return (self.path / "done.json").exists()

    def error(self) -> dict[str, Any] | None:
        """Why the worker gave up on purpose, or None when it did not."""
        note = self.path / "error.json"
        return _parsed(note) if note.exists() else None

    def diverged(self) -> bool:
        """Whether the worker gave up because the loss ran away."""
        return (self.error() or {}).get("kind") == DIVERGED

    def held(self) -> bool:
        """Whether a worker owns the folder: one whose coordinator was killed lives on for a moment.

        Raises StoreError on a file system without locks, where two workers could not be kept apart.
        """
        try:
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise StoreError(
                    f"{self.path} is on a file system without locks ({error.strerror}). Use another, or mount it with "
                    "them (Lustre: -o flock)."
                ) from error
            return True
        finally:
            os.close(lock)
        return False

    def diverged_run(self, run_id: str) -> Run:
        """What stands in the place of a branch that a diverged trunk did not reach."""
        return Run(
            params=self.trunk.params,
            tokens=self.trunk.branches[run_id],
            loss=math.nan,
            run_id=run_id,
            trunk=self.trunk.spec_id,
            status=DIVERGED,
        )

    def _run(self, line: str) -> Run:
        try:
            return Run.from_dict(json.loads(line))
        except (ValueError, TypeError, AttributeError, RunsError) as error:
            raise TrainingFailure(
                f"{self._runs.path} holds a line that is no run: {line[:80]!r} ({error}). Delete the folder "
                f"{self.path} to train '{self.trunk.name}' anew."
            ) from error


def _parsed(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrainingFailure(
            f"{path} is not JSON ({error}). Delete the folder {path.parent} to train it anew."
        ) from error
    return content
