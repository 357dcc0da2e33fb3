"""The fitter beside the field's usual loops, on the 240 Chinchilla points of Besiroglu et al. 2024.

    python benchmarks/fitting_speed.py [--repeats 3] [--json PATH]

bootstrap: 4,000 refits from the optimum. The usual loop calls SciPy's BFGS with autograd's gradient for each resample,
one after another. grid: the 4,500 starts of Hoffmann et al. 2022 (alpha, beta in {0, 0.5, …, 2}, e in {−1, …, 1},
a, b in {0, 5, …, 25}), each run to convergence. The usual loop calls SciPy's L-BFGS-B with finite differences. isoflop
is timed as `fit(starts=HOFFMANN_GRID)` takes the grid, which solves for the coefficients at each pair of exponents, so
that 4,500 starts are 25; and, to show the solver alone, as it follows each of the 4,500 by itself.

The usual loops are timed on a sample of refits or starts and scaled up, since they take minutes; isoflop does all of
them. They take turns, so that the load of a shared machine falls on both. isoflop uses all cores, as it does for its
users, and the usual loops one, as people run them; the ratio of CPU time is the comparison per core. Both have one
BLAS thread: SciPy's L-BFGS-B took 7 times as long when OpenBLAS made threads for its small matrices (1,300 to 1,460 s
against 174 to 214 s for the grid, measured by turns), which would flatter isoflop.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoflop import Runs, fit, read_runs
from isoflop.fitting.bootstrap import bootstrap_weights
from isoflop.fitting.fit import pose
from isoflop.fitting.objectives import OBJECTIVES
from isoflop.fitting.solver import Problem, solve
from isoflop.fitting.starts import HOFFMANN_GRID, grid_starts
from isoflop.laws import FORMS
from isoflop.laws.compiled import compile_form

Array = NDArray[np.float64]
DELTA = 1e-3
REFITS, REFIT_SAMPLE = 4000, 60
START_SAMPLE = 150
GRID = list(itertools.product(*HOFFMANN_GRID.values()))
"""(E, A, alpha, B, beta)."""
WITHIN = 1e-4
"""A start counts as having found the optimum when its objective is within 0.01 % of it."""


def main() -> int:
    """Print the table; exit code 0 also when the data are absent, which is said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with_one_blas_thread()
    file = data_folder() / "runs" / "chinchilla_besiroglu" / "runs.csv"
    if not file.exists():
        print(f"skipped: {file} is not there. Set ISOFLOP_DATA to the folder that holds runs/.")
        return 0
    runs = read_runs(file, columns={"params": "N", "tokens": "D", "flops": "C"}, where="kept_240")
    problem = pose(FORMS["chinchilla"], runs, OBJECTIVES["log_huber"])
    rows = {
        "bootstrap": compare(options.repeats, *bootstrap_pair(runs, problem)),
        "grid": compare(options.repeats, *grid_pair(runs, problem, follow_each=False)),
        "grid_each": compare(options.repeats, *grid_pair(runs, problem, follow_each=True)),
    }
    show(rows)
    growth = [grown(count) for count in (1_000, 10_000, 100_000)]
    show_growth(growth)
    if options.json:
        options.json.write_text(json.dumps({**rows, "growth": growth}, indent=2))
    return 0


def with_one_blas_thread() -> None:
    """Start again with one BLAS thread where the shell asked for none: OpenBLAS reads this as NumPy is imported."""
    one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if any(os.environ.get(name) != value for name, value in one.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | one)


def data_folder() -> Path:
    """$ISOFLOP_DATA, or shared/data beside the repository."""
    return Path(os.environ.get("ISOFLOP_DATA", Path(__file__).parents[2] / "shared" / "data"))


Timed = Callable[[], tuple[float, dict[str, float]]]
"""Does its work; returns the share of the whole that was done, and what it found."""


def compare(repeats: int, usual: Timed, ours: Timed) -> dict[str, Any]:
    """Take turns; medians of wall and CPU seconds for the whole, and their ratios."""
    seconds: dict[str, list[tuple[float, float]]] = {"usual": [], "isoflop": []}
    found: dict[str, dict[str, float]] = {}
    for _ in range(repeats):
        for name, work in (("usual", usual), ("isoflop", ours)):
            wall, cpu = time.perf_counter(), time.process_time()
            share, found[name] = work()
            seconds[name].append(((time.perf_counter() - wall) / share, (time.process_time() - cpu) / share))
    medians = {
        name: [statistics.median(column) for column in zip(*taken, strict=True)] for name, taken in seconds.items()
    }
    return {
        "wall_seconds": {name: wall for name, (wall, _) in medians.items()},
        "cpu_seconds": {name: cpu for name, (_, cpu) in medians.items()},
        "wall_ratio": medians["usual"][0] / medians["isoflop"][0],
        "cpu_ratio": medians["usual"][1] / medians["isoflop"][1],
        "found": found,
    }


def bootstrap_pair(runs: Runs, problem: Problem) -> tuple[Timed, Timed]:
    """4,000 refits: BFGS with autograd one by one, and isoflop all at once, on the same resamples."""
    weights = bootstrap_weights(runs.clusters, REFITS, np.random.default_rng(0), "resample")
    law = fit("chinchilla", runs, replicates=0).law.constants
    best = np.array([np.log(law["A"]), np.log(law["B"]), np.log(law["E"]), law["alpha"], law["beta"]])
    working = compile_form(FORMS["chinchilla"]).to_working(np.array([list(law.values())]), problem.centres)
    starts = np.repeat(working, REFITS, axis=0)

    def usual() -> tuple[float, dict[str, float]]:
        return REFIT_SAMPLE / REFITS, refit_one_by_one(runs, weights[:REFIT_SAMPLE], best)

    def ours() -> tuple[float, dict[str, float]]:
        refitted = solve(problem, starts, weights, continuation=False)
        alpha = compile_form(FORMS["chinchilla"]).to_natural(refitted.working, problem.centres)[:REFIT_SAMPLE, 2]
        return 1.0, {"alpha_sd_of_sample": float(alpha.std()), "objective_of_first": float(refitted.objective[0])}

    return usual, ours


def refit_one_by_one(runs: Runs, weights: Array, best: Array) -> dict[str, float]:
    """What a notebook does: resample, BFGS with autograd's gradient, collect."""
    import autograd.numpy as anp
    from autograd import value_and_grad
    from scipy.optimize import minimize

    log_n, log_d, log_l = np.log(runs.params), np.log(runs.tokens), np.log(runs.loss)
    alphas, first = [], float("nan")
    for row in weights:
        chosen = np.repeat(np.arange(len(row)), row.astype(int))
        n, d, target = log_n[chosen], log_d[chosen], log_l[chosen]

        def objective(p: Any, n: Array = n, d: Array = d, target: Array = target) -> Any:
            terms = anp.stack([p[0] - p[3] * n, p[1] - p[4] * d, p[2] + 0 * n])
            top = anp.max(terms, axis=0)
            residual = target - top - anp.log(anp.sum(anp.exp(terms - top), axis=0))
            size = anp.abs(residual)
            return anp.sum(anp.where(size <= DELTA, 0.5 * residual**2, DELTA * (size - 0.5 * DELTA)))

        found = minimize(value_and_grad(objective), best, jac=True, method="BFGS")
        first = found.fun if len(alphas) == 0 else first
        alphas.append(found.x[3])
    return {"alpha_sd_of_sample": float(np.std(alphas)), "objective_of_first": float(first)}


def grid_pair(runs: Runs, problem: Problem, *, follow_each: bool) -> tuple[Timed, Timed]:
    """4,500 starts: L-BFGS-B with finite differences one by one, and isoflop all at once."""
    sample = [GRID[i] for i in np.random.default_rng(1).choice(len(GRID), START_SAMPLE, replace=False)]
    working = compile_form(FORMS["chinchilla"]).to_working(np.array(GRID), problem.centres)
    optimum = fit("chinchilla", runs, replicates=0).objective_value

    def usual() -> tuple[float, dict[str, float]]:
        ends = np.array([descend(runs, np.array([*np.log([A, B, E]), alpha, beta])) for E, A, alpha, B, beta in sample])
        return len(sample) / len(GRID), {"best": float(ends.min()), "reaching": reaching(ends, optimum)}

    def ours() -> tuple[float, dict[str, float]]:
        starts, counts = (working, np.ones(len(working))) if follow_each else grid_starts(problem, HOFFMANN_GRID)
        ends = solve(problem, starts).objective
        return 1.0, {"best": float(np.nanmin(ends)), "reaching": reaching(ends, optimum, counts)}

    return usual, ours


def descend(runs: Runs, start: Array) -> float:
    """L-BFGS-B from one start, gradients by finite differences."""
    from scipy.optimize import minimize

    log_n, log_d, log_l = np.log(runs.params), np.log(runs.tokens), np.log(runs.loss)

    def objective(p: Array) -> float:
        size = np.abs(log_l - np.logaddexp(np.logaddexp(p[0] - p[3] * log_n, p[1] - p[4] * log_d), p[2]))
        return float(np.where(size <= DELTA, 0.5 * size**2, DELTA * (size - 0.5 * DELTA)).sum())

    return float(minimize(objective, start, method="L-BFGS-B").fun)


def reaching(ends: Array, optimum: float, counts: Array | None = None) -> float:
    """Share of starts that end within 0.01 % of the optimum; ``counts``: how many starts each end stands for."""
    return float(np.average(ends <= optimum * (1 + WITHIN), weights=counts))


def grown(count: int) -> dict[str, float]:
    """One fit of ``count`` made-up runs from four starts: seconds of CPU."""
    import polars as pl

    from isoflop import find_law

    rng = np.random.default_rng(0)
    N, D = 10 ** rng.uniform(7, 10, count), 10 ** rng.uniform(9, 12, count)
    loss = find_law("besiroglu2024")(N=N, D=D) * np.exp(rng.normal(0, 0.01, count))
    runs = Runs(pl.DataFrame({"params": N, "tokens": D, "loss": loss, "flops": 6 * N * D}))
    began = time.process_time()
    fit("chinchilla", runs, replicates=0, starts=4)
    return {"runs": count, "cpu_seconds": time.process_time() - began}


def show(rows: dict[str, dict[str, Any]]) -> None:
    """The table of ratios."""
    print(f"{'':34}{'usual':>12}{'isoflop':>12}{'ratio':>9}   (aim)")
    whats = {
        "bootstrap": ("4,000 refits", "80×"),
        "grid": ("4,500 starts", "40×"),
        "grid_each": ("  each followed alone", ""),
    }
    for name, (what, aim) in whats.items():
        for clock in ("wall", "cpu"):
            seconds, ratio = rows[name][f"{clock}_seconds"], rows[name][f"{clock}_ratio"]
            said = f"   ({aim})" if aim and clock == "wall" else ""
            left = f"{what}, {clock.upper() if clock == 'cpu' else clock}"
            print(f"{left:34}{seconds['usual']:10.1f} s{seconds['isoflop']:10.3f} s{ratio:8.0f}×{said}")
    for name, side in (("grid", "usual"), ("grid", "isoflop"), ("grid_each", "isoflop")):
        found = rows[name]["found"][side]
        print(f"{name}, {side}: best {found['best']:.12g}, {found['reaching']:.0%} of the starts within 0.01 %")
    spreads = [rows["bootstrap"]["found"][side]["alpha_sd_of_sample"] for side in ("usual", "isoflop")]
    print(f"bootstrap, sd of alpha over the same {REFIT_SAMPLE} resamples: {spreads[0]:.4f}, {spreads[1]:.4f}")


def show_growth(growth: list[dict[str, float]]) -> None:
    """CPU time against the number of runs."""
    print(
        "one fit from 4 starts: " + ", ".join(f"{int(g['runs']):,} runs {g['cpu_seconds']:.2f} s CPU" for g in growth)
    )


if __name__ == "__main__":
    sys.exit(main())
