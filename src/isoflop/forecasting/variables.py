"""Which columns of a table are the variables of a law, and what they stand for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from isoflop.errors import RunsError
from isoflop.forecasting.search import Rows
from isoflop.laws.roles import Part, parts_of, role_of
from isoflop.runs.tabular import Table

Array = NDArray[np.float64]


def find_parts(
    table: Table, asked: Table | None, target: str, group: str | None, named: Mapping[str, str] | None
) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """The variables of a table: those named, else every number column that may be one. And notes on what was left out.

    Left out are the target, the group, columns that look like another loss, columns that the asked rows lack, and
    columns with one value. Raises RunsError when none is left or a named one is unknown.
    """
    table.numbers(target)
    for column in (named or {}).values():
        table.numbers(column)
    if group is not None:
        table.labels(group)
    columns, notes = _candidates(table, asked, target, group) if not named else (tuple(named.values()), [])
    varied = tuple(column for column in columns if len(np.unique(table.numbers(column))) > 1)
    if constant := [column for column in columns if column not in varied]:
        notes.append(f"{', '.join(constant)} has one value in all rows and enters no law.")
    if not varied:
        raise RunsError(
            f"{table.source} has no column of numbers that varies beside {target}. Name the variables with "
            "--variable SYMBOL=COLUMN."
        )
    shares = [c for c in varied if role_of(c) == "share" or _holds_zero(table.numbers(c))]
    parts = tuple(parts_of(varied, named, shares))
    notes.insert(0, "Variables: " + ", ".join(f"{p.symbol} = {p.column} ({p.role})" for p in parts) + ".")
    return parts, tuple(notes)


def _candidates(table: Table, asked: Table | None, target: str, group: str | None) -> tuple[tuple[str, ...], list[str]]:
    columns: list[str] = []
    others: list[str] = []
    for name in table.number_columns():
        if name in (target, group):
            continue
        (others if _another_target(name, target) or (asked and name not in asked.frame.columns) else columns).append(
            name
        )
    notes = [f"Not taken as variables: {', '.join(others)}; --variable SYMBOL=COLUMN names them all."] if others else []
    return tuple(columns), notes


def _another_target(name: str, target: str) -> bool:
    """loss_domain_2 beside loss_domain_1, or anything called a loss, an error or an accuracy."""
    word = target.casefold().rstrip("0123456789_")
    folded = name.casefold()
    return folded.rstrip("0123456789_") == word or any(w in folded for w in ("loss", "perplexity", "accuracy", "error"))


def _holds_zero(values: Array) -> bool:
    return bool((values == 0).any() and values.min() >= 0 and values.max() <= 1)


def rows_of(table: Table, parts: tuple[Part, ...], group: str | None) -> Rows:
    """The variables and groups of a table's rows.

    Raises RunsError for missing columns and for values that a law cannot take: below zero, or zero unless a share.
    """
    variables = {part.symbol: table.numbers(part.column) for part in parts}
    for part in parts:
        values = variables[part.symbol]
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0) & ((values > 0) | (part.role == "share"))))
        if len(bad):
            raise RunsError(
                f"{len(bad)} of {len(table)} rows of {table.source} have no positive {part.column}; the first is row "
                f"{bad[0] + 1}: {values[bad[0]]:g}. Only shares may be zero. Correct the rows or leave them out."
            )
    return Rows(variables, parts, table.labels(group))
