"""Studies in a store, and ladders that are being trained: what the page sees of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoflop.errors import BadInput
from isoflop.runs.table import Runs
from isoflop.web.study_ledger import ledger_beside, recorded
from isoflop.web.study_source import Points, Row, Seen, Source, row_of, slug, stamp_of
from isoflop.workbench.places import STORE_FILE, main_study, study_beside

if TYPE_CHECKING:
    from isoflop.forecasting.watch import Reference
    from isoflop.runs.curves import Curve
    from isoflop.store import Store
    from isoflop.workbench.ladder_notes import LadderNotes
    from isoflop.workbench.ladder_states import LadderStatus, Onlooker

LOG_LINES = 60


def stored(where: str, name: str = "") -> list[Source]:
    """The studies of a store. Raises BadInput for a store without runs."""
    from isoflop.store import open_store

    with open_store(where) as store:
        names = [n for n in store.studies() if store.run_ids(n) or store.planned_runs(n)]
        shown = name or store.shown
    if not names:
        raise BadInput(f"{shown} has no run yet. `isoflop ladder run` records them as they finish.")
    if len(names) > 1 and (meant := main_study(names)):
        return [StoreSource(where, meant, name=name or "demonstration", also=study_beside(meant, names) or "")]
    return [StoreSource(where, each, name=each if len(names) > 1 or not name else name) for each in names]


@dataclass(eq=False)
class StoreSource(Source):
    """A study of a store. also: a study whose runs are listed and not fitted."""

    where: str
    study: str
    name: str
    also: str = ""
    live: bool = True
    key: str = ""
    _seen: tuple[object, Seen] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.key = slug(self.name)

    def look(self) -> Seen:
        stamp = stamp_of(self.where)
        if self._seen is not None and stamp is not None and self._seen[0] == stamp:
            return self._seen[1]
        with self._open() as store:
            runs = store.runs(self.study)
            rows = [*_stored_rows(store, self.study, ""), *(_stored_rows(store, self.also, "target"))]
            ledger = [entry for study in (self.study, self.also) if study for entry in recorded(store, study)]
        seen = Seen(tuple(rows), runs, None, (*ledger, *ledger_beside(self.where)), runs.notes)
        self._seen = (stamp, seen)
        return seen

    def curves(self, run_ids: Sequence[str]) -> Points:
        with self._open() as store:
            found = _stored_curves(store, run_ids, self.study)
            return found | (_stored_curves(store, run_ids, self.also) if self.also else {})

    def folder_of_study(self) -> Path | None:
        path = Path(self.where)
        return path.parent if "://" not in self.where and path.name == STORE_FILE else None

    def _open(self) -> Store:
        from isoflop.store import open_store

        return open_store(self.where)


@dataclass(eq=False)
class CampaignSource(Source):
    """The folder of a ladder: what its store has, and what its workers say while they train. notes: of a ladder whose
    folder has none, and onlooker, who knows them."""

    folder: Path
    key: str = ""
    name: str = ""
    live: bool = True
    notes: LadderNotes | None = None
    onlooker: Onlooker | None = field(default=None, repr=False)
    _status: LadderStatus | None = field(default=None, repr=False)
    _runs: tuple[object, Runs, dict[str, Any]] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()
        self.name = self._notes().name
        self.key = slug(self.name)

    def _notes(self) -> LadderNotes:
        from isoflop.workbench.ladder_notes import notes_in

        return self.notes or notes_in(self.folder)

    def look(self) -> Seen:
        from isoflop.workbench.ladder_states import Onlooker

        self.onlooker = self.onlooker or Onlooker(self.folder)
        status = self._status = self.onlooker.look()
        runs, recorded_rows = self._recorded(status)
        own = {run.run_id for run in status.runs}
        rows = [
            Row(
                *(run.run_id, run.name, run.params, run.tokens, run.flops, run.state, run.share, run.loss),
                recorded_rows.get(run.run_id, {}).get("loss_se"),
                run.tokens_per_second,
                run.note,
            )
            for run in status.runs
        ]
        rows += [row_of(row) for run_id, row in recorded_rows.items() if run_id not in own]
        return Seen(tuple(rows), runs, _progress(status), self._ledger(status), runs.notes)

    def _known(self) -> LadderStatus:
        if self._status is None:
            self.look()
        assert self._status is not None
        return self._status

    def _recorded(self, status: LadderStatus) -> tuple[Runs, dict[str, Any]]:
        """Read the store's table anew only when another run has ended or gone."""
        stamp = (status.counts["done"], status.counts["diverged"], status.others)
        if self._runs is None or self._runs[0] != stamp:
            runs = self._from_store(status, lambda store: store.runs(status.name), Runs.from_runs([]))
            by_id = {str(row["run_id"]): row for row in runs.frame.to_dicts()} if runs.has("run_id") else {}
            self._runs = (stamp, runs, by_id)
        return self._runs[1], self._runs[2]

    def _ledger(self, status: LadderStatus) -> tuple[Mapping[str, Any], ...]:
        entries = self._from_store(status, lambda store: recorded(store, status.name), [])
        return (*entries, *ledger_beside(str(self.folder / STORE_FILE)))

    def _from_store(self, status: LadderStatus, ask: Any, otherwise: Any) -> Any:
        from isoflop.store import open_store

        if "://" not in status.store and not Path(status.store).exists():
            return otherwise
        with open_store(status.store) as store:
            return ask(store)

    def curves(self, run_ids: Sequence[str]) -> Points:
        status = self._known()
        found = dict(self._from_store(status, lambda store: _stored_curves(store, run_ids, status.name), {}))
        trunks = self._trunks()
        for run_id in run_ids:
            if run_id not in found and run_id in trunks:
                trunk = trunks[run_id]
                points = _worker_curve(trunk, run_id, self.folder / "trunks" / trunk.spec_id)
                if points is not None:
                    found[run_id] = points
        return found

    def log(self, run_id: str) -> str | None:
        from isoflop.workbench.ladder_logs import last_lines, log_of

        status = self._known()
        run = next((each for each in status.runs if each.run_id == run_id), None)
        return None if run is None else last_lines(log_of(status, run), LOG_LINES)

    def in_flight(self) -> tuple[list[tuple[str, float, float, Curve]], list[Reference]]:
        from isoflop.web.study_watch import curves_in_flight

        status = self._known()
        return curves_in_flight(status, self.folder)

    def folder_of_study(self) -> Path | None:
        return self.folder

    def _trunks(self) -> dict[str, Any]:
        return {run_id: trunk for trunk in self._notes().working for run_id in trunk.branches}


def _stored_rows(store: Store, study: str, name: str) -> list[Row]:
    if not study:
        return []
    ended = {str(row["run_id"]): row for row in store.runs(study, diverged=True).frame.to_dicts()}
    planned = {plan.run_id: plan for plan in store.planned_runs(study)}
    rows = [
        row_of(row, name=name or _planned_name(planned.get(run_id)), fitted=not name) for run_id, row in ended.items()
    ]
    for plan in planned.values():
        if plan.run_id not in ended and {"params", "tokens"} <= plan.spec.keys():
            params, tokens = float(plan.spec["params"]), float(plan.spec["tokens"])
            label = name or _planned_name(plan)
            rows.append(Row(plan.run_id, label, params, tokens, 6 * params * tokens, plan.state, 0.0, note=plan.note))
    return rows


def _planned_name(plan: Any) -> str:
    return str(plan.spec.get("name", "")) if plan is not None else ""


def _stored_curves(store: Store, run_ids: Sequence[str], study: str) -> dict[str, tuple[list[float], list[float]]]:
    found = {}
    for run_id in run_ids:
        points = store.curve(run_id, study=study)
        if len(points) and points["tokens"].null_count() < len(points):
            kept = points.drop_nulls()
            found[run_id] = (kept["tokens"].to_list(), kept["value"].to_list())
    return found


def _worker_curve(trunk: Any, run_id: str, folder: Path) -> tuple[list[float], list[float]] | None:
    from isoflop.workbench.curves import run_curve

    try:
        curve = run_curve(trunk, run_id, folder)
    except (ValueError, KeyError, TypeError):  # a spec of another trainer, or lines that another wrote
        return None
    return (list(curve.tokens), list(curve.loss)) if len(curve.tokens) > 1 else None


def _progress(status: LadderStatus) -> dict[str, Any]:
    names = (
        *("coordinator", "on", "tokens_per_second", "flops_done", "flops_total", "seconds_left", "device_hours"),
        *("device_hours_left", "cost_usd", "cost_usd_left"),
    )
    running = [{"name": t.name, "phase": t.phase, "share": t.tokens / t.tokens_total} for t in status.running]
    return {name: getattr(status, name) for name in names} | {"running": running}
