"""The first scaling law: heights of 2,000 and 10,000, the people that a margin takes, and what halving costs."""

import numpy as np
import pytest

from isoflop.errors import BadInput
from isoflop.outlook.sampling import halving_factor, margin_of_error, samples_for
from isoflop.outlook.survey import survey


def test_two_thousand_heights_give_0_31_cm_and_ten_thousand_0_14() -> None:
    asked = survey(deviation=7.1).asked
    assert [row.people for row in asked] == [2000, 10_000]
    assert [row.margin for row in asked] == pytest.approx([0.31, 0.14], abs=0.005)


def test_as_many_as_are_needed_give_the_margin_and_one_fewer_does_not() -> None:
    for margin in (0.05, 0.1, 0.31, 2.0):
        people = float(samples_for(7.1, margin))
        assert float(margin_of_error(7.1, people)) <= margin < float(margin_of_error(7.1, people - 1))
    assert survey(deviation=7.1, margins=[0.311]).needed[0].people == pytest.approx(2002, abs=1)


def test_the_margin_covers_the_mean_as_often_as_it_says() -> None:
    drawn = np.random.default_rng(0).normal(180, 7.1, (4000, 200)).mean(axis=1)
    for level in (0.8, 0.95):
        inside = np.abs(drawn - 180) <= float(margin_of_error(7.1, 200, level=level))
        assert inside.mean() == pytest.approx(level, abs=0.02)


def test_a_poll_of_a_thousand_is_good_to_three_points() -> None:
    made = survey(share=0.5, people=[1000])
    assert made.asked[0].margin == pytest.approx(0.031, abs=0.0005)
    assert survey(share=0.3, people=[10]).notes
    assert not made.notes


def test_half_the_error_takes_four_times_as_many_and_half_a_loss_more() -> None:
    made = survey(deviation=1.0)
    assert made.halves == pytest.approx(4)
    assert made.law_halves == pytest.approx(2 ** (1 / made.law_exponent))
    assert made.law_halves > 6
    assert halving_factor(1.0) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "one of them"),
        ({"deviation": 1.0, "share": 0.3}, "one of them"),
        ({"share": 30.0}, "Did you mean 0.3"),
        ({"deviation": -1.0}, "positive number"),
        ({"deviation": 1.0, "people": [0.0]}, "from 1 up"),
        ({"deviation": 1.0, "margins": [0.0]}, "above 0"),
    ],
)
def test_what_is_no_sample_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        survey(**options)  # type: ignore[arg-type]
