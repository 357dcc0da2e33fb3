"""A published law says how far a question lies outside the data it comes from."""

import numpy as np
import pytest

from isoflop import find_law
from isoflop.laws import Form, Law
from isoflop.laws.validity import outside


def test_a_question_inside_the_data_has_nothing_to_be_said() -> None:
    assert outside(find_law("hoffmann2022"), N=1e9, D=2e10) == ()
    assert outside(find_law("hoffmann2022"), N=1.6e10, D=5e11) == ()


def test_the_farthest_quantity_comes_first_with_its_factor() -> None:
    found = outside(find_law("hoffmann2022"), N=[1e9, 70e9], D=15e12)
    assert [o.quantity for o in found] == ["D", "N"]
    assert found[0].factor == pytest.approx(30)
    assert str(found[1]) == "N = 70B is 4.38 times the largest of the source, 16B"


def test_below_the_data_counts_as_outside_too() -> None:
    (found,) = outside(find_law("hoffmann2022"), N=1e6, D=1e10)
    assert found.factor == pytest.approx(70)
    assert "70 times below the smallest" in str(found)


def test_compute_tokens_per_parameter_and_epochs_follow_from_the_variables() -> None:
    law = Law(
        Form("E + A/N**a + B/D**b + 0*U"),
        {"E": 1, "A": 1, "a": 1, "B": 1, "b": 1},
        validity={"C": (1e18, 1e20), "M": (5, 50), "epochs": (1, 4)},
    )
    found = {o.quantity: o.factor for o in outside(law, N=1e9, D=np.array([1e11]), U=1e10)}
    assert found == pytest.approx({"C": 6.0, "M": 2.0, "epochs": 2.5})


def test_a_law_without_stated_ranges_says_nothing() -> None:
    assert outside(find_law("abnar2025"), N=1e15, D=1e3, F=0.5) == ()
