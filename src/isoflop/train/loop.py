"""The loop: many steps a dispatch, all on the device, the same arithmetic wherever it is cut.

A dispatch runs ``count`` steps inside one compiled program; ``count`` is data, not a shape, so one program serves the
trunk, every branch, and a run that resumes in the middle. Cutting the steps elsewhere changes no bit of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from isoflop.train.model import Choices, Weights, init_weights, token_losses, training_loss
from isoflop.train.optimiser import MOMENTS, AdamW, learning_rates
from isoflop.train.spec import TrunkSpec

_partition: Any = PartitionSpec
_mean_over_devices: Any = jax.lax.pmean

STEPS_PER_DISPATCH = 128
"""The most steps in one dispatch: the length of the arrays that hold their windows and rates."""

Array = np.ndarray[Any, np.dtype[Any]]
State = dict[str, Any]
"""{"weights", "moments": {"first", "second"}, "step": float32 steps done}"""


class Trainer:
    """The compiled programs of one spec and the text they read; the state of training is passed in and out."""

    def __init__(self, spec: TrunkSpec, train: Array) -> None:
        self.spec = spec
        self.windows = WindowOrder(len(train), spec.context, spec.data_seed)
        self._mesh = jax.sharding.Mesh(np.array(jax.devices()[: spec.devices]), ("data",))
        self._text = jax.device_put(train, self._sharding())
        self._advance = _compile_steps(spec, self._mesh)
        choices = Choices.of(spec)
        self._losses = jax.jit(lambda weights, windows: token_losses(weights, windows, choices).mean(axis=1))

    def compile(self) -> None:
        """Build the program of a dispatch by running one of no steps, so that the first real one is timed fairly."""
        starts = np.zeros((STEPS_PER_DISPATCH, self.spec.batch), np.int32)
        self._advance(self.start(), self._text, starts, np.zeros(STEPS_PER_DISPATCH, np.float32), 0)

    def start(self) -> State:
        """The state before the first step."""
        weights = init_weights(self.spec.seed, self.spec.shape)
        moments = {name: jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), weights) for name in MOMENTS}
        return self.place({"weights": weights, "moments": moments, "step": np.zeros((), np.float32)})

    def place(self, state: State) -> State:
        """Fresh buffers of a state, on every device; a state given to ``advance`` is consumed by it."""
        placed: State = jax.tree.map(lambda leaf: jax.device_put(np.array(leaf), self._sharding()), state)
        return placed

    def advance(self, state: State, first: int, count: int, branch: int | None) -> tuple[State, float]:
        """Take steps ``first`` .. ``first + count - 1``; returns the state after and the mean training loss
        (nats/token)."""
        starts = np.zeros((STEPS_PER_DISPATCH, self.spec.batch), np.int32)
        rates = np.zeros(STEPS_PER_DISPATCH, np.float32)
        starts[:count] = self.windows.starts(first * self.spec.batch, count * self.spec.batch).reshape(count, -1)
        rates[:count] = learning_rates(self.spec, first, count, branch)
        state, loss_sum = self._advance(state, self._text, starts, rates, count)
        return state, float(loss_sum) / count

    def window_losses(self, weights: Weights, windows: Array, chunk: int = 64) -> Array:
        """Mean loss of each held-out window [W, context + 1], in nats/token: float64 [W]."""
        padded = np.concatenate([windows, windows[: -len(windows) % chunk]]) if len(windows) > chunk else windows
        losses = [self._losses(weights, padded[i : i + chunk].astype(np.int32)) for i in range(0, len(padded), chunk)]
        return np.concatenate([np.asarray(loss, np.float64) for loss in losses])[: len(windows)]

    def _sharding(self) -> NamedSharding:
        return NamedSharding(self._mesh, _partition())


class WindowOrder:
    """The order in which training reads its text: each pass is a shuffle of windows that tile it once."""

    def __init__(self, tokens: int, context: int, seed: int) -> None:
        self.tokens, self.context, self.seed = tokens, context, seed
        self.per_pass = (tokens - 1) // context - 1
        self._pass = lru_cache(maxsize=2)(self._shuffle)

    def starts(self, first: int, count: int) -> Array:
        """Where windows ``first`` .. ``first + count - 1`` of training begin, int32 [count]."""
        pieces = []
        while count:
            which, offset = divmod(first, self.per_pass)
            piece = self._pass(which)[offset : offset + count]
            pieces.append(piece)
            first, count = first + len(piece), count - len(piece)
        return np.concatenate(pieces)

    def _shuffle(self, which: int) -> Array:
        generator = np.random.default_rng((self.seed, which))
        shift = generator.integers(self.context)
        return (generator.permutation(self.per_pass) * self.context + shift).astype(np.int32)


def held_out_windows(validation: Array, context: int, count: int) -> Array:
    """Up to ``count`` windows of ``context + 1`` tokens, evenly spread over the held-out text, the same for all runs.

    No more than fit without predicting a token twice: overlapping windows would understate the standard error.
    """
    count = max(2, min(count, (len(validation) - 1) // context))
    starts = np.linspace(0, len(validation) - context - 1, count).astype(np.int64)
    windows: Array = validation[starts[:, None] + np.arange(context + 1)]
    return windows


def mean_and_error(losses: Array) -> tuple[float, float]:
    """The mean of the windows' losses and its standard error, s / sqrt(W), windows taken as independent."""
    return float(losses.mean()), float(losses.std(ddof=1) / np.sqrt(len(losses)))


def _compile_steps(spec: TrunkSpec, mesh: jax.sharding.Mesh) -> Callable[..., tuple[State, jax.Array]]:
    """The program of one dispatch. On several devices each takes a share of the batch and the gradients are
    averaged."""
    optimiser, choices = AdamW.of(spec), Choices.of(spec)
    offsets = np.arange(spec.context + 1)

    def mean_loss(weights: Weights, windows: jax.Array) -> jax.Array:
        return training_loss(weights, windows, choices)

    def step(state: State, windows: jax.Array, rate: jax.Array) -> tuple[State, jax.Array]:
        loss, gradient = jax.value_and_grad(mean_loss)(state["weights"], windows)
        if spec.devices > 1:
            loss, gradient = _mean_over_devices((loss, gradient), "data")
        done = state["step"] + 1
        weights, moments = optimiser.update(state["weights"], state["moments"], gradient, rate, done)
        return {"weights": weights, "moments": moments, "step": done}, loss

    def dispatch(
        state: State, text: jax.Array, starts: jax.Array, rates: jax.Array, count: int
    ) -> tuple[State, jax.Array]:
        def body(i: jax.Array, carry: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
            windows = text[starts[i][:, None] + offsets].astype(jnp.int32)
            state, loss = step(carry[0], windows, rates[i])
            return state, carry[1] + loss

        after: tuple[State, jax.Array] = jax.lax.fori_loop(0, count, body, (state, jnp.zeros(())))
        return after

    if spec.devices > 1:
        whole, split = _partition(), _partition(None, "data")
        dispatch = jax.shard_map(
            dispatch, mesh=mesh, in_specs=(whole, whole, split, whole, whole), out_specs=(whole, whole), check_vma=False
        )
    compiled: Callable[..., tuple[State, jax.Array]] = jax.jit(dispatch, donate_argnums=0)
    return compiled
