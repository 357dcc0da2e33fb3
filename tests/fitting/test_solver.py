"""The solver treats each of thousands of problems as if it were alone."""

from pathlib import Path

import numpy as np
import pytest
from chinchilla_points import besiroglu_runs, made_ladder

from isoflop import find_law
from isoflop.fitting import solver
from isoflop.fitting.bootstrap import bootstrap_weights
from isoflop.fitting.fit import pose
from isoflop.fitting.objectives import OBJECTIVES
from isoflop.fitting.solver import Problem, solve
from isoflop.fitting.starts import draw_starts
from isoflop.fitting.steps import LARGEST_STEP, State, damped_step, next_damping
from isoflop.laws import FORMS


@pytest.fixture
def problem() -> Problem:
    runs = made_ladder(find_law("besiroglu2024"), 0.01, 0, 8, 8)
    return pose(FORMS["chinchilla"], runs, OBJECTIVES["log_huber"])


@pytest.mark.parametrize("block", [64, 64 * 7, 64 * 1000])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_problem_ends_the_same_alone_as_among_others(
    problem: Problem, block: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    starts = draw_starts(problem, 40, rng)
    weights = bootstrap_weights(np.arange(64), 40, rng)
    alone = [solve(problem, starts[[i]], weights[[i]]).objective[0] for i in range(40)]
    monkeypatch.setattr(solver, "BLOCK_ELEMENTS", block)
    monkeypatch.setattr(solver, "SLICE_ELEMENTS", 64 * 3)
    together = solve(problem, starts, weights, threads=threads)
    assert together.converged.all()
    assert together.objective == pytest.approx(alone, rel=1e-9)


def test_a_term_that_has_vanished_does_not_hold_the_others_back(data_dir: Path) -> None:
    """A/N^alpha at e⁻⁴¹ of a nat moves nothing, so its own step is endless; E and B must still find their places."""
    held = pose(FORMS["chinchilla"], besiroglu_runs(data_dir), OBJECTIVES["log_huber"])
    E, A, alpha, B, beta = 1.0, -41.0, 2.0, -10.0, 1.0
    found = solve(held, np.array([[E, A, alpha, B, beta]]))
    assert found.objective[0] == pytest.approx(0.001018274018, rel=1e-8)


def test_problems_still_descending_at_the_limit_are_not_said_to_have_converged(problem: Problem) -> None:
    found = solve(problem, draw_starts(problem, 10, np.random.default_rng(0)), max_iterations=2)
    assert not found.converged.any()
    assert (found.iterations == 2).all()


def _state(rng: np.random.Generator, count: int, scales: np.ndarray) -> State:
    jacobian = rng.normal(size=(count, 3, 20)) * scales[:, None]
    weighted = np.concatenate([0.2 * jacobian, jacobian, rng.normal(size=(count, 1, 20))], axis=1)
    return State(np.ones(count), np.matmul(jacobian, weighted.transpose(0, 2, 1)))


def test_no_parameter_moves_past_the_longest_step_and_the_others_take_their_best_beside_it() -> None:
    state = _state(np.random.default_rng(0), 50, np.array([1.0, 1.0, 1e-6]))
    step = damped_step(state, np.full(50, 1.0), np.ones((50, 3), dtype=bool))
    assert np.abs(step.move).max() == LARGEST_STEP
    assert (np.abs(step.move[:, 2]) == LARGEST_STEP).mean() > 0.9
    matrix = state.newton + state.majorant
    slope = state.gradient + np.einsum("bpq,bq->bp", matrix, step.move)
    inside = (np.abs(step.move[:, :2]) < LARGEST_STEP).all(axis=1)
    assert inside.sum() > 25
    assert np.abs(slope[inside, :2]).max() < 1e-6


def test_the_predicted_decrease_is_that_of_the_quadratic_model() -> None:
    for scales in (np.array([1.0, 1.0, 1.0]), np.array([1.0, 1.0, 1e-6])):
        state = _state(np.random.default_rng(1), 50, scales)
        step = damped_step(state, np.full(50, 0.5), np.ones((50, 3), dtype=bool))
        matrix = state.newton + 0.5 * state.majorant
        model = (step.move * state.gradient).sum(axis=1)
        model += 0.5 * np.einsum("bp,bpq,bq->b", step.move, matrix, step.move)
        assert -step.decrease == pytest.approx(model, rel=1e-5)


def test_damping_grows_when_the_objective_rose_and_shrinks_when_the_model_kept_its_promise() -> None:
    damping = next_damping(np.ones(4), np.array([1.0, 0.5, 0.1, 0.0]))
    assert damping[0] < damping[1] == 1.0 < damping[2] < damping[3]
