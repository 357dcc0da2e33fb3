"""Two processes that share a run are one run: the same losses, one journal, one end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny import TINY

from isoflop.errors import SpecError
from isoflop.train.processes import Place, find_place
from isoflop.train.spec import TrunkSpec

pytest.importorskip("jax")
pytest.importorskip("orbax.checkpoint")

SHARED = replace(TINY, mesh="fsdp=2", branch_tokens=(64 * 20, 64 * 60, 64 * 700))


def start(spec: TrunkSpec, directory: Path, **environment: str) -> subprocess.Popen[str]:
    path = directory.with_suffix(".json")
    path.write_text(spec.to_json())
    command = [sys.executable, "-m", "isoflop.train", str(path), "--out", str(directory)]
    own = {"ISOFLOP_PARENT": str(os.getpid()), "XLA_FLAGS": "--xla_backend_optimization_level=0"}
    return subprocess.Popen(command, env=os.environ | own | environment, stderr=subprocess.PIPE, text=True)


def start_two(spec: TrunkSpec, directory: Path, cache: Path) -> list[subprocess.Popen[str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {"ISOFLOP_COORDINATOR": f"127.0.0.1:{port}", "ISOFLOP_PROCESSES": "2", "ISOFLOP_CACHE": str(cache)}
    return [start(spec, directory, **told, ISOFLOP_PROCESS=str(process)) for process in range(2)]


def results(directory: Path) -> list[Any]:
    lines = (directory / "runs.jsonl").read_text().splitlines()
    return [[json.loads(line)[key] for key in ("run_id", "loss", "loss_se")] for line in lines]


@pytest.mark.long
def test_two_processes_give_the_losses_of_one_and_stop_and_go_on_together(tmp_path: Path) -> None:
    alone = start(SHARED, tmp_path / "one", ISOFLOP_CACHE=str(tmp_path))
    assert alone.wait(120) == 0, alone.stderr
    directory = tmp_path / "two"
    pair = start_two(SHARED, directory, tmp_path)
    deadline = time.monotonic() + 100
    while not (directory / "runs.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    pair[1].send_signal(signal.SIGTERM)  # one is asked, both stop
    assert [process.wait(60) for process in pair] == [143, 143]
    assert 1 <= len(results(directory)) < 3
    pair = start_two(SHARED, directory, tmp_path)
    words = [process.communicate(timeout=120)[1] for process in pair]
    assert [process.returncode for process in pair] == [0, 0], words
    assert results(directory) == results(tmp_path / "one")
    done = json.loads((directory / "done.json").read_text())
    assert done["devices"] == 2
    assert done["peak_bytes"] > 1e7


def test_a_place_is_told_by_the_environment_or_by_slurm_or_is_the_only_one() -> None:
    told = {"ISOFLOP_COORDINATOR": "node1:5000", "ISOFLOP_PROCESSES": "4", "ISOFLOP_PROCESS": "3"}
    assert find_place(SHARED, told) == Place(3, 4, "node1:5000")
    slurm = {"SLURM_NTASKS": "2", "SLURM_PROCID": "1"}
    assert find_place(SHARED, slurm) == Place(1, 2, None)
    assert find_place(TINY, slurm) == Place()  # an array of one-device runs is no run of several processes
    assert find_place(SHARED, {}) == Place()
    assert not Place(1, 2).leads


def test_a_place_that_contradicts_itself_is_refused_with_what_was_seen() -> None:
    told = {"ISOFLOP_COORDINATOR": "node1:5000", "ISOFLOP_PROCESSES": "2", "ISOFLOP_PROCESS": "2"}
    with pytest.raises(SpecError, match="ISOFLOP_PROCESS='2' names no place"):
        find_place(SHARED, told)
    with pytest.raises(SpecError, match=r"2 devices .* cannot be shared by 3 processes"):
        Place(0, 3, "a:1").devices(SHARED)


def test_a_mesh_larger_than_the_machine_is_refused_with_both_numbers(tmp_path: Path) -> None:
    from isoflop.train.mesh import make_mesh

    with pytest.raises(SpecError, match=r"asks for 64 devices \(data=64\), but this process sees 1 \(cpu\)"):
        make_mesh(replace(TINY, batch=64, branch_tokens=(64 * 16 * 20,), mesh="data=64"))
