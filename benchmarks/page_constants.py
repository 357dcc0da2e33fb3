"""The constants that the dial ships with, measured on public runs: ``python benchmarks/page_constants.py``.

Prints facts/page_laws.toml (isoflop's average of three forms, fitted to the 240 Chinchilla points of Besiroglu et al.
2024, with the covariance of its bootstrap and the doubt of its forecasts) and facts/page_scores.toml (skill laws of
base models, of the table of Ruan et al. 2024). Ten seconds of CPU.
"""

from __future__ import annotations

import argparse

import numpy as np
import polars as pl

from isoflop.capability.skill import fit_skill
from isoflop.forecasting.averaging import Ensemble, fit_ensemble
from isoflop.planning.plan_law import expected_loss
from isoflop.planning.plan_split import Resources, best_split
from isoflop.web.dial_law import LEVEL, POWERS, Path, as_drawn, errors, path_of, shared_out, shipped_member, tables_of
from public_sets import datasets, folder

REPLICATES = 4000
SCORES = (("MMLU", 0.25), ("ARC-C", 0.25), ("HellaSwag", 0.25), ("GSM8K", 0.0), ("HumanEval", 0.0))
LITTLE = 0.1
"""Share of the way from chance to the ceiling below which scatter is told apart: there it is smaller."""

FEWEST = 10
"""Fewer rows near chance have no scatter of their own."""


def numbers(values: object, digits: int = 6) -> str:
    return "[" + ", ".join(f"{float(v):.{digits}g}" for v in np.ravel(values)) + "]"


def laws(ensemble: Ensemble) -> None:
    members = []
    for fitted, weight in zip(ensemble.fits, ensemble.weights, strict=True):
        table = np.array([as_drawn(p, fitted.draws[p.symbol]) for p in fitted.form.parameters])
        cov = np.cov(table[:, np.isfinite(table).all(axis=0)])
        centre = [float(as_drawn(p, fitted.law.constants[p.symbol])) for p in fitted.form.parameters]
        print(f'\n[[page_laws]]\nname = "{fitted.form.name}"\nkind = "form"\nform = "{fitted.form.name}"')
        print(f"weight = {weight:.4f}\nsymbols = {list(fitted.form.symbols)}".replace("'", '"'))
        print(f"mean = {numbers(centre, 9)}")
        print(f"covariance = {numbers(cov[np.tril_indices(len(cov))])}")
        row = {"form": fitted.form.name, "weight": weight, "mean": centre, "covariance": cov[np.tril_indices(len(cov))]}
        members.append(shipped_member(row))
    path = path_of(ensemble)
    shift, doubt = tables_of(path, shared_out(members))
    seen = ensemble.runs.flops
    print(f"\nseen = {numbers([seen.min(), seen.max()], 4)}\npowers = {numbers(POWERS)}")
    print(f"shift = {numbers(shift, 4)}\ndoubt = {numbers(doubt, 4)}")
    shares(ensemble, path)


def shares(ensemble: Ensemble, path: Path) -> None:
    """The scale of errors alone that gives the forecast's interval, noise apart, over the fall of ln loss from the edge
    of the data."""
    expected, flops, seen = expected_loss(ensemble), 10**POWERS, ensemble.runs.flops
    edges = np.quantile(errors(), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    whole = (path.high - path.low) / np.ptp(edges)
    noise = float(whole.min())
    scale = np.sqrt(whole**2 - noise**2)
    edge = [float(best_split(expected, Resources(train_flops=c)).ln_loss) for c in (seen.min(), seen.max())]
    above, below = flops > 3 * seen.max(), flops < seen.min() / 3
    print(f"\nnoise {noise:.4f}\nabove {numbers(scale[above] / (edge[1] - path.formulas[above]), 3)}")
    print(f"below {numbers(scale[below] / (path.formulas[below] - edge[0]), 3)}")


def scores() -> None:
    table = pl.read_csv(folder() / "obs_scaling" / "base_llm_benchmark_eval.csv")
    for task, chance in SCORES:
        rows = table.select(x=pl.col("FLOPs (1E21)").log10() + 21, y=pl.col(task)).drop_nulls()
        x, y = rows["x"].to_numpy(), rows["y"].to_numpy()
        print(f'\n[[page_scores]]\nname = "{task}"\nchance = {chance}\nrows = {len(x)}')
        print(f"seen = {numbers(10 ** np.array([x.min(), x.max()]), 3)}")
        made = {form: fit_skill(x, y, chance=chance, form=form) for form in ("sigmoid", "logistic")}
        for form, law in made.items():
            print(f"{form} = {{ {', '.join(f'{k} = {v:.5g}' for k, v in law.parameters.items())} }}")
        curve = np.mean([law(x) for law in made.values()], axis=0)
        top = np.mean([law.parameters.get("u", 1.0) for law in made.values()])
        early = (curve - chance) / (top - chance) < LITTLE
        parts = (early, ~early) if early.sum() >= FEWEST else (early | True, early | True)
        sds = [float(np.sqrt(np.mean((y - curve)[part] ** 2))) for part in parts]
        print(f"scatter = {numbers(sds, 3)}  # {early.sum()} rows near chance")


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    laws(fit_ensemble(datasets()["chinchilla"], replicates=REPLICATES))
    scores()


if __name__ == "__main__":
    main()
