"""Refits, a grid of starts and long tables: isoflop's solver beside the loops that papers on scaling laws use.

    python benchmarks/fitting_speed.py [--repeats 3] [--refits 60] [--starts 150] [--json PATH]

On the 240 points that Besiroglu et al. 2024 keep of Hoffmann et al. 2022, with their objective, Σ Huber(ln residual,
δ = 1e-3):

refits: 4,000 resamples, each refitted from the published optimum. Usual: SciPy's BFGS with the gradient from autograd,
one replicate after another, as people run it.
grid: the 4,500 starts of Hoffmann et al.'s appendix D.3. Usual: SciPy's L-BFGS-B with finite differences, likewise.

Both sides solve the same resamples from the same start, or the same grid. The two take turns, so that another program's
load falls on both. The usual loops are timed on a sample and scaled to the full count; isoflop runs in full, on all
cores. "wall" compares what a user waits, "CPU" the processor time of one core.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import minimize

from isoflop import Runs, find_law, fit, read_runs
from isoflop.fitting.bootstrap import bootstrap_weights
from isoflop.fitting.fit import pose
from isoflop.fitting.objectives import find_objective
from isoflop.fitting.solver import Problem, Solution, solve, usable_threads
from isoflop.laws.catalogue import find_form

Array = NDArray[np.float64]

REPLICATES = 4_000
DELTA = 1e-3
OPTIMUM = 0.001018274018
"""Lowest sum on the 240 points (tests/fitting/test_published_fit.py)."""
REACHED = 1e-4
"""A start has reached the optimum when its objective is within 0.01 % of it."""
AIMS = {"refits": 80.0, "grid": 40.0}
"""Ratios of wall time that isoflop promises on two cores."""
GRID = {
    "alpha": np.arange(0, 2.1, 0.5),
    "beta": np.arange(0, 2.1, 0.5),
    "e": np.arange(-1, 1.1, 0.5),
    "a": np.arange(0, 26, 5.0),
    "b": np.arange(0, 26, 5.0),
}
"""Starts of Hoffmann et al. 2022, appendix D.3, with a = ln A, b = ln B, e = ln E."""


@dataclass(frozen=True)
class Points:
    """ln N, ln D and ln loss of the runs, (n,) each, and isoflop's problem of the same runs."""

    log_params: Array
    log_tokens: Array
    log_loss: Array
    problem: Problem


@dataclass(frozen=True)
class Timing:
    """Seconds of the whole task, and the objective each of its problems ended at."""

    wall: float
    cpu: float
    objective: Array


def main() -> None:
    arguments = parse(sys.argv[1:])
    report: dict[str, Any] = {"cores": usable_threads()}
    file = data_folder() / "runs" / "chinchilla_besiroglu" / "runs.csv"
    if file.is_file():
        points = read_points(file)
        report["refits"] = compare_refits(points, arguments.refits, arguments.repeats)
        report["grid"] = compare_grid(points, arguments.starts, arguments.repeats)
        report["one_fit_seconds"] = one_fit(points_as_runs(file))
    else:
        print(f"Refits and grid are skipped: {file} is missing. Set ISOFLOP_DATA to the folder that holds runs/.")
    report["growth"] = [grow(runs, arguments.repeats) for runs in (1_000, 10_000, 100_000)]
    show(report)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="medians are over so many turns")
    parser.add_argument("--refits", type=int, default=60, help="sample of the usual refits, scaled to 4,000")
    parser.add_argument("--starts", type=int, default=150, help="sample of the usual grid, scaled to 4,500")
    parser.add_argument("--json", help="write the figures here")
    return parser.parse_args(words)


def data_folder() -> Path:
    return Path(os.environ.get("ISOFLOP_DATA", Path(__file__).parents[2] / "shared" / "data"))


def points_as_runs(file: Path) -> Runs:
    return read_runs(file, columns={"params": "N", "tokens": "D", "flops": "C"}, where="kept_240")


def read_points(file: Path) -> Points:
    runs = points_as_runs(file)
    problem = pose(find_form("chinchilla"), runs, find_objective("log_huber"))
    return Points(np.log(runs.params), np.log(runs.tokens), np.log(runs.loss), problem)


def huber_of_lse(points: Points, resample: NDArray[np.int64], numpy: Any) -> Callable[[Array], Any]:
    """Hoffmann et al. 2022, eq. 3: Σ Huber_δ(LSE(a − α ln N, b − β ln D, e) − ln L), with NumPy or autograd's NumPy."""
    log_params, log_tokens, log_loss = (
        each[resample] for each in (points.log_params, points.log_tokens, points.log_loss)
    )

    def objective(theta: Array) -> Any:
        a, b, e, alpha, beta = theta
        terms = numpy.stack([a - alpha * log_params, b - beta * log_tokens, e + 0.0 * log_loss])
        top = numpy.max(terms, axis=0)
        residual = top + numpy.log(numpy.sum(numpy.exp(terms - top), axis=0)) - log_loss
        size = numpy.abs(residual)
        return numpy.sum(numpy.where(size <= DELTA, 0.5 * residual**2, DELTA * (size - 0.5 * DELTA)))

    return objective


def usual_refits(points: Points, start: Array, weights: Array) -> Array:
    """One BFGS a replicate with autograd's gradient; each row of ``weights`` says how often a run was drawn."""
    try:
        import autograd
        import autograd.numpy as traced
    except ImportError:
        raise SystemExit("The usual loop needs autograd: pip install 'isoflop[bench]'.") from None
    found = []
    for counts in weights.astype(int):
        objective = huber_of_lse(points, np.repeat(np.arange(len(counts)), counts), traced)
        found.append(minimize(objective, start, method="BFGS", jac=autograd.grad(objective)).fun)
    return np.array(found)


def usual_grid(points: Points, starts: Array) -> Array:
    """One L-BFGS-B a start, (starts, 5), with SciPy's finite differences."""
    objective = huber_of_lse(points, np.arange(len(points.log_loss)), np)
    return np.array([minimize(objective, start, method="L-BFGS-B").fun for start in starts])


def hoffmann_starts() -> Array:
    """All 4,500 as (a, b, e, α, β)."""
    return np.array(list(itertools.product(*(GRID[name] for name in ("a", "b", "e", "alpha", "beta")))))


def as_working(problem: Problem, theta: Array) -> Array:
    """(a, b, e, α, β) as isoflop's working parameters."""
    a, b, e, alpha, beta = theta.T
    natural = {"A": np.exp(a), "B": np.exp(b), "E": np.exp(e), "alpha": alpha, "beta": beta}
    columns = np.stack([natural[name] for name in problem.compiled.form.symbols], axis=1)
    return problem.compiled.to_working(columns, problem.centres)


def clocked(task: Callable[[], Array], scale: float = 1.0) -> Timing:
    """Time a task; ``scale`` makes the seconds of a sample those of the whole."""
    wall, cpu = time.perf_counter(), time.process_time()
    objective = task()
    return Timing((time.perf_counter() - wall) * scale, (time.process_time() - cpu) * scale, objective)


def compare_refits(points: Points, sample: int, repeats: int) -> dict[str, float]:
    constants = find_law("besiroglu2024").constants
    logs = [np.log(constants[name]) for name in "ABE"]
    published = np.array([*logs, constants["alpha"], constants["beta"]])
    begin = np.repeat(as_working(points.problem, published[None, :]), REPLICATES, axis=0)
    clusters = np.arange(len(points.log_loss))

    def own() -> Array:
        weights = bootstrap_weights(clusters, REPLICATES, np.random.default_rng(0), "resample")
        return solve(points.problem, begin, weights, continuation=False).objective

    def usual() -> Array:
        weights = bootstrap_weights(clusters, REPLICATES, np.random.default_rng(0), "resample")
        return usual_refits(points, published, weights[:sample])

    usual_times, own_times = take_turns(usual, own, REPLICATES / sample, repeats)
    excess = usual_times[0].objective / own_times[0].objective[:sample] - 1
    return summary(usual_times, own_times) | {
        "sample": sample,
        "usual_median_excess": float(np.median(excess)),
        "own_worst_excess": float(max(-excess.min(), 0.0)),
    }


def compare_grid(points: Points, sample: int, repeats: int) -> dict[str, float]:
    starts = hoffmann_starts()
    order = np.random.default_rng(0).permutation(len(starts))
    drawn = iter([order[first : first + sample] for first in range(0, sample * repeats, sample)])
    found: list[Solution] = []

    def own() -> Array:
        found.append(solve(points.problem, as_working(points.problem, starts)))
        return found[-1].objective

    def usual() -> Array:
        return usual_grid(points, starts[next(drawn)])

    usual_times, own_times = take_turns(usual, own, len(starts) / sample, repeats)
    usual_objective = np.concatenate([timing.objective for timing in usual_times])
    own_objective = own_times[0].objective
    return summary(usual_times, own_times) | {
        "sample": len(usual_objective),
        "usual_reached": float(np.mean(usual_objective <= OPTIMUM * (1 + REACHED))),
        "own_reached": float(np.mean(own_objective <= OPTIMUM * (1 + REACHED))),
        "own_converged": float(found[0].converged.mean()),
        "usual_best": float(usual_objective.min()),
        "own_best": float(own_objective.min()),
    }


def take_turns(
    usual: Callable[[], Array], own: Callable[[], Array], scale: float, repeats: int
) -> tuple[list[Timing], list[Timing]]:
    """The usual loop on a sample, then isoflop in full, and again."""
    turns = [(clocked(usual, scale), clocked(own)) for _ in range(repeats)]
    return [turn[0] for turn in turns], [turn[1] for turn in turns]


def summary(usual: list[Timing], own: list[Timing]) -> dict[str, float]:
    """Medians over the turns, and the medians of the ratios within a turn."""
    turns = list(zip(usual, own, strict=True))
    return {
        "usual_wall": statistics.median(timing.wall for timing in usual),
        "usual_cpu": statistics.median(timing.cpu for timing in usual),
        "own_wall": statistics.median(timing.wall for timing in own),
        "own_cpu": statistics.median(timing.cpu for timing in own),
        "wall_ratio": statistics.median(theirs.wall / ours.wall for theirs, ours in turns),
        "cpu_ratio": statistics.median(theirs.cpu / ours.cpu for theirs, ours in turns),
    }


def one_fit(runs: Runs) -> float:
    """Seconds of ``fit("chinchilla", 240 runs, replicates=0)`` once the form is compiled: median of 9."""
    fit("chinchilla", runs, replicates=0)
    return statistics.median(clocked(lambda: fit("chinchilla", runs, replicates=0).residuals).wall for _ in range(9))


def grow(count: int, repeats: int) -> dict[str, float]:
    """Time and the most memory of one fit to ``count`` made runs, without replicates."""
    rng = np.random.default_rng(0)
    params, tokens = 10 ** rng.uniform(7, 10, count), 10 ** rng.uniform(9, 12, count)
    loss = np.asarray(find_law("besiroglu2024")(N=params, D=tokens)) * np.exp(rng.normal(0, 0.01, count))
    runs = Runs(pl.DataFrame({"params": params, "tokens": tokens, "loss": loss, "flops": 6 * params * tokens}))
    timings = [clocked(lambda: fit("chinchilla", runs, replicates=0).residuals) for _ in range(repeats)]
    tracemalloc.start()
    fit("chinchilla", runs, replicates=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    wall = statistics.median(timing.wall for timing in timings)
    cpu = statistics.median(timing.cpu for timing in timings)
    return {"runs": count, "wall": wall, "cpu": cpu, "microseconds_a_run": 1e6 * cpu / count, "peak_mb": peak / 1e6}


def show(report: dict[str, Any]) -> None:
    print(f"{'task':32} {'usual, s':>16} {'isoflop, s':>16} {'ratio':>16} {'aim':>5}   ({report['cores']} cores)")
    print(f"{'':32} {'wall':>8}{'CPU':>8} {'wall':>8}{'CPU':>8} {'wall':>8}{'CPU':>8}")
    for name, title in (("refits", "4,000 bootstrap refits"), ("grid", "4,500-start grid")):
        if name in report:
            row = report[name]
            pairs = [f"{row[f'{side}_wall']:8.2f}{row[f'{side}_cpu']:8.2f}" for side in ("usual", "own")]
            print(f"{title:32} {' '.join(pairs)} {row['wall_ratio']:8.0f}{row['cpu_ratio']:8.0f} {AIMS[name]:5.0f}")
    if "refits" in report:
        show_quality(report["refits"], report["grid"], report["one_fit_seconds"])
    print(f"\n{'one fit, made runs':>20} {'wall, s':>8} {'CPU, s':>8} {'µs a run':>9} {'peak, MB':>9}")
    for row in report["growth"]:
        figures = f"{row['wall']:8.2f} {row['cpu']:8.2f} {row['microseconds_a_run']:9.1f} {row['peak_mb']:9.1f}"
        print(f"{row['runs']:20,} {figures}")


def show_quality(refits: dict[str, float], grid: dict[str, float], one: float) -> None:
    print(
        f"\nThe usual loops run on one core, timed on {refits['sample']:.0f} refits and {grid['sample']:.0f} starts.\n"
        f"Refits: the usual objective ends {refits['usual_median_excess']:.1e} above isoflop's (relative, median); "
        f"isoflop's ends at most {refits['own_worst_excess']:.1e} above the usual one.\n"
        f"Grid, starts within 0.01 % of the optimum: usual {grid['usual_reached']:.1%}, isoflop "
        f"{grid['own_reached']:.1%} ({grid['own_converged']:.1%} converged).\n"
        f"Grid, best objective: usual {grid['usual_best']:.10g}, isoflop {grid['own_best']:.10g}.\n"
        f"One fit of the 240 points with {fit.__kwdefaults__['starts']} starts: {one:.3f} s."
    )


if __name__ == "__main__":
    main()
