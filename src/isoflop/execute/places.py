"""The places of this machine: which cores and GPUs each local run gets.

Several small models on one GPU fill it better than one after another; each is told its part of the memory.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isoflop.errors import ExecutorError
from isoflop.execute.cores import available_cores
from isoflop.execute.options import LocalOptions, memory_share


@dataclass(frozen=True, slots=True)
class Place:
    """Where one job runs. gpus: as CUDA_VISIBLE_DEVICES names them; sharing: how many jobs are on each GPU."""

    cores: tuple[int, ...]
    gpus: tuple[str, ...] = ()
    sharing: int = 1

    def environment(self) -> Mapping[str, str]:
        """What tells a job which cores and GPUs are its own."""
        cores = {"ISOFLOP_CPUS": ",".join(map(str, self.cores)), "ISOFLOP_THREADS": str(len(self.cores))}
        gpus = {"CUDA_VISIBLE_DEVICES": ",".join(self.gpus)} if self.gpus else {}
        return {**cores, **gpus, **memory_share(self.sharing)}


def local_places(options: LocalOptions, cores: Sequence[int] | None = None) -> tuple[Place, ...]:
    """The places that the options make of the usable ``cores`` (by default: those of this process).

    Raises ExecutorError where there are fewer cores or GPUs than one run needs, or more places are asked for than GPUs
    hold.
    """
    usable = tuple(available_cores() if cores is None else cores)
    gpus = _gpus(options)
    if gpus:
        return _on_gpus(options, usable, gpus)
    by_cores = len(usable) // options.cores_per_run
    if by_cores == 0:
        raise ExecutorError(
            f"A run is to have {options.cores_per_run} cores, and this process may use {len(usable)}. Lower "
            f"cores_per_run, or use a larger machine."
        )
    return tuple(Place(_cores(options, usable, index)) for index in range(options.places or by_cores))


def _on_gpus(options: LocalOptions, cores: Sequence[int], gpus: Sequence[str]) -> tuple[Place, ...]:
    """Places by GPU, round and round, so that the first runs meet an empty GPU each."""
    if options.runs_per_gpu > 1 and options.gpus_per_run > 1:
        raise ExecutorError(
            f"Runs are to share a GPU ({options.runs_per_gpu} runs_per_gpu) and to have several each "
            f"({options.gpus_per_run} gpus_per_run). Give one of the two."
        )
    groups = [tuple(gpus[i : i + options.gpus_per_run]) for i in range(0, len(gpus), options.gpus_per_run)]
    whole = [group for group in groups if len(group) == options.gpus_per_run] * options.runs_per_gpu
    wanted = options.places or len(whole)
    if wanted > len(whole) or not whole:
        raise ExecutorError(
            f"{wanted} places are asked for, and {len(gpus)} GPUs with {options.runs_per_gpu} runs_per_gpu and "
            f"{options.gpus_per_run} gpus_per_run hold {len(whole)}. Lower places or raise runs_per_gpu."
        )
    return tuple(
        Place(_cores(options, cores, i), group, options.runs_per_gpu) for i, group in enumerate(whole[:wanted])
    )


def _cores(options: LocalOptions, usable: Sequence[int], index: int) -> tuple[int, ...]:
    """The cores of a place; where there are more places than cores they are dealt out again from the first."""
    first = index * options.cores_per_run
    return tuple(dict.fromkeys(usable[(first + i) % len(usable)] for i in range(options.cores_per_run)))


def _gpus(options: LocalOptions) -> tuple[str, ...]:
    if isinstance(options.gpus, tuple):
        return tuple(map(str, options.gpus))
    found = _listed_gpus()
    if options.gpus > found:
        raise ExecutorError(
            f"{options.gpus} GPUs are asked for, and nvidia-smi lists {found} on this machine. Lower gpus, or name "
            f"them, as in gpus = [0, 1]."
        )
    return tuple(map(str, range(options.gpus)))


def _listed_gpus() -> int:
    try:
        listing = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    return sum(line.startswith("GPU ") for line in listing.splitlines())
