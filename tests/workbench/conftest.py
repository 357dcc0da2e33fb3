"""Trunks that the fake worker trains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from isoflop.store import Store, open_store
from isoflop.workbench.trunk import Trunk

WORKER = Path(__file__).parent / "fake_worker.py"


def fake_trunk(name: str, params: float = 1e4, **spec: object) -> Trunk:
    """A trunk of two runs, of 20 and 40 tokens, that takes about 0.1 s."""
    spec_id = f"id-{name}"
    full = {
        "spec_id": spec_id,
        "params": params,
        "branch_tokens": [20, 40],
        "step_tokens": 4,
        "step_seconds": 0.01,
    } | spec
    branches = {f"{spec_id}-{tokens}": float(tokens) for tokens in full["branch_tokens"]}
    return Trunk(
        name=name,
        spec_id=spec_id,
        spec=json.dumps(full),
        params=params,
        branches=branches,
        tokens_total=max(branches.values()),
        command=(sys.executable, "-S", str(WORKER)),
    )


@pytest.fixture
def make_trunk() -> Callable[..., Trunk]:
    return fake_trunk


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "study.sqlite") as opened:
        yield opened


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Whether a process lives; one that only waits to be reaped does not."""
    return process_is_alive


def process_is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return "zombie" not in status.read_text() if status.exists() else True


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB: a campaign's store keeps a log of up to a thousand pages of 4 kB before it folds it in."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("a small disk can be mounted only by root on Linux")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)
