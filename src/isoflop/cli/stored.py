"""A study's own store, wherever a table of runs is asked for: ``isoflop forecast speeches/ --at …``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from isoflop.errors import BadInput

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".sqlite", ".sqlite3", ".db")
INSIDE = "study.sqlite"


def stored_runs(path: Path) -> pl.DataFrame | None:
    """The runs of the store at ``path``, or of the study in that folder; None where it is no such place.

    Raises BadInput for a store that is not there, one without runs, and one with the runs of several studies.
    """
    store_path = path / INSIDE if path.is_dir() else path
    if store_path.suffix not in SUFFIXES or (path.is_dir() and not store_path.exists()):
        return None
    if not store_path.exists():
        raise BadInput(
            f"There is no store at {path}. Give a table of runs, a store, or the folder of a ladder or a study."
        )
    from isoflop.store import open_store

    with open_store(store_path) as store:
        found = {name: frame for name in store.studies() if len(frame := store.runs(name).frame)}
    if not found:
        raise BadInput(f"{store_path} has no finished run yet. `isoflop ladder status` says what is planned.")
    if len(found) > 1:
        raise BadInput(
            f"{store_path} has the runs of {len(found)} studies ({', '.join(found)}). Write them as tables with "
            f"`isoflop store export` and give the one that is meant."
        )
    return next(iter(found.values()))
