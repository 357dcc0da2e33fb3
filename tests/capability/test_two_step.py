"""Two steps, from N and D to a loss and to a score, on public runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop.capability.two_step import forecast_two_step
from isoflop.errors import BadInput
from isoflop.runs.table import Runs


@pytest.fixture(scope="module")
def gadre(data_dir: Path) -> pl.DataFrame:
    folder = data_dir / "runs/gadre_overtraining"
    table = pl.read_csv(folder / "runs.csv").join(pl.read_csv(folder / "downstream_accuracy.csv"), on="name")
    table = table.filter(pl.col("dataset") == "rw_original")
    return table.with_columns(flops=6.0 * pl.col("N") * pl.col("tokens")).filter(pl.col("loss_c4_val").is_not_null())


def runs_of(frame: pl.DataFrame) -> Runs:
    return Runs(
        pl.DataFrame(
            {
                "params": frame["N"].cast(float),
                "tokens": frame["tokens"].cast(float),
                "loss": frame["loss_c4_val"].cast(float),
                "flops": frame["flops"],
            }
        )
    )


def test_the_largest_runs_are_foretold_from_the_small_ones(gadre: pl.DataFrame) -> None:
    small, large = gadre.filter(pl.col("flops") <= 2e20), gadre.filter(pl.col("flops") > 2e20)
    assert large.height >= 2
    errors, naive, held = [], [], []
    for task, chance in {"hellaswag": 0.25, "piqa": 0.5, "lambada_openai": 0.0}.items():
        found = forecast_two_step(
            runs_of(small), small[task].to_numpy(), chance=chance, form="chinchilla",
            N=large["N"].cast(float).to_numpy(), D=large["tokens"].cast(float).to_numpy(),
        )  # fmt: skip
        truth = large[task].to_numpy()
        errors.append(np.abs(found.mean - truth).mean())
        naive.append(np.abs(np.sort(small[task].to_numpy())[-3:].mean() - truth).mean())
        held.append(((found.low <= truth) & (truth <= found.high)).mean())
    assert np.mean(errors) < 0.05
    assert np.mean(errors) < 0.5 * np.mean(naive)
    assert np.mean(held) > 0.6


def test_the_interval_is_wider_than_that_of_a_known_loss() -> None:
    N, D = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e7, 1e9, 6), np.geomspace(2e8, 2e10, 6)))
    rng = np.random.default_rng(0)
    loss = (1.8 + 480 / N**0.35 + 2000 / D**0.37) * np.exp(rng.normal(0, 0.01, N.size))
    score = np.clip(0.25 + 0.6 / (1 + np.exp(4 * (loss - 3.0))) + rng.normal(0, 0.005, N.size), 0, 1)
    runs = Runs(pl.DataFrame({"params": N, "tokens": D, "loss": loss, "flops": 6 * N * D}))
    found = forecast_two_step(runs, score, chance=0.25, form="chinchilla", N=1e10, D=2e11)
    truth = 0.25 + 0.6 / (1 + np.exp(4 * (1.8 + 480 / 1e10**0.35 + 2000 / 2e11**0.37 - 3.0)))
    assert found.low[0] <= truth <= found.high[0]
    assert found.high[0] - found.low[0] > found.skill.high[0] - found.skill.low[0]
    with pytest.raises(BadInput, match="One score a run"):
        forecast_two_step(runs, score[:5], form="chinchilla", N=1e10, D=2e11)
