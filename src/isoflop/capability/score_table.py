"""Columns of scores as the laws of this room read them: shares between 0 and 1, one task at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.capability.axis import Axis, read_axis
from isoflop.capability.skill import LEAST_ROWS
from isoflop.errors import BadInput
from isoflop.runs.tabular import Table

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """One task's rows. label: the task and the column; x, score: (rows,), finite, sorted by x; axis: what x is."""

    label: str
    axis: Axis
    x: Array
    score: Array


def scored_tasks(
    table: Table,
    *,
    x: str,
    scores: Sequence[str],
    task: str | None = None,
    scale: str = "auto",
    percent: bool = False,
    least: int = LEAST_ROWS,
) -> tuple[list[Scored], list[str]]:
    """Every score column of every task, and notes on the rows and tasks left out.

    percent: scores are percentages. Tasks of fewer than ``least`` rows with both numbers are left out and named.
    Raises BadInput if none is left, for scores outside 0 to 1, and RunsError for unknown columns.
    """
    values = table.numbers(x)
    axis = read_axis(x, values, scale)
    notes = [
        f"{x} is read as x = {_MEANING[axis.scale].format(x)}."
        + ("" if scale != "auto" else " Another reading: --scale.")
    ]
    at, labels = axis.skill(values), table.labels(task)
    found, left_out = [], []
    for name in scores:
        column = table.numbers(name) / (100 if percent else 1)
        _refuse_outside(name, column, percent)
        known = np.isfinite(at) & np.isfinite(column)
        if (missing := int((~known).sum())) > 0:
            notes.append(f"{name}: {missing} of {len(table)} rows lack {x} or a score and are left out.")
        for group in dict.fromkeys(labels):
            rows = np.flatnonzero(known & (labels == group))
            label = name if task is None else f"{group}: {name}" if len(scores) > 1 else str(group)
            if len(rows) < least or np.ptp(at[rows]) == 0:
                left_out.append(f"{label} ({len(rows)} row{'' if len(rows) == 1 else 's'})")
                continue
            rows = rows[np.argsort(at[rows], kind="stable")]
            found.append(Scored(label, axis, at[rows], column[rows]))
    said = f"{least} rows at different {x} are needed; too few: {', '.join(left_out[:8])}"
    if not found:
        raise BadInput(f"{said}{' and more' if len(left_out) > 8 else ''}. Add models, or name another column.")
    if left_out:
        notes.append(f"{said}{f' and {len(left_out) - 8} more' if len(left_out) > 8 else ''}. They are left out.")
    return found, notes


_MEANING = {"log": "log10({})", "loss": "-{}", "linear": "{}"}


def _refuse_outside(name: str, column: Array, percent: bool) -> None:
    known = column[np.isfinite(column)]
    if len(known) == 0 or (known.min() >= 0 and known.max() <= 1):
        return
    worst = float(known.max() if known.max() > 1 else known.min())
    if percent:
        raise BadInput(f"Column '{name}' read as percentages holds {100 * worst:g}. Allowed: 0 to 100. Correct it.")
    hint = " If it holds percentages, give --percent." if 1 < known.max() <= 100 and known.min() >= 0 else ""
    raise BadInput(f"Column '{name}' holds {worst:g}. Scores lie between 0 and 1.{hint or ' Name another column.'}")
