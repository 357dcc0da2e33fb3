"""A place to run jobs by its name, as ``--on`` and a ladder file give it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from isoflop.errors import ExecutorError, did_you_mean
from isoflop.execute.contract import Executor
from isoflop.execute.local import LocalExecutor
from isoflop.execute.options import LocalOptions, RayOptions, SlurmOptions, read_options
from isoflop.execute.places import local_places

EXECUTORS = ("local", "ray", "slurm")


def open_executor(name: str, options: Mapping[str, Any] | None = None, *, folder: Path) -> Executor:
    """The executor ``local``, ``ray`` or ``slurm`` with its options (``isoflop.execute.options``).

    folder: on a disk that the machines of the cluster share; executors keep notes of their own in it. Raises
    ExecutorError for an unknown executor or option, or where the place has none of what is asked; MissingExtra where
    Ray is not installed.
    """
    if name == "local":
        return LocalExecutor(local_places(read_options(LocalOptions, options, name)))
    if name == "ray":
        from isoflop.execute.cluster import ClusterExecutor
        from isoflop.execute.ray_cluster import RayScheduler

        ray_options = read_options(RayOptions, options, name)
        return ClusterExecutor(RayScheduler(ray_options, folder), ray_options)
    if name == "slurm":
        from isoflop.execute.cluster import ClusterExecutor
        from isoflop.execute.slurm import SlurmScheduler

        slurm_options = read_options(SlurmOptions, options, name)
        return ClusterExecutor(SlurmScheduler(slurm_options, folder), slurm_options)
    raise ExecutorError(
        f"Unknown executor '{name}'. Known: {', '.join(EXECUTORS)}.{did_you_mean(name, EXECUTORS)} Give one to --on."
    )
