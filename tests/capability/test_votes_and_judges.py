"""Giving one answer: a judge that errs ends the gain from attempts, and a vote has a limit of its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop.capability.choosing import best_of, majority_vote, vote_limit
from isoflop.errors import BadInput

shares = st.floats(0.01, 0.99)


@given(shares, shares, shares)
def test_one_attempt_is_right_as_often_as_the_model_is(p: float, right: float, wrong: float) -> None:
    assert float(best_of(p, 1, accepts_right=right, accepts_wrong=wrong)) == pytest.approx(p)


@given(shares, st.integers(1, 1_000))
def test_a_perfect_judge_gives_coverage(p: float, k: int) -> None:
    assert float(best_of(p, k, accepts_right=1, accepts_wrong=0)) == pytest.approx(1 - (1 - p) ** k)


@given(shares, st.integers(1, 100))
def test_a_judge_that_accepts_all_alike_adds_nothing(p: float, k: int) -> None:
    assert float(best_of(p, k, accepts_right=0.3, accepts_wrong=0.3)) == pytest.approx(p)


def test_the_gain_ends_at_the_precision_of_the_judge() -> None:
    limit = 0.1 * 0.9 / (0.1 * 0.9 + 0.9 * 0.05)
    assert float(best_of(0.1, 10_000, accepts_right=0.9, accepts_wrong=0.05)) == pytest.approx(limit)
    assert limit < 0.67


def test_the_formula_is_what_happens() -> None:
    rng, p, t, f, k = np.random.default_rng(0), 0.2, 0.8, 0.1, 6
    right = rng.random((200_000, k)) < p
    accepted = rng.random((200_000, k)) < np.where(right, t, f)
    pool = np.where(accepted.any(axis=1, keepdims=True), accepted, True)
    happened = float(((right & pool).sum(axis=1) / pool.sum(axis=1)).mean())
    assert float(best_of(p, k, accepts_right=t, accepts_wrong=f)) == pytest.approx(happened, abs=0.004)


def test_a_vote_tends_to_its_limit_and_coverage_does_not_help_it() -> None:
    answers = np.array([[400, 300, 300], [300, 400, 300], [500, 500, 0], [1, 999, 0]])
    right = np.array([0, 0, 0, -1])
    assert vote_limit(answers, right) == pytest.approx([1, 0, 0.5, 0])
    few, many = (majority_vote(answers, right, k) for k in (1, 501))
    assert few == pytest.approx([0.4, 0.3, 0.5, 0], abs=0.04)
    assert many[0] > 0.97
    assert many[1] < 0.03


def test_bad_counts_are_refused() -> None:
    with pytest.raises(BadInput, match="k from 1 to the 10"):
        majority_vote([[5, 5]], [0], 11)
    with pytest.raises(BadInput, match="no attempt"):
        vote_limit([[0, 0]], [0])
    with pytest.raises(BadInput, match="column from 0 to 1"):
        vote_limit([[1, 1]], [2])
    with pytest.raises(BadInput, match="At least one attempt"):
        best_of(0.5, 0, accepts_right=1, accepts_wrong=0)
    with pytest.raises(BadInput, match="between 0 and 1"):
        best_of(1.5, 1, accepts_right=1, accepts_wrong=0)
