"""Which cores a process may use, under affinity masks and control groups."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from isoflop.execute import LocalExecutor, available_cores, one_slot_per_core
from isoflop.execute import cores as cores_module
from isoflop.execute.cores import cpu_quota


def groups(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_tightest_quota_of_a_group_and_its_parents_counts(tmp_path):
    root = groups(
        tmp_path, {"pod/cpu.max": "150000 100000\n", "pod/box/cpu.max": "400000 100000\n", "me": "0::/pod/box\n"}
    )
    assert cpu_quota(root, root / "me") == 1.5


def test_a_version_1_group_is_read_too(tmp_path):
    files = {
        "cpu/job/cpu.cfs_quota_us": "250000\n",
        "cpu/job/cpu.cfs_period_us": "100000\n",
        "me": "4:memory:/x\n1:cpu:/job\n",
    }
    root = groups(tmp_path, files)
    assert cpu_quota(root, root / "me") == 2.5


@pytest.mark.parametrize(
    "files",
    [{}, {"cpu.max": "max 100000\n"}, {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}],
)
def test_without_a_limit_there_is_no_quota(tmp_path, files):
    root = groups(tmp_path, {**files, "me": "0::/\n1:cpu:/\n"})
    assert cpu_quota(root, root / "me") is None


@pytest.mark.parametrize(("quota", "expected"), [(None, (3, 5, 9)), (2.5, (3, 5)), (0.4, (3,)), (64.0, (3, 5, 9))])
def test_a_quota_leaves_whole_cores_and_at_least_one(monkeypatch, quota, expected):
    monkeypatch.setattr(cores_module, "_allowed_by_affinity", lambda: (3, 5, 9))
    monkeypatch.setattr(cores_module, "cpu_quota", lambda: quota)
    assert available_cores() == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not pin processes to cores")
def test_an_affinity_mask_is_respected():
    core = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, {{{core}}}); from isoflop.execute import available_cores as a; print(a())"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert seen.strip() == f"({core},)"


def test_there_is_a_slot_for_each_usable_core():
    assert one_slot_per_core() == tuple((core,) for core in available_cores())


@pytest.mark.parametrize("slots", [[], [()], [(0,), ()]])
def test_slots_without_a_core_are_refused(slots):
    with pytest.raises(ValueError, match="at least one core"):
        LocalExecutor(slots)
