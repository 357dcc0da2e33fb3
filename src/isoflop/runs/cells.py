"""Cells of text and what they stand for: numbers with suffixes, truth values, text."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from isoflop.errors import QuantityError, RunsError
from isoflop.runs.columns import Kind
from isoflop.units import parse_count, parse_flops

UNKNOWN = ("", "NA", "N/A", "n/a", "null", "None", "none", "-")
"""Cells of a number column that say that the number is not known."""

# A number with leading zeros (a name such as 007) stays text; 18 digits fit 64 bits.
_WHOLE = r"^(?:0|-?[1-9]\d{0,17})$"
_NUMBER = r"^[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$|^(?:NaN|nan|-?inf|-?Infinity)$"
_TRUTH = {"True": True, "true": True, "TRUE": True, "False": False, "false": False, "FALSE": False}
EXAMPLES = 3


def typed(cells: pl.Series) -> pl.Series:
    """Text cells as whole numbers, numbers or truth values where every one of them is one, else unchanged.

    No cell changes its value by this, though numbers lose their spelling (1.50 is 1.5).
    """
    known = cells.drop_nulls()
    if known.is_empty():
        return cells
    if _all_match(known, r"^(?i:true|false)$") and known.is_in(list(_TRUTH)).all():
        return cells.replace_strict(_TRUTH, default=None, return_dtype=pl.Boolean)
    stripped = cells.str.strip_chars()
    if _all_match(stripped.drop_nulls(), _WHOLE):
        return stripped.cast(pl.Int64)
    if _all_match(stripped.drop_nulls(), _NUMBER):
        return stripped.cast(pl.Float64)
    return cells


def _all_match(cells: pl.Series, pattern: str) -> bool:
    # Text columns are common and long: the first cells settle most of them.
    return bool(cells.head(8).str.contains(pattern).all()) and bool(cells.str.contains(pattern).all())


def numbers(cells: pl.Series, kind: Kind) -> tuple[pl.Series, npt.NDArray[np.bool_]]:
    """A column as Float64 (null where unknown), and a mask of the cells that are no numbers.

    Counts and FLOP may carry suffixes and units: 1.3B, 2.6B tokens, 10 PF-days.
    """
    if cells.dtype.is_numeric():
        return cells.cast(pl.Float64), np.zeros(len(cells), dtype=np.bool_)
    if cells.dtype != pl.String:
        return pl.Series(cells.name, [None] * len(cells), dtype=pl.Float64), cells.is_not_null().to_numpy()
    stripped = cells.str.strip_chars()
    values = stripped.cast(pl.Float64, strict=False)
    odd = stripped.filter(values.is_null() & stripped.is_not_null()).unique().to_list()
    read = {text: _number(text, kind) for text in odd}
    meant = {text: value for text, value in read.items() if value is not None}
    if meant:
        values = values.fill_null(stripped.replace_strict(meant, default=None, return_dtype=pl.Float64))
    unread = [text for text, value in read.items() if value is None and text not in UNKNOWN]
    return values, stripped.is_in(unread).fill_null(False).to_numpy()


def _number(text: str, kind: Kind) -> float | None:
    if kind not in ("count", "flops"):
        return None
    try:
        return parse_flops(text) if kind == "flops" else parse_count(text)
    except QuantityError:
        return None


def same_numbers(cells: pl.Series, values: pl.Series) -> bool:
    """Whether the numbers read say all that the cells said, so that the cells need not be kept beside them."""
    if not cells.dtype.is_numeric():
        return False
    back = values.cast(cells.dtype, strict=False)
    return back.equals(cells, null_equal=True)


def refuse_text(
    name: str, cells: pl.Series, unread: npt.NDArray[np.bool_], rows: npt.NDArray[np.int64], source: str
) -> None:
    """Raise RunsError naming the first cells of a number column that hold something else. rows: numbers to show."""
    where = np.flatnonzero(unread)
    if not len(where):
        return
    shown = "; ".join(f"row {rows[i]}: {_brief(cells[int(i)])}" for i in where[:EXAMPLES])
    more = f"; and {len(where) - EXAMPLES} more" if len(where) > EXAMPLES else ""
    raise RunsError(
        f"Column '{name}' of {source} must hold numbers, but {len(where)} of {len(cells)} rows do not ({shown}{more}). "
        "Allowed: numbers, for counts also with suffixes as in 1.3B or 2.6B tokens. Correct the cells, or leave the "
        "rows out with --where."
    )


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
