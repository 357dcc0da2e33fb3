"""From a reader's columns to the canonical ones: numbers, nats, FLOP, and which rows can be used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from isoflop.counting import FLOPS_PER_PARAM_TOKEN
from isoflop.errors import RunsError
from isoflop.runs.cells import numbers, refuse_text, same_numbers
from isoflop.runs.columns import COLUMNS
from isoflop.runs.run import REQUIRED
from isoflop.runs.where import filter_rows, row_mask

AS_READ = " (as read)"
MOST_SHOWN = 5

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Draft:
    """A table on its way in. unread: the cells of a column that are no numbers. rows: their numbers in the source."""

    frame: pl.DataFrame
    unread: Mapping[str, Mask]
    rows: npt.NDArray[np.int64]

    def keep(self, mask: Mask) -> Draft:
        return Draft(
            self.frame.filter(pl.Series(mask)), {name: m[mask] for name, m in self.unread.items()}, self.rows[mask]
        )


def canonical_columns(raw: pl.DataFrame, theirs: Mapping[str, str]) -> Draft:
    """The raw frame with the canonical columns put over or after its own. Cells that are no numbers become null."""
    columns, unread = [], {}
    order = [*(name for name in COLUMNS if name in theirs), *(name for name in theirs if name not in COLUMNS)]
    for ours in order:
        cells = raw[theirs[ours]]
        kind = COLUMNS[ours].kind if ours in COLUMNS else "count"
        if kind == "text":
            columns.append(cells.cast(pl.String, strict=False).alias(ours))
            continue
        values, unread[ours] = numbers(cells, kind)
        whole = kind == "integer" and bool((values.drop_nulls() == values.drop_nulls().round()).all())
        columns.append(values.cast(pl.Int64, strict=False).alias(ours) if whole else values.alias(ours))
    return Draft(raw.with_columns(columns), unread, np.arange(1, raw.height + 1))


def in_nats(frame: pl.DataFrame, unit: str, bytes_per_token: float | None) -> tuple[pl.DataFrame, str]:
    """The loss and its standard error in nats per token, and a note.

    nats/token = bits/token · ln 2 = bits/byte · ln 2 · bytes/token: a bit is ln 2 nats (Shannon 1948, section 1).
    """
    if unit == "nats":
        return frame, ""
    factor = pl.lit(math.log(2))
    if unit == "bits_per_byte":
        factor = factor * (pl.col("bytes_per_token") if bytes_per_token is None else pl.lit(bytes_per_token))
    scaled = [pl.col(name) * factor for name in ("loss", "loss_se") if name in frame.columns]
    rate = (
        ""
        if unit == "bits"
        else f" and {'bytes_per_token' if bytes_per_token is None else bytes_per_token} bytes/token"
    )
    return frame.with_columns(scaled), f"loss was read in {unit} and is converted to nats per token with ln 2{rate}."


def with_loss(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with a loss that is unknown on every row, where it has none."""
    return frame if "loss" in frame.columns else frame.with_columns(pl.lit(None, dtype=pl.Float64).alias("loss"))


def with_flops(frame: pl.DataFrame, theirs: str | None) -> tuple[pl.DataFrame, str]:
    """The frame with C = 6ND where none is stated, and a note that says where."""
    computed = FLOPS_PER_PARAM_TOKEN * pl.col("params") * pl.col("tokens")
    if theirs is None:
        return frame.with_columns(computed.alias("flops")), "flops is not stated: C = 6ND."
    stated = pl.col("flops").fill_nan(None)
    absent = int(frame.select(stated.is_null().sum()).item())
    note = f"flops is 6ND for {absent} of {frame.height} rows, whose '{theirs}' is not stated." if absent else ""
    return frame.with_columns(stated.fill_null(computed).alias("flops")) if absent else frame, note


def with_originals(frame: pl.DataFrame, raw: pl.DataFrame, converted: Sequence[str]) -> pl.DataFrame:
    """Keep a column of theirs whose own name now holds other values as ``NAME (as read)``."""
    lost = [
        raw[name].alias(name + AS_READ)
        for name in raw.columns
        if name in converted and name + AS_READ not in raw.columns and not _same(raw[name], frame[name])
    ]
    return frame.with_columns(lost)


def _same(cells: pl.Series, values: pl.Series) -> bool:
    return values.dtype == pl.String or same_numbers(cells, values)


def filtered(draft: Draft, where: str | None, source: str) -> tuple[Draft, str]:
    """The rows that the filter keeps, and a note."""
    if where is None:
        return draft, ""
    note = filter_rows(draft.frame, where, source)[1]
    return draft.keep(row_mask(draft.frame, where)), note


def without_bad(
    draft: Draft, theirs: Mapping[str, str], needs: Sequence[str], target: str, drop: bool, source: str
) -> tuple[Draft, str]:
    """Refuse rows whose needed cells are unusable, or leave them out with a note where ``drop`` says so."""
    for name, unread in draft.unread.items():
        if not (drop and name in needs):
            refuse_text(theirs[name], _read_cells(draft.frame, theirs[name]), unread, draft.rows, source)
    faults = {name: _fault(draft.frame, name, target) for name in needs}
    bad = np.logical_or.reduce(list(faults.values()))
    if not bad.any():
        return draft, ""
    shown = _shown(draft, faults, bad)
    said = f"{bad.sum()} of {len(bad)} rows of {source} cannot be used ({shown})"
    if drop and not bad.all():
        return draft.keep(~bad), f"{said} and are left out."
    raise RunsError(
        f"{said}. Needed are finite {', '.join(needs)}, with counts and losses above zero. Correct the rows, or leave "
        "them out with --drop-bad (drop_bad=True) or --where."
    )


def _read_cells(frame: pl.DataFrame, name: str) -> pl.Series:
    return frame[name + AS_READ] if name + AS_READ in frame.columns else frame[name]


def _fault(frame: pl.DataFrame, name: str, target: str) -> Mask:
    cells = frame[name]
    if not cells.dtype.is_numeric():
        return cells.is_null().to_numpy()
    values = cells.cast(pl.Float64).fill_null(math.nan).to_numpy()
    positive = name in (*REQUIRED, "flops", "bytes_per_token") and not (name == "loss" and target != "loss")
    bad: Mask = ~np.isfinite(values)
    return bad | (values <= 0) if positive else bad


def _shown(draft: Draft, faults: Mapping[str, Mask], bad: Mask) -> str:
    where = np.flatnonzero(bad)
    cells = [
        f"row {draft.rows[i]}: {name} is {_said(draft.frame[name][int(i)])}"
        for i in where[:MOST_SHOWN]
        for name, fault in faults.items()
        if fault[i]
    ]
    return "; ".join(cells) + (f"; and {len(where) - MOST_SHOWN} rows more" if len(where) > MOST_SHOWN else "")


def _said(value: object) -> str:
    return "missing" if value is None else f"{value:.6g}" if isinstance(value, float) else repr(value)
