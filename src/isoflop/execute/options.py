"""The options of each place, as they stand in a ladder file: names, defaults and meaning."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar, get_args, get_origin

from isoflop.errors import ExecutorError, did_you_mean
from isoflop.execute.attempts import Pace
from isoflop.execute.contract import Resources

SHARED_MEMORY = 0.9  # of a GPU, divided among the runs on it; the rest is for their CUDA contexts
WRAPPER_SECONDS = 10  # to end a job that does not listen and to write the marker
Options = TypeVar("Options", bound="LocalOptions | ClusterOptions")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """Options of ``local``.

    places: how many runs at a time; by default as many as cores or GPUs allow. cores_per_run: cores pinned to each
    run. gpus: numbers or names (GPU-…, MIG-…) of the GPUs to use, or how many; none by default. runs_per_gpu: runs that
    share a GPU. gpus_per_run: GPUs that each run gets, where runs_per_gpu is 1.
    """

    places: int | None = None
    cores_per_run: int = 1
    gpus: int | tuple[int | str, ...] = ()
    runs_per_gpu: int = 1
    gpus_per_run: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """Options that Ray and Slurm share.

    places: how many runs are handed over at a time, in order; without it the cluster gets all and decides.
    python: the interpreter on the machines of the cluster. restarts: how often a run that the cluster stopped is handed
    over again. refresh_seconds: between two looks at the queue and the markers. vanish_seconds: a run is given up when
    neither the queue nor its own pulse has shown it for so long; keep it well above the time by which the shared disk
    may lag (NFS: up to 60 s). look_seconds, pulse_seconds, grace_seconds: see ``Pace``.
    """

    places: int | None = None
    python: str = ""
    restarts: int = 20
    refresh_seconds: float = 1.0
    vanish_seconds: float = 90.0
    look_seconds: float = 1.0
    pulse_seconds: float = 5.0
    grace_seconds: float = 30.0

    def environment(self, need: Resources) -> Mapping[str, str]:  # noqa: ARG002
        """What a job is told about its place, apart from what the scheduler sets itself."""
        return {}

    @property
    def pace(self) -> Pace:
        """What the wrappers are told."""
        return Pace(look_seconds=self.look_seconds, pulse_seconds=self.pulse_seconds, grace_seconds=self.grace_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class RayOptions(ClusterOptions):
    """Options of ``ray``.

    address: of the cluster, "auto" for the one that this machine belongs to (RAY_ADDRESS is heard). runs_per_gpu: runs
    that share a GPU. namespace: where Ray keeps the names of the runs. resources: names and amounts of custom resources
    that each run needs, such as {"a100": 1}.
    """

    address: str = "auto"
    runs_per_gpu: int = 1
    namespace: str = "isoflop"
    resources: Mapping[str, float] | None = None

    def environment(self, need: Resources) -> Mapping[str, str]:
        """Runs that share a GPU share its memory."""
        return memory_share(self.runs_per_gpu) if need.gpus else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmOptions(ClusterOptions):
    """Options of ``slurm``.

    partition, account, qos: as sbatch knows them. sbatch: further options of sbatch, such as ["--constraint=a100"].
    setup: lines of shell that prepare the machine, such as ["module load cuda"]. warning_seconds: how long before its
    time limit a run is asked to save. array_size: tasks in one array at most; sites allow 1000 (MaxArraySize 1001).
    """

    partition: str = ""
    account: str = ""
    qos: str = ""
    sbatch: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    warning_seconds: int = 120
    array_size: int = 500

    @property
    def pace(self) -> Pace:
        """A job may use all of the warning to save its work, but for what the wrapper needs for its last word."""
        grace = max(self.grace_seconds, self.warning_seconds - WRAPPER_SECONDS)
        return Pace(look_seconds=self.look_seconds, pulse_seconds=self.pulse_seconds, grace_seconds=grace)


def memory_share(runs_per_gpu: int) -> Mapping[str, str]:
    """Runs that share a GPU are told to take their part of 90 % of its memory: JAX alone would take three quarters of
    it when it starts (JAX documentation, "GPU memory allocation")."""
    return {"XLA_PYTHON_CLIENT_MEM_FRACTION": f"{SHARED_MEMORY / runs_per_gpu:.3f}"} if runs_per_gpu > 1 else {}


def read_options(kind: type[Options], given: Mapping[str, Any] | None, place: str) -> Options:
    """Options from a table. Raises ExecutorError for an unknown name, a wrong type, or a number that is not above 0."""
    hints = typing.get_type_hints(kind)
    known = [field.name for field in fields(kind)]
    values = {}
    for name, value in (given or {}).items():
        if name not in known:
            raise ExecutorError(
                f"Unknown option '{name}' of the executor '{place}'. Known: {', '.join(known)}."
                f"{did_you_mean(name, known)}"
            )
        values[name] = _checked(name, tuple(value) if isinstance(value, list) else value, hints[name], place)
    return kind(**values)


def _checked(name: str, value: Any, hint: Any, place: str) -> Any:
    if isinstance(value, bool) or not _fits(value, hint):
        raise ExecutorError(
            f"The option '{name}' of the executor '{place}' is {value!r}, a {type(value).__name__}. It must be "
            f"{_in_words(hint)}."
        )
    if isinstance(value, int | float) and value <= 0 and name not in ("restarts", "gpus"):
        raise ExecutorError(f"The option '{name}' of the executor '{place}' is {value}. It must be above 0.")
    return value


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, option) for option in get_args(hint))
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(item, get_args(hint)[0]) for item in value)
    if hint is float:
        return isinstance(value, int | float)
    return isinstance(value, origin or hint)


def _in_words(hint: Any) -> str:
    if get_origin(hint) in (types.UnionType, typing.Union):
        return " or ".join(_in_words(option) for option in get_args(hint) if option is not type(None))
    if get_origin(hint) is tuple:
        return f"a list, each item {_in_words(get_args(hint)[0])}"
    if get_origin(hint):
        return "a table"
    return {int: "a whole number", float: "a number", str: "text"}[hint]
