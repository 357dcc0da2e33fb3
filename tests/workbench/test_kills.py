"""Kill the coordinator at any moment: the same command goes on, every run counts once, no worker is left behind."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from isoflop.store import open_store
from isoflop.workbench.trunk import Trunk

COORDINATOR = """
import json, sys
from pathlib import Path
from isoflop.execute import LocalExecutor
from isoflop.store import open_store
from isoflop.workbench.campaign import run_campaign
from isoflop.workbench.study import open_study
from isoflop.workbench.trunk import Trunk
study = open_study(sys.argv[1])
trunks = [Trunk(**{**t, "command": tuple(t["command"])})
          for t in json.loads(sys.argv[2])]
with study.coordinate(), open_store(study.store_path) as store, LocalExecutor([(0,), (1,)]) as executor:
    print("ready", flush=True)
    print(len(run_campaign(trunks, executor, store, folder=study.trunks, poll_seconds=0.02)))
"""
BRANCHES = [20, 40, 60]
FIELDS = ("name", "spec_id", "spec", "params", "branches", "tokens_total", "command")


class Ladder:
    """Eight trunks of three runs in a folder, about 5 s of work, and the coordinators that come and go."""

    def __init__(self, folder: Path, make_trunk: Callable[..., Trunk], alive: Callable[[int], bool]) -> None:
        trunks = [make_trunk(name, branch_tokens=BRANCHES, step_tokens=2, step_seconds=0.04) for name in "abcdefgh"]
        self.described = json.dumps([{field: getattr(trunk, field) for field in FIELDS} for trunk in trunks])
        self.expected = {f"id-{name}-{tokens}" for name in "abcdefgh" for tokens in BRANCHES}
        self.folder, self.alive = folder, alive

    def start(self) -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", COORDINATOR, str(self.folder), self.described]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)

    def start_and_kill(self, rng: random.Random) -> None:
        """SIGKILL a coordinator at a random moment of its work; half of the time leave workers a moment to notice."""
        coordinator = self.start()
        assert coordinator.stdout is not None
        assert coordinator.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0, 0.6))
        assert coordinator.poll() is None
        coordinator.kill()
        coordinator.communicate()
        time.sleep(rng.choice([0.0, 0.1]))

    def workers_alive(self) -> list[int]:
        pids = [int(pid) for path in self.folder.glob("trunks/*/pids") for pid in path.read_text().split()]
        return [pid for pid in pids if self.alive(pid)]

    def wait_for_workers_to_leave(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.workers_alive():
            assert time.monotonic() < deadline, f"a worker outlived its coordinator by {seconds} s"
            time.sleep(0.02)

    def finish(self) -> None:
        output, _ = self.start().communicate(timeout=60)
        assert output.splitlines()[-1] == str(len(self.expected))

    def written(self) -> list[str]:
        lines = [line for path in self.folder.glob("trunks/*/runs.jsonl") for line in path.read_text().splitlines()]
        return [json.loads(line)["run_id"] for line in lines]


@pytest.fixture
def ladder(tmp_path: Path, make_trunk: Callable[..., Trunk], alive: Callable[[int], bool]) -> Ladder:
    return Ladder(tmp_path, make_trunk, alive)


def check_ten_kills(ladder: Ladder, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(10):
        ladder.start_and_kill(rng)
    ladder.wait_for_workers_to_leave(seconds=3)
    ladder.finish()
    with open_store(ladder.folder / "study.sqlite") as store:
        assert store.run_ids() == ladder.expected
        assert {(plan.run_id, plan.state) for plan in store.planned_runs()} == {(i, "done") for i in ladder.expected}
    assert sorted(ladder.written()) == sorted(ladder.expected)
    assert ladder.workers_alive() == []


@pytest.mark.long
def test_after_ten_kills_of_the_coordinator_every_run_is_recorded_exactly_once_and_no_worker_is_left(ladder):
    check_ten_kills(ladder, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_two_hundred_kills_of_the_coordinator_lose_nothing(ladder, seed):
    check_ten_kills(ladder, seed)
