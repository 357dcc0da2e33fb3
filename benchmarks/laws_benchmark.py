"""The law-fitting benchmark: eight public tables, each split so that the held-out rows lie beyond the others.

    python benchmarks/laws_benchmark.py [TASK …]

The tables are the training rows of SLDBench (linhaowei1/SLD) and of the Farseer runs, as gathered by PlanarG/active-sl
(CC BY 4.0), in $ISOFLOP_DATA/runs/laws_benchmark. The rows on which published laws were scored are not among them, so
these figures say how laws extrapolate inside the training rows; they are not the published ones. R² is that of
SLDBench, 1 − SS_res/SS_tot over the held-out rows; a table with several targets shows the mean over them.

auto        what `isoflop forecast --form auto` chooses by itself; no task has code of its own
additive    E + Σ A_i/x_i**a_i over all variables, what one gets from Hoffmann et al. 2022 without thinking
literature  the form that people published for such a table, with the variables' columns named
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from isoflop.errors import IsoflopError
from isoflop.forecasting.tabular import TableForecast, forecast_table, r_squared
from isoflop.runs.tabular import Table

DATA = Path(os.environ.get("ISOFLOP_DATA", Path(__file__).parents[2] / "shared" / "data")) / "runs" / "laws_benchmark"


@dataclass(frozen=True)
class Task:
    """held: the rows of each split that are held out, by name. literature: a formula, or a form of the catalogue, and
    the columns of its symbols."""

    name: str
    targets: tuple[str, ...]
    held: dict[str, Callable[[pl.DataFrame], pl.Series]]
    literature: str
    source: str
    columns: dict[str, str]
    group: str | None = "group"


def _above(column: str, value: float) -> Callable[[pl.DataFrame], pl.Series]:
    return lambda frame: frame[column] > value


def _product_above(columns: Sequence[str], value: float) -> Callable[[pl.DataFrame], pl.Series]:
    return lambda frame: frame[columns[0]] * frame[columns[1]] > value


def _mixtures(seed: int) -> Callable[[pl.DataFrame], pl.Series]:
    """A quarter of the distinct mixtures, in every group."""

    def held(frame: pl.DataFrame) -> pl.Series:
        shares = frame.select(pl.concat_str([c for c in frame.columns if c.startswith("proportion")], separator=" "))
        names = shares.to_series()
        distinct = names.unique(maintain_order=True).to_list()
        chosen = np.random.default_rng(seed).permutation(len(distinct))[: len(distinct) // 4]
        return names.is_in([distinct[i] for i in chosen])

    return held


_EXPERTS = "(1/(K - 1 + 1/(1/p - 1/q)) + 1/q)"
_REPEATED = "(min(U,D)*(1 + R*(1 - exp((1 - D/min(U,D))/R))))"
_SHARES = " + ".join(f"t{i}*r{i}" for i in range(1, 6))
TASKS = (
    Task(
        "parallel",
        ("loss",),
        {"streams > 2": _above("parallel_size", 2)},
        "E + A/(N*(1 + t*log(P)))**a",
        "Chen et al. 2025, arXiv:2505.10475",
        {"N": "num_params", "P": "parallel_size"},
    ),
    Task(
        "moe",
        ("loss_validation",),
        {"N > 140M": _above("dense_parameter_count", 1.4e8), "N > 60M": _above("dense_parameter_count", 6e7)},
        f"exp(d - a*log(N) + (b - c*log(N))*log({_EXPERTS}))",
        "Clark et al. 2022, arXiv:2202.01169, eq. 1",
        {"N": "dense_parameter_count", "K": "num_experts"},
    ),
    Task(
        "data_constrained",
        ("loss",),
        {
            "N > 2.2B": _above("params", 2.2e9),
            "D > 92B": _above("tokens", 9.2e10),
            "N·D": _product_above(("params", "tokens"), 5e19),
        },
        f"E + A/N**alpha + B/{_REPEATED}**beta",
        "Muennighoff et al. 2023, arXiv:2305.16264, eq. 5",
        {"N": "params", "D": "tokens", "U": "unique_tokens"},
    ),
    Task(
        "vocab",
        ("unigram_normalized_loss",),
        {"V > 50k": _above("vocab_size", 5e4), "V > 30k": _above("vocab_size", 3e4)},
        "E + A/N**alpha + G/V**gamma + B/H**beta",
        "Tao et al. 2024, arXiv:2407.13623",
        {"N": "non_vocab_parameters", "V": "vocab_size", "H": "num_characters"},
    ),
    Task(
        "domain_mixture",
        tuple(f"loss_domain_{i}" for i in range(1, 6)),
        {"a quarter of mixtures": _mixtures(0)},
        f"E + A*exp({_SHARES})",
        "Ye et al. 2024, arXiv:2403.16952",
        {f"r{i}": f"proportion_domain_{i}" for i in range(1, 6)},
    ),
    Task(
        "lr_bsz",
        ("lm_loss",),
        {
            "largest N·D": _product_above(("non_embedding_param_size", "data_size"), 5.5e19),
            "N·D > 4e19": _product_above(("non_embedding_param_size", "data_size"), 4e19),
        },
        "E + A/N**alpha + B/D**beta + u*(log(lr) - l0 - l1*log(N) - l2*log(D))**2 + w*(log(bsz) - b0 - b2*log(D))**2",
        "a parabola about the optima of Step Law, arXiv:2503.04715",
        {"N": "non_embedding_param_size", "D": "data_size", "lr": "lr", "bsz": "bsz"},
    ),
    Task(
        "farseer",
        ("loss",),
        {"C > 8e20": _product_above(("N", "D"), 8e20 / 6), "N > 4B": _above("N", 4e9)},
        "farseer",
        "Farseer 2025, arXiv:2506.10972",
        {"N": "N", "D": "D"},
    ),
    Task(
        "sparsity",
        ("loss",),
        {"dense > 0.09": _above("N_dense", 0.09), "D2 > 3": _above("D2", 3.0), "P > 8": _above("P", 8.0)},
        "(c1 + c2/P**b1)/N_dense**b2 + (c3/D2)**b3 + E",
        "after Frantar et al. 2023, arXiv:2309.08520",
        {"P": "P", "N_dense": "N_dense", "D2": "D2"},
    ),
)


def main() -> int:
    """Print one line a task and split; 0 when all were run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(task.name for task in TASKS)}")
    wanted = parser.parse_args().tasks
    if not DATA.is_dir():
        print(f"no tables at {DATA}; set ISOFLOP_DATA to the folder that holds runs/", file=sys.stderr)
        return 2
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    heads = f"{'fit/held':>10}{'auto':>9}{'additive':>9}{'literature':>11}{'inside 90%':>11}{'s':>6}"
    print(f"{'task':17}{'held out':23}{heads}")
    for task in TASKS:
        if not wanted or task.name in wanted:
            _task(task)
    return 0


def _task(task: Task) -> None:
    frame = pl.read_csv(DATA / f"{task.name}_scaling_law" / "train.csv")
    for split, rule in task.held.items():
        held = rule(frame)
        fitted, asked = frame.filter(~held), frame.filter(held)
        began = time.perf_counter()
        ours = [_forecast(fitted, asked, target, task.group) for target in task.targets]
        seconds = time.perf_counter() - began
        columns = list(task.columns)
        additive = "E + " + " + ".join(f"A{i}/{symbol}**a{i}" for i, symbol in enumerate(columns))
        if task.name == "domain_mixture":
            additive = "E + " + " + ".join(f"A{i}*{symbol}**a{i}" for i, symbol in enumerate(columns))
        usual = [_r2(fitted, asked, target, additive, task) for target in task.targets]
        published = [_r2(fitted, asked, target, task.literature, task) for target in task.targets]
        scores = [r_squared(asked[t].to_numpy(), made.value) for t, made in zip(task.targets, ours, strict=True)]
        inside = np.mean([_inside(made, asked[t].to_numpy()) for t, made in zip(task.targets, ours, strict=True)])
        sizes = f"{len(fitted)}/{len(asked)}"
        print(
            f"{task.name:17}{split:23}{sizes:>10}{np.mean(scores):9.4f}{np.mean(usual):9.4f}{np.mean(published):11.4f}"
            f"{inside:11.0%}{seconds:6.0f}"
        )
        for target, made in zip(task.targets, ours, strict=True):
            names = "; ".join(f"{t.name} ({t.objective.name})" for t in made.choice.members)
            print(f"    {target}: {names}", flush=True)


def _forecast(fitted: pl.DataFrame, asked: pl.DataFrame, target: str, group: str | None) -> TableForecast:
    """Without the measured losses: the asked rows lose every column of losses before they are looked at."""
    blind = asked.drop([name for name in asked.columns if "loss" in name])
    return forecast_table(Table(fitted), Table(blind), target=target, group=group)


def _r2(fitted: pl.DataFrame, asked: pl.DataFrame, target: str, form: str, task: Task) -> float:
    """R² of one formula; −∞ where it cannot be fitted."""
    objective = "log_huber" if fitted[target].to_numpy().min() > 0 else "least_squares"
    blind = asked.drop([name for name in asked.columns if "loss" in name])
    try:
        made = forecast_table(
            Table(fitted),
            Table(blind),
            target=target,
            group=task.group,
            form=form,
            variables=task.columns,
            objective=objective,
            replicates=0,
        )
    except IsoflopError:
        return float("-inf")
    return r_squared(asked[target].to_numpy(), made.value)


def _inside(made: TableForecast, measured: np.ndarray) -> float:
    return float(np.mean((made.low <= measured) & (measured <= made.high)))


if __name__ == "__main__":
    sys.exit(main())
