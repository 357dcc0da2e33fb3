"""Causal attention over heads, with rotary positions and normalised queries and keys.

Sources: Vaswani et al. 2017 (arXiv:1706.03762), section 3.2; rotary positions, Su et al. 2021 (arXiv:2104.09864);
normalised queries and keys, Henry et al. 2020 (arXiv:2010.04245); the fused kernel, Dao et al. 2022 (arXiv:2205.14135).
Products are made in the precision of the weights; norms, angles, exponentials and the normaliser in fp32.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isoflop.errors import SpecError
from isoflop.train.products import exact_product
from isoflop.train.spec import TrunkSpec

ROPE_BASE = 10_000.0
EPSILON = 1e-6
LARGEST_FUSED_HEAD = 128
"""Of a head, in cuDNN's kernel for training; head dimensions are multiples of 8 there."""


def attend(layer: dict[str, Any], stream: jax.Array, head_dim: int, kind: str = "auto") -> jax.Array:
    """Causal attention of [B, T, d]: one matrix makes queries, keys and values. kind: as in a spec.

    Queries and keys are of norm sqrt(head_dim), so a score is at most sqrt(head_dim) and its exponential needs no
    running maximum; the normaliser is taken after the values, on head_dim numbers a token in place of T. Where the
    matrices are cut over devices, each attends with the heads it holds.
    """
    batch, length, _ = stream.shape
    heads = (stream @ layer["qkv"]).reshape(batch, length, 3, -1, head_dim)
    mix = fused if choose(kind, head_dim, stream.dtype) == "fused" else plain
    written: jax.Array = mix(heads).reshape(batch, length, -1) @ layer["out"]
    return written


def plain(heads: jax.Array) -> jax.Array:
    """Attention of queries, keys and values [B, T, 3, H, head_dim] that writes out every score: [B, T, H, head_dim]."""
    length, head_dim = heads.shape[1], heads.shape[-1]
    query, key, value = (heads[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    query, key = _rotate(normalise(query)), _rotate(normalise(key))
    scores = exact_product("bhtd,bhsd->bhts", query, key) * head_dim**-0.5
    seen = jnp.asarray(np.tril(np.ones((length, length))), jnp.float32)
    weight = jnp.exp(scores) * seen
    sums = weight.sum(axis=-1, keepdims=True)
    mixed = exact_product("bhts,bhsd->bhtd", weight.astype(value.dtype), value)
    return (mixed / sums).astype(value.dtype).transpose(0, 2, 1, 3)


def fused(heads: jax.Array, implementation: Any = "cudnn") -> jax.Array:
    """The same by a kernel that keeps no scores."""
    query, key, value = (heads[:, :, i] for i in range(3))
    query, key = (_rotate(normalise(each).transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3) for each in (query, key))
    return jax.nn.dot_product_attention(
        query, key, value, scale=heads.shape[-1] ** -0.5, is_causal=True, implementation=implementation
    )


def choose(kind: str, head_dim: int, dtype: Any) -> str:
    """``plain`` or ``fused``: what ``auto`` means on this device, for heads of this size and type.

    Not on a CPU, where XLA's own attention trained at 0.92 of the speed of the plain one.
    """
    fits = head_dim % 8 == 0 and head_dim <= LARGEST_FUSED_HEAD and dtype == jnp.bfloat16
    if kind == "auto":
        return "fused" if fits and jax.default_backend() == "gpu" else "plain"
    return kind


def check_attention(spec: TrunkSpec) -> None:
    """Raise SpecError where a spec insists on a kernel that this device has not."""
    if spec.attention != "fused":
        return
    dtype = jnp.bfloat16 if spec.precision == "bf16" else jnp.float32
    if choose("auto", spec.head_dim, dtype) != "fused":
        raise SpecError(
            f"attention = fused cannot be had for {spec.precision} with head_dim {spec.head_dim} on a "
            f"{jax.default_backend()}. Allowed: bf16, a head_dim that is a multiple of 8 and at most "
            f"{LARGEST_FUSED_HEAD}, on a GPU. Set attention to auto or plain."
        )


def _rotate(heads: jax.Array) -> jax.Array:
    """Rotary positions for [B, H, T, head_dim]: pair (i, i + head_dim/2) turns by t * base^(-2i/head_dim)."""
    length, head_dim = heads.shape[-2:]
    angle = np.arange(length)[:, None] * ROPE_BASE ** (-np.arange(0, head_dim, 2) / head_dim)
    cosine, sine = jnp.asarray(np.cos(angle), jnp.float32), jnp.asarray(np.sin(angle), jnp.float32)
    left, right = jnp.split(heads.astype(jnp.float32), 2, axis=-1)
    turned = jnp.concatenate([left * cosine - right * sine, left * sine + right * cosine], axis=-1)
    return turned.astype(heads.dtype)


def normalise(values: jax.Array) -> jax.Array:
    """Divide by the root mean square over the last axis (Zhang & Sennrich 2019, arXiv:1910.07467), without a gain."""
    exact = values.astype(jnp.float32)
    size = jax.lax.rsqrt(jnp.mean(jnp.square(exact), axis=-1, keepdims=True) + EPSILON)
    return (exact * size).astype(values.dtype)
