"""E with the doubt that a ladder leaves."""

import numpy as np
import polars as pl
import pytest

from isoflop import Runs, find_law, fit
from isoflop.errors import BadInput, LawError
from isoflop.forecasting.averaging import fit_ensemble, single
from isoflop.forecasting.irreducible import irreducible_loss
from isoflop.laws.law import evaluate

TRUTH = find_law("besiroglu2024")


def ladder(seed: int, noise: float, loss_se: float | None = None) -> Runs:
    rng = np.random.default_rng(seed)
    N, D = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 3e9, 5), np.geomspace(5e8, 6e10, 5)))
    loss = evaluate(TRUTH.form, TRUTH.constants, {"N": N, "D": D}) * np.exp(rng.normal(0, noise, len(N)))
    columns = {"params": N, "tokens": D, "loss": loss, "flops": 6 * N * D}
    return Runs(pl.DataFrame(columns | ({"loss_se": np.full(len(N), loss_se)} if loss_se else {})))


@pytest.mark.slow
def test_the_interval_holds_the_true_irreducible_loss_about_nine_times_in_ten() -> None:
    held = []
    for seed in range(12):
        found = irreducible_loss(fit_ensemble(ladder(seed, 0.004), replicates=60, seed=seed))
        held.append(found.estimate.low <= TRUTH.constants["E"] <= found.estimate.high)
    assert sum(held) >= 10


def test_an_error_of_evaluation_that_all_runs_share_widens_the_interval() -> None:
    without, with_error = (irreducible_loss(fit_ensemble(ladder(0, 0.002, se), replicates=40)) for se in (None, 0.05))
    assert without.evaluation == 0.0
    assert with_error.evaluation == 0.05
    widths = [found.estimate.high - found.estimate.low for found in (without, with_error)]
    assert widths[1] > np.hypot(widths[0], 2 * 1.645 * 0.05) * 0.98


@pytest.mark.long
def test_noise_widens_every_part_and_zero_is_the_least() -> None:
    calm, noisy = (irreducible_loss(fit_ensemble(ladder(1, noise), replicates=40)) for noise in (0.001, 0.05))
    assert noisy.parameters > calm.parameters
    assert noisy.estimate.low >= 0.0


def test_a_form_without_a_floor_and_a_level_out_of_range_are_refused() -> None:
    runs = ladder(0, 0.002)
    with pytest.raises(LawError, match="irreducible loss"):
        irreducible_loss(single(fit("kaplan_nd", runs, replicates=10)))
    with pytest.raises(BadInput, match="level = 2"):
        irreducible_loss(single(fit("chinchilla", runs, replicates=10)), level=2)
