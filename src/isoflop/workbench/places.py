"""Where a study lies: a store, the folder of one, and which of a store's studies is meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from isoflop.errors import BadInput

STORE_FILE = "study.sqlite"
"""The store in a study's folder."""
LADDER_NOTES = "ladder.json"
"""What a coordinator notes in a ladder's folder."""
STORE_SUFFIXES = (".sqlite", ".sqlite3", ".db")
LADDER, TARGET = "ladder", "target"
"""The two studies of a demonstration's store: the second is what the first foretells, and is not fitted."""


def store_at(path: Path) -> Path | None:
    """The store at a path or in a study's folder; None for another kind of file and for a folder without one.

    Raises BadInput for a store that is not there.
    """
    place = path / STORE_FILE if path.is_dir() else path
    if place.suffix not in STORE_SUFFIXES or (path.is_dir() and not place.exists()):
        return None
    if not place.exists():
        raise BadInput(
            f"There is no study in {path}: no store at that path. "
            "Give a table of runs, a store, or the folder of a study."
        )
    return place


def main_study(names: Sequence[str]) -> str | None:
    """The study that is meant where none is named: the only one, or a demonstration's ladder; None where it is open."""
    if len(names) == 1 or sorted(names) == [LADDER, TARGET]:
        return sorted(names)[0]
    return None


def study_beside(study: str, names: Sequence[str]) -> str | None:
    """The study whose runs are shown with this one's and not fitted: a demonstration's target; None for others."""
    return TARGET if study == LADDER and sorted(names) == [LADDER, TARGET] else None
