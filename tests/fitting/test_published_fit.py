"""The fit reaches the published answers, from any start."""

from pathlib import Path

import numpy as np
import pytest
from chinchilla_points import besiroglu_runs

from isoflop import find_law, fit
from isoflop.errors import BadInput
from isoflop.fitting.fit import STARTS, pose
from isoflop.fitting.objectives import OBJECTIVES
from isoflop.fitting.solver import residuals_at, solve
from isoflop.fitting.starts import HOFFMANN_GRID, draw_starts, grid_starts
from isoflop.laws import FORMS
from isoflop.laws.compiled import compile_form

GLOBAL_OPTIMUM = 0.001018274018
"""Σ Huber(ln loss residuals, δ = 1e-3) of the additive law on the 240 points."""


def test_two_hundred_seeds_of_the_default_starts_reach_the_global_optimum(data_dir: Path) -> None:
    runs = besiroglu_runs(data_dir)
    problem = pose(FORMS["chinchilla"], runs, OBJECTIVES["log_huber"])
    starts = [draw_starts(problem, STARTS, np.random.default_rng(seed)) for seed in range(200)]
    reached = solve(problem, np.concatenate(starts)).objective.reshape(200, STARTS).min(axis=1)
    assert reached == pytest.approx(np.full(200, GLOBAL_OPTIMUM), rel=1e-8)
    by_fit = [fit("chinchilla", runs, seed=seed, replicates=0).objective_value for seed in (0, 77, 199)]
    assert by_fit == pytest.approx(reached[[0, 77, 199]], rel=1e-12)


def test_the_constants_are_the_huber_optimum_of_the_240_points(data_dir: Path) -> None:
    fitted = fit("chinchilla", besiroglu_runs(data_dir), replicates=0).law.constants
    assert fitted["A"] == pytest.approx(477.83, abs=0.05)
    assert fitted["B"] == pytest.approx(2143.4, abs=0.5)
    assert fitted["E"] == pytest.approx(1.81722, abs=1e-5)
    assert fitted["alpha"] == pytest.approx(0.34731, abs=1e-5)
    assert fitted["beta"] == pytest.approx(0.36717, abs=1e-5)


@pytest.mark.parametrize(
    ("law", "value"),
    [("hoffmann2022", 0.00123116260), ("hoffmann2022_rounded", 0.00412100914)],
)
def test_published_constants_have_their_known_objective(data_dir: Path, law: str, value: float) -> None:
    assert _objective(data_dir, list(find_law(law).constants.values())) == pytest.approx(value, rel=1e-8)


def test_the_published_replication_lies_just_above_the_optimum_of_this_objective(data_dir: Path) -> None:
    """Its constants minimise a likelihood with a free scale; at the printed six digits the sum is 0.0010186."""
    printed = _objective(data_dir, [1.816864, 482.0057, 0.347813, 2085.434, 0.365854])
    assert printed == pytest.approx(0.0010186447, rel=5e-6)
    assert printed > GLOBAL_OPTIMUM


def _objective(data_dir: Path, constants: list[float]) -> float:
    problem = pose(FORMS["chinchilla"], besiroglu_runs(data_dir), OBJECTIVES["log_huber"])
    working = compile_form(FORMS["chinchilla"]).to_working(np.array([constants]), problem.centres)
    return problem.objective.total(residuals_at(problem, working))


def test_least_squares_gives_the_answer_of_variable_projection(data_dir: Path) -> None:
    """E 1.882814, A 567.81, B 7581.85, alpha .357615, beta .427621 by Open-Athena's VPNLS on the same points."""
    fitted = fit("chinchilla", besiroglu_runs(data_dir), objective="least_squares", replicates=0).law.constants
    assert fitted == pytest.approx(
        {"E": 1.882814, "A": 567.81, "alpha": 0.357615, "B": 7581.85, "beta": 0.427621}, rel=1e-5
    )


def test_bootstrap_intervals_are_those_of_4000_published_refits(data_dir: Path) -> None:
    """95 % intervals: E (1.769, 1.871), A (285, 744), B (1042, 5810), alpha (.317, .373), beta (.331, .415)."""
    fitted = fit("chinchilla", besiroglu_runs(data_dir), level=0.95, replicates=2000, bootstrap="resample")
    published = {
        "E": (1.769, 1.871, 0.008),
        "A": (285.2, 743.6, 30),
        "alpha": (0.317, 0.373, 0.004),
        "beta": (0.331, 0.415, 0.006),
    }
    for name, (low, high, tolerance) in published.items():
        assert fitted.parameters[name].low == pytest.approx(low, abs=tolerance), name
        assert fitted.parameters[name].high == pytest.approx(high, abs=tolerance), name
    assert 900 < fitted.parameters["B"].low < 1200
    assert 5200 < fitted.parameters["B"].high < 6500


def test_weighted_and_resampled_replicates_have_the_same_spread(data_dir: Path) -> None:
    runs = besiroglu_runs(data_dir)
    spreads = [
        fit("chinchilla", runs, replicates=1500, bootstrap=kind).draws["alpha"].std()
        for kind in ("weights", "resample")
    ]
    assert spreads[0] == pytest.approx(spreads[1], rel=0.1)
    assert spreads[1] == pytest.approx(0.0154, rel=0.15)  # published standard error


def test_the_coupled_form_fits_better_than_the_additive_one_it_contains(data_dir: Path) -> None:
    runs = besiroglu_runs(data_dir)
    additive, coupled = (fit(form, runs, replicates=0).objective_value for form in ("chinchilla", "coupled"))
    assert coupled < 0.95 * additive


def test_a_formula_string_fits_as_the_catalogue_form_does(data_dir: Path) -> None:
    fitted = fit("E + A/N**alpha + B/D**beta", besiroglu_runs(data_dir), replicates=0)
    assert fitted.objective_value == pytest.approx(GLOBAL_OPTIMUM, rel=1e-8)


def test_most_drawn_starts_end_at_the_same_optimum_and_none_lower(data_dir: Path) -> None:
    problem = pose(FORMS["chinchilla"], besiroglu_runs(data_dir), OBJECTIVES["log_huber"])
    found = solve(problem, draw_starts(problem, 300, np.random.default_rng(5)))
    assert found.objective.min() == pytest.approx(GLOBAL_OPTIMUM, rel=1e-9)
    assert np.mean(found.objective < GLOBAL_OPTIMUM * (1 + 1e-6)) > 0.9


def test_the_published_grid_of_4500_starts_is_25_once_the_coefficients_are_solved_for(data_dir: Path) -> None:
    runs = besiroglu_runs(data_dir)
    starts, counts = grid_starts(pose(FORMS["chinchilla"], runs, OBJECTIVES["log_huber"]), HOFFMANN_GRID)
    assert (len(starts), counts.sum()) == (25, 4500)
    fitted = fit("chinchilla", runs, starts=HOFFMANN_GRID, replicates=0)
    assert fitted.objective_value == pytest.approx(GLOBAL_OPTIMUM, rel=1e-8)
    assert fitted.agreeing == 1


def test_a_grid_for_a_form_whose_scales_are_not_affine_keeps_every_point(data_dir: Path) -> None:
    problem = pose(FORMS["coupled"], besiroglu_runs(data_dir), OBJECTIVES["log_huber"])
    grid = {"A": (100.0, 1000.0), "alpha": (0.3, 0.5), "B": (1000.0,), "beta": (0.3,), "kappa": (0.5, 1.0)}
    starts, counts = grid_starts(problem, grid)
    assert counts.tolist() == [1] * 8
    natural = problem.compiled.to_natural(starts, problem.centres)
    assert sorted({round(value, 6) for value in natural[:, FORMS["coupled"].symbols.index("A")]}) == [100.0, 1000.0]


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"alpha": (0.5,), "betta": (0.5,)}, "no values for 'beta'"),
        ({"alpha": (0.5,), "beta": (0.5,), "gama": (1.0,)}, "no parameter 'gama'"),
        ({"alpha": (), "beta": (0.5,)}, "0 points"),
        ({"alpha": (float("nan"),), "beta": (0.5,)}, "must be finite"),
        ({"alpha": (0.5,), "beta": (0.5,), "A": (-1.0,)}, "must be positive"),
        ({"alpha": (0.5,) * 2000, "beta": (0.5,) * 2000}, "4,000,000 points"),
    ],
)
def test_a_grid_that_cannot_be_started_from_is_refused(
    data_dir: Path, grid: dict[str, tuple[float, ...]], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        fit("chinchilla", besiroglu_runs(data_dir), starts=grid)
