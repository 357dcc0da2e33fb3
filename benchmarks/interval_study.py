"""Do the intervals hold what they promise? Forecasts of made-up ladders whose truth is known.

    python benchmarks/interval_study.py [--ladders 1000] [--processes 2] [--json PATH]

Each ladder draws a true law, a kind of noise, sizes and lengths. Two in seven truths are of no form that is averaged: a
law with a break, and one with an interaction of size and data. Targets are new runs with noise: one within the ladder's
compute, one at 10 and one at 100 times the largest. A ladder's forecasts share their fits, so each column has as many
trials as there are ladders.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from isoflop import Runs, forecast
from isoflop.forecasting.history import LEVELS

Array = NDArray[np.float64]
RATIOS = {"in range": 0.5, "10 times": 10.0, "100 times": 100.0}
TRUTHS = ("additive", "additive", "one exponent", "coupled", "coupled", "broken", "interaction")
AVERAGED = ("additive", "one exponent", "coupled")
NOISES = ("normal", "heavy-tailed", "larger for small runs", "shared within a trunk")
REPLICATES = 60


@dataclass(frozen=True)
class World:
    """One true law with its noise. constants: drawn around published values."""

    truth: str
    noise: str
    constants: dict[str, float]
    sigma: float

    def loss(self, N: Array, D: Array) -> Array:
        """The law itself, nats a token."""
        c = self.constants
        size, data = c["A"] * N ** -c["alpha"], c["B"] * D ** -c["beta"]
        if self.truth in ("coupled",):
            return np.asarray(c["E"] + (size ** (1 / c["kappa"]) + data ** (1 / c["kappa"])) ** c["kappa"])
        plain = c["E"] + size + data
        if self.truth == "broken":  # returns diminish beyond a size: one break, Caballero et al. 2022
            return np.asarray(c["E"] + size * (1 + (N / c["at"]) ** 2) ** (c["bend"] / 2) + data)
        if self.truth == "interaction":
            return np.asarray(plain + c["share"] * np.sqrt(size * data))
        return np.asarray(plain)


def draw_world(rng: np.random.Generator) -> World:
    """A truth of the size and exponents that language models show."""
    truth, noise = str(rng.choice(TRUTHS)), str(rng.choice(NOISES))
    alpha = rng.uniform(0.25, 0.45)
    beta = alpha if truth == "one exponent" else rng.uniform(0.25, 0.45)
    constants = {
        "E": rng.uniform(1.3, 2.0),
        "alpha": alpha,
        "beta": beta,
        "A": rng.uniform(0.4, 1.2) * 1e8**alpha,
        "B": rng.uniform(0.4, 1.2) * 2e9**beta,
        "kappa": rng.uniform(0.35, 0.8),
        "at": 10 ** rng.uniform(8.3, 9.3),
        "bend": rng.uniform(0.03, 0.10),
        "share": rng.uniform(0.1, 0.4),
    }
    return World(truth, noise, constants, float(10 ** rng.uniform(-3, -2)))


def noisy(world: World, N: Array, D: Array, rng: np.random.Generator) -> Array:
    """Measured losses of single runs; runs of one size share half of the variance where a trunk is shared."""
    unit = rng.standard_normal(len(N))
    if world.noise == "heavy-tailed":
        unit = rng.standard_t(4, len(N)) / np.sqrt(2)
    elif world.noise == "larger for small runs":
        unit = unit * np.clip((N * D / 1e18) ** -0.1, 0.5, 2.0)
    elif world.noise == "shared within a trunk":
        sizes, which = np.unique(N, return_inverse=True)
        unit = np.sqrt(0.5) * (unit + rng.standard_normal(len(sizes))[which])
    return np.asarray(world.loss(N, D) * np.exp(world.sigma * unit))


def one_ladder(seed: int) -> list[dict[str, Any]]:
    """Train, forecast and score one ladder: a row for each target."""
    rng = np.random.default_rng([seed, 20])
    world = draw_world(rng)
    sizes = np.geomspace(2e7, 10 ** rng.uniform(8.7, 9.5), int(rng.integers(4, 9)))
    lengths = np.geomspace(5e8, 10 ** rng.uniform(10.0, 11.0), int(rng.integers(4, 8)))
    N, D = (a.ravel() for a in np.meshgrid(sizes, lengths))
    runs = pl.DataFrame({"params": N, "tokens": D, "loss": noisy(world, N, D, rng), "flops": 6 * N * D})
    if world.noise == "shared within a trunk":
        runs = runs.with_columns(trunk=pl.col("params").cast(pl.String))
    largest = float((6 * N * D).max())
    shares = np.sqrt(np.array(list(RATIOS.values())) * largest / (6 * 20.0)) * np.exp(rng.normal(0, 0.3, len(RATIOS)))
    at_N = shares
    at_D = np.array(list(RATIOS.values())) * largest / (6 * at_N)
    measured = noisy(world, at_N, at_D, rng)
    made = forecast(Runs(runs), N=at_N, D=at_D, replicates=REPLICATES, seed=seed)
    bounds = {level: np.quantile(made.draws, [(1 - level) / 2, (1 + level) / 2], axis=1) for level in LEVELS}
    return [
        {
            "seed": seed,
            "truth": world.truth,
            "noise": world.noise,
            "n_runs": len(N),
            "where": where,
            "error": float(made.loss[i] / measured[i] - 1),
            "held": {f"{lv:g}": bool(low[i] <= measured[i] <= high[i]) for lv, (low, high) in bounds.items()},
            "half_width": float((bounds[0.9][1][i] - bounds[0.9][0][i]) / 2 / made.loss[i]),
        }
        for i, where in enumerate(RATIOS)
    ]


def show(rows: list[dict[str, Any]], title: str) -> None:
    """Coverage by extrapolation."""
    print(f"\n{title}")
    print(f"{'target':12}{'ladders':>8}{'error':>8}{'±90 %':>8}   " + "".join(f"{f'in {lv:.0%}':>9}" for lv in LEVELS))
    for where in RATIOS:
        own = [row for row in rows if row["where"] == where]
        if not own:
            continue
        held = "".join(f"{np.mean([row['held'][f'{lv:g}'] for row in own]):9.1%}" for lv in LEVELS)
        error, width = np.median([abs(row["error"]) for row in own]), np.median([row["half_width"] for row in own])
        print(f"{where:12}{len(own):8}{error:8.2%}{width:8.2%}   {held}")


def main() -> None:
    """Print coverage over all ladders, by truth and by noise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ladders", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    began = time.perf_counter()
    seeds = range(options.first, options.first + options.ladders)
    with ProcessPoolExecutor(options.processes) as pool:
        rows = [row for ladder in pool.map(one_ladder, seeds, chunksize=4) for row in ladder]
    show(rows, f"{options.ladders} ladders, {time.perf_counter() - began:.0f} s")
    for truth in dict.fromkeys(TRUTHS):
        show([row for row in rows if row["truth"] == truth], f"truth: {truth}")
    for noise in NOISES:
        show([row for row in rows if row["noise"] == noise], f"noise: {noise}")
    if options.json:
        options.json.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
