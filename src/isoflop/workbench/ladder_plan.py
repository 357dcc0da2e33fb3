"""The plan of a demonstration: a ladder and a target, frozen before the first run is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from isoflop.errors import SpecError, StoreError
from isoflop.execute import available_cores
from isoflop.forecasting.forecast import AVERAGE

if TYPE_CHECKING:
    from isoflop.train.spec import TrunkSpec
    from isoflop.train.speed import Speed

PLAN_VERSION = 1
FORM = AVERAGE
LEVEL = 0.9
PLANNED_PACE = 0.85
"""Share of the measured speed that a plan counts on. A probe of seconds flatters a run of minutes: planned at its full
speed for 6 minutes on two shared cores, the demonstration took 7 minutes, most of the excess in the target."""


@dataclass(frozen=True, slots=True)
class LadderPlan:
    """What will be trained, and how the forecast will be made, all of it decided beforehand.

    seconds: expected wall time of each trunk. form, level: of the forecast of the target.
    """

    minutes: float
    seed: int
    cores: int
    trunks: tuple[TrunkSpec, ...]
    seconds: tuple[float, ...]
    target: TrunkSpec
    ladder_seconds: float
    target_seconds: float
    form: str = FORM
    level: float = LEVEL

    @property
    def runs(self) -> int:
        """Rungs of the ladder, the target not counted."""
        return sum(len(trunk.branch_tokens) for trunk in self.trunks)

    def to_dict(self) -> dict[str, Any]:
        """JSON that ``from_dict`` reads back."""
        return {
            "version": PLAN_VERSION,
            "minutes": self.minutes,
            "seed": self.seed,
            "cores": self.cores,
            "form": self.form,
            "level": self.level,
            "ladder_seconds": self.ladder_seconds,
            "target_seconds": self.target_seconds,
            "trunks": [
                {"seconds": seconds, "spec": asdict(spec)}
                for seconds, spec in zip(self.seconds, self.trunks, strict=True)
            ],
            "target": asdict(self.target),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LadderPlan:
        """Raises StoreError for a plan of another version or one that lacks something."""
        from isoflop.train.spec import TrunkSpec

        if data.get("version") != PLAN_VERSION:
            raise StoreError(
                f"The plan has version {data.get('version')!r}; this isoflop reads version {PLAN_VERSION}. "
                "Use the isoflop that made it, or another --folder."
            )
        try:
            return cls(
                minutes=data["minutes"],
                seed=data["seed"],
                cores=data["cores"],
                trunks=tuple(TrunkSpec.from_dict(trunk["spec"]) for trunk in data["trunks"]),
                seconds=tuple(trunk["seconds"] for trunk in data["trunks"]),
                target=TrunkSpec.from_dict(data["target"]),
                ladder_seconds=data["ladder_seconds"],
                target_seconds=data["target_seconds"],
                form=data["form"],
                level=data["level"],
            )
        except (KeyError, TypeError) as error:
            raise StoreError(
                f"The plan lacks or garbles {error}. Restore plan.json, or use another --folder."
            ) from None


def make_plan(minutes: float, seed: int, speed: Speed | None = None) -> LadderPlan:
    """Design a ladder with its target for ``minutes`` of wall time, at the given speed or that of this machine.

    Raises SpecError when the time is too short, MissingExtra without the trainer, TrainingFailure when the
    measurement fails.
    """
    from isoflop.train.ladder import design_ladder
    from isoflop.train.speed import measure_speed

    cores = available_cores()
    speed = speed or measure_speed(cores=cores).slowed(PLANNED_PACE)
    design = design_ladder(speed, minutes * 60, len(cores), seed)
    return LadderPlan(
        minutes=minutes,
        seed=seed,
        cores=len(cores),
        trunks=design.trunks,
        seconds=tuple(speed.trunk_seconds(trunk) for trunk in design.trunks),
        target=design.target,
        ladder_seconds=design.ladder_seconds,
        target_seconds=design.target_seconds,
    )


def require_same(plan: Mapping[str, Any], minutes: float, seed: int, folder: object) -> None:
    """Raise SpecError when a frozen plan was made for other options."""
    for name, asked in (("minutes", minutes), ("seed", seed)):
        if plan.get(name) != asked:
            raise SpecError(
                f"The study in {folder} was planned with --{name} {plan.get(name)}, not {asked}. A plan is kept once "
                f"made. Give --{name} {plan.get(name)} to go on with it, or another --folder for a new study."
            )
