"""The compute-optimal split of forms without a closed one, to as many digits as those with one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from isoflop.laws import Form, find_law
from isoflop.laws.catalogue import FORMS
from isoflop.laws.optimum import closed_form, has_closed_optimum, optimal_split

BUDGETS = np.array([1e16, 1e19, 1e23, 1e28])


def test_the_split_of_a_law_without_embeddings_is_where_both_slopes_are_level() -> None:
    law = find_law("pearce2024")
    c = law.constants

    def gain(x, flops):
        whole, slope = np.exp(x) + c["gamma"] * np.exp(x / 3), np.exp(x) + c["gamma"] / 3 * np.exp(x / 3)
        size = np.log(c["alpha"] * c["A"] * slope) - (c["alpha"] + 1) * np.log(whole)
        return size - np.log(c["beta"] * c["B"]) + c["beta"] * (np.log(flops / 6) - x)

    expected = np.exp([brentq(gain, 0, 45, args=(flops,), xtol=1e-14) for flops in BUDGETS])
    split = optimal_split(law.form, law.constants, BUDGETS)
    assert not has_closed_optimum(law.form)
    assert split.N_opt == pytest.approx(expected, rel=1e-11)
    assert split.D_opt == pytest.approx(BUDGETS / (6 * expected), rel=1e-11)


def test_without_distinct_tokens_the_repetition_law_splits_as_the_law_it_grew_from() -> None:
    law = find_law("muennighoff2023")
    plain = {name: law.constants[name] for name in ("E", "A", "alpha", "B", "beta")}
    expected = optimal_split(FORMS["chinchilla"], plain, BUDGETS)
    found = optimal_split(law.form, law.constants, BUDGETS)
    assert found.N_opt == pytest.approx(expected.N_opt, rel=1e-11)
    assert found.loss == pytest.approx(expected.loss, rel=1e-12)


def test_a_form_that_is_searched_finds_what_the_closed_form_of_its_twin_says_for_every_draw() -> None:
    twin = Form("E + A*exp(-alpha*log(N)) + B/D**beta + 0*N*D")
    closed = FORMS["chinchilla"]
    draws = {
        name: np.random.default_rng(5).normal(mean, spread, (30, 1))
        for name, mean, spread in (
            ("E", 1.7, 0.1),
            ("A", 480, 30),
            ("alpha", 0.35, 0.03),
            ("B", 2000, 90),
            ("beta", 0.36, 0.03),
        )
    }
    assert closed_form(closed) is not None
    found = optimal_split(twin, draws, BUDGETS)
    assert found.N_opt.shape == (30, 4)
    assert found.N_opt == pytest.approx(optimal_split(closed, draws, BUDGETS).N_opt, rel=1e-11)


def test_where_a_kink_is_the_best_place_the_kink_is_the_answer() -> None:
    form = Form("E + max(A/N**alpha, B/D**alpha)")
    found = optimal_split(form, {"E": 1.0, "A": 400.0, "B": 900.0, "alpha": 0.3}, BUDGETS)
    ratio = (900 / 400) ** (1 / 0.3)  # A / N**alpha = B / D**alpha
    assert found.N_opt == pytest.approx(np.sqrt(BUDGETS / 6 / ratio), rel=1e-9)
