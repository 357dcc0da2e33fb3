"""Reading a table of runs from a file or a frame.

What was read is kept: the reader's own columns stay in the frame, under their own names and in their own order, and
canonical columns are added after them. Where a canonical column has the name of one of theirs and other values
(``1.3B`` became 1.3e9, bits became nats), theirs stays beside it as ``loss (as read)``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import polars as pl

from isoflop.counting import FLOPS_CONVENTIONS, PARAMS_CONVENTIONS
from isoflop.errors import RunsError, did_you_mean
from isoflop.runs.canonical import (
    canonical_columns,
    filtered,
    in_nats,
    with_flops,
    with_loss,
    with_originals,
    without_bad,
)
from isoflop.runs.columns import COLUMNS, find_columns, refuse_duplicates
from isoflop.runs.files import look_at, series_of
from isoflop.runs.run import REQUIRED
from isoflop.runs.table import Runs

LossUnit = Literal["nats", "bits", "bits_per_byte"]
LOSS_UNITS: tuple[str, ...] = get_args(LossUnit)


def read_runs(
    source: str | Path | Any,
    *,
    columns: Mapping[str, str] | None = None,
    where: str | None = None,
    loss_unit: LossUnit | None = None,
    bytes_per_token: float | None = None,
    params_convention: str | None = None,
    needs: Sequence[str] = REQUIRED,
    target: str = "loss",
    drop_bad: bool = False,
) -> Runs:
    """Read runs from CSV, TSV, Parquet, JSON Lines or JSON by suffix, or from a Polars or pandas frame.

    columns: {ours: theirs}, see ``parse_column_options``. where: a row filter, see ``isoflop.runs.where``; it sees the
    reader's own columns and the canonical ones. loss_unit: of the source: nats and bits are per token; bits_per_byte
    needs a column or an argument bytes_per_token. needs: columns that the question uses; any column of the source may
    be among them, params and tokens always are; without loss among them a row may lack its loss, which is null then.
    target: the column taken as the response, in ``loss``. drop_bad: leave out rows whose needed cells are unusable,
    said in the notes, instead of raising. ``loss_unit`` and ``params_convention`` are nats and total unless the source
    says otherwise in a column of that name.

    Raises RunsError, naming rows and columns, for whatever cannot be read as runs; FormulaError for a faulty filter.
    """
    _refuse_options(loss_unit, bytes_per_token)
    raw, theirs, found, name = _load(source, columns or {}, needs, target)
    raw, said = _declared(raw, name, params_convention, loss_unit)
    needs = _all_needs(needs, said.loss_unit, bytes_per_token, theirs, target, name)
    draft = canonical_columns(raw, theirs)
    frame, unit_note = in_nats(draft.frame, said.loss_unit, bytes_per_token)
    frame, flops_note = with_flops(with_loss(frame), theirs.get("flops"))
    frame = with_originals(frame, raw, (*theirs, "flops"))
    draft, where_note = filtered(type(draft)(frame, draft.unread, draft.rows), where, name)
    draft, bad_note = without_bad(draft, theirs, needs, target, drop_bad, name)
    return Runs(
        frame=draft.frame,
        params_convention=said.params_convention,
        flops_convention=said.flops_convention or ("stated" if "flops" in theirs else "6ND"),
        notes=tuple(note for note in (*found, unit_note, flops_note, where_note, bad_note) if note),
        source=name,
        target=target,
    )


def _refuse_options(loss_unit: str | None, bytes_per_token: float | None) -> None:
    if loss_unit not in (None, *LOSS_UNITS):
        raise RunsError(
            f"Unknown loss unit '{loss_unit}'. Known: {', '.join(LOSS_UNITS)}."
            f"{did_you_mean(str(loss_unit), LOSS_UNITS)} Give one of these."
        )
    if bytes_per_token is not None and not (math.isfinite(bytes_per_token) and bytes_per_token > 0):
        raise RunsError(f"bytes_per_token is {bytes_per_token}. Allowed: a positive number. English text has about 4.")


def _load(
    source: Any, columns: Mapping[str, str], needs: Sequence[str], target: str
) -> tuple[pl.DataFrame, dict[str, str], tuple[str, ...], str]:
    """The raw frame and its columns by our names; a file's header must satisfy the question before it is loaded."""
    needs = tuple(dict.fromkeys(("params", "tokens", *needs)))
    if isinstance(source, (str, Path)):
        name = str(source)
        file = look_at(Path(source))
        found = find_columns(file.header, columns, needs, target, name)[0]
        raw = file.load(frozenset(found[ours] for ours in found if ours in COLUMNS and COLUMNS[ours].kind == "text"))
    else:
        raw, name = _frame(source), "the frame"
    theirs, notes = find_columns(raw.columns, columns, needs, target, name)
    if raw.is_empty():
        raise RunsError(f"{name} has a header and no rows. At least one run is needed. Add rows.")
    return raw, theirs, notes, name


def _frame(source: Any) -> pl.DataFrame:
    if isinstance(source, pl.DataFrame):
        return source
    if isinstance(source, pl.LazyFrame):
        return source.collect()
    if type(source).__module__.partition(".")[0] != "pandas" or not hasattr(source, "columns"):
        raise RunsError(
            f"Runs cannot be read from a {type(source).__name__}. Allowed: a path, a Polars frame or a pandas frame. "
            "Give one of these."
        )
    names = [str(name) for name in source.columns]
    refuse_duplicates(names, "the frame")
    known = (source.iloc[:, i].astype(object) for i in range(len(names)))
    cells = (column.where(column.notna(), None).tolist() for column in known)
    return pl.DataFrame([series_of(name, column) for name, column in zip(names, cells, strict=True)])


@dataclass(frozen=True, slots=True)
class _Declared:
    params_convention: str
    flops_convention: str | None
    loss_unit: str


def _declared(
    raw: pl.DataFrame, source: str, params_convention: str | None, loss_unit: str | None
) -> tuple[pl.DataFrame, _Declared]:
    """What the source says of itself in columns params_convention, flops_convention and loss_unit.

    A column with one value is taken off the frame; one with several stays in it, for ``check_runs`` to report.
    """
    raw, params = _one_value(raw, "params_convention", PARAMS_CONVENTIONS, params_convention, source)
    raw, flops = _one_value(raw, "flops_convention", FLOPS_CONVENTIONS, None, source)
    raw, unit = _one_value(raw, "loss_unit", LOSS_UNITS, loss_unit, source)
    return raw, _Declared(params or "total", flops, unit or "nats")


def _one_value(
    raw: pl.DataFrame, name: str, known: Sequence[str], given: str | None, source: str
) -> tuple[pl.DataFrame, str | None]:
    stated = raw[name].unique().to_list() if name in raw.columns else []
    for value in (*stated, *([given] if given else [])):
        if value is not None and value not in known:
            raise RunsError(
                f"Unknown {name} '{value}' for {source}. Known: {', '.join(known)}.{did_you_mean(str(value), known)} "
                "Give one of these."
            )
    if len(stated) != 1:
        return raw, given
    if given and stated[0] and given != stated[0]:
        raise RunsError(
            f"{source} says {name} = {stated[0]} in a column of that name, but {given} was asked for. Leave the option "
            "out, or correct the file."
        )
    return raw.drop(name), stated[0] or given


def _all_needs(
    needs: Sequence[str], unit: str, bytes_per_token: float | None, theirs: Mapping[str, str], target: str, source: str
) -> tuple[str, ...]:
    """The needed columns, with bytes_per_token where the unit of the loss takes one."""
    if target != "loss" and unit != "nats":
        raise RunsError(f"A loss in {unit} was asked for, but the target is '{target}'. Give one of the two options.")
    needs = tuple(dict.fromkeys(("params", "tokens", *needs)))
    if unit != "bits_per_byte" or bytes_per_token is not None or "loss" not in theirs:
        return needs
    if "bytes_per_token" not in theirs:
        raise RunsError(
            f"{source} has its loss in bits per byte and no column bytes_per_token, which nats per token need. Name "
            "one with --column THEIRS=bytes_per_token, or give one number for all runs (--bytes-per-token)."
        )
    return (*needs, "bytes_per_token")
