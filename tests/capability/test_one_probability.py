"""One probability under several metrics: published values, and the jump that a metric makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop.capability.metrics import (
    above_chance,
    brier_score,
    choice_accuracy,
    choice_probabilities,
    edit_distance,
    exact_match,
    loss_of_probability,
    token_probability,
)
from isoflop.errors import BadInput

SIZES = np.array([1e8, 1e9, 1e10, 1e11, 1e12])


def test_the_worked_example_of_the_emergence_paper_comes_out_to_its_digits() -> None:
    p = token_probability((1e9 / SIZES) ** 0.3)
    assert p == pytest.approx([0.1360, 0.3679, 0.6058, 0.7779, 0.8817], abs=5e-5)
    assert exact_match(p, 5) == pytest.approx([0.0000, 0.0067, 0.0816, 0.2848, 0.5329], abs=5e-5)
    assert exact_match(p, 10) == pytest.approx([0.0000, 0.0000, 0.0067, 0.0811, 0.2840], abs=5e-5)
    assert edit_distance(p, 5) == pytest.approx([4.320, 3.161, 1.971, 1.111, 0.591], abs=5e-4)


@given(st.floats(0.0, 40.0))
def test_a_loss_and_its_probability_are_two_names_of_one_thing(loss: float) -> None:
    assert float(loss_of_probability(token_probability(loss))) == pytest.approx(loss, abs=1e-9)


@given(st.floats(0.01, 0.99), st.integers(2, 30))
def test_exact_match_rises_more_sharply_than_the_probability_it_is_made_of(p: float, length: int) -> None:
    higher = min(p * 1.01, 1.0)
    gain = float(exact_match(higher, length) / exact_match(p, length))
    assert gain == pytest.approx((higher / p) ** length)
    assert gain > higher / p


def test_a_certain_right_answer_scores_a_brier_of_0_and_a_certain_wrong_one_of_2() -> None:
    assert float(brier_score([[1, 0], [0, 1]], [0, 1])) == 0
    assert float(brier_score([[1, 0], [0, 1]], [1, 0])) == 2
    assert float(brier_score(np.full((3, 4), 0.25), [0, 1, 2])) == pytest.approx(0.75)


def test_accuracy_ignores_what_brier_sees() -> None:
    unsure, sure = np.array([[0.51, 0.49]]), np.array([[0.99, 0.01]])
    assert choice_accuracy(unsure, [0]) == choice_accuracy(sure, [0]) == 1
    assert brier_score(sure, [0]) < brier_score(unsure, [0])
    assert choice_accuracy(np.full((2, 4), 0.25), [0, 3]) == 0.25


def test_masses_over_the_vocabulary_become_shares_of_the_choices() -> None:
    assert choice_probabilities([[0.02, 0.06]]) == pytest.approx(np.array([[0.25, 0.75]]))
    with pytest.raises(BadInput, match="Item 1 gives no choice"):
        choice_probabilities([[0.1, 0.1], [0.0, 0.0]])


def test_guessing_is_0_above_chance_and_the_ceiling_is_1() -> None:
    assert above_chance([0.25, 0.625, 1.0], 0.25) == pytest.approx([0, 0.5, 1])
    assert above_chance(0.8, 0.2, 0.8) == pytest.approx(1)


def test_percentages_and_impossible_values_are_refused_with_what_to_do() -> None:
    with pytest.raises(BadInput, match=r"given: 45\. Divide percentages by 100"):
        above_chance([0.3, 45.0], 0.25)
    with pytest.raises(BadInput, match="0 nats or more"):
        token_probability([-0.1])
    with pytest.raises(BadInput, match="1 token or more"):
        exact_match(0.5, 0)
    with pytest.raises(BadInput, match=r"sum to 0\.9"):
        brier_score([[0.5, 0.4]], [0])
    with pytest.raises(BadInput, match="whole numbers from 0 to 1"):
        choice_accuracy([[0.5, 0.5]], [2])
    with pytest.raises(BadInput, match="above the chance level"):
        above_chance(0.5, 0.5, 0.5)
