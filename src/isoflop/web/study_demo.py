"""The folder of a demonstration, finished or in training: its ladder, and the target that the ladder foretells.

Its workers write what those of a ladder do; what a ladder notes when it starts, a demonstration has in its plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoflop.errors import StoreError
from isoflop.web.study_source import Points, Seen, Source, slug
from isoflop.web.study_stored import CampaignSource
from isoflop.workbench.ladder_notes import LadderNotes, Place
from isoflop.workbench.ladder_states import Onlooker
from isoflop.workbench.places import LADDER, TARGET
from isoflop.workbench.study import Study
from isoflop.workbench.trunk import trunk_of

if TYPE_CHECKING:
    from isoflop.forecasting.watch import Reference
    from isoflop.runs.curves import Curve
    from isoflop.workbench.trunk import Trunk

SUMMED = ("tokens_per_second", "flops_done", "flops_total")


def demonstration_in(folder: Path) -> DemonstrationSource | None:
    """The demonstration in a folder; None where there is none, or one of a plan that this version does not read."""
    from isoflop.workbench.ladder_plan import LadderPlan

    study = Study(folder.resolve())
    try:
        frozen = study.plan()
        plan = LadderPlan.from_dict(frozen) if frozen and study.store_path.exists() else None
    except StoreError:
        return None
    if plan is None:
        return None
    ladder = [trunk_of(spec, seconds=seconds) for spec, seconds in zip(plan.trunks, plan.seconds, strict=True)]
    target = trunk_of(plan.target, seconds=plan.target_seconds, name=TARGET)
    return DemonstrationSource(
        study.folder, _part(study, LADDER, ladder, max(1, plan.cores)), _part(study, TARGET, [target], 1)
    )


def _part(study: Study, name: str, trunks: Sequence[Trunk], places: int) -> CampaignSource:
    every = tuple(trunks)
    notes = LadderNotes(name, str(study.store_path), every, every, Place("local", places, False), 1, None)
    return CampaignSource(study.folder, notes=notes, onlooker=_Onlooker(notes, study.folder))


class _Onlooker(Onlooker):
    """Looks at what notes tell of, instead of what a coordinator noted in the folder."""

    def __init__(self, notes: LadderNotes, folder: Path) -> None:
        super().__init__(folder)
        self._given = notes

    def _notes(self) -> LadderNotes:
        return self._given


@dataclass(eq=False)
class DemonstrationSource(Source):
    """The ladder's runs are fitted, the target's are shown."""

    folder: Path
    ladder: CampaignSource
    target: CampaignSource
    key: str = ""
    name: str = ""
    live: bool = True
    _of_target: frozenset[str] = field(default=frozenset(), repr=False)

    def __post_init__(self) -> None:
        self.name = self.folder.name
        self.key = slug(self.name)

    def look(self) -> Seen:
        ladder, target = self.ladder.look(), self.target.look()
        shown = tuple(replace(row, name=TARGET, fitted=False) for row in target.rows)
        self._of_target = frozenset(row.run_id for row in shown)
        known = {str(entry) for entry in ladder.ledger}
        ledger = (*ladder.ledger, *(entry for entry in target.ledger if str(entry) not in known))
        return Seen((*shown, *ladder.rows), ladder.runs, _together(ladder, target), ledger, ladder.notes)

    def curves(self, run_ids: Sequence[str]) -> Points:
        if not self._of_target:
            self.look()
        of_target = [run_id for run_id in run_ids if run_id in self._of_target]
        of_ladder = [run_id for run_id in run_ids if run_id not in self._of_target]
        found = {**self.ladder.curves(of_ladder), **(self.target.curves(of_target) if of_target else {})}
        return {run_id: found[run_id] for run_id in run_ids if run_id in found}

    def log(self, run_id: str) -> str | None:
        return (self.target if run_id in self._of_target else self.ladder).log(run_id)

    def in_flight(self) -> tuple[list[tuple[str, float, float, Curve]], list[Reference]]:
        flying, references = self.ladder.in_flight()
        last, others = self.target.in_flight()
        return [*flying, *last], references or others

    def folder_of_study(self) -> Path | None:
        return self.folder


def _together(ladder: Seen, target: Seen) -> dict[str, Any]:
    """The progress of both: the target is trained after the ladder. Hours of this machine are not counted."""
    one, two = ladder.progress, target.progress
    assert one is not None
    assert two is not None
    left = (
        None
        if one["seconds_left"] is None or two["seconds_left"] is None
        else one["seconds_left"] + two["seconds_left"]
    )
    told = {name: one[name] + two[name] for name in SUMMED}
    unknown = {name: None for name in one if name not in told}
    return (
        unknown
        | told
        | {
            "coordinator": one["coordinator"],
            "on": one["on"],
            "seconds_left": left,
            "running": [*one["running"], *two["running"]],
        }
    )
