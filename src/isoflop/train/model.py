"""The model: a decoder-only Transformer as pure functions of its weights.

Vaswani et al. 2017 (arXiv:1706.03762) with the choices that most small-model recipes have since settled on:

* normalise before each sub-layer, by root mean square and without a learned gain (Zhang & Sennrich 2019,
  arXiv:1910.07467), so that every weight is a matrix and N counts them all;
* rotary positions (Su et al. 2021, arXiv:2104.09864) and normalised queries and keys (Henry et al. 2020,
  arXiv:2010.04245);
* half of what attention reads comes from the token before (the token shift of Peng et al. 2023, arXiv:2305.13048): a
  model of two layers otherwise finds by chance, early or late, how to look one token back, and that chance was most of
  the spread between seeds (1.1 % of the loss without, 0.3 % with, at width 64 and 0.4M tokens; the loss itself fell by
  4.7 %);
* the squared rectifier in the MLP (So et al. 2021, arXiv:2109.08668), 12-19 % faster on a CPU than tanh-GELU, or a
  mixture of such MLPs (feedforward.py);
* embedding and unembedding are two matrices.

The layers are written out rather than scanned: a scan over two layers cost a third of the speed on a CPU.
Weights are a dictionary of arrays: {"embed" [V, d], "head" [d, V], "layers": ({"qkv" [d, 3d], "out" [d, d], "up" [d,
4d], "down" [4d, d]}, ...)}; with E experts a layer has "router" [d, E], "up" [E, d, 4d] and "down" [E, 4d, d].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isoflop.counting import DecoderShape
from isoflop.train.attention import attend, normalise
from isoflop.train.cross_entropy import cross_entropy
from isoflop.train.feedforward import feed_forward
from isoflop.train.spec import TrunkSpec

Array = np.ndarray[Any, np.dtype[Any]]
Weights = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choices:
    """What a forward pass needs to know beyond the weights. experts_active: feed-forward experts a token visits."""

    head_dim: int
    attention: str = "auto"
    experts_active: int = 1

    @classmethod
    def of(cls, spec: TrunkSpec) -> Choices:
        return cls(spec.head_dim, spec.attention, spec.experts_active)


def init_weights(seed: int, shape: DecoderShape) -> Weights:
    """Random weights as NumPy arrays: each matrix that reads the residual stream has variance 1/width; each that writes
    to it starts at zero.

    Zero writers make every layer start as the identity, whatever its width, and a small head makes the first loss ln V;
    both are what lets a learning rate transfer along the width (Yang et al. 2022, arXiv:2203.03466, table 8, up to the
    zero start). Drawn on the host: compiling JAX's generator for these shapes took 2.5 s of a process.
    """
    d, scale = shape.width, shape.width**-0.5
    generator = np.random.default_rng(seed)

    def normal(rows: int, columns: int, deviation: float) -> Array:
        return (deviation * generator.standard_normal((rows, columns))).astype(np.float32)

    return {
        "embed": normal(shape.vocab, d, 1.0),
        "head": normal(d, shape.vocab, 0.1 * scale),
        "layers": tuple(
            {
                "qkv": normal(d, 3 * d, scale),
                "out": np.zeros((d, d), np.float32),
                "up": normal(d, shape.mlp_width, scale),
                "down": np.zeros((shape.mlp_width, d), np.float32),
            }
            | (_experts(seed, index, shape) if shape.experts else {})
            for index in range(shape.depth)
        ),
    }


def _experts(seed: int, layer: int, shape: DecoderShape) -> Weights:
    """The router and the stacked experts of one layer, which take the place of its MLP.

    Drawn apart from the other weights, which stay those of the dense model. The router starts small, so that every
    expert has about the same probability and the choice among them is not yet a conviction (Fedus et al. 2021,
    arXiv:2101.03961, section 2.4).
    """
    d, scale = shape.width, shape.width**-0.5
    generator = np.random.default_rng((seed, layer, shape.experts))
    up = scale * generator.standard_normal((shape.experts, d, shape.mlp_width))
    return {
        "router": (0.1 * scale * generator.standard_normal((d, shape.experts))).astype(np.float32),
        "up": up.astype(np.float32),
        "down": np.zeros((shape.experts, shape.mlp_width, d), np.float32),
    }


def count_weights(weights: Weights) -> int:
    """N of these weights, counted one by one; equal to ``DecoderShape.total_params``."""
    return sum(leaf.size for leaf in jax.tree.leaves(weights))


def token_losses(weights: Weights, windows: jax.Array, choices: Choices) -> jax.Array:
    """Cross-entropy in nats of every token of ``windows`` [B, T+1] given those before it in its window: [B, T], fp32.

    The products are made in the precision of the weights.
    """
    return _losses(weights, windows, choices)[0]


def training_loss(weights: Weights, windows: jax.Array, choices: Choices) -> jax.Array:
    """What training descends: the mean of ``token_losses`` and, with experts, the routers' penalties."""
    losses, penalties = _losses(weights, windows, choices)
    return losses.mean() + sum(penalties) if penalties else losses.mean()


def forward(
    weights: Weights, inputs: jax.Array, choices: Choices
) -> tuple[jax.Array, list[jax.Array], list[jax.Array]]:
    """(what the head reads [B, T, d], what each sub-layer writes [B, T, d], the penalty of each router) of tokens
    [B, T]."""
    stream, written, penalties = normalise(weights["embed"][inputs]), [], []
    for layer in weights["layers"]:
        attended = attend(layer, _shift(normalise(stream)), choices.head_dim, choices.attention)
        stream = stream + attended
        fed, penalty = feed_forward(layer, normalise(stream), choices.experts_active)
        stream = stream + fed
        written += [attended, fed]
        penalties += [] if penalty is None else [penalty]
    return normalise(stream), written, penalties


def _losses(weights: Weights, windows: jax.Array, choices: Choices) -> tuple[jax.Array, list[jax.Array]]:
    """``token_losses``, and the penalty of each layer that has a router."""
    stream, _, penalties = forward(weights, windows[:, :-1], choices)
    return cross_entropy(stream, weights["head"], windows[:, 1:]), penalties


def _shift(stream: jax.Array) -> jax.Array:
    """The first half of the channels of [B, T, d] come from the token before; before the first token they are zero."""
    half = stream.shape[-1] // 2
    before = jnp.pad(stream[:, :-1, :half], ((0, 0), (1, 0), (0, 0)))
    return jnp.concatenate([before, stream[..., half:]], axis=-1)
