"""Weights as a forward pass sees them, while each device holds a share: put together, turned to bf16, or left cut.

A forward pass written for one device runs unchanged on a mesh: the tree it is given holds whole matrices, put together
from their shares the moment they are used, and matrices that stay cut but multiply as the whole would. What the
transposes of these steps do to the gradient is written out here, because all of a device's loss is in its own share of
the batch: a sum over devices belongs in the gradient exactly once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from isoflop.train.mesh import COLUMNS, Cut
from isoflop.train.model import Weights
from isoflop.train.spec import TrunkSpec

_sum: Any = jax.lax.psum
_sum_and_cut: Any = jax.lax.psum_scatter
_node: Any = jax.tree_util.register_pytree_node_class


class Share:
    """An array in the tree that is not a plain one."""

    def __init__(self, array: jax.Array, dtype: Any) -> None:
        self.array, self.dtype = array, dtype

    def tree_flatten(self) -> tuple[tuple[jax.Array], Any]:
        return (self.array,), self.dtype

    @classmethod
    def tree_unflatten(cls, dtype: Any, children: tuple[jax.Array]) -> Share:
        return cls(children[0], dtype)


@_node
class Columns(Share):
    """A device's columns of a matrix: ``x @ columns`` is its columns of the product."""

    def __rmatmul__(self, left: jax.Array) -> jax.Array:
        whole: jax.Array = enter_tensor(left) @ self.array
        return whole


@_node
class Rows(Share):
    """A device's rows of a matrix: ``x @ rows``, of a device's columns of x, is the whole product."""

    def __rmatmul__(self, left: jax.Array) -> jax.Array:
        whole: jax.Array = leave_tensor(left @ self.array)
        return whole


@_node
class Table(Share):
    """A matrix whose rows are looked up, in fp32: a row that many tokens share gets the sum of many small gradients,
    which bf16 would lose. What is read is of ``dtype``."""

    def __getitem__(self, rows: jax.Array) -> jax.Array:
        return self.array[rows].astype(self.dtype)


@jax.custom_vjp
def enter_tensor(value: jax.Array) -> jax.Array:
    """The same on every device of ``tensor``; the gradient is the sum of what each device's columns ask for."""
    return value


@jax.custom_vjp
def leave_tensor(value: jax.Array) -> jax.Array:
    """The sum over ``tensor``; its gradient is the same on every device."""
    total: jax.Array = _sum(value, "tensor")
    return total


def _same(value: jax.Array) -> tuple[jax.Array, None]:
    return value, None


enter_tensor.defvjp(_same, lambda _, gradient: (_sum(gradient, "tensor"),))
leave_tensor.defvjp(lambda value: (_sum(value, "tensor"), None), lambda _, gradient: (gradient,))


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def put_together(share: jax.Array, axis: int | None, dtype: Any) -> jax.Array:
    """A whole matrix from its shares over ``fsdp``, in ``dtype``; the gradient is averaged over ``fsdp`` in fp32 and
    cut again (or kept whole where the matrix was, ``axis`` None)."""
    share = share.astype(dtype)
    return share if axis is None else jax.lax.all_gather(share, "fsdp", axis=axis, tiled=True)


def _put_together(share: jax.Array, axis: int | None, dtype: Any) -> tuple[jax.Array, None]:
    return put_together(share, axis, dtype), None


def _average(axis: int | None, _dtype: Any, _: None, gradient: jax.Array) -> tuple[jax.Array]:
    gradient = gradient.astype(jnp.float32) / jax.lax.axis_size("fsdp")
    if axis is None:
        return (_sum(gradient, "fsdp"),)
    return (_sum_and_cut(gradient, "fsdp", scatter_dimension=axis, tiled=True),)


put_together.defvjp(_put_together, _average)


@dataclass(frozen=True, slots=True)
class Sharing:
    """How a spec's weights reach its forward pass; ``cuts`` as ``mesh.cuts`` gives them."""

    spec: TrunkSpec
    cuts: Any

    def whole(self, weights: Weights) -> Weights:
        """What the forward pass reads. On one device in fp32, the weights themselves."""
        axes = self.spec.mesh_axes
        if self.spec.precision == "fp32" and axes["fsdp"] == axes["tensor"] == 1:
            return weights
        seen: Weights = jax.tree_util.tree_map_with_path(self._leaf, weights, self.cuts)
        return seen

    def forgetting(self, loss: Callable[..., Any]) -> Callable[..., Any]:
        """The loss, told to keep no matrix that was put together: its backward pass puts it together once more."""
        if self.spec.mesh_axes["fsdp"] == 1:
            return loss
        return jax.checkpoint(loss, policy=_keeps)

    def _leaf(self, path: Any, leaf: jax.Array, cut: Cut) -> Any:
        name, dtype = str(getattr(path[-1], "key", "")), jnp.dtype(_DTYPES[self.spec.precision])
        if name == "embed" and dtype != jnp.float32:
            return Table(self._gathered(leaf, cut, jnp.float32), dtype)
        value = self._gathered(leaf, cut, dtype)
        if cut.tensor is None:
            return value
        return Columns(value.reshape(len(value), -1), dtype) if name in COLUMNS else Rows(value, dtype)

    def _gathered(self, leaf: jax.Array, cut: Cut, dtype: Any) -> jax.Array:
        if self.spec.mesh_axes["fsdp"] == 1:
            return leaf.astype(dtype)
        return put_together(leaf, cut.fsdp, dtype)


_DTYPES = {"fp32": jnp.float32, "bf16": jnp.bfloat16}
_REBUILT = ("all_gather", "reshape")


def _keeps(primitive: Any, *_: Any, **__: Any) -> bool:
    """Whether the backward pass keeps what this operation made: all but matrices put together and views of them."""
    return str(primitive) not in _REBUILT
