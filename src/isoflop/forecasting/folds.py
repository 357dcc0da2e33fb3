"""Splits that resemble the question: what is asked about decides what is held out.

A law is chosen by how it extrapolates, and it should extrapolate in the direction of the question. Where the asked
rows reach beyond the runs along a variable (or along size × data), the runs at that end are held out, several times,
each time from further back. Where they lie inside but join values that no run joins, whole such cells are held out.
Only what the asked rows are is used, never their losses.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoflop.laws.roles import Part

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SAME_LEVEL = 1.05
"""Values closer than this factor are one level: parameters counted with and without some small layer."""
COUNTED = 0.1
"""Share of the asked rows that must lie beyond for an axis to count."""
REACHES = (0.5, 1.0, 1.5)
"""Cuts along an axis lie where its upper end is the question's reach to these powers away."""
FEWEST_FITTED = 0.4
"""Least share of the rows that a cut leaves for the fit."""
FEWEST_HELD = 0.05
"""Least share of the rows that a cut holds out."""
CELLS = 5
"""Parts of a split by cells."""
INSIDE = 0.3
"""Share of the asked rows inside the runs' range from which cells are held out beside the ends."""
FEWEST_LEVELS = 2
"""Levels of an axis that must be left: from one alone nothing can be said about others."""


@dataclass(frozen=True)
class Fold:
    """fitted, held: masks of the rows. why: what was held out, in words. end: the variable of which the upper
    end was held out, or nothing for a part of a split by cells."""

    fitted: Mask
    held: Mask
    why: str
    end: str = ""


def make_folds(
    runs: Mapping[str, Array], parts: Sequence[Part], asked: Mapping[str, Array] | None = None, *, seed: int = 0
) -> tuple[Fold, ...]:
    """Splits of the runs that resemble the asked rows.

    runs, asked: symbol -> values, shaped (rows,). Without ``asked`` every axis along which a larger run could be
    trained is cut. Empty when the runs are too few for any cut.
    """
    if asked is None:
        axes = [(name, values) for name, values in _axes(runs, parts) if len(np.unique(values)) >= 4]
        ends = [fold for name, values in axes for fold in _cuts(name, values, [float(values.max()) / SAME_LEVEL])]
        return tuple(ends) or _cells(runs, seed)
    theirs = dict(_axes(asked, parts))
    folds = [fold for name, values in _axes(runs, parts) for fold in _like(name, values, theirs[name])]
    if not folds:
        inverse = [(f"1/{name}", 1 / _positive(v), 1 / _positive(theirs[name])) for name, v in _axes(runs, parts)]
        folds = [fold for name, values, wanted in inverse for fold in _like(name, values, wanted)]
    if folds and np.mean(_inside(runs, asked)) < INSIDE:
        return tuple(folds)
    unseen = _unseen(runs, asked)
    return (*folds, *_cells({symbol: runs[symbol] for symbol in unseen}, seed))


def reaches_beyond(folds: Sequence[Fold], runs: Mapping[str, Array], asked: Mapping[str, Array]) -> bool:
    """Whether most asked rows lie beyond the runs along a variable of which no split could hold out the end."""
    tested = {fold.end for fold in folds}
    beyond = [s for s, v in runs.items() if np.mean(asked[s] > v.max() * SAME_LEVEL) > 0.5]
    return any(symbol not in tested for symbol in beyond)


def _inside(runs: Mapping[str, Array], asked: Mapping[str, Array]) -> Mask:
    """Asked rows whose every variable lies in the runs' range."""
    inside = [
        (asked[s] <= v.max() * SAME_LEVEL) & (asked[s] * SAME_LEVEL >= v.min()) for s, v in runs.items() if v.min() > 0
    ]
    return np.logical_and.reduce(inside) if inside else np.ones(len(next(iter(asked.values()))), dtype=bool)


def _positive(values: Array) -> Array:
    return np.maximum(values, 1e-300)


def _axes(rows: Mapping[str, Array], parts: Sequence[Part]) -> list[tuple[str, Array]]:
    """Variables of which a larger run has more, and the product of size and data."""
    axes = [(p.symbol, rows[p.symbol]) for p in parts if p.role not in ("share", "rate", "batch")]
    sizes, data = ([p.symbol for p in parts if p.role == role][:1] for role in ("size", "data"))
    if sizes and data:
        axes.append((f"{sizes[0]}·{data[0]}", rows[sizes[0]] * rows[data[0]]))
    return axes


def _like(name: str, values: Array, asked: Array) -> list[Fold]:
    """Cuts from which the upper end is about as far away as the asked rows are from the runs; none if they are not."""
    ratios = asked / values.max()
    beyond = ratios > SAME_LEVEL
    if np.mean(beyond) < COUNTED:
        return []
    reach = float(np.quantile(ratios[beyond], 0.9))
    wanted = [float(values.max()) / reach**power for power in REACHES]
    return _cuts(name, values, wanted)


def _cuts(name: str, values: Array, wanted: Sequence[float]) -> list[Fold]:
    """Hold out all above each wanted cut, moved down to a gap between levels below the cut before it."""
    levels = np.unique(_positive(values))[::-1]
    gaps = levels[1:][levels[:-1] > levels[1:] * SAME_LEVEL]
    folds: list[Fold] = []
    lowest = np.inf
    for place in wanted:
        for cut in gaps[(gaps <= place) & (gaps < lowest)]:
            held = values > cut
            left = 1 + int(np.sum(gaps < cut))
            if held.mean() >= FEWEST_HELD and 1 - held.mean() >= FEWEST_FITTED and left >= FEWEST_LEVELS:
                folds.append(Fold(~held, held, f"{name} above {cut:.4g}", end=name))
                lowest = cut
                break
    return folds


def _unseen(runs: Mapping[str, Array], asked: Mapping[str, Array]) -> tuple[str, ...]:
    """The smallest set of variables whose values, joined, are mostly new in the asked rows; else all of them."""
    symbols = tuple(runs)
    for count in range(1, len(symbols)):
        for chosen in itertools.combinations(symbols, count):
            seen = set(zip(*(runs[s] for s in chosen), strict=True))
            new = np.mean([row not in seen for row in zip(*(asked[s] for s in chosen), strict=True)])
            if new > 0.5:
                return chosen
    return symbols


def _cells(runs: Mapping[str, Array], seed: int) -> tuple[Fold, ...]:
    """Split by distinct rows of these variables into at most ``CELLS`` parts, each held out once."""
    distinct, inverse = np.unique(np.stack(list(runs.values()), axis=1), axis=0, return_inverse=True)
    parts = min(CELLS, len(distinct))
    if parts < 2:
        return ()
    order = np.random.default_rng(seed).permutation(len(distinct))
    part = (np.argsort(order) % parts)[inverse.ravel()]
    said = ", ".join(runs)
    return tuple(Fold(part != i, part == i, f"part {i + 1} of {parts} by {said}") for i in range(parts))
