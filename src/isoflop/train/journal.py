"""What a worker tells the world: small files that a reader may open at any moment.

progress.jsonl is a running commentary; runs.jsonl holds results and is forced to the disk; done.json and error.json are
markers, written whole or not at all.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from isoflop.errors import TrainingFailure

EVERY_SECONDS = 0.5


class Journal:
    """Appends to the files of one worker's folder. writes: False in all processes of a run but one."""

    def __init__(self, directory: Path, tokens_total: int, writes: bool = True) -> None:
        self.directory = directory
        self.tokens_total = tokens_total
        self.writes = writes
        self._last = (time.monotonic(), 0)
        self._written = 0.0

    def progress(
        self, *, step: int, tokens: int, loss: float | None, rate: float, phase: str, force: bool = False
    ) -> None:
        """One line at most every half second; ``tokens`` counts all that the process trained on."""
        now = time.monotonic()
        if not self.writes or (not force and now - self._written < EVERY_SECONDS):
            return
        before, tokens_before = self._last
        speed = (tokens - tokens_before) / max(now - before, 1e-9)
        line = {
            "time": time.time(),
            "step": step,
            "tokens": tokens,
            "train_loss": loss,
            "lr": rate,
            "tokens_per_second": speed,
            "phase": phase,
            "tokens_total": self.tokens_total,
        }
        with contextlib.suppress(OSError):  # a full disk ends the commentary, not the training
            self._append("progress.jsonl", line, durable=False)
        self._last, self._written = (now, tokens), now

    def record(self, run: dict[str, Any]) -> None:
        """Append a finished run unless it is there already; on the disk when this returns. Raises TrainingFailure."""
        if not self.writes or run["run_id"] in self.recorded():
            return
        try:
            self._append("runs.jsonl", run, durable=True)
        except OSError as error:
            raise TrainingFailure(
                f"Cannot write the run {run['run_id']} to {self.directory / 'runs.jsonl'}: {error}. Free some space "
                f"and start again: training goes on from its checkpoint."
            ) from None

    def recorded(self) -> set[str]:
        """The run_id of each run on file; a last line that was cut by a kill is dropped from the file."""
        path = self.directory / "runs.jsonl"
        if not path.exists():
            return set()
        whole, cut, rest = path.read_text(encoding="utf-8").rpartition("\n")
        if rest:
            write_whole(path, whole + cut)
        return {json.loads(line)["run_id"] for line in whole.splitlines()}

    def mark(self, name: str, content: dict[str, Any]) -> None:
        """Write a marker file whole."""
        if self.writes:
            write_whole(self.directory / name, json.dumps(content) + "\n")

    def _append(self, name: str, line: dict[str, Any], durable: bool) -> None:
        with (self.directory / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            if durable:
                os.fsync(file.fileno())


def write_whole(path: Path, text: str) -> None:
    """Write beside, force to the disk, rename over."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
