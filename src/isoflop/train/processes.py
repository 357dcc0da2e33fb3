"""One run over several processes, each with devices of its own: who they are, and how they stay of one mind.

Every process runs the same program on the same text. What depends on a clock or a signal (how many steps to take, when
to save, when to stop) is decided by one for all. Process 0 alone keeps the folder's journal.

How a process learns its place, first that is found:

    ISOFLOP_COORDINATOR   host:port of process 0, with ISOFLOP_PROCESSES (how many) and ISOFLOP_PROCESS (which, from 0)
    SLURM_NTASKS > 1      for a run of more than one device: JAX reads the rest of Slurm's variables

A process that dies takes the others with it: they wait for it in a sum over devices until JAX's heartbeat misses it
(100 seconds), then end. Whoever started them starts all of them again, and they go on from the checkpoint.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from isoflop.errors import SpecError
from isoflop.train.spec import TrunkSpec

COORDINATOR, PROCESSES, PROCESS = "ISOFLOP_COORDINATOR", "ISOFLOP_PROCESSES", "ISOFLOP_PROCESS"


@dataclass(frozen=True, slots=True)
class Place:
    """This process among those of its run. coordinator: host:port, or None where Slurm says it."""

    process: int = 0
    processes: int = 1
    coordinator: str | None = None

    @property
    def leads(self) -> bool:
        """Whether this process writes the journal."""
        return self.process == 0

    def devices(self, spec: TrunkSpec) -> int:
        """Devices that this process brings. Raises SpecError where the processes cannot share them evenly."""
        wanted = math.prod(spec.mesh_axes.values())
        if wanted % self.processes:
            raise SpecError(
                f"{wanted} devices ({spec.mesh or f'devices = {spec.devices}'}) cannot be shared by {self.processes} "
                f"processes. Allowed: a mesh whose size the processes divide. Change the mesh or start another number."
            )
        return wanted // self.processes


def find_place(spec: TrunkSpec, environment: Mapping[str, str] | None = None) -> Place:
    """This process's place, from the environment. Raises SpecError where the variables contradict each other."""
    seen = os.environ if environment is None else environment
    if coordinator := seen.get(COORDINATOR):
        return _told(seen, coordinator)
    tasks = seen.get("SLURM_NTASKS", "1")
    several = math.prod(spec.mesh_axes.values()) > 1 and tasks.isdecimal() and int(tasks) > 1
    if several and "SLURM_PROCID" in seen:
        return Place(int(seen["SLURM_PROCID"]), int(tasks))
    return Place()


def _told(seen: Mapping[str, str], coordinator: str) -> Place:
    processes, process = seen.get(PROCESSES, ""), seen.get(PROCESS, "")
    if not (processes.isdecimal() and process.isdecimal() and int(process) < int(processes) and ":" in coordinator):
        raise SpecError(
            f"{COORDINATOR}={coordinator!r} with {PROCESSES}={processes!r} and {PROCESS}={process!r} names no place. "
            f"Allowed: host:port, the number of processes, and this one's number from 0. Set all three, or none."
        )
    return Place(int(process), int(processes), coordinator)


def join(place: Place) -> None:
    """Meet the other processes; returns when all are there. Imports JAX, so ``settle`` must have run."""
    if place.processes == 1:
        return
    import jax

    if place.coordinator is None:
        jax.distributed.initialize()
    else:
        jax.distributed.initialize(place.coordinator, place.processes, place.process)


def agree(stop: bool, save: bool, steps: int) -> tuple[bool, bool, int]:
    """What all processes do next: stop if any was asked to; save and take as many steps as process 0 says."""
    import jax

    if jax.process_count() == 1:
        return stop, save, steps
    from jax.experimental import multihost_utils

    said = np.asarray(multihost_utils.process_allgather(np.array([stop, save, steps], np.int32)))
    return bool(said[:, 0].any()), bool(said[0, 1]), int(said[0, 2])
