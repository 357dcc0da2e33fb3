"""Several runs of one shape in one program: the same arithmetic, vectorised over runs.

A model of a few million parameters leaves most of a GPU idle: its matrix products are too small, and the pauses between
them too long. Runs that differ in learning rate, seed or order of the text only have equal shapes and can be trained as
one run with one more axis. Runs of different shapes cannot; they share a GPU as processes (``runs_per_gpu`` of the
local executor). On a CPU neither helps: vectorised over 4 and 16 runs of 20,000 parameters one core trained at 0.76 and
0.61 of its speed, so a core gets a process of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isoflop.errors import SpecError
from isoflop.train.attention import check_attention
from isoflop.train.mesh import cuts, device_count
from isoflop.train.model import Choices, init_weights, token_losses
from isoflop.train.optimiser import MOMENTS, learning_rates
from isoflop.train.shares import Sharing
from isoflop.train.spec import TrunkSpec
from isoflop.train.step import State, Step
from isoflop.train.windows import WindowOrder

FREE = ("lr", "seed", "data_seed")
"""Fields in which runs trained together may differ."""
STEPS_PER_DISPATCH = 128

Array = np.ndarray[Any, np.dtype[Any]]


class Together:
    """The compiled program of several specs and the text that all of them read; state goes in and out.

    The leaves of a state have one axis more than those of a ``Trainer``'s, first, in the order of the specs. Raises
    SpecError for specs that differ in more than ``FREE``, or that ask for several devices.
    """

    def __init__(self, specs: Sequence[TrunkSpec], train: Array) -> None:
        check_alike(specs)
        self.specs, first = tuple(specs), specs[0]
        check_attention(first)
        self._orders = [WindowOrder(len(train), first.context, spec.data_seed) for spec in specs]
        self._text = jax.device_put(train)
        self._sharing = Sharing(first, cuts(init_weights(first.seed, first.shape), first))
        self._advance = self._compile_steps()
        self._losses = self._compile_losses()

    def start(self) -> State:
        """The states before the first step."""
        each = [init_weights(spec.seed, spec.shape) for spec in self.specs]
        weights = jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *each)
        moments = {name: jax.tree.map(jnp.zeros_like, weights) for name in MOMENTS}
        return {"weights": weights, "moments": moments, "step": jnp.zeros(len(self.specs))}

    def advance(self, state: State, first: int, count: int, branch: int | None) -> tuple[State, Array]:
        """Take steps ``first`` .. ``first + count - 1`` of every run; returns the states after and each run's mean
        training loss (nats/token), [runs]."""
        batch, runs = self.specs[0].batch, len(self.specs)
        starts = np.zeros((STEPS_PER_DISPATCH, runs, batch), np.int32)
        rates = np.zeros((STEPS_PER_DISPATCH, runs), np.float32)
        for run, (spec, order) in enumerate(zip(self.specs, self._orders, strict=True)):
            starts[:count, run] = order.starts(first * batch, count * batch).reshape(count, -1)
            rates[:count, run] = learning_rates(spec, first, count, branch)
        state, total = self._advance(state, self._text, starts, rates, count)
        return state, np.asarray(total, np.float64) / count

    def window_losses(self, state: State, windows: Array) -> Array:
        """Mean loss of each held-out window [W, context + 1] under each run, in nats/token: float64 [runs, W]."""
        return np.asarray(self._losses(state["weights"], windows.astype(np.int32)), np.float64)

    def _compile_steps(self) -> Any:
        step, offsets = jax.vmap(Step.of(self.specs[0], self._sharing)), np.arange(self.specs[0].context + 1)
        nothing = np.zeros(len(self.specs), np.float32)

        def dispatch(
            state: State, text: jax.Array, starts: jax.Array, rates: jax.Array, count: int
        ) -> tuple[State, jax.Array]:
            def body(i: jax.Array, carry: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
                windows = text[starts[i][..., None] + offsets].astype(jnp.int32)
                state, loss = step(carry[0], windows, rates[i])
                return state, carry[1] + loss

            after: tuple[State, jax.Array] = jax.lax.fori_loop(0, count, body, (state, jnp.asarray(nothing)))
            return after

        return jax.jit(dispatch, donate_argnums=0)

    def _compile_losses(self) -> Any:
        choices, whole = Choices.of(self.specs[0]), self._sharing.whole

        def of_run(weights: Any, windows: jax.Array) -> jax.Array:
            return token_losses(whole(weights), windows, choices).mean(axis=1)

        return jax.jit(jax.vmap(of_run, in_axes=(0, None)))


def check_alike(specs: Sequence[TrunkSpec]) -> None:
    """Raise SpecError where specs differ in anything that changes the program, or ask for several devices."""
    if not specs:
        raise SpecError("No specification to train together. Give at least one.")
    for item in fields(TrunkSpec):
        values = {getattr(spec, item.name) for spec in specs}
        if item.name not in FREE and len(values) > 1:
            shown = ", ".join(sorted(map(str, values)))
            raise SpecError(
                f"Runs with {item.name} {shown} cannot be trained together. Allowed to differ: {', '.join(FREE)}. "
                f"Train the others in processes of their own."
            )
    if device_count(specs[0]) > 1:
        raise SpecError(
            f"Runs on {device_count(specs[0])} devices each cannot be trained together. Allowed: one device. Leave "
            f"mesh and devices out."
        )
