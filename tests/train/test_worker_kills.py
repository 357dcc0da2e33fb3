"""Workers killed at random moments: every run is recorded once, with the bits of a worker that was left alone."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny import TINY

from isoflop.train.spec import TrunkSpec

pytest.importorskip("jax")

KILLS = int(os.environ.get("ISOFLOP_KILLS", "20"))
LONG = replace(TINY, branch_tokens=tuple(64 * steps for steps in (1000, 4000, 12_000)))
SHARDED = replace(TINY, branch_tokens=tuple(64 * steps for steps in (300, 1000, 3000)), mesh="data=2,fsdp=2")
OFTEN = """
import isoflop.train.trunk as trunk, isoflop.train.__main__ as worker, sys
trunk.CHECKPOINT_SECONDS, trunk.CHECKPOINT_SHARE = 0.1, 1e9
sys.exit(worker.main(sys.argv[1:]))
"""
"""The worker, saving every tenth of a second, so that many kills fall into a save."""


def start(spec: TrunkSpec, directory: Path, cache: Path) -> subprocess.Popen[bytes]:
    path = directory.with_suffix(".json")
    path.write_text(spec.to_json())
    environment = os.environ | {
        "ISOFLOP_CACHE": str(cache),
        "ISOFLOP_PARENT": str(os.getpid()),
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
    }
    return subprocess.Popen([sys.executable, "-c", OFTEN, str(path), "--out", str(directory)], env=environment)


def results(directory: Path) -> list[Any]:
    lines = (directory / "runs.jsonl").read_text().splitlines()
    return [[json.loads(line)[key] for key in ("run_id", "loss", "loss_se")] for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize(
    "spec",
    [
        LONG,
        replace(LONG, precision="bf16", accumulate=2),
        SHARDED,
        replace(SHARDED, precision="bf16", accumulate=2, mesh="fsdp=2,tensor=2"),
    ],
    ids=["fp32", "bf16 in parts", "sharded", "sharded bf16 in parts"],
)
def test_kills_at_random_moments_leave_every_run_once_and_bit_identical(spec: TrunkSpec, tmp_path: Path) -> None:
    """ISOFLOP_KILLS of them (20 by default), each after training went on for up to 1.5 seconds."""
    generator = random.Random(0)
    assert start(spec, tmp_path / "whole", tmp_path).wait() == 0
    killed, done = 0, tmp_path / "killed" / "done.json"
    while killed < KILLS and not done.exists():
        worker = start(spec, tmp_path / "killed", tmp_path)
        progress = tmp_path / "killed" / "progress.jsonl"
        lines = progress.read_bytes().count(b"\n") if progress.exists() else 0
        while worker.poll() is None and not (progress.exists() and progress.read_bytes().count(b"\n") > lines):
            time.sleep(0.01)
        time.sleep(generator.uniform(0, 1.5))
        worker.kill()
        worker.wait()
        killed += 1
    assert start(spec, tmp_path / "killed", tmp_path).wait() == 0
    assert results(tmp_path / "killed") == results(tmp_path / "whole")
    print(f"{killed} kills, {len(results(tmp_path / 'killed'))} runs")
