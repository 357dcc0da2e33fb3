"""pass@k has its published digits, is unbiased, and says what few attempts cannot show."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop.capability.attempts import attempts_to_see, measured_coverage, pass_at_k
from isoflop.errors import BadInput


def test_published_values() -> None:
    assert pass_at_k(10, 3, [1, 5]) == pytest.approx([0.3, 0.9166666666666667], rel=1e-12)
    assert float(pass_at_k(200, 10, 100)) == pytest.approx(0.9992289740, abs=1e-10)
    assert float(pass_at_k(100, 1, 10)) == pytest.approx(0.1, rel=1e-12)


@given(st.integers(1, 60), st.data())
def test_it_is_the_ratio_of_binomial_coefficients(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    assert float(pass_at_k(n, c, k)) == pytest.approx(1 - comb(n - c, k) / comb(n, k), rel=1e-9, abs=1e-12)


def test_it_is_1_where_fewer_failed_than_k() -> None:
    assert float(pass_at_k(10, 6, 5)) == 1


def test_it_is_unbiased_where_the_plain_estimate_is_not() -> None:
    p, n, k = 0.05, 20, 15
    c = np.arange(n + 1)
    chance = np.array([comb(n, i) * p**i * (1 - p) ** (n - i) for i in c])
    truth = 1 - (1 - p) ** k
    assert float(chance @ pass_at_k(n, c, k)) == pytest.approx(truth, rel=1e-9)
    assert float(chance @ (1 - (1 - c / n) ** k)) < truth - 0.05


def test_a_million_attempts_lose_no_digits() -> None:
    assert float(pass_at_k(1_000_000, 1, 1000)) == pytest.approx(1e-3, rel=1e-6)


def test_the_interval_covers_the_mean_over_all_problems_that_could_have_been_taken() -> None:
    rng, hits = np.random.default_rng(0), 0
    truth = 1 - (1 - rng.beta(0.3, 5, 200_000)) ** 10
    for trial in range(200):
        successes = rng.binomial(50, rng.beta(0.3, 5, 100))
        seen = measured_coverage(50, successes, [10], resamples=300, seed=trial)
        hits += bool(seen.low[0] <= truth.mean() <= seen.high[0])
    assert 0.82 <= hits / 200 <= 0.97


def test_a_rare_success_takes_thousands_of_attempts_to_see() -> None:
    assert float(attempts_to_see(0.001)) == 2995
    assert attempts_to_see([1.0, 0.5]) == pytest.approx([1, 5])


@pytest.mark.parametrize(
    ("attempts", "successes", "k", "said"),
    [
        (10, 11, 1, "11 of 10"),
        (10, -1, 1, "-1 of 10"),
        (10, 2.5, 1, "whole numbers"),
        (10, 3, 11, "k = 11 of 10"),
        (10, 3, 0, "k = 0 of 10"),
    ],
)
def test_impossible_counts_are_refused(attempts: int, successes: float, k: int, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        pass_at_k(attempts, successes, k)


def test_one_problem_has_no_interval() -> None:
    with pytest.raises(BadInput, match="at least 2 problems"):
        measured_coverage(10, [3], [1])
