"""One training step on a mesh: the gradient of a batch, its sum over devices, the update.

``shard_map`` says which device computes what; nothing is left to a compiler's guess. (A mesh of the same shape with the
weights cut along their last axis and no further word was compiled to 33 all-to-alls and no reduce-scatter.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from isoflop.train.mesh import BATCH_AXES, Cut
from isoflop.train.model import Choices, Weights, token_losses, training_loss
from isoflop.train.optimiser import AdamW
from isoflop.train.shares import Sharing
from isoflop.train.spec import TrunkSpec

State = dict[str, Any]
"""{"weights", "moments": {"first", "second"}, "step": float32 steps done}"""

_sum: Any = jax.lax.psum
_mean_over_devices: Any = jax.lax.pmean


@dataclass(frozen=True, slots=True)
class Step:
    """The arithmetic of one step, as each device of a mesh does it."""

    spec: TrunkSpec
    choices: Choices
    optimiser: AdamW
    sharing: Sharing

    @classmethod
    def of(cls, spec: TrunkSpec, sharing: Sharing) -> Step:
        return cls(spec, Choices.of(spec), AdamW.of(spec), sharing)

    def __call__(self, state: State, windows: jax.Array, rate: jax.Array) -> tuple[State, jax.Array]:
        """The state after a step on this device's windows [B, T+1], and the loss (nats/token) of all devices'."""
        loss, gradient = self._gradient(state["weights"], windows)
        if self.spec.mesh_axes["data"] > 1:
            loss, gradient = _mean_over_devices((loss, gradient), "data")
        if self.spec.mesh_axes["fsdp"] > 1:  # over which the gradient is averaged already
            loss = _mean_over_devices(loss, "fsdp")
        done, norm = state["step"] + 1, self._norm(gradient)
        weights, moments = self.optimiser.update(state["weights"], state["moments"], gradient, rate, done, norm)
        return {"weights": weights, "moments": moments, "step": done}, loss

    def _gradient(self, weights: Weights, windows: jax.Array) -> tuple[jax.Array, Weights]:
        """Loss and gradient of one batch, in micro-batches of equal size, so that their mean is the batch's."""
        of_part = jax.value_and_grad(self.sharing.forgetting(self._loss))
        parts = self.spec.accumulate
        if parts == 1:
            found: tuple[jax.Array, Weights] = of_part(weights, windows)
            return found

        def add(carry: tuple[jax.Array, Weights], part: jax.Array) -> tuple[tuple[jax.Array, Weights], None]:
            return jax.tree.map(jnp.add, carry, of_part(weights, part)), None

        nothing = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, weights))
        total, _ = jax.lax.scan(add, nothing, windows.reshape(parts, -1, windows.shape[-1]))
        mean: tuple[jax.Array, Weights] = jax.tree.map(lambda leaf: leaf / parts, total)
        return mean

    def _loss(self, weights: Weights, windows: jax.Array) -> jax.Array:
        return training_loss(self.sharing.whole(weights), windows, self.choices)

    def _norm(self, gradient: Weights) -> jax.Array | None:
        """Of the whole gradient, where a device holds a share of it."""
        axes = self.spec.mesh_axes
        return None if axes["fsdp"] == axes["tensor"] == 1 else whole_norm(gradient, self.sharing.cuts)


def whole_norm(gradient: Weights, cuts: Any) -> jax.Array:
    """The Euclidean norm of a gradient of which each device holds shares."""
    leaves, found = jax.tree.leaves(gradient), jax.tree.leaves(cuts, is_leaf=lambda leaf: isinstance(leaf, Cut))
    squares: dict[tuple[str, ...], jax.Array] = {}
    for leaf, cut in zip(leaves, found, strict=True):
        axes = tuple(name for name, axis in (("fsdp", cut.fsdp), ("tensor", cut.tensor)) if axis is not None)
        squares[axes] = squares.get(axes, jnp.zeros(())) + jnp.sum(jnp.square(leaf))
    return jnp.sqrt(sum(_sum(value, axes) if axes else value for axes, value in squares.items()))


def window_means(sharing: Sharing, choices: Choices) -> Callable[..., jax.Array]:
    """A program for the mean loss of each window [W, T+1], each device taking a share of them: float32 [W], on all."""
    axes = tuple(axis for axis in BATCH_AXES if sharing.spec.mesh_axes[axis] > 1)

    def means(weights: Weights, windows: jax.Array) -> jax.Array:
        own = token_losses(sharing.whole(weights), windows, choices).mean(axis=1)
        return jax.lax.all_gather(own, axes, tiled=True) if axes else own

    return means
