"""The 240 points of Besiroglu et al. 2024, and ladders made from known laws."""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from isoflop import Law, Runs, read_runs
from isoflop.laws.law import evaluate


def besiroglu_runs(data_dir: Path) -> Runs:
    """The 240 points kept by the authors."""
    file = data_dir / "runs" / "chinchilla_besiroglu" / "runs.csv"
    return read_runs(file, columns={"params": "N", "tokens": "D", "flops": "C"}, where="kept_240")


def made_ladder(law: Law, noise: float, seed: int, sizes: int = 6, lengths: int = 4) -> Runs:
    """A grid of runs on a law with N and D, with log-normal noise of the given size."""
    rng = np.random.default_rng(seed)
    N, D = (a.ravel() for a in np.meshgrid(np.geomspace(3e7, 3e9, sizes), np.geomspace(1e9, 6e10, lengths)))
    return as_runs(N, D, evaluate(law.form, law.constants, {"N": N, "D": D}) * np.exp(rng.normal(0, noise, len(N))))


def as_runs(N: NDArray[np.float64], D: NDArray[np.float64], loss: NDArray[np.float64], **columns: object) -> Runs:
    """A table from arrays, with C = 6ND."""
    return Runs(pl.DataFrame({"params": N, "tokens": D, "loss": loss, "flops": 6 * N * D, **columns}))
