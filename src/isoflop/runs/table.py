"""A table of runs: what every fit, check and plan reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from isoflop.errors import RunsError, did_you_mean
from isoflop.runs.run import REQUIRED, RUN_FIELDS, Run

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Runs as a frame: canonical columns (``isoflop.runs.COLUMNS``) beside the reader's own, and how they were counted.

    frame: has at least params, tokens, loss and flops, as Float64. params_convention: how N was counted.
    flops_convention: "stated" when C came with the runs, "6ND" when it was computed. notes: what reading took for what.
    source: where the runs came from. target: the column of the source that ``loss`` holds.

    Two tables are equal when their frames and conventions are; notes and source may differ.
    """

    frame: pl.DataFrame
    params_convention: str = "total"
    flops_convention: str = "6ND"
    notes: tuple[str, ...] = ()
    source: str = "memory"
    target: str = "loss"

    def __len__(self) -> int:
        return self.frame.height

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Runs):
            return NotImplemented
        same = (self.params_convention, self.flops_convention) == (other.params_convention, other.flops_convention)
        return same and self.frame.equals(other.frame)

    __hash__ = None  # type: ignore[assignment]

    @property
    def params(self) -> Floats:
        """Parameters N, shape (runs,)."""
        return self._floats("params")

    @property
    def tokens(self) -> Floats:
        """Training tokens D, shape (runs,)."""
        return self._floats("tokens")

    @property
    def loss(self) -> Floats:
        """Loss in nats per token (or the target column), shape (runs,)."""
        return self._floats("loss")

    @property
    def flops(self) -> Floats:
        """Training compute C in FLOP, shape (runs,)."""
        return self._floats("flops")

    @property
    def clusters(self) -> npt.NDArray[np.int64]:
        """A cluster number a run, shape (runs,): runs of one trunk share theirs, any other run is alone."""
        rows = np.arange(len(self), dtype=np.int64)
        if "trunk" not in self.frame.columns:
            return rows
        alone = self.frame["trunk"].is_null().to_numpy()
        keys = self.frame["trunk"].cast(pl.String).fill_null("").to_numpy()
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        labels = np.where(alone, rows, rows[first][inverse])
        return np.unique(labels, return_inverse=True)[1].astype(np.int64)

    def has(self, name: str) -> bool:
        """Whether the column exists and holds at least one value."""
        return name in self.frame.columns and self.frame[name].null_count() < len(self)

    def column(self, name: str) -> npt.NDArray[np.generic]:
        """Any column, shape (runs,): numbers as float64 with NaN for unknown, truth values as bool, text as objects.

        Raises RunsError, naming the known columns, when there is no such column.
        """
        series = self._series(name)
        if series.dtype.is_numeric():
            return self._floats(name)
        if series.dtype == pl.Boolean and series.null_count() == 0:
            return series.to_numpy()
        return np.array(series.to_list(), dtype=object)

    def where(self, expression: str) -> Runs:
        """The runs for which a row filter such as ``kept_240 and params > 100M`` is true; see ``isoflop.runs.where``.

        Raises FormulaError with the position of a fault or of an unknown column, RunsError when no run is left.
        """
        from isoflop.runs.where import filter_rows

        kept, note = filter_rows(self.frame, expression, self.source)
        return replace(self, frame=kept, notes=(*self.notes, note))

    def take(self, rows: npt.ArrayLike) -> Runs:
        """The runs that a boolean mask of shape (runs,) marks, or those with the given indices, repeats allowed."""
        chosen = np.asarray(rows)
        if chosen.dtype == np.bool_:
            if chosen.shape != (len(self),):
                raise RunsError(f"A mask of shape {chosen.shape} for {len(self)} runs. Give one truth value a run.")
            chosen = np.flatnonzero(chosen)
        return replace(self, frame=self.frame[chosen.astype(np.int64)])

    @classmethod
    def from_runs(cls, runs: Sequence[Run], source: str = "memory") -> Runs:
        """A table from single runs. Columns that no run knows are left out; a missing flops is 6ND, said in the notes.

        Runs counted by several conventions keep a column params_convention, which ``check_runs`` reports.
        """
        if not runs:
            return cls(frame=pl.DataFrame(schema=dict.fromkeys((*REQUIRED, "flops"), pl.Float64)), source=source)
        conventions = list(dict.fromkeys(run.params_convention for run in runs))
        columns = {name: [getattr(run, name) for run in runs] for name in RUN_FIELDS}
        columns["flops"] = [run.compute for run in runs]
        if len(conventions) == 1:
            del columns["params_convention"]
        series = [_series(name, values) for name, values in columns.items() if any(v is not None for v in values)]
        own = dict.fromkeys(name for run in runs for name in run.extra)
        extra = [pl.Series(name, [run.extra.get(name) for run in runs], strict=False) for name in own]
        unstated = sum(run.flops is None for run in runs)
        return cls(
            frame=pl.DataFrame([*series, *extra]),
            params_convention=conventions[0],
            flops_convention="6ND" if unstated == len(runs) else "stated",
            notes=(f"flops is 6ND for {unstated} of {len(runs)} runs, which state none.",) if unstated else (),
            source=source,
        )

    def _series(self, name: str) -> pl.Series:
        if name not in self.frame.columns:
            raise RunsError(
                f"Unknown column '{name}' in {self.source}. Known: {', '.join(self.frame.columns)}."
                f"{did_you_mean(name, self.frame.columns)}"
            )
        return self.frame[name]

    def _floats(self, name: str) -> Floats:
        return self._series(name).cast(pl.Float64).fill_null(float("nan")).to_numpy()


_INTEGERS = ("seed", "depth", "width")
_TEXTS = ("schedule", "recipe", "run_id", "trunk", "status", "provenance", "params_convention")


def _series(name: str, values: list[object]) -> pl.Series:
    dtype = pl.Int64 if name in _INTEGERS else pl.String if name in _TEXTS else pl.Float64
    return pl.Series(name, values, dtype=dtype, strict=False)
