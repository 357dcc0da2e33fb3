"""Two recipes: which will be better, with what probability, from which compute on."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop import Runs, read_runs
from isoflop.errors import BadInput, RunsError
from isoflop.forecasting.compare import Comparison, compare, single_scale
from isoflop.forecasting.paired import common_cells, fit_pair, shared_clusters
from isoflop.laws.catalogue import FORMS

CELLS = tuple(a.ravel() for a in np.meshgrid(np.geomspace(3e7, 1e9, 4), np.geomspace(1e9, 3e10, 4)))
BASE = np.array([1.82, 482.0, 0.348, 2085.0, 0.366])
N, D = 1e10, 2e11


def law(q: np.ndarray, n: float | np.ndarray, d: float | np.ndarray) -> np.ndarray:
    return np.asarray(q[0] + q[1] / n ** q[2] + q[3] / d ** q[4])


def runs(q: np.ndarray, log_noise: np.ndarray | float) -> Runs:
    loss = law(q, *CELLS) * np.exp(np.broadcast_to(log_noise, CELLS[0].shape))
    return Runs(pl.DataFrame({"params": CELLS[0], "tokens": CELLS[1], "loss": loss, "flops": 6 * CELLS[0] * CELLS[1]}))


def noises(seed: int, shared: float, own: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    common = rng.normal(0, shared, len(CELLS[0]))
    return common + rng.normal(0, own, len(common)), common + rng.normal(0, own, len(common))


def quick(a: Runs, b: Runs, **options: object) -> Comparison:
    given = {"N": N, "D": D, "forms": ("chinchilla",), "replicates": 60} | options
    return compare(a, b, **given)  # type: ignore[arg-type]


def test_the_compute_at_which_two_laws_cross_is_found() -> None:
    """B starts worse and falls faster: the laws are equal where 40 (C/C0)^… balances, found here by bisection."""
    faster = BASE * [1.0, 1.9, 1.0, 1.0, 1.0] + [0.0, 0.0, 0.035, 0.0, 0.0]
    ratio = D / N
    grid = np.geomspace(1e17, 1e24, 20_001)
    sizes = np.sqrt(grid / (6 * ratio))
    gap = law(faster, sizes, ratio * sizes) - law(BASE, sizes, ratio * sizes)
    truth = grid[np.flatnonzero(np.diff(np.sign(gap)))[-1]]
    left, right = noises(1, 0.0, 0.0005)
    found = quick(runs(BASE, left), runs(faster, right))
    assert found.crossing.flops is not None
    assert found.crossing.flops.low < truth < found.crossing.flops.high
    assert found.crossing.flops.value == pytest.approx(truth, rel=0.35)
    assert (found.crossing.below, found.crossing.above) == ("A", "B")
    assert found.crossing.share > 0.95
    optimal = quick(runs(BASE, left), runs(faster, right), path="optimal")
    assert optimal.crossing.flops is not None
    assert optimal.crossing.above == "B"


def test_a_recipe_that_is_ahead_everywhere_never_crosses() -> None:
    worse = BASE * [1.0, 1.2, 1.0, 1.2, 1.0]
    found = quick(runs(BASE, 0.0005 * np.sin(np.arange(16))), runs(worse, 0.0005 * np.cos(np.arange(16))))
    assert found.crossing.flops is None
    assert found.crossing.above == "A"
    assert found.winner == "A"
    assert found.agree is True


def test_a_recipe_worth_twice_the_compute_has_a_multiplier_of_two() -> None:
    """N and D √2 times as effective: B's loss at C is A's at 2C, whatever D/N."""
    root = np.sqrt(2.0)
    better = BASE * [1, root ** -BASE[2], 1, root ** -BASE[4], 1]
    values = []
    for seed in range(4):
        left, right = noises(seed, 0.001, 0.0003)
        found = quick(runs(BASE, left), runs(better, right), replicates=40)
        assert found.multiplier.low < found.multiplier.value < found.multiplier.high
        values.append(found.multiplier.value)
    assert np.exp(np.mean(np.log(values))) == pytest.approx(2, rel=0.1)
    back = quick(runs(better, right), runs(BASE, left))
    assert back.multiplier.value == pytest.approx(1 / found.multiplier.value, rel=0.05)
    assert back.probability == pytest.approx(1 - found.probability, abs=0.02)


def test_where_a_never_reaches_b_the_multiplier_is_infinite() -> None:
    lower = BASE - [0.4, 0, 0, 0, 0]
    found = quick(
        runs(BASE, 0.0003 * np.sin(np.arange(16))), runs(lower, 0.0003 * np.cos(np.arange(16))), N=1e13, D=1e15
    )
    assert np.isinf(found.multiplier.value)


def test_noise_that_the_recipes_share_cancels_in_their_difference() -> None:
    """The same noise in both leaves almost nothing; as much noise of their own leaves it all."""
    worse = BASE * [1, 1.1, 1, 1.1, 1]
    together = quick(runs(BASE, noises(5, 0.01, 0.0002)[0]), runs(worse, noises(5, 0.01, 0.0002)[1]))
    apart = quick(runs(BASE, noises(6, 0.0, 0.01)[0]), runs(worse, noises(6, 0.0, 0.01)[1]))
    widths = [c.difference.high - c.difference.low for c in (together, apart)]
    assert widths[0] < 0.25 * widths[1]
    assert together.winner == "A"
    assert "cancels" in together.notes[0]


@pytest.mark.slow
def test_the_probability_means_what_it_says() -> None:
    """Recipes drawn at random: confident answers are right, and the interval holds the truth."""
    right, held = [], []
    for seed in range(9):
        rng = np.random.default_rng(seed)
        other = BASE * [1, np.exp(rng.normal(0, 0.08)), 1, np.exp(rng.normal(0, 0.08)), 1]
        left, both = noises(100 + seed, 0.003, 0.003)
        truth = float(law(other, N, D) - law(BASE, N, D))
        found = quick(runs(BASE, left), runs(other, both), replicates=40, seed=seed)
        held.append(found.difference.low <= truth <= found.difference.high)
        if found.winner:
            right.append((found.winner == "B") == (truth < 0))
    assert np.mean(held) >= 7 / 9
    assert len(right) == 0 or np.mean(right) >= 0.75


def test_draws_of_the_difference_hold_the_truth_about_as_often_as_they_say() -> None:
    """24 pairs of ladders with noise of 0.3 %: a true 90 % holds fewer than 18 with one chance in 100."""
    worse = BASE * [1, 1.05, 1, 1.05, 1]
    truth = np.log(law(worse, N, D) / law(BASE, N, D))
    every, at, held = np.arange(60), (np.array([N]), np.array([D])), 0
    for seed in range(24):
        left, right = noises(seed, 0.0, 0.003)
        pair = fit_pair(runs(BASE, left), runs(worse, right), FORMS["chinchilla"], replicates=60, seed=seed)
        drawn = pair.log_loss(1, *at, every) - pair.log_loss(0, *at, every)
        low, high = np.quantile(drawn, [0.05, 0.95])
        held += bool(low <= truth <= high)
    assert held >= 18


def test_the_single_scale_ranking_is_shown_and_a_disagreement_said() -> None:
    """B is behind at every scale that was trained, and overtakes before the target."""
    faster = BASE * [1.0, 2.35, 1.0, 1.0, 1.0] + [0.0, 0.0, 0.04, 0.0, 0.0]
    left, right = noises(1, 0.0, 0.0002)
    found = quick(runs(BASE, left), runs(faster, right), N=1e12, D=2e13)
    assert found.single_scale is not None
    assert found.single_scale.winner == "A"
    assert found.winner == "B"
    assert found.agree is False
    assert found.single_scale.cells == 16


def test_without_common_cells_there_is_no_single_scale_ranking() -> None:
    a, b = runs(BASE, 0.0), runs(BASE, 0.0)
    moved = Runs(b.frame.with_columns(params=pl.col("params") * 1.5))
    assert single_scale(a, moved) is None
    assert len(common_cells(a, moved)[0]) == 0
    assert np.intersect1d(*shared_clusters(a, moved)).size == 0
    assert (shared_clusters(a, b)[0] == shared_clusters(a, b)[1]).all()


def test_a_shared_irreducible_loss_is_one_number_for_both() -> None:
    left, right = noises(2, 0.002, 0.002)
    pair = fit_pair(
        runs(BASE, left),
        runs(BASE * [1, 1.1, 1, 1.1, 1], right),
        FORMS["chinchilla"],
        replicates=20,
        seed=0,
        shared_floor=True,
    )
    assert pair.draws[0]["E"] == pytest.approx(pair.draws[1]["E"])
    assert pair.point[0]["E"] == pytest.approx(pair.point[1]["E"])
    assert np.std(pair.draws[0]["E"]) > 0


def test_what_cannot_be_compared_is_refused() -> None:
    a = runs(BASE, 0.0)
    other = Runs(a.frame, params_convention="non_embedding")
    with pytest.raises(RunsError, match="non_embedding"):
        quick(a, other)
    with pytest.raises(BadInput, match="must be positive"):
        quick(a, a, N=-1.0)
    with pytest.raises(BadInput, match="Unknown path"):
        quick(a, a, path="scenic")
    with pytest.raises(RunsError, match=r"B has 3 run\(s\) that differ in N or D.*at least 6"):
        quick(a, a.take([0, 1, 2]))
    with pytest.raises(BadInput, match="two different names"):
        quick(a, a, names=("A", "A"))


def test_on_public_runs_below_a_billion_the_winner_at_seven_billion_is_foretold(data_dir: Path) -> None:
    """Gadre et al. 2024: C4 beside RedPajama, both judged on C4; the 6.9B runs are left out and foretold."""
    path = data_dir / "runs" / "gadre_overtraining" / "runs.csv"
    columns = {"params": "N", "tokens": "tokens", "loss": "loss_c4_val"}
    whole = [read_runs(path, columns=columns, where=f"dataset == '{name}'") for name in ("c4_original", "rpj")]
    small = [each.take(each.params < 1e9) for each in whole]
    top = [int(np.argmax(each.params)) for each in whole]
    measured = whole[1].loss[top[1]] - whole[0].loss[top[0]]
    found = compare(small[0], small[1], N=6.89e9, D=1.378e11, names=("c4", "rpj"), forms=("chinchilla",), replicates=60)
    assert found.winner == "c4"
    assert measured > 0
    assert found.difference.low < measured < found.difference.high
    assert found.agree is True
