"""Steps, data and compute at any batch, as Kaplan et al. 2020 relate them."""

import numpy as np
import pytest

from isoflop import find_law
from isoflop.laws.critical_batch import compute_exponent, smallest_compute, smallest_steps, steps_and_tokens


def test_at_the_critical_batch_a_run_takes_twice_the_fewest_steps_and_twice_the_fewest_tokens() -> None:
    steps, tokens = steps_and_tokens(1e6, 5e4, 1e6)
    assert float(steps) == pytest.approx(1e5)
    assert float(tokens) == pytest.approx(2 * 5e4 * 1e6)  # E_min = B_crit S_min


def test_steps_and_tokens_lie_on_the_hyperbola_of_eq_5_1() -> None:
    batch = np.geomspace(1e4, 1e8, 30)
    steps, tokens = steps_and_tokens(batch, 5e4, 1e6)
    assert (steps / 5e4 - 1) * (tokens / (5e4 * 1e6) - 1) == pytest.approx(np.ones(30))
    assert smallest_steps(steps, batch, 1e6) == pytest.approx(np.full(30, 5e4))


def test_a_small_batch_wastes_no_compute_and_a_large_one_wastes_it_in_proportion() -> None:
    assert float(smallest_compute(1e20, 1e3, 1e6)) == pytest.approx(1e20, rel=2e-3)
    assert float(smallest_compute(1e20, 9e6, 1e6)) == pytest.approx(1e19)


def test_the_exponent_of_compute_follows_from_the_three_others() -> None:
    """With alpha_S = 0.77 rounded as printed: 0.0525 and N growing as C**0.68; the paper prints 0.054 and 0.71."""
    exponent = compute_exponent(0.077, 0.76, 0.21)
    assert exponent == pytest.approx(0.0525, abs=2e-4)
    assert exponent / 0.077 == pytest.approx(0.681, abs=2e-3)


def test_training_ten_percent_short_of_convergence_is_two_and_a_half_times_larger_in_size() -> None:
    """Kaplan et al. 2020, section 6: stop at (1 + f) L(N, ∞), f = alpha_N/alpha_S; at 10 % instead of 2 %: 2.67 times
    the parameters for the same loss."""
    alpha_N = find_law("kaplan2020_ns").constants["alpha_N"]
    assert ((1 + 0.1) / (1 + 0.02)) ** (1 / alpha_N) == pytest.approx(2.67, abs=0.01)
