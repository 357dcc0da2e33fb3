"""A mixture of experts is the dense model where it must be, and a balanced choice where it may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import TINY

from isoflop.train.feedforward import BALANCE, ROUTER_Z, block_size, feed_forward, penalty, visit, visits
from isoflop.train.loop import Trainer
from isoflop.train.model import Choices, count_weights, init_weights, token_losses, training_loss
from isoflop.train.text import load_corpus
from isoflop.train.windows import held_out_windows

forward = jax.jit(feed_forward, static_argnums=2)
SPARSE = replace(TINY, experts=4, experts_active=2)


def layer(experts: int, width: int = 16, seed: int = 0) -> dict[str, Any]:
    draw = np.random.default_rng(seed).standard_normal
    return {
        "router": draw((width, experts)).astype(np.float32),
        "up": (draw((experts, width, 4 * width)) * width**-0.5).astype(np.float32),
        "down": (draw((experts, 4 * width, width)) * width**-0.5).astype(np.float32),
    }


def tokens(count: int, width: int = 16) -> np.ndarray[Any, Any]:
    return np.random.default_rng(5).standard_normal((count, width)).astype(np.float32)


@pytest.mark.parametrize(("experts", "active"), [(3, 1), (8, 3)])
def test_every_token_gets_its_chosen_experts_weighted_by_their_probabilities(experts: int, active: int) -> None:
    weights, stream = layer(experts), tokens(57)
    written, _ = forward(weights, stream, active)
    scores = stream @ weights["router"]
    probability = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    for t in range(len(stream)):
        best = np.argsort(-probability[t])[:active]
        mlps = [np.square(np.maximum(stream[t] @ weights["up"][e], 0)) @ weights["down"][e] for e in best]
        expected = sum(probability[t, e] * mlp for e, mlp in zip(best, mlps, strict=True))
        np.testing.assert_allclose(written[t], expected, rtol=2e-4, atol=2e-4)


def test_no_token_is_dropped_when_all_choose_one_expert() -> None:
    weights, stream = layer(8), tokens(64)
    chosen, gates = np.full((64, 1), 3), np.ones((64, 1), np.float32)
    written = jax.jit(visit)(weights, stream, gates, chosen)
    alone = np.square(np.maximum(stream @ weights["up"][3], 0)) @ weights["down"][3]
    np.testing.assert_allclose(written, alone, rtol=2e-4, atol=2e-4)


def test_one_expert_is_the_dense_layer() -> None:
    weights, stream = layer(1), tokens(57)
    written, _ = forward(weights, stream, 1)
    dense, none = forward({"up": weights["up"][0], "down": weights["down"][0]}, stream, 1)
    np.testing.assert_allclose(written, dense, rtol=1e-5, atol=1e-5)
    assert none is None


@pytest.mark.parametrize("experts", [1, 4])
def test_the_weights_of_experts_are_as_many_as_counted(experts: int) -> None:
    spec = replace(TINY, depth=2, experts=experts)
    weights = init_weights(0, spec.shape)
    assert count_weights(weights) == spec.params
    idle = sum(leaf.size // experts for part in weights["layers"] for leaf in (part["up"], part["down"]))
    assert spec.shape.active_params == spec.params - (experts - 1) * idle


def test_a_balanced_choice_costs_alpha_and_a_lopsided_one_more() -> None:
    even, scores = np.full((8, 4), 0.25, np.float32), np.zeros((8, 4), np.float32)
    z = ROUTER_Z * np.log(4) ** 2
    balanced = penalty(even, scores, np.arange(8)[:, None] % 4)
    assert float(balanced) == pytest.approx(BALANCE + z, rel=1e-5)
    certain = np.eye(4, dtype=np.float32)[np.zeros(8, int)]
    assert float(penalty(certain, scores, np.zeros((8, 1), int))) == pytest.approx(4 * BALANCE + z, rel=1e-5)


def test_the_router_learns_from_what_the_experts_write() -> None:
    def written(weights: dict[str, Any]) -> jax.Array:
        return jnp.square(feed_forward(weights, tokens(57), 1)[0]).mean()

    gradient = jax.jit(jax.grad(written))(layer(4))
    assert np.abs(gradient["router"]).max() > 1e-3
    assert np.abs(gradient["up"]).max(axis=(1, 2)).min() > 0


def test_padding_to_blocks_is_at_most_a_quarter_of_the_visits_plus_the_smallest_blocks() -> None:
    for visited in (64, 1000, 65_536):
        for experts in (1, 8, 64):
            assert block_size(visited, experts) * experts <= max(visited / 4, 8 * experts)


@pytest.mark.long
def test_training_keeps_the_experts_busy_and_learns() -> None:
    corpus = load_corpus(TINY.text)
    trainer, steps = Trainer(SPARSE, corpus.train), 120
    state, first = trainer.advance(trainer.start(), 0, 8, None)
    state, _ = trainer.advance(state, 8, steps - 8, None)
    windows = held_out_windows(corpus.validation, SPARSE.context, 64)
    assert trainer.window_losses(state["weights"], windows).mean() < first - 0.2
    assert min(shares(state["weights"], windows)) > 0.25 / SPARSE.experts


def shares(weights: dict[str, Any], windows: np.ndarray[Any, Any]) -> list[float]:
    """Share of the visits that each expert of the first layer gets, seen from the embedding."""
    stream = np.asarray(weights["embed"])[windows].reshape(-1, SPARSE.width)
    stream /= np.sqrt(np.square(stream).mean(axis=1, keepdims=True))
    chosen = np.argsort(-(stream @ np.asarray(weights["layers"][0]["router"])), axis=1)[:, :2]
    return [float(n) / chosen.size for n in visits(chosen, SPARSE.experts)]


def test_the_loss_of_training_is_the_loss_of_tokens_and_the_penalties() -> None:
    weights = init_weights(0, SPARSE.shape)
    windows = np.random.default_rng(1).integers(16, size=(4, 17), dtype=np.int32)
    choices = Choices.of(SPARSE)
    extra = jax.jit(lambda tree: training_loss(tree, windows, choices) - token_losses(tree, windows, choices).mean())(
        weights
    )
    uniform = BALANCE + ROUTER_Z * np.log(4) ** 2
    assert float(extra) == pytest.approx(TINY.depth * uniform, rel=0.1)
