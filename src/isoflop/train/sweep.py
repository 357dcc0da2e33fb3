"""Runs that find the best learning rate and batch: which to train, and which to train next.

A sweep is a grid in ln lr and ln batch at each size and amount of data. What its runs say about the best of both, and
how that changes with size and data, is found by ``isoflop.fitting.sweep_law`` from their table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from isoflop.errors import SpecError
from isoflop.train.spec import TrunkSpec

NEAR = 1.1
"""Rates and batches within this factor of one another count as one (chosen)."""


def sweep_specs(
    recipe: TrunkSpec,
    *,
    widths: Sequence[int],
    tokens: Sequence[int],
    lrs: Sequence[float],
    batches: Sequence[int] | None = None,
    seeds: Sequence[int] = (0,),
) -> tuple[TrunkSpec, ...]:
    """One trunk for each width, rate, batch and seed, with a branch for each amount of data; largest first.

    recipe: what is held fixed. tokens: training tokens D, rounded down to whole steps. lrs: peak rates, at width 64 by
    the recipe's parametrisation. batches: sequences a step; the recipe's own by default. The order of the text follows
    the seed, so that seeds differ in all that luck decides.

    Raises SpecError for an empty list and for a setting that cannot be trained.
    """
    for name, values in (("widths", widths), ("tokens", tokens), ("lrs", lrs), ("seeds", seeds)):
        if not values:
            raise SpecError(f"A sweep without {name} has no runs. Give at least one.")
    specs = [
        replace(
            recipe,
            width=width,
            lr=lr,
            batch=batch,
            branch_tokens=tuple(sorted(_whole_steps(count, batch * recipe.context) for count in tokens)),
            seed=seed,
            data_seed=seed,
        )
        for width in widths
        for batch in batches or (recipe.batch,)
        for lr in lrs
        for seed in seeds
    ]
    return tuple(sorted(specs, key=lambda spec: -spec.params * spec.tokens_total))


def spaced(low: float, high: float, ratio: float = 2.0) -> tuple[float, ...]:
    """Values from ``low`` to about ``high``, each ``ratio`` times the one before, rounded to three digits."""
    if not 0 < low <= high or not ratio > 1:
        raise SpecError(f"Values from {low} to {high} by a ratio of {ratio} do not exist. Allowed: 0 < low <= high.")
    count = round(math.log(high / low) / math.log(ratio)) + 1
    return tuple(float(f"{low * ratio**i:.3g}") for i in range(count))


def refined_specs(recipe: TrunkSpec, rows: Iterable[Mapping[str, Any]]) -> tuple[TrunkSpec, ...]:
    """What to train next in a sweep of the rate: for each size and amount of data, round the lowest run so far.

    rows: finished runs, with width, tokens, lr, batch_tokens and loss. Where the lowest run has the smallest or the
    largest rate (or batch) of its setting, the next one beyond it is named; where it lies inside, the middle, in
    logarithms, to either neighbour, until neighbours are within a factor of NEAR² of it. Nothing is named twice, so a
    sweep that is done names nothing.

    Raises SpecError for rows that lack one of these columns.
    """
    specs: dict[str, TrunkSpec] = {}
    for (width, tokens), cell in _cells(rows).items():
        lowest = min(cell, key=lambda row: (not math.isfinite(row["loss"]), row["loss"]))
        for lr, batch in _next_points(cell, lowest, recipe.context):
            whole = _whole_steps(tokens, batch * recipe.context)
            spec = replace(recipe, width=width, lr=lr, batch=batch, branch_tokens=(whole,))
            specs[spec.spec_id] = spec
    return tuple(specs.values())


def _whole_steps(tokens: int, batch_tokens: int) -> int:
    return max(1, tokens // batch_tokens) * batch_tokens


def _cells(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[int, int], list[Mapping[str, Any]]]:
    """Rows by width and tokens, the latter to the nearest 2 %, since D is a whole number of steps."""
    cells: dict[tuple[int, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        if missing := {"width", "tokens", "lr", "batch_tokens", "loss"} - set(row):
            raise SpecError(
                f"A run of a sweep lacks {', '.join(sorted(missing))}. Give the rows that the worker wrote."
            )
        known = (key for key in cells if key[0] == row["width"] and abs(math.log(key[1] / row["tokens"])) < 0.02)
        cells.setdefault(next(known, (int(row["width"]), int(row["tokens"]))), []).append(row)
    return cells


def _next_points(cell: Sequence[Mapping[str, Any]], lowest: Mapping[str, Any], context: int) -> list[tuple[float, int]]:
    batch = int(lowest["batch_tokens"]) // context
    rates = sorted({float(row["lr"]) for row in cell if row["batch_tokens"] == lowest["batch_tokens"]})
    batches = sorted({int(row["batch_tokens"]) // context for row in cell if row["lr"] == lowest["lr"]})
    points = [(float(f"{rate:.3g}"), batch) for rate in _beside(rates, float(lowest["lr"]))]
    if len(batches) > 1:
        points += [(float(lowest["lr"]), max(1, round(size))) for size in _beside([float(b) for b in batches], batch)]
    done = {(row["lr"], int(row["batch_tokens"]) // context) for row in cell}
    return [point for point in points if point not in done]


def _beside(values: Sequence[float], at: float) -> list[float]:
    """The next value beyond ``at`` where it is the first or the last, else the middles to its neighbours."""
    index = min(range(len(values)), key=lambda i: abs(values[i] - at))
    if len(values) == 1:
        return [at / 2, at * 2]
    if index == 0:
        return [at * at / values[1]]
    if index == len(values) - 1:
        return [at * at / values[-2]]
    neighbours = [values[index - 1], values[index + 1]]
    return [math.sqrt(at * other) for other in neighbours if abs(math.log(other / at)) > 2 * math.log(NEAR)]
