"""The loop: many steps a dispatch, all on the device, the same arithmetic wherever it is cut.

A dispatch runs ``count`` steps inside one compiled program; ``count`` is data, not a shape, so one program serves the
trunk, every branch, and a run that resumes in the middle. Cutting the steps elsewhere changes no bit of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from isoflop.train.attention import check_attention
from isoflop.train.mesh import BATCH_AXES, Cut, batch_parts, cuts, device_count, gathered, make_mesh, spread
from isoflop.train.model import Choices, Weights, init_weights, token_losses
from isoflop.train.optimiser import MOMENTS, learning_rates
from isoflop.train.shares import Sharing
from isoflop.train.spec import TrunkSpec
from isoflop.train.step import State, Step, window_means
from isoflop.train.windows import FED_BYTES, HostWindows, WindowOrder, stays_on_host

_partition: Any = PartitionSpec
_wait: Any = jax.block_until_ready
WHOLE: Any = _partition()

STEPS_PER_DISPATCH = 128
"""The most steps in one dispatch: the length of the arrays that hold their windows and rates."""
EVALUATED_TOKENS = 64 * 1024
"""Of held-out text at a time, on each device."""
WINDOWS_AT_A_TIME = 64

Array = np.ndarray[Any, np.dtype[Any]]


class Trainer:
    """The compiled programs of one spec and the text they read; the state of training is passed in and out.

    on_host: leave the text with the host and send windows to the device; by default where the text is large or mapped
    from a file. The bits are the same either way. Raises SpecError where the devices at hand cannot do what the spec
    asks for.
    """

    def __init__(self, spec: TrunkSpec, train: Array, on_host: bool | None = None) -> None:
        check_attention(spec)
        self.spec = spec
        self.windows = WindowOrder(len(train), spec.context, spec.data_seed)
        self._mesh = make_mesh(spec)
        weights = init_weights(spec.seed, spec.shape)
        self._sharing = Sharing(spec, cuts(weights, spec))
        self._on_host = stays_on_host(train) if on_host is None else on_host
        step_bytes = spec.batch * (spec.context + 1) * train.itemsize
        room = max(1, min(STEPS_PER_DISPATCH, FED_BYTES // step_bytes))
        self.most_steps = room if self._on_host else STEPS_PER_DISPATCH
        self._text: Any = None if self._on_host else spread(train, self._sharding(WHOLE))
        self._fed = HostWindows(train, self.windows, spec.batch, self.most_steps, self._place_windows)
        self._advance = self._compile_steps()
        self._losses = self._compile_losses()

    @property
    def sharded(self) -> bool:
        """Whether no device holds all of the state."""
        axes = self.spec.mesh_axes
        return axes["fsdp"] * axes["tensor"] > 1

    def compile(self) -> None:
        """Build the program of a dispatch by running one of no steps, so that the first real one is timed fairly."""
        windows = self._fed.take(0, 1) if self._on_host else self._starts(0, 0)
        rates = np.zeros(self.most_steps, np.float32)
        _wait(self._advance(self.start(), self._text, windows, rates, 0))

    def start(self) -> State:
        """The state before the first step."""
        weights = init_weights(self.spec.seed, self.spec.shape)
        moments = {name: jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), weights) for name in MOMENTS}
        return self.place({"weights": weights, "moments": moments, "step": np.zeros((), np.float32)})

    def place(self, state: State) -> State:
        """Fresh buffers of a whole state (a copy, or arrays read from a file) on the devices that share it; a state
        given to ``advance`` is consumed by it."""
        if isinstance(state["step"], jax.Array) and (jax.process_count() > 1 or jax.default_backend() != "cpu"):
            copied: State = jax.tree.map(jnp.copy, state)
            return copied
        trees = [state["weights"], *(state["moments"][name] for name in MOMENTS)]
        weights, *moments = (jax.tree.map(self._place, tree, self._sharing.cuts) for tree in trees)
        step = spread(state["step"], self._sharding(WHOLE))
        return {"weights": weights, "moments": dict(zip(MOMENTS, moments, strict=True)), "step": step}

    def whole(self, weights: Weights) -> Weights:
        """Weights as ``init_weights`` shapes them, as NumPy arrays, from the shares that processes and devices hold."""
        shapes = jax.tree.map(np.shape, init_weights(self.spec.seed, self.spec.shape))
        whole: Weights = jax.tree.map(lambda leaf, shape: gathered(leaf).reshape(shape), weights, shapes)
        return whole

    def advance(self, state: State, first: int, count: int, branch: int | None) -> tuple[State, float]:
        """Take steps ``first`` .. ``first + count - 1``; returns the state after and the mean training loss
        (nats/token)."""
        rates = np.zeros(self.most_steps, np.float32)
        rates[:count] = learning_rates(self.spec, first, count, branch)
        windows = self._fed.take(first, count) if self._on_host else self._starts(first, count)
        state, loss_sum = self._advance(state, self._text, windows, rates, count)
        if self._on_host:
            self._fed.prefetch(first + count, count)
        return state, float(loss_sum) / count

    def window_losses(self, weights: Weights, windows: Array, chunk: int | None = None) -> Array:
        """Mean loss of each held-out window [W, context + 1], in nats/token: float64 [W]."""
        chunk = chunk or self._chunk()
        padded = np.concatenate([windows, windows[: -len(windows) % chunk]]) if len(windows) > chunk else windows
        padded = np.resize(padded, (-(-len(padded) // self._parts) * self._parts, padded.shape[1]))
        losses = [self._losses(weights, padded[i : i + chunk].astype(np.int32)) for i in range(0, len(padded), chunk)]
        return np.concatenate([np.asarray(loss, np.float64) for loss in losses])[: len(windows)]

    @property
    def _parts(self) -> int:
        """Devices among which windows are evaluated."""
        return batch_parts(self.spec) if self.spec.mesh else 1

    def _chunk(self) -> int:
        """Windows evaluated at a time: as many as 64 on each device while their tokens are few."""
        each = max(1, min(WINDOWS_AT_A_TIME, EVALUATED_TOKENS // self.spec.context))
        return each * self._parts

    def _starts(self, first: int, count: int) -> Any:
        starts = np.zeros((STEPS_PER_DISPATCH, self.spec.batch), self.windows.starts(0, 1).dtype)
        if count:
            starts[:count] = self.windows.starts(first * self.spec.batch, count * self.spec.batch).reshape(count, -1)
        return starts if jax.process_count() == 1 else self._place_windows(starts)

    def _place(self, leaf: Array, cut: Cut) -> jax.Array:
        return spread(np.reshape(leaf, cut.shape), self._sharding(cut.partition))

    def _place_windows(self, windows: Array) -> jax.Array:
        return spread(windows, self._sharding(self._split_batch()))

    def _sharding(self, partition: Any) -> NamedSharding:
        return NamedSharding(self._mesh, partition)

    def _split_batch(self) -> Any:
        return _partition(None, BATCH_AXES)

    def _compile_steps(self) -> Callable[..., tuple[State, jax.Array]]:
        """The program of one dispatch: each device takes a share of the batch."""
        step, offsets, on_host = Step.of(self.spec, self._sharing), np.arange(self.spec.context + 1), self._on_host

        def dispatch(
            state: State, text: jax.Array | None, windows: jax.Array, rates: jax.Array, count: int
        ) -> tuple[State, jax.Array]:
            def body(i: jax.Array, carry: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
                read = windows[i] if text is None else text[windows[i][:, None] + offsets]
                state, loss = step(carry[0], read.astype(jnp.int32), rates[i])
                return state, carry[1] + loss

            after: tuple[State, jax.Array] = jax.lax.fori_loop(0, count, body, (state, jnp.zeros(())))
            return after

        if device_count(self.spec) > 1:
            states, text = self._state_partition(), None if on_host else WHOLE
            dispatch = jax.shard_map(
                dispatch,
                mesh=self._mesh,
                in_specs=(states, text, self._split_batch(), WHOLE, WHOLE),
                out_specs=(states, WHOLE),
                check_vma=False,
            )
        compiled: Callable[..., tuple[State, jax.Array]] = jax.jit(dispatch, donate_argnums=0)
        return compiled

    def _compile_losses(self) -> Callable[..., jax.Array]:
        choices = Choices.of(self.spec)
        if not self.spec.mesh:
            whole = self._sharing.whole
            return jax.jit(lambda weights, windows: token_losses(whole(weights), windows, choices).mean(axis=1))
        shared = jax.shard_map(
            window_means(self._sharing, choices),
            mesh=self._mesh,
            in_specs=(self._state_partition()["weights"], _partition(BATCH_AXES)),
            out_specs=WHOLE,
            check_vma=False,
        )
        return jax.jit(shared)

    def _state_partition(self) -> State:
        weights = jax.tree.map(lambda cut: cut.partition, self._sharing.cuts)
        return {"weights": weights, "moments": dict.fromkeys(MOMENTS, weights), "step": WHOLE}
