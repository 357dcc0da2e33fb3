"""Devices in a grid: which axis splits what, and where each matrix is cut.

``data`` splits the batch and nothing else: gradients are summed over it. ``fsdp`` splits the batch as well, and the
weights and moments with it (Zhao et al. 2023, arXiv:2304.11277): a matrix is put together just before it is used, and
its gradient is summed and cut in one step. ``tensor`` splits the products themselves (Shoeybi et al. 2019,
arXiv:1909.08053, section 3): the matrices that open a sub-layer by columns, those that close it by rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from isoflop.errors import SpecError
from isoflop.train.spec import MESH_AXES, TrunkSpec

BATCH_AXES = ("data", "fsdp")
COLUMNS = ("qkv", "up")
ROWS = ("out", "down")
_partition: Any = PartitionSpec

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Cut:
    """How one matrix is laid out. fsdp: the axis cut over ``fsdp``; tensor: over ``tensor``; None for neither.

    shape: of the whole, as it is kept: queries, keys and values are three blocks of columns where columns are cut, so
    that a device holds whole heads of each.
    """

    shape: tuple[int, ...]
    fsdp: int | None = None
    tensor: int | None = None

    @property
    def partition(self) -> Any:
        """The axes of the mesh over which each axis of the matrix is cut."""
        names: list[str | None] = [None] * len(self.shape)
        if self.fsdp is not None:
            names[self.fsdp] = "fsdp"
        if self.tensor is not None:
            names[self.tensor] = "tensor"
        return _partition(*names)


def device_count(spec: TrunkSpec) -> int:
    """Devices that a spec asks for, over all its processes."""
    return math.prod(spec.mesh_axes.values())


def batch_parts(spec: TrunkSpec) -> int:
    """Devices among which the sequences of a batch are split."""
    return math.prod(spec.mesh_axes[axis] for axis in BATCH_AXES)


def make_mesh(spec: TrunkSpec) -> jax.sharding.Mesh:
    """The grid of a spec on this machine's devices, or on those of all processes.

    Raises SpecError where there are fewer devices than the spec asks for.
    """
    wanted, found = device_count(spec), jax.devices()
    if len(found) < wanted:
        raise SpecError(
            f"The specification asks for {wanted} devices ({spec.mesh or f'devices = {spec.devices}'}), but this "
            f"process sees {len(found)} ({found[0].platform}). Give it more devices, or a smaller mesh."
        )
    grid = np.array(found[:wanted]).reshape([spec.mesh_axes[axis] for axis in MESH_AXES])
    return jax.sharding.Mesh(grid, MESH_AXES)


def cuts(weights: Any, spec: TrunkSpec) -> Any:
    """The ``Cut`` of every leaf of a tree of weights."""
    fsdp, tensor = spec.mesh_axes["fsdp"], spec.mesh_axes["tensor"]

    def cut(path: Any, leaf: Array) -> Cut:
        name = str(getattr(path[-1], "key", ""))
        shape = tuple(leaf.shape)
        along = None
        if tensor > 1 and name in COLUMNS:
            shape = (shape[0], 3, shape[1] // 3) if name == "qkv" else shape
            along = len(shape) - 1
        elif tensor > 1 and name in ROWS:
            along = 0
        return Cut(shape, _fsdp_axis(shape, along, fsdp), along)

    return jax.tree_util.tree_map_with_path(cut, weights)


def _fsdp_axis(shape: tuple[int, ...], taken: int | None, parts: int) -> int | None:
    """The first axis that the parts divide; a matrix that has none is kept whole on every device."""
    if parts == 1:
        return None
    return next((i for i, size in enumerate(shape) if i != taken and size % parts == 0), None)


def spread(value: Any, sharding: NamedSharding) -> jax.Array:
    """A fresh array on the devices of a mesh, which may belong to several processes that all hold ``value``."""
    value = np.array(value)
    if jax.process_count() == 1:
        alone: jax.Array = jax.device_put(value, sharding)
        return alone
    placed: jax.Array = jax.make_array_from_callback(value.shape, sharding, lambda index: value[index])
    return placed


def gathered(array: jax.Array) -> Array:
    """All of an array whose parts may belong to several processes; every process must ask."""
    if jax.process_count() == 1:
        return np.asarray(array)
    from jax.experimental import multihost_utils

    whole: Array = np.array(multihost_utils.process_allgather(array, tiled=True))
    return whole
