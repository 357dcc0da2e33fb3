"""The model is the one that is counted, looks only back, and starts at ln V."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny import TINY

from isoflop.train.model import Choices, count_weights, init_weights, token_losses
from isoflop.train.optimiser import learning_rates


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("width", [16, 64])
def test_the_weights_are_as_many_as_the_shape_says(depth: int, width: int) -> None:
    spec = replace(TINY, depth=depth, width=width)
    assert count_weights(init_weights(0, spec.shape)) == spec.shape.total_params == spec.params


def test_the_first_loss_is_that_of_guessing() -> None:
    windows = np.random.default_rng(0).integers(16, size=(32, 17), dtype=np.int32)
    losses = token_losses(init_weights(0, TINY.shape), windows, Choices.of(TINY))
    assert float(losses.mean()) == pytest.approx(np.log(16), rel=0.02)


def test_no_loss_depends_on_a_later_token() -> None:
    weights = init_weights(3, TINY.shape)
    generator = np.random.default_rng(1)
    for layer in weights["layers"]:
        layer["out"], layer["down"] = (generator.standard_normal(layer[n].shape) for n in ("out", "down"))
    one = generator.integers(16, size=(2, 17), dtype=np.int32)
    other = one.copy()
    other[:, 9:] = (other[:, 9:] + 1) % 16
    before, after = (np.asarray(token_losses(weights, windows, Choices.of(TINY))) for windows in (one, other))
    np.testing.assert_array_equal(before[:, :8], after[:, :8])
    assert np.abs(before[:, 8:] - after[:, 8:]).min() > 0


def test_the_rate_warms_up_stays_and_falls_to_nothing_on_a_branch() -> None:
    fork, end = TINY.fork_steps[2], TINY.branch_steps[2]
    trunk, branch = learning_rates(TINY, 0, end), learning_rates(TINY, fork, end - fork, branch=2)
    assert trunk[0] == pytest.approx(TINY.lr / 8)
    assert set(trunk[8:]) == {np.float32(TINY.lr)}
    assert branch[0] == np.float32(TINY.lr)
    assert np.all(np.diff(branch) < 0)
    assert 0 < branch[-1] < 0.05 * TINY.lr
