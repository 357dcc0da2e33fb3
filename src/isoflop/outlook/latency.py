"""The latency wall: steps come one after another, so a run of months has room for only so many of them.

Epoch AI 2024, Can AI scaling continue through 2030?, section on latency, its notes 93 to 100 and its appendix E. A
compute-optimal model of N parameters sees 20 N tokens in 20 N / B steps, each of them L layers deep, each layer a time
that the slowest exchange between chips sets:

    T = t L(N) 20 N / B        L = 0.088 N^0.27 (Hoffmann et al. 2022, as read by Erdil and Schneider-Joseph 2024)

``largest_params`` takes the time of a layer as given: 120 µs leave 700T parameters and 6e31 FLOP in nine months. What
the report concludes with is ``wall_flops``: more compute takes more chips, more chips share each matrix, and a wider
exchange is slower. Its intervals follow from its published percentiles and appendix E as printed, four exchanges a
layer without the time of the kernels: 2e30 to 2e32 with the batch of today, here 1.9e30 to 2.8e32. The layer times that
it prints beside them (270 to 400 µs) belong to the formula of its text, eight exchanges with kernels.

The headline of 3e30 to 1e32 lets the batch grow as N^0.36 (0.31 to 0.41), and there one input is not published: the
size of the model at which the batch of 2024 holds. With the batch known, 60M tokens, sizes of 1.7e14 to 6e14
return the headline within 0.3 orders of magnitude; with the batch as uncertain as in its own table no size does, for
that alone spans more than the headline's 1.5 orders. So the batch of today is the case computed here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

TOKENS_PER_PARAM = 20.0
LAYER_SCALE, LAYER_EXPONENT = 0.088, 0.27
LAYERS_AT = 7e10
"""Chinchilla, whose 80 layers are known: where other exponents than 0.27 meet that line (chosen)."""
KERNEL_SECONDS = 4.5e-6
KERNELS_PER_LAYER = 8
EXCHANGES_PER_LAYER = 4
BASE_SECONDS = 7.4e-6
EXCHANGE_SECONDS = 6.8e-6
RANK_SECONDS = 0.6e-6
NODE_SECONDS = 5e-6
RANKS, RANKS_IN_NODE, CHIPS_IN_NODE = 2.75, 3.0, 8.0
TOKENS_PER_CHIP = 330.0
"""Tokens a chip needs at a time so that it computes rather than waits for its memory: peak / (2 · bandwidth)."""
HALVINGS = 44


def all_reduce_seconds(tensor_parallel: ArrayLike) -> Array:
    """Time of an all-reduce between nodes, with its kernel: 7.4 µs + 2 (2.75 · 0.6 µs + log2(√TP / 2.75) · 5 µs)."""
    nodes = np.sqrt(np.asarray(tensor_parallel, dtype=float)) / RANKS
    return np.asarray(BASE_SECONDS + 2 * (RANKS * RANK_SECONDS + np.log2(nodes) * NODE_SECONDS))


def layer_seconds(operation_seconds: ArrayLike) -> Array:
    """Time of a layer, forward and backward: eight operations one after another."""
    return np.asarray(KERNELS_PER_LAYER * np.asarray(operation_seconds, dtype=float))


def layers(params: ArrayLike, exponent: ArrayLike = LAYER_EXPONENT) -> Array:
    """Layers of a model: 0.088 N^0.27, and another power of N through the 80 layers of Chinchilla."""
    known = LAYER_SCALE * LAYERS_AT**LAYER_EXPONENT
    return np.asarray(known * (np.asarray(params, dtype=float) / LAYERS_AT) ** np.asarray(exponent, dtype=float))


def largest_params(run_seconds: ArrayLike, layer: ArrayLike, batch_tokens: ArrayLike) -> Array:
    """Parameters of the largest compute-optimal model: T = (20 N / B) L(N) t, solved for N; layer: its seconds."""
    steps_layers = np.asarray(run_seconds, dtype=float) / np.asarray(layer, dtype=float)
    scale = steps_layers * np.asarray(batch_tokens, dtype=float) / (TOKENS_PER_PARAM * LAYER_SCALE)
    return np.asarray(scale ** (1 / (1 + LAYER_EXPONENT)))


def largest_flops(run_seconds: ArrayLike, layer: ArrayLike, batch_tokens: ArrayLike) -> Array:
    """Compute of that run: 6 N · 20 N."""
    return _flops(largest_params(run_seconds, layer, batch_tokens))


def exchange_seconds(chips: ArrayLike, batch_tokens: ArrayLike) -> Array:
    """Time that the exchanges of a layer take on a cluster (appendix E), from the least slicing that fits its batch.

    B / 330 chips work on different tokens; the rest share each matrix, as a square, so that √(n · 330 / B) take part
    in an exchange: 4 (6.8 µs + 2 (3 · 0.6 µs + max(0, log2(ranks / 8)) · 5 µs)).
    """
    sharing = np.asarray(chips, dtype=float) * TOKENS_PER_CHIP / np.asarray(batch_tokens, dtype=float)
    hops = np.maximum(0.0, np.log2(np.sqrt(np.maximum(sharing, 1.0)) / CHIPS_IN_NODE))
    return np.asarray(
        EXCHANGES_PER_LAYER * (EXCHANGE_SECONDS + 2 * (RANKS_IN_NODE * RANK_SECONDS + hops * NODE_SECONDS))
    )


def wall_flops(
    run_seconds: ArrayLike,
    chip_flops: ArrayLike,
    batch_tokens: ArrayLike,
    *,
    layer_exponent: ArrayLike = LAYER_EXPONENT,
    batch_exponent: ArrayLike = 0.0,
    batch_at: float = LAYERS_AT,
) -> Array:
    """Compute of the largest run whose steps fit into its time, on the cluster that it needs (appendix E); in FLOP.

    chip_flops: delivered FLOP/s of a chip. batch_exponent: the batch is batch_tokens · (N / batch_at)**batch_exponent.
    Shapes broadcast. The time grows with N, so halving an interval of ln N finds where it is all used.
    """
    time, speed, batch = (np.asarray(x, dtype=float) for x in (run_seconds, chip_flops, batch_tokens))
    shape = np.broadcast_shapes(
        time.shape, speed.shape, batch.shape, np.shape(layer_exponent), np.shape(batch_exponent)
    )
    low, high = np.full(shape, np.log(1e8)), np.full(shape, np.log(1e22))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        params = np.exp(middle)
        tokens = batch * (params / batch_at) ** np.asarray(batch_exponent, dtype=float)
        layer = exchange_seconds(_flops(params) / (time * speed), tokens)
        fits = layer * layers(params, layer_exponent) * TOKENS_PER_PARAM * params / tokens <= time
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return _flops(np.exp(low))


def _flops(params: Array) -> Array:
    return np.asarray(6 * TOKENS_PER_PARAM * params**2)
