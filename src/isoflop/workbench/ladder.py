"""A ladder as a value: everything that is to be trained, where, by whom and at what price.

ladder = read_ladder("ladder.toml")            what the file says
runs = run_ladder(ladder, on="local")          trains what is missing
ladder_status(ladder).seconds_left             looks, from any process
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isoflop.execute import Resources
from isoflop.workbench.trunk import Trunk


@dataclass(frozen=True, slots=True)
class Rung:
    """One size of a ladder, with all that is measured of it.

    settings: fields of the trainer's spec, or of a command template, that make this rung. tokens: D of each run;
    those of one seed are branches of one trunk. params: N where the trainer is not ours: a number, or a formula in the
    settings. title: where it stands in the file.
    """

    settings: Mapping[str, Any]
    tokens: tuple[float, ...]
    seeds: tuple[int, ...] = (0,)
    params: float | str | None = None
    title: str = "a rung"


@dataclass(frozen=True, slots=True)
class Price:
    """What an hour of a device costs. source: who says so."""

    usd_per_device_hour: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """See ``read_ladder``.

    name: also the study in the store. folder: the study's folder. store: path or URL of the store. recipe: what all
    rungs share, as flat keys, frozen when training first starts. trunks: in the order in which they start. attempts:
    times that a trunk may crash. executors: options by place. resources: what each job needs. devices: that one job
    holds, by which hours are counted. notes: what a reader should know.
    """

    name: str
    folder: Path
    store: str
    recipe: Mapping[str, Any]
    trunks: tuple[Trunk, ...]
    attempts: int = 2
    executors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    price: Price | None = None
    notes: tuple[str, ...] = ()

    @property
    def runs(self) -> int:
        """How many runs it has."""
        return sum(len(trunk.branches) for trunk in self.trunks)

    @property
    def devices(self) -> int:
        """Devices that one job holds: its GPUs, else its cores, else one."""
        return self.resources.gpus or self.resources.cpus or 1
