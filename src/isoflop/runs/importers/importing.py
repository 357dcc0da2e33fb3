"""``import_runs``: from a source of any known kind to a table of runs and their curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from isoflop.errors import RunsError, did_you_mean
from isoflop.runs.curves import FEWEST, Curve, make_curve
from isoflop.runs.files import SUFFIXES
from isoflop.runs.importers import events, logs, mlflow, tables, trackio, trainer_state, wandb_api, wandb_files
from isoflop.runs.importers.choosing import Asked, Chosen, choose
from isoflop.runs.importers.contract import Array, Logged, unique_names
from isoflop.runs.importers.databases import is_mlflow
from isoflop.runs.importers.ending import DECAYED, Ending
from isoflop.runs.importers.mlflow_db import databases_of
from isoflop.runs.importers.tally import in_order, nats_of, row_of, tokens_of
from isoflop.runs.reading import LossUnit, read_runs
from isoflop.runs.table import Runs

NEAR_THE_END = 0.98
"""Of the run's tokens; a held-out loss from before is said to be early (chosen)."""


@dataclass(frozen=True, eq=False)
class Imported:
    """runs: one row a run. curves: of the runs with enough points, in nats a token. kind: of the source."""

    runs: Runs
    curves: tuple[Curve, ...]
    kind: str
    notes: tuple[str, ...]


def import_runs(
    source: str | Path,
    *,
    kind: str | None = None,
    asked: Asked | None = None,
    regex: str | None = None,
    run_column: str | None = None,
    api: wandb_api.Api | None = None,
) -> Imported:
    """Import runs. source: a file, a folder, ``wandb:ENTITY/PROJECT[/RUN]`` or ``mlflow+http://HOST:PORT/EXPERIMENT``.

    kind: one of KINDS, found by looking if not given. asked: what the source doesn't say. regex: for a text log of no
    known kind. run_column: that tells runs apart in a table. api: stands in for ``wandb.Api()``.

    Raises RunsError for what cannot be read and for everything that only the reader knows; Failure where a server or a
    service doesn't answer.
    """
    asked = asked or Asked()
    found, logged = read_logged(source, kind=kind, regex=regex, run_column=run_column, api=api)
    chosen = choose(logged, asked, str(source))
    endings, curves = [], []
    for run in logged:
        tokens = tokens_of(run, chosen)
        endings.append(row_of(run, tokens, chosen, asked, f"{found}: {source}"))
        if (curve := _curve(run, tokens, chosen, asked)) is not None:
            curves.append(curve)
    runs = _table([row for row, _ in endings], chosen, asked, str(source))
    notes = (*(f"{run.name}: {note}" if len(logged) > 1 else note for run in logged[:20] for note in run.notes),
             *chosen.notes, *_judged([row for row, _ in endings], [end for _, end in endings], chosen))  # fmt: skip
    return Imported(runs, tuple(curves), found, tuple(dict.fromkeys(notes)))


def read_logged(
    source: str | Path,
    *,
    kind: str | None = None,
    regex: str | None = None,
    run_column: str | None = None,
    api: wandb_api.Api | None = None,
) -> tuple[str, tuple[Logged, ...]]:
    """The kind of a source and its runs as they were logged, with nothing taken for anything. Raises as import_runs."""
    if kind is not None and kind not in KINDS:
        raise RunsError(
            f"Unknown kind '{kind}'. Known: {', '.join(KINDS)}.{did_you_mean(kind, KINDS)} Give one of them."
        )
    text = str(source)
    if text.startswith(wandb_api.PREFIX):
        return "wandb", unique_names(wandb_api.read_wandb_api(text, api))
    if text.startswith(("mlflow+", "http://", "https://")):
        return "mlflow", unique_names(mlflow.read_mlflow_server(text))
    path = Path(source)
    if not path.exists():
        raise RunsError(
            f"There is no file or folder {path}. Give one, or wandb:ENTITY/PROJECT, or mlflow+http://HOST:PORT/EXPERIMENT."
        )
    if regex is not None:
        return "regex", unique_names(logs.read_logs(path, logs.own_profile(regex)))
    kind = kind or kind_of(path)
    if kind == "table":
        return kind, unique_names(tables.read_tables(path, run_column))
    return kind, unique_names(KINDS[kind](path))


KINDS: dict[str, Callable[[Path], tuple[Logged, ...]]] = {
    "tensorboard": events.read_events,
    "wandb": wandb_files.read_wandb_files,
    "mlflow": mlflow.read_mlflow_files,
    "trainer": trainer_state.read_trainer_states,
    "lightning": tables.read_lightning,
    "trackio": trackio.read_trackio,
    "table": tables.read_tables,
    "csv": tables.read_csv,
    "jsonl": tables.read_json_lines,
    "log": logs.read_logs,
    **{
        name: lambda path, profile=profile: logs.read_logs(path, profile)  # type: ignore[misc]
        for name, profile in logs.PROFILES.items()
    },
}
"""What reads each kind of file or folder."""


def kind_of(path: Path) -> str:
    """The kind of a file by its name, of a folder by what lies in it. Raises RunsError where nothing known does."""
    if path.is_file():
        return _kind_of_file(path)
    for kind, pattern in (
        ("trainer", trainer_state.FILE), ("wandb", "*.wandb"), ("tensorboard", events.PATTERN),
        ("lightning", tables.LIGHTNING), ("mlflow", "meta.yaml"),
    ):  # fmt: skip
        if next(path.rglob(pattern), None) is not None:
            return kind
    here = [file for file in path.iterdir() if file.is_file()]
    if databases_of(path):
        return "mlflow"
    for kind, suffixes in (("trackio", (".db",)), ("log", (".log", ".out", ".txt")), ("table", SUFFIXES)):
        if any(file.suffix.lower() in suffixes for file in here):
            return kind
    raise RunsError(
        f"{path} holds nothing that is known: {', '.join(sorted(file.name for file in here)[:8]) or 'no files'}. Known "
        f"kinds: {', '.join(KINDS)}. Name a file with --kind, or a folder further in."
    )


def _kind_of_file(path: Path) -> str:
    if path.name == trainer_state.FILE:
        return "trainer"
    if path.name == tables.LIGHTNING:
        return "lightning"
    if "tfevents" in path.name:
        return "tensorboard"
    suffix = path.suffix.lower()
    if suffix == ".db" and is_mlflow(path):
        return "mlflow"
    if suffix in (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt"):
        raise RunsError(
            f"{path} is a pickle or a checkpoint, which can run code when read. It is not opened. Give a log."
        )
    return {".wandb": "wandb", ".db": "trackio", **dict.fromkeys(SUFFIXES, "table")}.get(suffix, "log")


def _table(rows: Sequence[Mapping[str, Any]], chosen: Chosen, asked: Asked, source: str) -> Runs:
    frame = pl.DataFrame(list(rows), infer_schema_length=None)
    frame = frame.select(
        series for series in frame.get_columns() if series.null_count() < len(series) or series.name == "loss"
    )
    if bad := [row["run_id"] for row in rows if not row["tokens"] > 0]:
        raise RunsError(
            f"The runs {', '.join(bad[:8])} of {source} have no tokens at their last step. Leave them out, or name "
            "what counts tokens with --tokens or --tokens-per-step."
        )
    if frame["loss"].null_count() == len(frame):
        frame = frame.with_columns(pl.col("loss").cast(pl.Float64))
    unit: LossUnit = chosen.loss_unit  # type: ignore[assignment]  # read_runs names the allowed units if it is not one
    runs = read_runs(
        frame, loss_unit=unit, bytes_per_token=asked.bytes_per_token, params_convention=chosen.params_convention,
        needs=("params", "tokens"),
    )  # fmt: skip
    return replace(runs, source=source)


def _curve(run: Logged, tokens: Callable[[Array], Array], chosen: Chosen, asked: Asked) -> Curve | None:
    series = run.series.get(chosen.curve)
    if series is None:
        return None
    at, values = tokens(series.steps), series.values * nats_of(chosen.curve_unit, run, asked)
    rates = run.series.get(chosen.lr or "")
    lr = None
    if rates is not None and len(rates):
        where, rate = in_order(rates, tokens)
        lr = np.interp(at, where, rate) if len(where) else None
    if (np.isfinite(at) & (at > 0) & np.isfinite(values) & (values > 0)).sum() < FEWEST:
        return None
    return make_curve(at, values, lr, name=run.name, notes=(f"'{chosen.curve}' of {run.name}.",), source=run.name)


def _judged(rows: Sequence[Mapping[str, Any]], ends: Sequence[Ending], chosen: Chosen) -> list[str]:
    """What a reader of the table must know: runs that diverged, stopped early, or were not decayed."""
    of = f"of {len(rows)} runs" if len(rows) > 1 else "of the one run"

    def named(mask: Sequence[bool]) -> str:
        return ", ".join([row["run_id"] for row, yes in zip(rows, mask, strict=True) if yes][:8])

    diverged = [end.diverged for end in ends]
    unfinished = [row["status"] == "unfinished" for row in rows]
    undecayed = [end.decayed is False for end in ends]
    early = [math.isfinite(end.loss) and end.at < NEAR_THE_END for end in ends]
    notes = []
    if any(diverged):
        notes.append(f"{sum(diverged)} {of} diverged ({named(diverged)}): kept, with status 'diverged'.")
    if any(unfinished):
        notes.append(f"{sum(unfinished)} {of} did not finish ({named(unfinished)}): kept, with status 'unfinished'.")
    if any(undecayed):
        notes.append(
            f"{sum(undecayed)} {of} ended with the learning rate above {DECAYED:.0%} of its peak ({named(undecayed)}): "
            "their losses are higher than after a decay. Fit them apart: --where 'decayed'."
        )
    if any(early):
        share = min(end.at for end, yes in zip(ends, early, strict=True) if yes)
        notes.append(
            f"{sum(early)} {of} have '{chosen.loss}' last from before the end ({named(early)}), at "
            f"{share:.0%} of the tokens."
        )
    if chosen.lr is None:
        notes.append("No learning rate was logged: whether it had decayed at the end is not known.")
    return notes
