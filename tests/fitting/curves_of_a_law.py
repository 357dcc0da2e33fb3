"""Training curves and isoFLOP sweeps made from a known additive law."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from isoflop import Law, Runs
from isoflop.laws.optimum import optimal_split


def training_curves(law: Law, seed: int, noise: float = 0.003, sizes: int = 12, horizons: int = 4) -> Runs:
    """Curves of 120 points for each size and horizon, with a shift per run beside the noise of its points."""
    rng = np.random.default_rng(seed)
    parts = []
    for size in np.geomspace(5e7, 1e10, sizes):
        for horizon in range(horizons):
            tokens = np.linspace(0.02, 1, 120) * 20 * size * 4.0 ** (horizon - 1.5)
            shift = rng.normal(0, noise / 2) + rng.normal(0, noise, len(tokens))
            loss = law(N=np.full(120, size), D=tokens) * np.exp(shift)
            columns = {"params": np.full(120, size), "tokens": tokens, "loss": loss, "flops": 6 * size * tokens}
            parts.append(pl.DataFrame({**columns, "run_id": [f"{size:.2g}-{horizon}"] * 120}))
    return Runs(pl.concat(parts))


def isoflop_grid(law: Law, width: float, offsets: list[float], budgets: NDArray[np.float64], points: int = 15) -> Runs:
    """Noise-free runs around the law's D*, from D*/width to D*·width, each budget's centre moved by its offset."""
    parts = []
    for flops, offset in zip(budgets, offsets, strict=True):
        best = float(optimal_split(law.form, law.constants, flops).D_opt)
        tokens = best * offset * np.geomspace(1 / width, width, points)
        params = flops / (6 * tokens)
        loss = law(N=params, D=tokens)
        parts.append(
            pl.DataFrame({"params": params, "tokens": tokens, "loss": loss, "flops": np.full(points, float(flops))})
        )
    return Runs(pl.concat(parts))
