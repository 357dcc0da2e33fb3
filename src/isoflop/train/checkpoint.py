"""Save and load the state of a process so that it goes on bit for bit where it stopped.

One ``.npz`` a checkpoint, written beside and renamed over the old one, read with ``allow_pickle=False``.
"""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from isoflop.errors import TrainingFailure

FILE = "checkpoint/state.npz"


def save_checkpoint(directory: Path, states: dict[str, Any], position: dict[str, Any]) -> None:
    """Write the named states (trees of arrays) and where they are, atomically."""
    arrays = {
        f"{name}{jax.tree_util.keystr(path)}": np.asarray(leaf)
        for name, state in states.items()
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    }
    path = directory / FILE
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, position=np.array(json.dumps(position)), **arrays)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_position(directory: Path) -> dict[str, Any] | None:
    """Where the checkpoint stands, or None when there is none."""
    arrays = _read(directory)
    return None if arrays is None else dict(json.loads(str(arrays["position"])))


def load_state(directory: Path, name: str, like: Any) -> Any:
    """The named state, as a tree of NumPy arrays shaped as ``like``."""
    arrays = _read(directory) or {}

    def leaf(path: Any, old: Any) -> Any:
        found = arrays.get(f"{name}{jax.tree_util.keystr(path)}")
        if found is None or found.shape != np.shape(old):
            raise TrainingFailure(
                f"The checkpoint in {directory} is of another model. Remove the folder to train afresh."
            )
        return found

    return jax.tree_util.tree_map_with_path(leaf, like)


def _read(directory: Path) -> dict[str, Any] | None:
    path = directory / FILE
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise TrainingFailure(f"Cannot read the checkpoint {path}: {error}. Remove it to train afresh.") from None
