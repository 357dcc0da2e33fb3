"""One ladder file on this machine, on a real Slurm and on a real Ray: the same run table."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from real_clusters import RayHere, SlurmHere

LADDER = """
[recipe]
name = "everywhere"
vocab = 16
context = 32
batch = 4
validation_windows = 16

[recipe.text]
kind = "markov"
states = 16
order = 1
length = 60000

[[rungs]]
width = 32
tokens = ["20k", "40k"]
seeds = [0, 1]

[executor.ray]
address = "ADDRESS"
"""
COLUMNS = ["run_id", "trunk", "params", "tokens", "loss", "loss_se", "seed", "lr", "schedule", "status", "provenance"]


def run_table(folder: Path, place: str, address: str, prefix: Sequence[str] = (), **env: str) -> pl.DataFrame:
    file = folder / place / "ladder.toml"
    file.parent.mkdir()
    file.write_text(LADDER.replace("ADDRESS", address))
    command = [*prefix, str(Path(sys.executable).with_name("isoflop")), "ladder", "run", str(file), "--on", place]
    done = subprocess.run(command, env=os.environ | env, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return pl.read_csv(file.parent / "ladder" / "runs.csv").select(COLUMNS).sort("run_id")


@pytest.mark.slow
def test_a_ladder_gives_the_same_run_table_wherever_it_runs(slurm: SlurmHere, ray: RayHere, tmp_path: Path) -> None:
    local = run_table(tmp_path, "local", ray.address)
    assert local.height == 4
    assert local.equals(run_table(tmp_path, "slurm", ray.address, **slurm.environment))
    assert local.equals(run_table(tmp_path, "ray", ray.address, ray.prefix))
