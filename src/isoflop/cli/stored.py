"""A study's own store, wherever a table of runs is asked for: ``isoflop forecast speeches/ --at …``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from isoflop.errors import BadInput

if TYPE_CHECKING:
    import polars as pl


def stored_runs(path: Path) -> pl.DataFrame | None:
    """The runs of the store at ``path``, or of the study in that folder; None where it is no such place.

    Of a demonstration's two studies it is the ladder. Raises BadInput for a store that is not there, one without runs,
    and one with the runs of several studies.
    """
    from isoflop.workbench.places import main_study, store_at

    store_path = store_at(path)
    if store_path is None:
        return None
    from isoflop.store import open_store

    with open_store(store_path) as store:
        found = {name: frame for name in store.studies() if len(frame := store.runs(name).frame)}
    if not found:
        raise BadInput(f"{store_path} has no finished run yet. `isoflop ladder status` says what is planned.")
    study = main_study(tuple(found))
    if study is None:
        raise BadInput(
            f"{store_path} has the runs of {len(found)} studies ({', '.join(found)}). Write them as tables with "
            f"`isoflop store export` and give the one that is meant."
        )
    return found[study]
