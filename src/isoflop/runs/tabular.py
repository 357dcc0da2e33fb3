"""Tables whose columns are not N, D and loss: experts, vocabularies, mixtures, learning rates, whatever was varied.

Nothing is renamed or converted here; a reader's columns stay what they are. What they mean is for the laws to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from isoflop.errors import RunsError, did_you_mean
from isoflop.runs.cells import numbers, refuse_text
from isoflop.runs.files import look_at
from isoflop.runs.where import filter_rows

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.object_]

ONE_GROUP = "all"
"""The label of every row where no column groups them."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows as they were read. frame: the reader's own columns. source: where they came from. notes: what was done."""

    frame: pl.DataFrame
    source: str = "memory"
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.frame.height

    def has(self, name: str) -> bool:
        """Whether the column exists and holds at least one value."""
        return name in self.frame.columns and self.frame[name].null_count() < len(self)

    def numbers(self, name: str) -> Floats:
        """A column of numbers, shape (rows,), NaN where a cell is empty; counts may carry suffixes such as 1.3B.

        Raises RunsError for an unknown column and for cells that hold something else, with their rows.
        """
        cells = self._cells(name)
        values, unread = numbers(cells, "count")
        refuse_text(name, cells, unread, np.arange(1, len(self) + 1), self.source)
        return np.asarray(values.fill_null(float("nan")).to_numpy(), dtype=float)

    def labels(self, name: str | None) -> Labels:
        """A column as text, shape (rows,); without a name every row has the label ``ONE_GROUP``."""
        if name is None:
            return np.full(len(self), ONE_GROUP, dtype=object)
        return np.array(self._cells(name).cast(pl.String).fill_null("").to_list(), dtype=object)

    def number_columns(self) -> tuple[str, ...]:
        """Names of the columns that hold numbers only, in the order of the file."""
        return tuple(name for name in self.frame.columns if self.frame[name].dtype.is_numeric())

    def take(self, rows: npt.ArrayLike) -> Table:
        """The rows that a boolean mask marks, or those with the given indices."""
        chosen = np.asarray(rows)
        indices = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen.astype(np.int64)
        return replace(self, frame=self.frame[indices])

    def _cells(self, name: str) -> pl.Series:
        if name not in self.frame.columns:
            raise RunsError(
                f"Unknown column '{name}' in {self.source}. Known: {', '.join(self.frame.columns)}."
                f"{did_you_mean(name, self.frame.columns)} Name one of them."
            )
        return self.frame[name]


def read_table(path: str | Path, *, where: str | None = None) -> Table:
    """Read a table from CSV, TSV, Parquet, JSON Lines or JSON, and keep the rows for which ``where`` holds.

    Raises RunsError for a file that is no table or has no row, FormulaError for a faulty filter.
    """
    frame = look_at(Path(path)).load(frozenset())
    if frame.is_empty():
        raise RunsError(f"{path} has a header and no rows. At least one row is needed. Add rows.")
    if where is None:
        return Table(frame, str(path))
    kept, note = filter_rows(frame, where, str(path))
    return Table(kept, str(path), (note,))


def usable_rows(table: Table, needs: Sequence[str], *, drop: bool) -> Table:
    """The table, refused or (``drop``) shortened where a needed number is missing or infinite.

    Raises RunsError naming the first such rows.
    """
    bad = {name: ~np.isfinite(table.numbers(name)) for name in needs}
    any_bad = np.logical_or.reduce(list(bad.values())) if bad else np.zeros(len(table), dtype=bool)
    if not any_bad.any():
        return table
    cells = [f"row {row + 1}: {name}" for row in np.flatnonzero(any_bad)[:5] for name in needs if bad[name][row]]
    said = f"{int(any_bad.sum())} of {len(table)} rows of {table.source} lack a finite number ({'; '.join(cells)})"
    if drop and not any_bad.all():
        return replace(table.take(~any_bad), notes=(*table.notes, f"{said} and are left out."))
    raise RunsError(
        f"{said}. Needed are {', '.join(needs)}. Correct them, or leave them out with --drop-bad or --where."
    )
