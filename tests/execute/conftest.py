"""Real clusters for the tests of this folder, started when the first test asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from real_clusters import RayHere, SlurmHere, started

from isoflop.execute import Executor
from isoflop.execute.cluster import ClusterExecutor
from isoflop.execute.options import RayOptions, SlurmOptions
from isoflop.execute.ray_cluster import RayScheduler
from isoflop.execute.slurm import SlurmScheduler

QUICK = {"refresh_seconds": 0.05, "look_seconds": 0.1, "pulse_seconds": 0.3, "vanish_seconds": 20.0}
OpenExecutor = Callable[..., Executor]


@pytest.fixture(scope="module")
def slurm() -> Iterator[SlurmHere]:
    yield from started(SlurmHere)


@pytest.fixture(scope="module")
def ray() -> Iterator[RayHere]:
    yield from started(RayHere)


@pytest.fixture
def open_slurm(slurm: SlurmHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenExecutor]:
    """Opens executors of the real Slurm; those left open are closed after the test."""
    for name, value in slurm.environment.items():
        monkeypatch.setenv(name, value)
    made: list[Executor] = []

    def open_one(**options: object) -> Executor:
        chosen = SlurmOptions(**(QUICK | options))
        made.append(ClusterExecutor(SlurmScheduler(chosen, tmp_path / "notes"), chosen))
        return made[-1]

    yield open_one
    for executor in made:
        executor.close()


class Kept(RayScheduler):
    """A scheduler whose driver lives on after the executor: finding the cluster takes two seconds each time."""

    def close(self) -> None:
        """Nothing; the fixture ends it."""


@pytest.fixture(scope="module")
def kept_driver(ray: RayHere, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    scheduler = Kept(RayOptions(address=ray.address), tmp_path_factory.mktemp("ray"), ray.prefix)
    yield scheduler
    RayScheduler.close(scheduler)


@pytest.fixture
def open_ray(ray: RayHere, kept_driver: Kept, tmp_path: Path) -> Iterator[OpenExecutor]:
    """Opens executors of the real Ray, whose drivers live in its network; those of one kind share a driver."""
    made: list[Executor] = []

    def open_one(**options: object) -> Executor:
        chosen = RayOptions(address=ray.address, **(QUICK | options))
        own_driver = RayScheduler(chosen, tmp_path / "notes", ray.prefix) if "runs_per_gpu" in options else kept_driver
        made.append(ClusterExecutor(own_driver, chosen))
        return made[-1]

    yield open_one
    for executor in made:
        executor.close()
