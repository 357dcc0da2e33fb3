"""A worker that keeps the contract of a training process but trains nothing.

SPEC.json: spec_id, params, branch_tokens, step_tokens, step_seconds, and optionally
  crash_at: tokens at which it kills itself; crashes: how often (default 1)
  diverge_at, give_up_at: tokens at which it leaves an error.json
  stop_at: tokens at which somebody else asks it to save and stop, each time that it passes them anew
  deaf: true to ignore SIGTERM; garbage: true to write a line that is no run
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

CHECKPOINT_EVERY = 4


def atomically(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(content))
    draft.replace(path)


class Worker:
    def __init__(self, spec: dict[str, Any], folder: Path) -> None:
        self.spec, self.folder, self.asked_to_stop = spec, folder, False
        self.total = max(spec["branch_tokens"])
        checkpoint = folder / "checkpoint.json"
        self.tokens = json.loads(checkpoint.read_text())["tokens"] if checkpoint.exists() else 0
        self.runs = (folder / "runs.jsonl").open("ab+")
        self.progress = (folder / "progress.jsonl").open("ab")

    def recorded(self) -> set[str]:
        """Run ids on disk, after a line that a kill cut in two is removed."""
        self.runs.seek(0)
        content = self.runs.read()
        whole = content[: content.rfind(b"\n") + 1]
        self.runs.truncate(len(whole))
        return {json.loads(line)["run_id"] for line in whole.splitlines()}

    def save(self) -> None:
        atomically(self.folder / "checkpoint.json", {"tokens": self.tokens})

    def step(self) -> None:
        time.sleep(self.spec["step_seconds"])
        self.tokens = min(self.tokens + self.spec["step_tokens"], self.total)
        line = {
            "time": time.time(), "step": 0, "tokens": self.tokens, "train_loss": 3.0, "lr": 1e-3, "phase": "trunk",
            "tokens_per_second": self.spec["step_tokens"] / self.spec["step_seconds"], "tokens_total": self.total,
        }  # fmt: skip
        text = json.dumps(line).encode() + b"\n"
        for part in (text[:20], text[20:]):  # in two writes, so that a kill or a reader may come between
            self.progress.write(part)
            self.progress.flush()

    def write_run(self, tokens: float) -> None:
        run = {
            "run_id": f"{self.spec['spec_id']}-{tokens}", "trunk": self.spec["spec_id"], "params": self.spec["params"],
            "tokens": tokens, "loss": 1.0 + 1.0 / tokens + 1.0 / self.spec["params"], "status": "done",
            "wall_seconds": time.time() % 100,
        }  # fmt: skip
        text = b"garbage\n" if self.spec.get("garbage") else json.dumps(run).encode() + b"\n"
        for part in (text[:30], text[30:]):
            self.runs.write(part)
            self.runs.flush()
        os.fsync(self.runs.fileno())

    def misbehave(self) -> None:
        if self.tokens >= self.spec.get("crash_at", float("inf")):
            crashes = self.folder / "crashes"
            before = len(crashes.read_text()) if crashes.exists() else 0
            if before < self.spec.get("crashes", 1):
                crashes.write_text("x" * (before + 1))
                print("the tank is empty", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
        if self.tokens in self.spec.get("stop_at", ()):
            self.save()
            sys.exit(143)
        for key, kind in (("diverge_at", "diverged"), ("give_up_at", "text")):
            if self.tokens >= self.spec.get(key, float("inf")):
                atomically(self.folder / "error.json", {"kind": kind, "message": f"{kind} at {self.tokens}"})
                sys.exit(3)

    def alone(self) -> bool:
        """Whether its coordinator died; a job that outlives it (FAKE_ALONE) does not care."""
        return "FAKE_ALONE" not in os.environ and os.getppid() != int(os.environ["ISOFLOP_PARENT"])

    def train(self) -> None:
        recorded = self.recorded()
        for steps in range(10**9):
            for tokens in self.spec["branch_tokens"]:
                if tokens <= self.tokens and f"{self.spec['spec_id']}-{tokens}" not in recorded:
                    self.write_run(tokens)
                    recorded.add(f"{self.spec['spec_id']}-{tokens}")
            if self.tokens >= self.total:
                return atomically(self.folder / "done.json", {"runs": len(recorded)})
            if self.asked_to_stop or self.alone():
                self.save()
                sys.exit(4)
            self.step()
            self.misbehave()
            if steps % CHECKPOINT_EVERY == 0:
                self.save()
        return None


def main() -> None:
    spec, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[3])
    with (folder / "pids").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    lock = (folder / "lock").open("a")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a second worker in the folder ends here with a traceback
    worker = Worker(spec, folder)

    def stop(*_: object) -> None:
        worker.asked_to_stop = not spec.get("deaf")

    signal.signal(signal.SIGTERM, stop)
    worker.train()


if __name__ == "__main__":
    main()
