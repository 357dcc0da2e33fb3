"""ladder.json: what a coordinator notes when it starts, so that others can look without the ladder's file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from isoflop.errors import BadInput, StoreError
from isoflop.workbench.files import write_atomically
from isoflop.workbench.ladder import Ladder, Price
from isoflop.workbench.places import LADDER_NOTES
from isoflop.workbench.study import Study
from isoflop.workbench.trunk import Trunk


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ladder is trained. capacity: jobs at a time. outlives: whether jobs outlive the coordinator."""

    on: str
    capacity: int
    outlives: bool


@dataclass(frozen=True, slots=True)
class LadderNotes:
    """trunks: of the ladder. working: those that are trained, which lack the branches that were recorded before. store:
    a path, or a URL without its password. devices: of one job."""

    name: str
    store: str
    trunks: tuple[Trunk, ...]
    working: tuple[Trunk, ...]
    place: Place
    devices: int
    price: Price | None


def write_notes(study: Study, ladder: Ladder, working: Sequence[Trunk], place: Place, store: str) -> None:
    """Note the ladder as it is being run."""
    own = {trunk.spec_id for trunk in ladder.trunks}
    content = {
        "name": ladder.name,
        "store": store,
        "trunks": [_written(trunk) for trunk in ladder.trunks],
        "working": [trunk.spec_id if trunk.spec_id in own else _written(trunk) for trunk in working],
        "place": asdict(place),
        "devices": ladder.devices,
        "price": asdict(ladder.price) if ladder.price else None,
    }
    write_atomically(study.folder / LADDER_NOTES, json.dumps(content) + "\n")


def read_notes(study: Study) -> LadderNotes | None:
    """The notes of the last start, None where there was none. Raises StoreError for notes that were damaged."""
    path = study.folder / LADDER_NOTES
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        trunks = {item["spec_id"]: _read(item) for item in content["trunks"]}
        working = (trunks[item] if isinstance(item, str) else _read(item) for item in content["working"])
        price = Price(**content["price"]) if content["price"] else None
        place = Place(**content["place"])
        return LadderNotes(
            content["name"], content["store"], tuple(trunks.values()), tuple(working), place, content["devices"], price
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path} is damaged ({error!r}). Delete it: the next `isoflop ladder run` writes it anew."
        ) from None


def notes_in(folder: Any) -> LadderNotes:
    """The notes in a folder. Raises BadInput where no ladder was ever run."""
    notes = read_notes(Study(folder))
    if notes is None:
        raise BadInput(
            f"No ladder was run in {folder}: it has no {LADDER_NOTES}. Give the folder of a ladder, or its file "
            "LADDER.toml."
        )
    return notes


def _written(trunk: Trunk) -> dict[str, Any]:
    return asdict(trunk)


def _read(item: Mapping[str, Any]) -> Trunk:
    return Trunk(**{**item, "command": tuple(item["command"])})
