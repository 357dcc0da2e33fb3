"""AdamW, written out, with a learning rate that transfers along the width.

Kingma & Ba 2015 (arXiv:1412.6980), decoupled decay from Loshchilov & Hutter 2019 (arXiv:1711.05101).
The rate of a matrix that reads or writes the residual stream falls as 1/width; that of the embedding does not
(Yang et al. 2022, arXiv:2203.03466, table 8, the Adam column). ``parametrisation="standard"`` leaves that out and gives
every width the rates of width 64: the control that shows what the rule is for (coordinates.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isoflop.train.model import Weights
from isoflop.train.spec import BASE_WIDTH, TrunkSpec

EPSILON = 1e-8
EMBEDDING_RATE = 5.0
"""The embedding's rate over the schedule's. Its entries start at 1, not at width^-0.5, so they must move further; 5
cut the loss by 1.4 % against 1 at width 64 and 0.4M tokens."""
MOMENTS = ("first", "second")
Moments = dict[str, Weights]


@dataclass(frozen=True, slots=True)
class AdamW:
    """The constants of the update; the rate comes with each step."""

    beta1: float
    beta2: float
    weight_decay: float
    clip: float
    width: int
    parametrisation: str = "mup"

    @classmethod
    def of(cls, spec: TrunkSpec) -> AdamW:
        return cls(spec.beta1, spec.beta2, spec.weight_decay, spec.clip, spec.width, spec.parametrisation)

    def rate_scales(self, weights: Weights) -> Weights:
        """The multiple of the schedule's rate that each matrix gets."""
        hidden = BASE_WIDTH / self.width if self.parametrisation == "mup" else 1.0
        scales: Weights = jax.tree.map(lambda _: hidden, weights)
        return scales | {"embed": EMBEDDING_RATE}

    def update(
        self,
        weights: Weights,
        moments: Moments,
        gradient: Weights,
        rate: jax.Array,
        step: jax.Array,
        norm: jax.Array | None = None,
    ) -> tuple[Weights, Moments]:
        """One step; ``step`` counts from 1. The gradient is clipped to a global norm of ``clip``.

        norm: the whole gradient's, from a caller that holds only a shard of it.
        """
        if norm is None:
            norm = jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(gradient)))
        shrink = jnp.minimum(1.0, self.clip / (norm + EPSILON))
        bias1, bias2 = 1 - self.beta1**step, 1 - self.beta2**step
        first = jax.tree.map(lambda m, g: self.beta1 * m + (1 - self.beta1) * shrink * g, moments["first"], gradient)
        second = jax.tree.map(
            lambda v, g: self.beta2 * v + (1 - self.beta2) * jnp.square(shrink * g), moments["second"], gradient
        )

        def move(w: jax.Array, m: jax.Array, v: jax.Array, scale: float) -> jax.Array:
            direction = (m / bias1) / (jnp.sqrt(v / bias2) + EPSILON)
            return w - rate * scale * direction - rate * self.weight_decay * w

        moved = jax.tree.map(move, weights, first, second, self.rate_scales(weights))
        return moved, {"first": first, "second": second}


def learning_rates(spec: TrunkSpec, first: int, count: int, branch: int | None = None) -> np.ndarray[Any, Any]:
    """The rate at steps ``first`` .. ``first + count - 1`` (counted from 0), float32 [count].

    Linear warm-up, then constant; on a branch the rate falls as 1 - sqrt(share of the decay done), which Hägele et al.
    2024 (arXiv:2405.18392, section 3) found better than a linear fall.
    """
    step = np.arange(first, first + count, dtype=np.float64)
    warm = max(1, spec.warmup_tokens // spec.batch_tokens)
    rate = spec.lr * np.minimum(1.0, (step + 1) / warm)
    if branch is not None:
        fork, end = spec.fork_steps[branch], spec.branch_steps[branch]
        rate *= 1 - np.sqrt(np.clip((step - fork) / (end - fork), 0, 1))
    return rate.astype(np.float32)
