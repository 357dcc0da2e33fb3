"""Checkpoints by orbax: each process writes its own part, in the background, and a checkpoint appears whole or not."""

from __future__ import annotations

import contextlib
import importlib
import logging
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from isoflop.errors import MissingExtra
from isoflop.train.checkpoint import Saved, State, first_readable, other_model

KEPT = 2

_wait: Any = jax.block_until_ready
_shaped: Any = jax.ShapeDtypeStruct


class ShardedCheckpoints:
    """Numbered folders, the last ``KEPT`` of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.orbax = _orbax()
        options = self.orbax.CheckpointManagerOptions(max_to_keep=KEPT, enable_async_checkpointing=True)
        handlers = {"states": self.orbax.StandardCheckpointHandler(), "position": self.orbax.JsonCheckpointHandler()}
        self.manager = self.orbax.CheckpointManager(self.folder, options=options, item_handlers=handlers)
        self._last = max(self.manager.all_steps(), default=-1)

    def save(self, states: dict[str, State], position: dict[str, Any]) -> None:
        """Copy the states and return; the copy is written while training goes on. Errors of the last save are raised
        here."""
        args = self.orbax.args
        copies = {name: jax.tree.map(jnp.copy, state) for name, state in states.items()}
        _wait(copies)
        self._last += 1
        with _as_os_error():
            self.manager.save(
                self._last, args=args.Composite(states=args.StandardSave(copies), position=args.JsonSave(position))
            )

    def load(self, like: State) -> Saved | None:
        """The newest that can be read, on the devices of ``like``."""
        steps = sorted(self.manager.all_steps(), reverse=True)
        return first_readable([self.folder / str(step) for step in steps], lambda path: self._read(path, like))

    def close(self) -> None:
        """Wait until what was saved is on the disk."""
        with _as_os_error():
            self.manager.wait_until_finished()
            self.manager.close()

    def _read(self, path: Path, like: State) -> Saved:
        args, step = self.orbax.args, int(path.name)
        position = self.manager.restore(step, args=args.Composite(position=args.JsonRestore()))["position"]
        names = ("trunk", "branch") if position["decaying"] else ("trunk",)
        known = self.manager.item_metadata(step)["states"]
        if known is None:
            raise ValueError("a list of its arrays is missing")
        shapes = [tuple(leaf.shape) for leaf in jax.tree.leaves({name: known[name] for name in names})]
        wanted = {name: jax.tree.map(_abstract, like) for name in names}
        if shapes != [leaf.shape for leaf in jax.tree.leaves(wanted)]:
            raise other_model(self.folder)
        found = self.manager.restore(step, args=args.Composite(states=args.StandardRestore(wanted)))
        return Saved(dict(position), dict(found["states"]))


def _abstract(leaf: jax.Array) -> Any:
    return _shaped(leaf.shape, leaf.dtype, sharding=leaf.sharding)


@contextlib.contextmanager
def _as_os_error() -> Any:
    """What a full disk looks like after orbax and TensorStore have passed it on: ValueError or RuntimeError."""
    try:
        yield
    except OSError:
        raise
    except (ValueError, RuntimeError) as error:
        raise OSError(str(error)) from error


def _orbax() -> Any:
    logging.getLogger("absl").setLevel(logging.ERROR)
    try:
        return importlib.import_module("orbax.checkpoint")
    except ImportError:
        raise MissingExtra(
            "The package 'orbax-checkpoint', which saves states that are large or sharded,", "train"
        ) from None
