"""Outcomes item by item, gathered into what each model scores under each metric.

Columns: ``model``, ``task`` and ``item``; scale as any of ``loss``, ``C`` (or ``flops``), or ``N`` and ``D`` (C = 6ND);
outcomes as ``exact`` (0 or 1), ``tokens_correct`` of ``tokens``, ``logprob`` (nats, of the whole right answer) and
``brier``. Those that are there are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.capability.attempts import attempts_to_see
from isoflop.errors import BadInput
from isoflop.runs.tabular import Table

Array = NDArray[np.float64]

HARD = ("exact",)
PARTIAL = ("token_accuracy", "edit_distance", "logprob_per_token", "brier")


@dataclass(frozen=True, slots=True)
class TaskScores:
    """One task. models: (models,) names; scale: column values by name, (models,); metrics: by name, (models,); items:
    (models,), how many each answered; tokens: mean length of an answer, NaN where not told."""

    task: str
    models: tuple[str, ...]
    scale: Mapping[str, Array]
    metrics: Mapping[str, Array]
    items: Array
    tokens: float


def is_per_item(table: Table) -> bool:
    """Whether a table holds outcomes of items rather than scores of models."""
    return table.has("item") and table.has("model") and table.has("exact")


def gather(table: Table) -> list[TaskScores]:
    """Every task of a table of items. Raises BadInput for outcomes that cannot be: exact that is neither 0 nor 1, more
    tokens right than there are, log-probabilities above 0; and for a model whose scale changes between its rows."""
    if not is_per_item(table):
        raise BadInput("Outcomes by item need the columns model, item and exact. Give scores with --score instead.")
    _refuse_impossible(table)
    tasks = table.labels("task") if table.has("task") else np.full(len(table), "all", dtype=object)
    return [_task(table.take(tasks == name), str(name)) for name in dict.fromkeys(tasks)]


def _task(table: Table, name: str) -> TaskScores:
    models, where = np.unique(table.labels("model").astype(str), return_inverse=True)
    many = np.bincount(where).astype(float)

    def mean(values: Array) -> Array:
        return np.asarray(np.bincount(where, weights=values) / many)

    metrics = {"exact": mean(table.numbers("exact"))}
    tokens = float("nan")
    if table.has("tokens"):
        length = mean(table.numbers("tokens"))
        tokens = float(np.mean(table.numbers("tokens")))
        if table.has("tokens_correct"):
            right = mean(table.numbers("tokens_correct"))
            metrics |= {"token_accuracy": right / length, "edit_distance": length - right}
        if table.has("logprob"):
            metrics["logprob_per_token"] = mean(table.numbers("logprob")) / length
    elif table.has("logprob"):
        metrics["logprob_per_token"] = mean(table.numbers("logprob"))
    if table.has("brier"):
        metrics["brier"] = mean(table.numbers("brier"))
    scale = {
        column: _of_each(table, column, where, models)
        for column in ("loss", "C", "flops", "N", "D")
        if table.has(column)
    }
    if "N" in scale and "D" in scale and not {"C", "flops"} & set(scale):
        scale["C"] = 6 * scale["N"] * scale["D"]
    return TaskScores(name, tuple(models.tolist()), scale, metrics, many, tokens)


def _of_each(table: Table, column: str, where: NDArray[np.intp], models: NDArray[np.str_]) -> Array:
    values = table.numbers(column)
    first = np.full(len(models), np.nan)
    first[where[::-1]] = values[::-1]
    differs = np.isfinite(values) & (values != first[where])
    if differs.any():
        row = int(np.flatnonzero(differs)[0])
        raise BadInput(
            f"Model '{models[where[row]]}' has {column} = {first[where[row]]:g} and, in row {row + 1} of its task, "
            f"{values[row]:g}. One value a model is allowed: name checkpoints as models of their own."
        )
    return first


def _refuse_impossible(table: Table) -> None:
    exact = table.numbers("exact")
    _refuse(~np.isin(exact, (0.0, 1.0)), exact, "exact is 0 or 1")
    if table.has("tokens") and table.has("tokens_correct"):
        right, length = table.numbers("tokens_correct"), table.numbers("tokens")
        _refuse(~((right >= 0) & (right <= length) & (length >= 1)), right, "tokens_correct lies from 0 to tokens")
    if table.has("logprob"):
        logprob = table.numbers("logprob")
        _refuse(~(logprob <= 0), logprob, "logprob is at most 0, in nats")


def _refuse(bad: NDArray[np.bool_], values: Array, allowed: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise BadInput(
            f"Row {row + 1} holds {values[row]:g}, but {allowed}. Correct the row or leave it out (--where)."
        )


def unseen(scores: TaskScores, *, confidence: float = 0.95) -> list[dict[str, float | str]]:
    """Models that got no item right, with what their tokens foretell: {model, items, at_most, foretold, needed}.

    at_most: the pass rate that so many failures leave possible, 1 - (1 - confidence)^(1/items). foretold: token
    accuracy to the power of the mean length. needed: attempts after which a success of that rate has been seen.
    """
    found: list[dict[str, float | str]] = []
    p = scores.metrics.get("token_accuracy")
    for i in np.flatnonzero(scores.metrics["exact"] == 0):
        row: dict[str, float | str] = {"model": scores.models[i], "items": float(scores.items[i])}
        row["at_most"] = float(-np.expm1(np.log1p(-confidence) / scores.items[i]))
        if p is not None and p[i] > 0:
            row["foretold"] = float(p[i] ** scores.tokens)
            row["needed"] = float(attempts_to_see(row["foretold"], confidence=confidence))
        found.append(row)
    return found
