"""The cores that this process may really use.

A machine's core count is not what a container or a batch job is given. Two things narrow it on Linux: the affinity
mask (taskset, Slurm, Docker --cpuset-cpus) and the quota of CPU time of a control group (Docker --cpus, Kubernetes
limits).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")
CGROUP_OF_SELF = Path("/proc/self/cgroup")


def available_cores() -> tuple[int, ...]:
    """Numbers of the cores to use, lowest first; at least one.

    With a quota of 2.5 cores on a machine of 64 the first two allowed cores are given: two threads that always run are
    worth more to a synchronous training step than three that are throttled in turn.
    """
    allowed = _allowed_by_affinity()
    quota = cpu_quota()
    return allowed if quota is None else allowed[: max(1, int(quota))]


def cpu_quota(root: Path = CGROUP_ROOT, membership: Path = CGROUP_OF_SELF) -> float | None:
    """Cores' worth of CPU time that control groups grant, the tightest of all levels; None without a limit.

    Version 2 keeps "quota period" or "max period" in cpu.max, version 1 keeps cpu.cfs_quota_us (-1 for none) and
    cpu.cfs_period_us (kernel documentation, admin-guide/cgroup-v2 and scheduler/sched-bwc).
    """
    quotas = [quota for folder in _groups(root, membership) if (quota := _quota_of(folder)) is not None]
    return min(quotas, default=None)


def _allowed_by_affinity() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def _groups(root: Path, membership: Path) -> Iterator[Path]:
    """The groups that this process is in and their parents, under every place where the files may be mounted."""
    for line in _read(membership).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / controllers if controllers else root
        group = mount / path.lstrip("/")
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(root))
    yield from (root, root / "cpu")


def _quota_of(folder: Path) -> float | None:
    words = _read(folder / "cpu.max").split() or [
        _read(folder / "cpu.cfs_quota_us").strip(),
        _read(folder / "cpu.cfs_period_us").strip(),
    ]
    try:
        quota, period = float(words[0]), float(words[1])
    except (ValueError, IndexError):
        return None
    return quota / period if quota > 0 and period > 0 else None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
