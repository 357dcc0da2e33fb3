"""Variable projection reaches the least-squares optimum without starts to choose."""

import time
from pathlib import Path

import numpy as np
import pytest
from chinchilla_points import besiroglu_runs, made_ladder
from scipy.optimize import nnls

from isoflop import find_law, fit
from isoflop.errors import LawError
from isoflop.fitting.projection import fit_projected, nonnegative_least_squares

TRUTH = find_law("besiroglu2024")


def test_the_240_points_give_the_answer_of_vpnls(data_dir: Path) -> None:
    """Open-Athena's VPNLS: E 1.882814, A 567.81, B 7581.85, alpha .357615, beta .427621, in 0.06 s."""
    runs = besiroglu_runs(data_dir)
    found = fit_projected("chinchilla", runs)
    printed = {"E": (1.882814, 6), "A": (567.81, 2), "alpha": (0.357615, 6), "B": (7581.85, 2), "beta": (0.427621, 6)}
    for name, (value, digits) in printed.items():
        assert round(found.law.constants[name], digits) == value, name
    assert found.searched == ("alpha", "beta")
    assert found.agreeing == found.descents
    started = time.perf_counter()
    fit_projected("chinchilla", runs)
    assert time.perf_counter() - started < 1.0  # 0.04 s here; a ten-fold slow-down would mean another algorithm


@pytest.mark.parametrize("form", ["chinchilla", "chinchilla_one_exponent", "coupled", "power_c"])
def test_it_ends_where_the_general_solver_ends(form: str) -> None:
    runs = made_ladder(TRUTH, 0.006, 4, 7, 6)
    general = fit(form, runs, objective="least_squares", replicates=0)
    assert fit_projected(form, runs).sum_of_squares == pytest.approx(2 * general.objective_value, rel=1e-6)


def test_relative_errors_weigh_small_losses_like_large_ones() -> None:
    runs = made_ladder(TRUTH, 0.01, 1, 7, 6)
    found = fit_projected("chinchilla", runs, errors="relative")
    law = found.law(N=runs.params, D=runs.tokens)
    assert found.sum_of_squares == pytest.approx(float(((law / runs.loss - 1) ** 2).sum()), rel=1e-9)
    other = fit_projected("chinchilla", runs).law(N=runs.params, D=runs.tokens)
    assert found.sum_of_squares < float(((other / runs.loss - 1) ** 2).sum())


def test_a_term_that_the_runs_do_not_show_is_zero_and_said_to_be() -> None:
    runs = made_ladder(TRUTH, 0.0, 0)
    falling = made_ladder(TRUTH, 0.0, 0).frame.with_columns(loss=50.0 / runs.frame["tokens"] ** 0.1)
    found = fit_projected("chinchilla", type(runs)(falling))
    assert "A" in found.zeros
    assert found.law.constants["A"] == 0
    assert found.law(N=1e9, D=1e10) == pytest.approx(5.0, rel=1e-6)


def test_nonnegative_least_squares_agrees_with_the_active_set_of_lawson_and_hanson() -> None:
    rng = np.random.default_rng(0)
    design, right = rng.normal(size=(200, 4, 12)), rng.normal(size=(200, 12))
    ours = nonnegative_least_squares(design, right)
    theirs = np.array([nnls(d.T, r)[0] for d, r in zip(design, right, strict=True)])
    assert (theirs == 0).any(axis=1).mean() > 0.5
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_a_signed_coefficient_may_be_negative_and_the_others_may_not() -> None:
    rng = np.random.default_rng(1)
    design = rng.normal(size=(50, 3, 20))
    right = -2 * design[:, 0] + rng.normal(size=(50, 20)) * 0.1
    found = nonnegative_least_squares(design, right, np.array([True, False, False]))
    assert found[:, 0] == pytest.approx(np.full(50, -2), abs=0.2)
    assert (found[:, 1:] >= 0).all()


def test_a_form_without_affine_parameters_is_sent_elsewhere() -> None:
    with pytest.raises(LawError, match=r"0 affine parameters.*isoflop fit"):
        fit_projected("kaplan_nd", made_ladder(TRUTH, 0.0, 0))
