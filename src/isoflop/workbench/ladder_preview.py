"""What a ladder would train, how long that takes and what it costs, before anything is started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isoflop.execute import available_cores
from isoflop.workbench.ladder import Ladder
from isoflop.workbench.ladder_states import RunStatus, ladder_status
from isoflop.workbench.ladder_work import working_trunks
from isoflop.workbench.progress import makespan
from isoflop.workbench.trunk import TRAINER, Trunk

if TYPE_CHECKING:
    from isoflop.train.speed import Speed

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class LadderPreview:
    """A ladder before it is run, or run again.

    runs: all of them, with their states so far. flops: of all; flops_left: of what is not trained yet, decays included.
    places: jobs at a time, on this machine. seconds: wall time of what is left, None where no speed is known; from:
    where the speed is from. cost_usd: at the ladder's price.
    """

    name: str
    runs: tuple[RunStatus, ...]
    trunks: int
    flops: float
    flops_left: float
    places: int
    seconds: float | None
    device_hours: float | None
    cost_usd: float | None
    speed_from: str
    notes: tuple[str, ...]


def preview_ladder(ladder: Ladder, *, speed: Speed | None = None) -> LadderPreview:
    """Lay out what ``run_ladder`` would do. speed: of this machine, where it was measured (embedded trainer only).

    Without it the time follows from the speed of the ladder's own runs so far, if there are any. Starts nothing and
    writes nothing.
    """
    status = ladder_status(ladder)
    over = frozenset(run.run_id for run in status.runs if run.state in ("done", "diverged"))
    working = working_trunks(ladder.trunks, over, status.folder / "trunks")
    left = [trunk for trunk in working if not trunk.branches.keys() <= over]
    places = max(1, len(available_cores()) // (ladder.resources.cpus or 1))
    seconds, needed, told = status.seconds_left, _hours_seconds(status.device_hours_left, ladder), "its runs so far"
    if speed is not None:
        each = _measured(left, speed)
        seconds, needed, told = makespan(each, places), sum(each), "measured on this machine"
    hours = None if needed is None else needed * ladder.devices / SECONDS_PER_HOUR
    rate = ladder.price.usd_per_device_hour if ladder.price else None
    return LadderPreview(
        name=ladder.name,
        runs=status.runs,
        trunks=len(ladder.trunks),
        flops=sum(run.flops for run in status.runs),
        flops_left=sum(trunk.flops(trunk.tokens_total) for trunk in left),
        places=places,
        seconds=seconds,
        device_hours=hours,
        cost_usd=None if hours is None or rate is None else hours * rate,
        speed_from=told if seconds is not None else "",
        notes=ladder.notes,
    )


def _measured(trunks: Sequence[Trunk], speed: Speed) -> list[float]:
    from isoflop.train.spec import TrunkSpec

    return [speed.trunk_seconds(TrunkSpec.from_json(trunk.spec)) for trunk in trunks if trunk.command == TRAINER]


def _hours_seconds(hours: float | None, ladder: Ladder) -> float | None:
    return None if hours is None else hours * SECONDS_PER_HOUR / ladder.devices
