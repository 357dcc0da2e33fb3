"""What a campaign costs beside its training, and what it gains: ``python benchmarks/campaign_speed.py [--quick]``.

1. A thousand runs whose workers do nothing, on two places: seconds, and the coordinator's own CPU time.
2. A small ladder of the real trainer, one thread on each of two cores, beside the same ladder one after another in a
   process of two threads: the ratio of their wall times, and the coordinator's share of the first.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isoflop.execute import LocalExecutor, available_cores
from isoflop.store import open_store
from isoflop.train.spec import TrunkSpec
from isoflop.workbench.campaign import run_campaign
from isoflop.workbench.trunk import Trunk, trunk_of

NOTHING = """
import json, pathlib, sys
out = pathlib.Path(sys.argv[3])
spec = json.loads(pathlib.Path(sys.argv[1]).read_text())
run = {"run_id": spec["id"], "params": 1e6, "tokens": 2e7, "loss": 3.0, "status": "done"}
(out / "runs.jsonl").write_text(json.dumps(run) + "\\n")
(out / "done.json").write_text("{}")
"""


@dataclass(frozen=True)
class Timing:
    """wall: of a campaign. cpu: of its coordinator, workers not counted."""

    wall: float
    cpu: float

    def share(self, cores: int) -> float:
        """Of the machine's time that the coordinator took."""
        return self.cpu / (self.wall * cores)


def timed(trunks: Sequence[Trunk], slots: Sequence[tuple[int, ...]]) -> Timing:
    """Run a campaign in a new folder; the store is opened before the clock starts."""
    with tempfile.TemporaryDirectory() as name, open_store(Path(name) / "study.sqlite") as store:
        with LocalExecutor(slots) as executor:
            wall, cpu = time.monotonic(), time.process_time()
            runs = run_campaign(trunks, executor, store, folder=Path(name) / "trunks", on_progress=lambda _: None)
            timing = Timing(time.monotonic() - wall, time.process_time() - cpu)
        if len(runs) != sum(len(trunk.branches) for trunk in trunks):
            raise SystemExit(f"{len(runs)} runs came back: the figures would be of another campaign.")
    return timing


def nothing(count: int, worker: Path) -> list[Trunk]:
    """Trunks of one run each, whose worker writes the result and leaves."""
    return [
        Trunk(
            name=f"nothing {i}",
            spec_id=f"n{i:04d}",
            spec=json.dumps({"id": f"run-{i}"}),
            params=1e6,
            branches={f"run-{i}": 2e7},
            tokens_total=2e7,
            command=(sys.executable, "-S", str(worker)),
        )
        for i in range(count)
    ]


def real(tokens: int) -> list[Trunk]:
    """Five trunks of three widths, the longest first."""
    widths = (128, 96, 96, 64, 64)
    return [
        trunk_of(TrunkSpec(width=width, seed=i, branch_tokens=(tokens,), validation_windows=64))
        for i, width in enumerate(widths)
    ]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="100 runs and short training")
    parser.add_argument("--only", choices=("nothing", "real"))
    arguments = parser.parse_args()
    cores = available_cores()[:2]
    slots = [(core,) for core in cores]
    print(f"{len(cores)} cores, load {os.getloadavg()[0]:.1f}")
    if arguments.only != "real":
        with tempfile.TemporaryDirectory() as name:
            worker = Path(name) / "worker.py"
            worker.write_text(NOTHING)
            count = 100 if arguments.quick else 1000
            idle = timed(nothing(count, worker), slots)
        print(f"{count} runs of nothing: {idle.wall:.1f} s, coordinator {idle.cpu / count * 1e3:.1f} ms of CPU a run")
    if arguments.only != "nothing":
        trunks = real(65_536 if arguments.quick else 262_144)
        timed(trunks[-1:], slots)  # fills the cache of compiled programs and of the text
        apart = timed(trunks, slots)
        together = timed(trunks, [tuple(cores)])
        print(f"{len(trunks)} trunks, a thread a core: {apart.wall:.1f} s")
        print(f"one process of two threads, one trunk after another: {together.wall:.1f} s")
        print(f"ratio {together.wall / apart.wall:.2f}; coordinator {apart.share(len(cores)):.2%} of the cores' time")


if __name__ == "__main__":
    main()
