"""The public ladders that forecasts are scored on, as tables of runs, and their splits by compute.

Read from $ISOFLOP_DATA, or shared/data beside the repository; each set's README there names its source.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from isoflop import Runs

CUTS = (0.6, 0.7, 0.8, 0.85)
"""Shares of the runs, by compute, that are fitted; the others are forecast."""
LEAST_FITTED, LEAST_FORECAST = 8, 3


@dataclass(frozen=True)
class Split:
    """Runs to fit and dearer runs to forecast."""

    name: str
    dataset: str
    fitted: Runs
    held_out: Runs

    @property
    def reach(self) -> float:
        """Largest compute forecast over the largest fitted."""
        return float(self.held_out.flops.max() / self.fitted.flops.max())


def folder() -> Path:
    """$ISOFLOP_DATA/runs, or shared/data/runs beside the repository."""
    return Path(os.environ.get("ISOFLOP_DATA", Path(__file__).parents[2] / "shared" / "data")) / "runs"


def datasets() -> dict[str, Runs]:
    """Every set by name. Losses keep their own unit; for Gadre's and Farseer's that is stated in their READMEs."""
    here = folder()
    chinchilla = pl.read_csv(here / "chinchilla_besiroglu" / "runs.csv").filter(pl.col("kept_240"))
    found = {"chinchilla": _table(chinchilla["N"], chinchilla["D"], chinchilla["loss"])}
    gadre = pl.read_csv(here / "gadre_overtraining" / "runs.csv")
    for corpus in ("c4_original", "rpj", "rw_original"):
        own = gadre.filter(pl.col("dataset") == corpus)
        found[f"gadre_{corpus}"] = _table(own["N"], own["tokens"], own["loss_c4_val"])
    for name, file, size in (("steplaw", "dense", "N"), ("steplaw_moe", "moe", "Na")):
        cells = pl.read_csv(here / "steplaw" / f"{file}_lr_bs_loss.csv")
        best = cells.group_by(size, "D").agg(pl.col("smooth loss").min()).sort(size, "D")
        found[name] = _table(best[size], best["D"], best["smooth loss"])
    repeated = pl.read_csv(here / "datablations_muennighoff" / "sld_182_runs.csv")  # its two token columns are swapped
    found["datablations"] = _table(
        repeated["params"], repeated["unique_tokens"], repeated["loss"], unique=repeated["tokens"]
    )
    llama = pl.read_csv(here / "llama3_isoflop" / "isoflops_points.csv")
    size = llama["compute_budget"] / (6 * llama["training_tokens"])
    found["llama3"] = _table(size, llama["training_tokens"], llama["validation_loss"])
    farseer = pl.read_csv(here / "laws_benchmark" / "farseer_scaling_law" / "train.csv")
    found["farseer"] = _table(farseer["N"], farseer["D"], farseer["loss"])
    return found


def splits(cuts: tuple[float, ...] = CUTS) -> Iterator[Split]:
    """Each set cut by compute at each share; cuts that leave too few runs on a side are left out."""
    for name, runs in datasets().items():
        for share in cuts:
            largest = float(np.quantile(runs.flops, share)) * (1 + 1e-9)
            fitted, held_out = runs.take(runs.flops <= largest), runs.take(runs.flops > largest)
            if len(fitted) >= LEAST_FITTED and len(held_out) >= LEAST_FORECAST:
                yield Split(f"{name} {share:.0%}", name, fitted, held_out)


def _table(params: pl.Series, tokens: pl.Series, loss: pl.Series, unique: pl.Series | None = None) -> Runs:
    columns = {"params": params, "tokens": tokens, "loss": loss}
    frame = pl.DataFrame({name: values.cast(pl.Float64) for name, values in columns.items()})
    frame = frame.with_columns(flops=6 * pl.col("params") * pl.col("tokens"))
    if unique is not None:
        frame = frame.with_columns(unique_tokens=unique.cast(pl.Float64))
    return Runs(frame)
