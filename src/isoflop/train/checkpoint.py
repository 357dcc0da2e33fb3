"""Save and load the state of a process so that it goes on bit for bit where it stopped.

Two kinds of file, chosen by what is to be saved (docs/decisions/0009-checkpoints.md): a state of one process that is
small is one ``.npz``, written beside its place and renamed into it; a state that is large, or cut over devices, is
written by orbax, while training goes on and by every process its own part (sharded_checkpoint.py). Both keep the
checkpoint before the last: a newest one that cannot be read costs the steps in between and not the run.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np

from isoflop.errors import TrainingFailure

FOLDER = "checkpoint"
NEWEST, BEFORE = "state.npz", "before.npz"
WORDS = 200
"""Characters of an error that a note repeats."""
SMALL_BYTES = 64 * 1024**2
"""Of a state. Below, an .npz is written in less time than orbax takes to write one in the background."""

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint that was read. position: where training stood. states: by name, as arrays. note: what was wrong with
    a newer one, or nothing."""

    position: dict[str, Any]
    states: dict[str, State]
    note: str = ""


class Checkpoints(Protocol):
    """Checkpoints of one folder. Whoever saves goes on at once; ``close`` returns when all is on the disk.

    ``save`` and ``close`` raise OSError where it cannot be written (a full disk); the checkpoint before is still there.
    ``load`` returns None where there is none, and raises TrainingFailure where none can be read or they are of another
    model.
    """

    def save(self, states: dict[str, State], position: dict[str, Any]) -> None:
        """Save the named states and where they are."""
        ...

    def load(self, like: State) -> Saved | None:
        """The newest checkpoint that can be read; its states are shaped as ``like``."""
        ...

    def close(self) -> None:
        """Wait until what was saved is on the disk."""
        ...


def open_checkpoints(directory: Path, like: State, sharded: bool) -> Checkpoints:
    """The kind of checkpoint that suits a state: see the head of this module."""
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(like))
    if sharded or jax.process_count() > 1 or size > SMALL_BYTES:
        from isoflop.train.sharded_checkpoint import ShardedCheckpoints

        return ShardedCheckpoints(directory / FOLDER)
    return WholeCheckpoints(directory / FOLDER)


class WholeCheckpoints:
    """One ``.npz`` a checkpoint, read with ``allow_pickle=False``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, states: dict[str, State], position: dict[str, Any]) -> None:
        """Write beside, force to the disk, rename; the checkpoint there was takes the place of the one before."""
        arrays = {
            f"{name}{jax.tree_util.keystr(path)}": np.asarray(leaf)
            for name, state in states.items()
            for path, leaf in jax.tree_util.tree_leaves_with_path(state)
        }
        newest = self.folder / NEWEST
        self.folder.mkdir(exist_ok=True)
        partial = newest.with_suffix(".partial")
        try:
            with partial.open("wb") as file:
                np.savez(file, allow_pickle=False, position=np.array(json.dumps(position)), **arrays)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        if newest.exists():
            newest.replace(self.folder / BEFORE)
        partial.replace(newest)

    def load(self, like: State) -> Saved | None:
        """The newest that can be read; a note says what was wrong with a newer one."""
        return first_readable(
            [self.folder / name for name in (NEWEST, BEFORE) if (self.folder / name).exists()],
            lambda path: _read(path, like),
        )

    def close(self) -> None:
        """Nothing is left to write."""


def first_readable(paths: list[Path], read: Callable[[Path], Saved]) -> Saved | None:
    """The first checkpoint that ``read`` can read. Raises TrainingFailure where there are some and none can be read."""
    wrong = []
    for path in paths:
        try:
            saved = read(path)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
            wrong.append(f"Cannot read the checkpoint {path}: {(str(error) or repr(error))[:WORDS]}.")
            continue
        note = f"{' '.join(wrong)} Training goes on from the one before." if wrong else ""
        return Saved(saved.position, saved.states, note)
    if wrong:
        raise TrainingFailure(f"{' '.join(wrong)} Remove {paths[0].parent} to train afresh.")
    return None


def other_model(folder: Path) -> TrainingFailure:
    """A checkpoint whose arrays are not those of the state that is to be loaded."""
    return TrainingFailure(f"The checkpoint in {folder} is of another model. Remove the folder to train afresh.")


def _read(path: Path, like: State) -> Saved:
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    position = dict(json.loads(str(arrays.pop("position"))))

    def leaf(name: str, where: Any, old: Any) -> Any:
        found = arrays.get(f"{name}{jax.tree_util.keystr(where)}")
        if found is None or found.shape != np.shape(old):
            raise other_model(path.parent)
        return found

    names = sorted({key.split("[", 1)[0] for key in arrays})
    states = {
        name: jax.tree_util.tree_map_with_path(lambda where, old, name=name: leaf(name, where, old), like)
        for name in names
    }
    return Saved(position, states)
