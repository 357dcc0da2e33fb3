"""The answers that workers left in the folders of their trunks, as one table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from isoflop.errors import TrainingFailure

FILE = "scores.jsonl"
COLUMNS = {
    "model": pl.String,
    "N": pl.Float64,
    "D": pl.Float64,
    "task": pl.String,
    "item": pl.String,
    "level": pl.Int32,
    "exact": pl.Int8,
    "tokens_correct": pl.Int16,
    "tokens": pl.Int16,
    "logprob": pl.Float32,
}
"""Of ``isoflop.samples.load_scores``, which says what they mean."""
_LISTS = {"task": "task", "item": "item", "level": "level", "exact": "exact", "tokens_correct": "tokens_correct"}
_LISTS |= {"answer_tokens": "tokens", "logprob": "logprob"}


def read_scores(trunks: Iterable[Path]) -> pl.DataFrame | None:
    """Every answer of the branches in these trunks' folders, or None where none was asked.

    A last line that a kill cut is left out. Raises TrainingFailure for any other line that is no score.
    """
    frames = [frame for folder in trunks for frame in _read(folder / FILE)]
    return pl.concat(frames).unique(["model", "task", "item"], keep="first", maintain_order=True) if frames else None


def _read(path: Path) -> list[pl.DataFrame]:
    if not path.exists():
        return []
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return [_frame(line, path) for line in whole.splitlines()]


def _frame(line: str, path: Path) -> pl.DataFrame:
    try:
        row = json.loads(line)
        columns = {ours: row[theirs] for theirs, ours in _LISTS.items()}
        count = len(columns["item"])
        model = {"model": [row["run_id"]] * count, "N": [row["params"]] * count, "D": [row["tokens"]] * count}
        return pl.DataFrame({**model, **columns}, schema=COLUMNS)
    except (ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
        raise TrainingFailure(
            f"{path} holds a line that is no score: {line[:60]!r} ({error}). Delete the folder {path.parent} to train "
            "it anew."
        ) from None
