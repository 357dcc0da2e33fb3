"""The loss of a vocabulary: fp32 logits, and never more of them at once than memory should hold.

A batch of 16 sequences of 1,024 tokens and 50,304 classes has 3.3 GB of fp32 logits, and their gradient as many.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from isoflop.train.products import exact_product

MOST_LOGITS = 2**30
"""At once (4 GiB). More are computed in chunks of tokens, and computed again in the backward pass."""


def cross_entropy(stream: jax.Array, head: jax.Array, targets: jax.Array, most: int | None = None) -> jax.Array:
    """-ln softmax(stream @ head)[target] in nats: [..., d], [d, V], [...] -> fp32 [...]."""
    tokens, vocab = targets.size, head.shape[1]
    chunks = _chunks(tokens, vocab, most or MOST_LOGITS)
    if chunks == 1:
        return _losses(stream, head, targets)
    cut = (stream.reshape(chunks, tokens // chunks, -1), targets.reshape(chunks, -1))
    losses: jax.Array = jax.lax.map(jax.checkpoint(lambda part: _losses(part[0], head, part[1])), cut)
    return losses.reshape(targets.shape)


def _chunks(tokens: int, vocab: int, most: int) -> int:
    """The smallest number of equal chunks of at most ``most`` logits."""
    wanted = -(-tokens * vocab // most)
    return next(parts for parts in range(wanted, tokens + 1) if tokens % parts == 0) if wanted < tokens else tokens


def _losses(stream: jax.Array, head: jax.Array, targets: jax.Array) -> jax.Array:
    logits = exact_product("...d,dv->...v", stream, head)
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return jax.nn.logsumexp(logits, axis=-1) - chosen
