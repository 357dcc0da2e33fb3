"""Kill a real ladder again and again: is every run counted once, and is every loss the one of an unbroken ladder?

    python benchmarks/kill_study.py --kills 200

A ladder of small models is trained once without a kill. Then the same ladder is begun in fresh folders, and at random
moments something of it is killed: a worker (SIGKILL, as the system does when memory runs out), the coordinator
(SIGKILL), both at once, or the coordinator is asked to stop (SIGTERM) and killed when a deadline is over. The same
command is given again until the ladder is done, in as many folders as it takes to reach the number of kills.

Counted per kind: kills, and over all: runs recorded more or less than once, records that were seen in the store and
lost later, losses that differ in any bit, workers that outlived their coordinator.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from isoflop.store import open_store

LADDER = """
[ladder]
name = "killed"
attempts = 1000

[recipe]
name = "killed-bytes"
vocab = 16
context = 32
batch = 4
validation_windows = 64
{precision}
[recipe.text]
kind = "markov"
states = 16
order = 1
length = 400000

[design]
widths = [32, 64]
tokens = ["100k", "200k", "{most}"]
"""
KINDS = ("worker", "coordinator", "both", "asked to stop")
STOP_SECONDS = 6.0
ORPHAN_SECONDS = 25.0


@dataclass(slots=True)
class Tally:
    """What was seen, over all folders."""

    kills: Counter[str] = field(default_factory=Counter)
    ladders: int = 0
    starts: int = 0
    runs: int = 0
    wrong_counts: int = 0
    lost_records: int = 0
    other_losses: int = 0
    orphans: int = 0
    stopped_in_time: int = 0


class Victim:
    """One ladder in a folder of its own, and the commands that come and go."""

    def __init__(self, folder: Path, most: str, precision: str) -> None:
        folder.mkdir(parents=True)
        self.file = folder / "killed.toml"
        self.file.write_text(LADDER.format(most=most, precision=precision))
        self.folder, self.store = folder / "killed", folder / "killed" / "study.sqlite"
        self.process: subprocess.Popen[bytes] | None = None
        self.seen: set[str] = set()

    def start(self) -> subprocess.Popen[bytes]:
        """The same command as ever, its output in a file."""
        log = (self.file.parent / "log.txt").open("ab")
        argv = [str(Path(sys.executable).with_name("isoflop")), "ladder", "run", str(self.file)]
        self.process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        return self.process

    def losses(self) -> dict[str, list[float]]:
        """Every recorded loss by run; an empty store before the first record."""
        if not self.store.exists():
            return {}
        with open_store(self.store) as store:
            frame = store.runs("killed").frame
        recorded: dict[str, list[float]] = {}
        if frame.is_empty():
            return recorded
        for run_id, loss in frame.select("run_id", "loss").iter_rows():
            recorded.setdefault(run_id, []).append(loss)
        return recorded

    def workers(self) -> list[int]:
        """Processes that train in this ladder's folder, found by their command line."""
        return [pid for pid in _processes() if str(self.folder) in _command(pid) and "isoflop.train" in _command(pid)]

    def lost(self) -> int:
        """Records that an earlier look saw and this one does not."""
        now = set(self.losses())
        missing = len(self.seen - now)
        self.seen |= now
        return missing


def main() -> None:
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", default="600k", help="D of the longest run: how long a ladder lives")
    parser.add_argument("--bf16", action="store_true", help="train in bfloat16")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    precision = 'precision = "bf16"' if options.bf16 else ""
    with tempfile.TemporaryDirectory(prefix="isoflop-kills-") as scratch:
        whole = Victim(Path(scratch) / "unbroken", options.tokens, precision)
        if whole.start().wait() != 0:
            sys.exit((whole.file.parent / "log.txt").read_text())
        expected = whole.losses()
        tally, rng = Tally(), random.Random(options.seed)
        while sum(tally.kills.values()) < options.kills:
            folder = Path(scratch) / str(tally.ladders)
            _torment(Victim(folder, options.tokens, precision), expected, tally, rng, options.kills)
            shutil.rmtree(folder)
            print(f"{sum(tally.kills.values())} kills in {tally.ladders} ladders", file=sys.stderr, flush=True)
    _report(tally, expected, options.json)


def _torment(victim: Victim, expected: dict[str, list[float]], tally: Tally, rng: random.Random, kills: int) -> None:
    """Kill and start again until the ladder is done, then judge it."""
    tally.ladders += 1
    while victim.start():
        tally.starts += 1
        if _ended(victim, rng.uniform(0.5, 8.0)) or sum(tally.kills.values()) >= kills:
            break
        _kill(victim, rng, tally)
        tally.lost_records += victim.lost()
    assert victim.process is not None
    if victim.process.wait() != 0:
        sys.exit(f"The ladder failed:\n{(victim.file.parent / 'log.txt').read_text()[-4000:]}")
    tally.lost_records += victim.lost()
    recorded = victim.losses()
    tally.runs += len(recorded)
    tally.wrong_counts += len(set(expected) ^ set(recorded)) + sum(len(many) != 1 for many in recorded.values())
    tally.other_losses += sum(recorded.get(run_id) != loss for run_id, loss in expected.items())
    time.sleep(1.0)
    tally.orphans += len(victim.workers())


def _kill(victim: Victim, rng: random.Random, tally: Tally) -> None:
    """One kill of a random kind; afterwards no coordinator is left."""
    assert victim.process is not None
    kind = rng.choice(KINDS)
    workers = victim.workers()
    if kind in ("worker", "both") and workers:
        _end(rng.choice(workers))
        tally.kills["worker" if kind == "worker" else "both"] += 1
    if kind == "worker":
        while _kill_more_workers(victim, rng, tally):
            pass
        kind = "coordinator"
    if kind == "asked to stop":
        victim.process.terminate()
        tally.stopped_in_time += _ended(victim, STOP_SECONDS)
        tally.kills[kind] += 1
    elif kind == "coordinator":
        tally.kills[kind] += 1
    victim.process.kill()
    victim.process.wait()
    if rng.random() < 0.5:
        _wait_for_orphans(victim, tally)


def _kill_more_workers(victim: Victim, rng: random.Random, tally: Tally) -> bool:
    """Let the coordinator retry, and kill another worker; False when the ladder ended or chance says enough."""
    if rng.random() < 0.35 or _ended(victim, rng.uniform(0.5, 6.0)):
        return False
    if workers := victim.workers():
        _end(rng.choice(workers))
        tally.kills["worker"] += 1
    return True


def _wait_for_orphans(victim: Victim, tally: Tally) -> None:
    deadline = time.monotonic() + ORPHAN_SECONDS
    while victim.workers():
        if time.monotonic() > deadline:
            tally.orphans += len(victim.workers())
            return
        time.sleep(0.1)


def _ended(victim: Victim, seconds: float) -> bool:
    assert victim.process is not None
    with contextlib.suppress(subprocess.TimeoutExpired):
        victim.process.wait(seconds)
        return True
    return False


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _report(tally: Tally, expected: dict[str, list[float]], path: Path | None) -> None:
    lines = [
        *((f"kills: {kind}", tally.kills[kind]) for kind in KINDS),
        ("kills in all", sum(tally.kills.values())),
        ("ladders, of runs each", f"{tally.ladders}, {len(expected)}"),
        ("starts of the same command", tally.starts),
        ("runs recorded", tally.runs),
        ("runs counted more or less than once", tally.wrong_counts),
        ("records seen and lost later", tally.lost_records),
        ("losses that differ in any bit", tally.other_losses),
        ("workers that outlived their coordinator", tally.orphans),
        (f"asked to stop, gone within {STOP_SECONDS:.0f} s", tally.stopped_in_time),
    ]
    for name, value in lines:
        print(f"{name:45} {value}")
    if path:
        path.write_text(json.dumps(dict(lines), indent=2) + "\n")


if __name__ == "__main__":
    main()
