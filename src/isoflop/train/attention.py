"""Causal attention over heads, with rotary positions and normalised queries and keys.

Sources: Vaswani et al. 2017 (arXiv:1706.03762), section 3.2; rotary positions, Su et al. 2021 (arXiv:2104.09864);
normalised queries and keys, Henry et al. 2020 (arXiv:2010.04245).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

ROPE_BASE = 10_000.0
EPSILON = 1e-6


def attend(layer: dict[str, Any], stream: jax.Array, head_dim: int) -> jax.Array:
    """Causal attention of [B, T, d]: one matrix makes queries, keys and values.

    Queries and keys are of norm sqrt(head_dim), so a score is at most sqrt(head_dim) and its exponential needs no
    running maximum; the normaliser is taken after the values, on head_dim numbers a token in place of T.
    """
    batch, length, width = stream.shape
    heads = (stream @ layer["qkv"]).reshape(batch, length, 3, width // head_dim, head_dim)
    query, key, value = (heads[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    query, key = _rotate(normalise(query)), _rotate(normalise(key))
    scores = jnp.einsum("bhtd,bhsd->bhts", query, key) * head_dim**-0.5
    seen = jnp.asarray(np.tril(np.ones((length, length))), stream.dtype)
    weight = jnp.exp(scores) * seen
    mixed = jnp.einsum("bhts,bhsd->bhtd", weight, value) / weight.sum(axis=-1, keepdims=True)
    joined = mixed.transpose(0, 2, 1, 3).reshape(batch, length, width)
    written: jax.Array = joined @ layer["out"]
    return written


def _rotate(heads: jax.Array) -> jax.Array:
    """Rotary positions for [B, H, T, head_dim]: pair (i, i + head_dim/2) turns by t * base^(-2i/head_dim)."""
    length, head_dim = heads.shape[-2:]
    angle = np.arange(length)[:, None] * ROPE_BASE ** (-np.arange(0, head_dim, 2) / head_dim)
    cosine, sine = jnp.asarray(np.cos(angle), heads.dtype), jnp.asarray(np.sin(angle), heads.dtype)
    left, right = jnp.split(heads, 2, axis=-1)
    return jnp.concatenate([left * cosine - right * sine, left * sine + right * cosine], axis=-1)


def normalise(values: jax.Array) -> jax.Array:
    """Divide by the root mean square over the last axis (Zhang & Sennrich 2019, arXiv:1910.07467), without a gain."""
    return values * jax.lax.rsqrt(jnp.mean(jnp.square(values), axis=-1, keepdims=True) + EPSILON)
