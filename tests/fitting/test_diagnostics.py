"""A diagnosis finds what was put into the runs, and is silent about clean ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from chinchilla_points import as_runs, besiroglu_runs, made_ladder

from isoflop import Law, Runs, find_law, fit
from isoflop.errors import BadInput
from isoflop.fitting.diagnostics import Diagnosis, Finding, diagnose
from isoflop.fitting.diagnostics.trends import holm
from isoflop.laws import FORMS
from isoflop.laws.law import evaluate

TRUTH = find_law("besiroglu2024")


def ladder(
    seed: int = 0, noise: float = 0.004, factor: Callable[[Runs], np.ndarray] | None = None, **columns: object
) -> Runs:
    """56 runs on the known law, each loss times ``factor``."""
    runs = made_ladder(TRUTH, noise, seed, 8, 7)
    scale = 1.0 if factor is None else factor(runs)
    return as_runs(runs.params, runs.tokens, runs.loss * scale, **columns)


def about(found: Diagnosis, topic: str) -> list[Finding]:
    return [finding for finding in found.findings if finding.topic == topic]


def warned(found: Diagnosis) -> set[str]:
    return {finding.topic for finding in found.warnings}


@pytest.mark.slow
def test_clean_ladders_are_rarely_warned_about() -> None:
    """Each of 20 ladders makes about ten tests at a family-wise 5 %: two warnings are expected, eight are too many."""
    topics = [sorted(warned(diagnose(ladder(seed), replicates=40))) for seed in range(20)]
    assert sum(len(found) for found in topics) <= 8, topics


@pytest.mark.slow
def test_profile_intervals_hold_the_true_parameters_about_nine_times_in_ten() -> None:
    """20 ladders, 5 parameters each: pooled 0.9 − 3 binomial standard errors of 20 ladders."""
    held = []
    for seed in range(20):
        found = diagnose(ladder(100 + seed, 0.005), replicates=0)
        held += [profile.low <= TRUTH.constants[profile.name] <= profile.high for profile in found.profiles]
    assert len(held) == 100
    assert 0.7 <= np.mean(held) <= 1.0


def test_a_profile_is_zero_at_the_optimum_and_holds_its_parameter_where_it_says() -> None:
    runs = ladder()
    found = diagnose(runs, replicates=0)
    for profile in found.profiles:
        best = found.fit.parameters[profile.name].value
        assert profile.statistic.min() == pytest.approx(0, abs=1e-6)
        assert profile.values[int(profile.statistic.argmin())] == pytest.approx(best, rel=0.02)
        assert profile.low < best < profile.high


def test_the_profile_of_a_scale_holds_the_scale_itself_and_not_the_term_it_makes() -> None:
    """At any A on the profile, a fit of the other four parameters with that A written in reaches the same sum."""
    runs = ladder(noise=0.01)
    found = diagnose(runs, replicates=0, objective="least_squares")
    profile = next(profile for profile in found.profiles if profile.name == "A")
    place = int(np.argmin(np.abs(profile.statistic - 2.0)))
    written = fit(
        f"E + {float(profile.values[place])!r}/N**alpha + B/D**beta", runs, objective="least_squares", replicates=0
    )
    rise = 2 * (written.objective_value - found.fit.objective_value)
    per_degree = 2 * found.fit.objective_value / (len(runs) - 5)
    assert rise / per_degree == pytest.approx(profile.statistic[place], rel=0.05)


def test_leaving_a_run_out_is_what_a_fit_without_it_gives() -> None:
    runs = ladder(noise=0.01)
    found = diagnose(runs, target={"N": 1e10, "D": 2e11}, replicates=40)
    for row in (0, 17, 55):
        without = fit("chinchilla", runs.take(np.arange(56) != row), replicates=0).law
        moved = float(np.log(without(N=1e10, D=2e11) / found.fit.law(N=1e10, D=2e11)))
        assert found.influence.forecast[row] == pytest.approx(moved, abs=2e-5)
    assert found.influence.exact.all()
    assert found.influence.leverage.sum() == pytest.approx(5, abs=1e-6)


def test_one_step_influence_ranks_runs_as_refits_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from isoflop.fitting.diagnostics import influence

    runs = ladder(noise=0.01)
    exact = diagnose(runs, replicates=0, objective="least_squares").influence.forecast
    monkeypatch.setattr(influence, "MOST_REFITS", 0)
    stepped = diagnose(runs, replicates=0, objective="least_squares").influence.forecast
    assert np.corrcoef(exact, stepped)[0, 1] > 0.97


def test_an_outlier_is_named_and_stays_in_the_table() -> None:
    found = diagnose(ladder(factor=lambda runs: np.where(np.arange(len(runs)) == 23, 1.04, 1.0)), replicates=40)
    named = about(found, "outliers")[0]
    assert named.rows[0] == 23
    assert "row 24" in named.message
    assert "|z| > " in named.message
    assert len(found.runs) == 56


def test_the_two_worst_points_of_the_240_are_named(data_dir: Path) -> None:
    found = diagnose(besiroglu_runs(data_dir), target={"N": 70e9, "D": 1.4e12}, replicates=100)
    assert {0, 5} <= set(about(found, "outliers")[0].rows)
    assert about(found, "target")[0].numbers["extrapolation"] == pytest.approx(45.4, rel=0.01)
    assert "tuning" in warned(found)


def test_a_wrong_formula_shows_as_a_trend() -> None:
    coupled = Law(FORMS["coupled"], {"E": 1.7, "A": 5e3, "alpha": 0.5, "B": 2e5, "beta": 0.6, "kappa": 0.45})
    ladders = made_ladder(coupled, 0.0005, 0, 8, 7)
    found = diagnose(ladders, form="kaplan_nd", replicates=40)
    assert "trend" in warned(found)
    assert min(trend.p_value for trend in found.trends) < 1e-3


def test_a_spread_that_grows_with_compute_is_said() -> None:
    def factor(runs: Runs) -> np.ndarray:
        grows = 0.001 + 0.01 * np.argsort(np.argsort(runs.flops)) / len(runs)
        return np.exp(grows * np.random.default_rng(3).normal(size=len(runs)))

    found = diagnose(ladder(noise=0.0, factor=factor), replicates=40)
    assert about(found, "spread")
    assert about(found, "spread")[0].numbers["effect"] > 1.5


def test_runs_cut_short_make_a_tail_above_the_law() -> None:
    rng = np.random.default_rng(0)
    found = diagnose(ladder(factor=lambda r: 1 + 0.02 * (rng.random(len(r)) < 0.15)), replicates=40)
    assert "tuning" in warned(found)
    assert about(found, "tuning")[0].numbers["above"] > about(found, "tuning")[0].numbers["below"]


def test_a_status_column_names_runs_that_did_not_end_as_planned() -> None:
    found = diagnose(ladder(status=["done"] * 55 + ["crashed"]), replicates=20)
    assert about(found, "unfinished")[0].rows == (55,)


def test_learning_rates_at_the_edge_of_a_sweep_and_losing_twins_are_said() -> None:
    runs = made_ladder(TRUTH, 0.001, 0, 6, 4)
    repeated = [np.repeat(values, 3) for values in (runs.params, runs.tokens, runs.loss)]
    rates = np.tile([1e-3, 2e-3, 4e-3], 24)
    loss = repeated[2] * np.where(rates == 4e-3, 1.0, np.where(rates == 2e-3, 1.005, 1.02))
    found = diagnose(as_runs(repeated[0], repeated[1], loss, lr=rates), replicates=20)
    said = " ".join(finding.message for finding in about(found, "learning rate"))
    assert "48 runs share N and D" in said
    assert "In 24 of 24 cells the best learning rate is at the edge" in said


@pytest.mark.parametrize("seed", range(4))
def test_two_families_are_found_and_told_apart(seed: int) -> None:
    worse = np.random.default_rng(seed).random(56) < 0.35
    found = diagnose(ladder(seed, factor=lambda _: np.where(worse, 1.03, 1.0)), replicates=20)
    assert found.families is not None
    assert found.families.two
    assert found.families.gap == pytest.approx(0.03, abs=0.006)
    assert np.mean((found.families.upper > 0.5) == worse) > 0.9


def test_heavy_tails_are_not_taken_for_a_second_family() -> None:
    def tails(runs: Runs) -> np.ndarray:
        return np.exp(0.004 * np.random.default_rng(len(runs)).standard_t(2, len(runs)))

    for seed in range(8):
        found = diagnose(ladder(seed, 0.0, tails), replicates=0)
        assert "families" not in warned(found)


def test_a_recipe_column_with_two_heights_is_said_with_the_gap() -> None:
    found = diagnose(
        ladder(factor=lambda r: np.where(np.arange(len(r)) % 2, 1.02, 1.0), recipe=["a", "b"] * 28), replicates=20
    )
    said = about(found, "recipe")[0]
    assert said.severity == "warning"
    assert said.numbers["gap"] == pytest.approx(0.02, abs=0.005)


def replicated(noise: float, missing: float = 0.0) -> Runs:
    """30 cells of three seeds, each cell shifted from the law by ``missing``."""
    rng = np.random.default_rng(0)
    cells = made_ladder(TRUTH, 0.0, 0, 6, 5)
    shift = np.repeat(rng.normal(0, missing, 30), 3) if missing else 0.0
    loss = np.repeat(cells.loss, 3) * np.exp(rng.normal(0, noise, 90) + shift)
    return as_runs(np.repeat(cells.params, 3), np.repeat(cells.tokens, 3), loss, seed=np.tile([0, 1, 2], 30))


def test_seed_noise_is_measured_with_an_interval_that_holds_it() -> None:
    found = diagnose(replicated(0.005), replicates=20)
    assert found.noise is not None
    assert (found.noise.degrees, len(found.noise.cells), found.noise.by_seed) == (60, 30, True)
    assert found.noise.low < 0.005 < found.noise.high
    assert about(found, "lack of fit")[0].severity == "good"


def test_a_law_that_misses_by_more_than_seed_noise_is_said_to() -> None:
    found = diagnose(replicated(0.001, missing=0.01), replicates=20)
    assert found.noise is not None
    assert found.noise.share < 0.2
    assert "lack of fit" in warned(found)


def test_copies_of_a_run_are_not_replicates() -> None:
    cells = made_ladder(TRUTH, 0.002, 0, 6, 5)
    twice = cells.take(np.repeat(np.arange(30), 2))
    assert diagnose(twice, replicates=0).noise is None


def test_the_flattest_direction_leaves_the_losses_alone_and_the_stiffest_does_not() -> None:
    found = diagnose(ladder(), replicates=0)
    constants = found.fit.law.constants
    effects = []
    for direction in (found.directions[0], found.directions[-1]):
        moved = {name: value * np.exp(1e-3 * direction.weights[name]) for name, value in constants.items()}
        runs = {"N": found.runs.params, "D": found.runs.tokens}
        change = np.log(evaluate(found.fit.form, moved, runs) / evaluate(found.fit.form, constants, runs))
        assert np.sqrt(np.mean(change**2)) == pytest.approx(1e-3 * direction.effect, rel=0.02)
        effects.append(direction.effect)
    assert effects[0] < effects[1] / 100


@pytest.mark.long
@pytest.mark.parametrize(
    ("N", "D", "said"),
    [
        ([1e8, 3e8, 1e9], [2e9, 6e9, 2e10], "All runs have D/N = 20"),
        ([1e8], [2e9], "One run"),
        ([1e8] * 12, np.geomspace(1e9, 1e11, 12), "All runs have N = 100M"),
        (np.geomspace(1e8, 1e10, 12), [1e10] * 12, "All runs have D = 10B"),
        (np.geomspace(1e8, 1e10, 12), 20 * np.geomspace(1e8, 1e10, 12), "how to split a budget"),
    ],
)
def test_what_a_design_cannot_tell_is_said(N: list[float], D: list[float], said: str) -> None:
    N, D = np.asarray(N, dtype=float), np.asarray(D, dtype=float)  # type: ignore[assignment]
    noise = np.exp(np.random.default_rng(0).normal(0, 0.004, len(N)))
    found = diagnose(as_runs(N, D, TRUTH(N=N, D=D) * noise), replicates=30)  # type: ignore[arg-type]
    assert any(said in finding.message for finding in about(found, "support"))
    assert "support" in warned(found)


@pytest.mark.filterwarnings("error")
def test_a_ladder_without_noise_has_nothing_to_warn_of() -> None:
    found = diagnose(ladder(noise=0.0), replicates=20)
    assert not warned(found)
    assert "passes through" in about(found, "outliers")[0].message


@pytest.mark.parametrize("form", ["coupled", "kaplan_nd", "power_c", "chinchilla_one_exponent"])
def test_any_form_can_be_diagnosed(form: str) -> None:
    found = diagnose(ladder(), form=form, replicates=20)
    assert {profile.name for profile in found.profiles} == set(FORMS[form].symbols)
    assert np.isfinite(found.influence.forecast).all()


def test_holms_correction_is_that_of_a_worked_example() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_a_target_with_an_unknown_symbol_is_refused() -> None:
    with pytest.raises(BadInput, match="names 'X'"):
        diagnose(ladder(), target={"N": 1e9, "X": 3.0}, replicates=0)
