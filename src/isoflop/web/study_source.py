"""Where a study's runs come from: the folder of a campaign, a store, a table, or rows that a reader sent.

A source is looked at again and again, by one thread at a time, and gives what there is to see at that moment. Nothing
is written to a study, and no worker is disturbed.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoflop.errors import BadInput
from isoflop.runs.table import Runs
from isoflop.workbench.places import LADDER_NOTES, store_at

if TYPE_CHECKING:
    from isoflop.forecasting.watch import Reference
    from isoflop.runs.curves import Curve

STATES = ("done", "running", "planned", "failed", "diverged")


@dataclass(frozen=True, slots=True)
class Row:
    """A run as the page lists it. state: one of STATES. share: of its tokens that are trained. fitted: whether the laws
    may use it."""

    run_id: str
    name: str
    params: float
    tokens: float
    flops: float
    state: str = "done"
    share: float = 1.0
    loss: float | None = None
    loss_se: float | None = None
    speed: float | None = None
    note: str = ""
    fitted: bool = True


@dataclass(frozen=True, eq=False)
class Seen:
    """A study at one moment. runs: what laws are fitted to. progress: of a campaign, None elsewhere. ledger: forecasts
    on record with their scores. notes: what reading took for what."""

    rows: tuple[Row, ...]
    runs: Runs
    progress: Mapping[str, Any] | None = None
    ledger: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


Points = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""run_id -> tokens and loss along its training."""


class Source(ABC):
    """One study. key: its name in addresses. live: whether it may change. kept: whether what its runs teach may be kept
    on disk."""

    key: str
    name: str
    live: bool
    kept: bool = True

    @abstractmethod
    def look(self) -> Seen:
        """The study as it is now. Raises what reading it raises."""

    def curves(self, run_ids: Sequence[str]) -> Points:  # noqa: ARG002
        """The training curves of some runs; those without one are left out."""
        return {}

    def log(self, run_id: str) -> str | None:  # noqa: ARG002
        """The last lines that a run's worker printed, None where logs are not kept."""
        return None

    def in_flight(self) -> tuple[list[tuple[str, float, float, Curve]], list[Reference]]:
        """Curves of runs that are being trained (name, N, D, curve), and of finished runs to learn from."""
        return [], []

    def folder_of_study(self) -> Path | None:
        """The folder that is the study's own, None where it has none."""
        return None


def open_sources(where: Path | str) -> list[Source]:
    """The studies at a place: a ladder's or a demonstration's folder, a store's path or URL, or a table of runs.

    Raises BadInput for a place that holds none, and what reading a table raises.
    """
    from isoflop.web.study_demo import demonstration_in
    from isoflop.web.study_stored import CampaignSource, stored

    text = str(where)
    path = Path(text)
    if "://" in text:
        return stored(text)
    if path.is_dir() and (path / LADDER_NOTES).exists():
        return [CampaignSource(path)]
    demonstration = demonstration_in(path) if path.is_dir() else None
    if demonstration is not None:
        return [demonstration]
    store = store_at(path)
    if store is not None:
        return stored(str(store), name=path.resolve().name if path.is_dir() else store.stem)
    if path.is_dir():
        raise BadInput(f"There is no study in {path}. Give the folder of a ladder or a study, a store, or a table.")
    source = TableSource(path)
    source.look()
    return [source]


def keyed(sources: Sequence[Source]) -> dict[str, Source]:
    """Sources by key; of equal keys the later ones are numbered."""
    found: dict[str, Source] = {}
    for source in sources:
        key, number = source.key, 2
        while key in found:
            key, number = f"{source.key}-{number}", number + 1
        source.key = key
        found[key] = source
    return found


def slug(name: str) -> str:
    """A name as it may stand in an address."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
    return plain or hashlib.sha256(name.encode()).hexdigest()[:8]


@dataclass(eq=False)
class TableSource(Source):
    """A table of runs in a file; read anew when the file changes."""

    path: Path
    key: str = ""
    name: str = ""
    live: bool = True
    _seen: tuple[object, Seen] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.name = self.name or self.path.stem
        self.key = slug(self.name)

    def look(self) -> Seen:
        from isoflop.runs.reading import read_runs

        stamp = stamp_of(str(self.path))
        if self._seen is None or self._seen[0] != stamp:
            self._seen = (stamp, seen_of(read_runs(self.path, drop_bad=True)))
        return self._seen[1]


@dataclass(eq=False)
class GivenSource(Source):
    """Runs that are in memory: a reader's upload, or a caller's table."""

    runs: Runs
    name: str
    key: str = ""
    live: bool = False
    kept: bool = False

    def __post_init__(self) -> None:
        self.key = slug(self.name)

    def look(self) -> Seen:
        return seen_of(self.runs)


def seen_of(runs: Runs) -> Seen:
    """A table of runs as a study of which all is done."""
    rows = [row_of(row, number) for number, row in enumerate(runs.frame.to_dicts(), start=1)]
    return Seen(tuple(rows), runs, notes=runs.notes)


def row_of(row: Mapping[str, Any], number: int = 0, *, name: str = "", fitted: bool = True) -> Row:
    run_id = str(row.get("run_id") or f"row {number}")
    loss = row.get("loss")
    ended = "diverged" if row.get("status") == "diverged" else "done"
    return Row(
        run_id,
        name or str(row.get("name") or row.get("label") or row.get("recipe") or ""),
        float(row["params"]),
        float(row["tokens"]),
        float(row["flops"]),
        ended,
        loss=None if loss is None or loss != loss else float(loss),
        loss_se=row.get("loss_se"),
        speed=row.get("tokens_per_second"),
        fitted=fitted and ended == "done",
    )


def stamp_of(where: str) -> object:
    """What changes whenever a file does; None for a database elsewhere, which has to be asked."""
    if "://" in where:
        return None
    found = []
    for path in (Path(where), Path(f"{where}-wal"), Path(where).parent / "ledger.jsonl"):
        try:
            stat = path.stat()
            found.append((stat.st_mtime_ns, stat.st_size))
        except OSError:
            found.append((0, 0))
    return tuple(found)
