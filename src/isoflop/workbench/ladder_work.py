"""What of a ladder is left to train, given what the store and the study's folder already have.

A run is the same run whichever trunk it branches off. So a branch that is recorded is not trained again because its
rung was given more tokens: a trunk is then made of the missing ones alone, unless one with all of them was begun
before, which goes on from its checkpoint.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from isoflop.errors import IsoflopError, RunsError
from isoflop.runs.run import Run
from isoflop.store import Store
from isoflop.workbench.files import LineTail
from isoflop.workbench.ladder_file import family, with_branches
from isoflop.workbench.trunk import Trunk, trunk_of


def working_trunks(trunks: Sequence[Trunk], recorded: frozenset[str], folder: Path) -> tuple[Trunk, ...]:
    """The trunks to train, in their order; those of which nothing is missing stay as they are.

    recorded: run_ids in the store. folder: of the trunks.
    """
    begun = _Begun(folder)
    return tuple(_working(trunk, recorded, folder, begun) for trunk in trunks)


def harvest(trunks: Sequence[Trunk], store: Store, study: str, folder: Path) -> int:
    """Record finished runs that only the folders of trunks of an earlier ladder hold; gives how many there were."""
    own = {trunk.spec_id for trunk in trunks}
    missing = {run_id for trunk in trunks for run_id in trunk.branches} - store.run_ids(study)
    found = 0
    for path in sorted(folder.glob("*/runs.jsonl")) if missing else ():
        finished = [] if path.parent.name in own else [run for run in _runs(path) if run.run_id in missing]
        if finished:
            with store.together():
                found += sum(store.record_run(run, study) for run in finished)
    return found


def _working(trunk: Trunk, recorded: frozenset[str], folder: Path, begun: Callable[[Trunk], list[Trunk]]) -> Trunk:
    missing = {run_id: tokens for run_id, tokens in trunk.branches.items() if run_id not in recorded}
    whole = len(missing) in (0, len(trunk.branches))
    if whole or (folder / trunk.spec_id / "spec.json").exists():
        return trunk
    for other in begun(trunk):
        if missing.keys() <= other.branches.keys() <= trunk.branches.keys():
            return other
    return with_branches(trunk, list(missing.values()))


class _Begun:
    """Trunks of the embedded trainer whose folders hold a spec and no mark that they are done, looked up once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._families: Mapping[str, list[Trunk]] | None = None

    def __call__(self, like: Trunk) -> list[Trunk]:
        """Those that differ from a trunk in their branches only."""
        if self._families is None:
            families = defaultdict(list)
            for path in self._folder.glob("*/spec.json"):
                if not (path.parent / "done.json").exists() and (found := _trunk_in(path, like.name)):
                    families[family(found)].append(found)
            self._families = families
        return self._families.get(family(like), [])


def _trunk_in(spec: Path, name: str) -> Trunk | None:
    from isoflop.train.spec import read_spec

    with contextlib.suppress(IsoflopError):  # of another trainer, or damaged: not one to go on with
        found = trunk_of(read_spec(spec), name=name)
        return found if found.spec_id == spec.parent.name else None
    return None


def _runs(path: Path) -> list[Run]:
    runs = []
    for line in LineTail(path).lines():
        with contextlib.suppress(
            ValueError, TypeError, AttributeError, RunsError
        ):  # damaged: its trunk is trained anew
            runs.append(Run.from_dict(json.loads(line)))
    return runs
