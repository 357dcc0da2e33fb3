"""Tables of concepts and answers as laws of frequency read them: right and asked by count."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop.capability.frequency import MOST_BINS, Exposure
from isoflop.errors import BadInput

Array = NDArray[np.float64]


def exposure(count: ArrayLike, score: ArrayLike, trials: ArrayLike | None = None, *, percent: bool = False) -> Exposure:
    """Rows of (count, score) by count; more than 64 different counts become as many bins of equally many answers.

    count: (rows,), how often the concept of a row was seen, 0 or more. score: (rows,), the share of right answers, 0 or
    1 for a single one; the number of right answers where ``trials``, (rows,), says of how many. percent: shares are
    percentages. Rows that lack a number are left out. A bin's count is the mean of ln(count), by its answers.
    Raises BadInput for negative counts, more right than tried, shares outside 0 to 1, and no row.
    """
    seen, value = np.asarray(count, dtype=float), np.asarray(score, dtype=float)
    asked = np.ones_like(seen) if trials is None else np.asarray(trials, dtype=float)
    if not seen.shape == value.shape == asked.shape or seen.ndim != 1:
        raise BadInput(f"Counts, scores and trials are columns of one length; given: {seen.shape}, {value.shape}.")
    whole = np.isfinite(seen) & np.isfinite(value) & np.isfinite(asked)
    seen, value, asked = seen[whole], value[whole], asked[whole]
    if seen.size == 0:
        raise BadInput("No row has both a count and a score. Name other columns.")
    right = _right(value, None if trials is None else asked, percent)
    if (seen < 0).any():
        raise BadInput(f"A concept is seen 0 times or more; given: {seen.min():g} (row {int(seen.argmin()) + 1}).")
    never, seen_once = seen == 0, seen > 0
    unseen = (float(right[never].sum()), float(asked[never].sum()))
    binned = _binned(seen[seen_once], right[seen_once], asked[seen_once])
    scatter = trials is None and not np.isin(right, (0.0, 1.0)).all()
    return Exposure(*binned, unseen, scatter)


def _right(value: Array, asked: Array | None, percent: bool) -> Array:
    if asked is None:
        share = value / (100 if percent else 1)
        if share.min() < 0 or share.max() > 1:
            worst = float(value.max() if share.max() > 1 else value.min())
            if percent:
                raise BadInput(f"A score read as a percentage is {worst:g}. Allowed: 0 to 100. Correct it.")
            hint = "If they are percentages, give --percent; if numbers of right answers, say of how many: --trials."
            raise BadInput(f"Scores lie between 0 and 1; given: {worst:g}. {hint}")
        return np.asarray(share)
    if percent:
        raise BadInput("With trials the score is a number of right answers, not a percentage. Give one of the two.")
    sound = (value >= 0) & (value <= asked) & (asked >= 1)
    if not sound.all():
        bad = int(np.flatnonzero(~sound)[0])
        raise BadInput(
            f"Right answers lie from 0 to the number of trials, of which there is at least 1; given: {value[bad]:g} of "
            f"{asked[bad]:g} (row {bad + 1})."
        )
    return value


def _binned(seen: Array, right: Array, asked: Array) -> tuple[Array, Array, Array]:
    different, where = np.unique(seen, return_inverse=True)
    if len(different) > MOST_BINS:
        order = np.argsort(seen, kind="stable")
        done = np.cumsum(asked[order]) - asked[order] / 2
        where = np.empty(len(seen), dtype=np.int64)
        where[order] = np.minimum((MOST_BINS * done / asked.sum()).astype(int), MOST_BINS - 1)
        where = np.unique(where, return_inverse=True)[1]
    each = np.bincount(where, weights=asked)
    logs = np.bincount(where, weights=asked * np.log(seen)) / each if len(seen) else np.empty(0)
    return np.exp(logs), np.asarray(np.bincount(where, weights=right), dtype=float), np.asarray(each, dtype=float)
