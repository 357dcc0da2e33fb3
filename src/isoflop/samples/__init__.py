"""Run tables that ship with isoflop, made by its own studies: something real to fit before there is anything of yours.

runs = load_sample("isoflop")                  26 runs, four budgets
scores = load_scores("emergence")              every answer of every model
sample_about("isoflop").command                how it was made

README.md beside this file says where each comes from.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from isoflop.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    import polars as pl

    from isoflop.runs.table import Runs


@dataclass(frozen=True, slots=True)
class About:
    """How a sample was made. command: that makes it again. made: the day. machine: its class. version: of isoflop.

    flops: 6N times the tokens trained on, decays included. note: what else a reader should know."""

    command: str
    made: str
    machine: str
    version: str
    runs: int
    flops: float
    note: str = ""


def samples() -> tuple[str, ...]:
    """The names of the shipped tables."""
    return tuple(_table())


def sample_about(name: str) -> About:
    """How a table was made. Raises BadInput for an unknown name."""
    return About(**_row(name))


def load_sample(name: str) -> Runs:
    """A shipped table of runs. Raises BadInput for an unknown name."""
    from isoflop.runs.reading import read_runs

    _row(name)
    with resources.as_file(resources.files(__name__) / f"{name}.csv") as path:
        return read_runs(path)


def load_scores(name: str) -> pl.DataFrame:
    """Every answer of the models of a study that asks questions, one a row.

    Columns: model (the run_id), N, D, task, item, level (times a fact is told in the whole text, or how hard a task
    is), exact, tokens_correct, tokens (of the answer), logprob (of the answer, nats). Raises BadInput for an unknown
    name, or a study that asks no questions.
    """
    import polars as pl

    _row(name)
    if not has_scores(name):
        asking = ", ".join(known for known in samples() if has_scores(known))
        raise BadInput(f"The sample '{name}' has runs but no scores. With scores: {asking}.")
    with resources.as_file(_scores_file(name)) as path:
        return pl.read_parquet(path)


def has_scores(name: str) -> bool:
    """Whether the models of a sample were asked questions."""
    return _scores_file(name).is_file()


def _scores_file(name: str) -> Traversable:
    return resources.files(__name__) / f"{name}-scores.parquet"


def _row(name: str) -> Mapping[str, Any]:
    if name not in (known := samples()):
        raise BadInput(f"No sample '{name}'. Known: {', '.join(known)}.{did_you_mean(name, known)}")
    return _table()[name]


@functools.cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads((resources.files(__name__) / "samples.toml").read_text(encoding="utf-8"))
