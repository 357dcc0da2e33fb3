"""Learning rate and batch: the valley of the rate at each batch, and how its bottom moves.

For each size, length and batch a parabola in ln rate through the runs near the best one. The noise that its interval
needs is what all parabolas together leave over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from isoflop.errors import FitFailure
from isoflop.fitting.parabola import interior, parabolas
from isoflop.report.figures import Chart
from isoflop.report.tables import Table
from isoflop.runs.table import Runs
from isoflop.units import format_count
from isoflop.workbench.studies.finding import Finding, Material, Measure, Verdict

NEAR = 1.06
"""Runs within this multiple of a valley's lowest loss shape its parabola, and never fewer than four (chosen: farther
up, too high a rate costs more than a parabola says)."""
FEWEST = 4
NEGLIGIBLE = 2**0.5
"""A rate wrong by less than this costs a quarter of what a factor of two costs, as a parabola has it."""


Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Valley:
    """One size, length and batch: ln rate and ln loss of the runs that shape the parabola, its lowest point, and draws
    of it, NaN where it left the runs. inside: whether the point lies between the rates tried."""

    params: float
    tokens: float
    batch: float
    x: Array
    y: Array
    best: float
    loss: float
    curvature: float
    inside: bool
    draws: Array


def judge(material: Material, *, level: float = 0.9, replicates: int = 1000, seed: int = 0) -> Finding:
    """The best rate at each batch, how it moves with batch and size, and the best batch where there is one."""
    valleys = _valleys(material.runs, replicates, seed)
    known = [valley for valley in valleys if valley.inside]
    if len(known) < 3:
        raise FitFailure(
            f"{len(known)} of {len(valleys)} valleys have their lowest point between the rates tried; three are "
            "needed. Widen the grid of rates."
        )
    by_batch = _with_batch(known, level)
    transfer, alike = _with_size(known, level), _with_size(known, level, weighted=False)
    doubled = float(np.mean([np.expm1(v.curvature / 2 * np.log(2) ** 2) for v in known]))
    return Finding(
        answer=(
            f"The loss is a valley in the learning rate at {len(known)} of {len(valleys)} batches and sizes. The best "
            f"rate grows as batch^{by_batch.value:.2f} [{by_batch.low:.2f}, {by_batch.high:.2f}]; a rate wrong by a "
            f"factor of two costs {100 * doubled:.1f} % of the loss."
        ),
        verdict=_verdict(transfer),
        because=(
            "Rates scaled by width are meant to have one best value at all widths (Yang et al. 2022). Here that of the "
            f"large model is {transfer.value:.2f} [{transfer.low:.2f}, {transfer.high:.2f}] times that of the small "
            "one at the same batch and length; with all batches weighing alike, the unsure ones too, "
            f"{alike.value:.2f} [{alike.low:.2f}, {alike.high:.2f}]."
        ),
        measures=(
            by_batch,
            transfer,
            alike,
            Measure(name="cost of a rate wrong by a factor of two", value=100 * doubled, unit="%"),
            Measure(name="noise left by the parabolas, ln loss", value=100 * _noise(valleys), unit="%"),
        ),
        table=_table(valleys, level),
        shows_not=(
            (
                "The best batch in itself: at these lengths the smallest batch tried is best or near it, so more "
                "could be won below; on a device that a small batch leaves idle the choice is another."
            ),
            (
                "How the best rate moves with the length of training, on which published laws disagree in sign; "
                "`isoflop.fitting.sweep_law` fits it where several lengths were swept."
            ),
            "One seed a run: the noise is estimated from what parabolas leave over.",
        ),
        level=level,
        notes=tuple(
            f"N = {format_count(v.params)}, D = {format_count(v.tokens)}, {v.batch:.0f} tokens a step: no lowest point "
            "between the rates tried."
            for v in valleys
            if not v.inside
        ),
        drawn={"runs": material.runs, "valleys": valleys},
    )


def charts(finding: Finding) -> dict[str, Chart]:
    """Loss by rate, a line a batch, at each size's longest training."""
    from isoflop.report.studying import rates_chart

    runs, valleys = finding.drawn["runs"], finding.drawn["valleys"]
    drawn: dict[str, Chart] = {}
    for params in sorted({v.params for v in valleys}):
        tokens = max(v.tokens for v in valleys if v.params == params)
        here = [v for v in valleys if (v.params, v.tokens) == (params, tokens) and v.inside]
        cells = runs.frame.filter(
            (pl.col("params") == params) & (pl.col("tokens") == tokens) & pl.col("loss").is_finite()
        )
        lowest = pl.DataFrame([{"lr": float(np.exp(v.best)), "loss": float(np.exp(v.loss))} for v in here])
        drawn[f"lr-batch-{format_count(params)}"] = rates_chart(
            cells.select("lr", "batch_tokens", "loss"),
            lowest,
            title=f"N = {format_count(params)}, D = {format_count(tokens)}: a valley at each batch",
        )
    return drawn


def _valleys(runs: Runs, replicates: int, seed: int) -> list[_Valley]:
    """All of them, drawn anew with the noise that they leave over together."""
    cells = _cells(runs)
    bare = [_valley(*key, x, y, np.empty((0, len(y)))) for key, (x, y) in cells.items()]
    noise, generator = _noise(bare), np.random.default_rng(seed)
    return [
        _valley(*key, x, y, y + noise * generator.standard_normal((replicates, len(y))))
        for key, (x, y) in cells.items()
    ]


def _cells(runs: Runs) -> dict[tuple[float, float, float], tuple[Array, Array]]:
    """(N, D, batch) -> ln rate and ln loss of the runs near the best, by rate."""
    frame = runs.frame.filter(pl.col("loss").is_finite()).sort("params", "tokens", "batch_tokens", "lr")
    cells = {}
    for key, own in frame.group_by(["params", "tokens", "batch_tokens"], maintain_order=True):
        x, y = np.log(own["lr"].to_numpy()), np.log(own["loss"].to_numpy())
        near = y <= y.min() + np.log(NEAR)
        near |= np.isin(np.arange(len(y)), np.argsort(y)[:FEWEST])
        if len(y) >= FEWEST:
            cells[tuple(float(part) for part in key)] = (x[near], y[near])
    return cells  # type: ignore[return-value]


def _valley(params: float, tokens: float, batch: float, x: Array, y: Array, drawn: Array) -> _Valley:
    found = parabolas(x, y, np.ones((1, len(x))))
    draws = np.array([parabolas(x, line, np.ones((1, len(x)))).vertex[0] for line in drawn])
    return _Valley(
        params=params,
        tokens=tokens,
        batch=batch,
        x=x,
        y=y,
        best=float(found.vertex[0]),
        loss=float(found.value[0]),
        curvature=float(found.curvature[0]),
        inside=bool(interior(x, found)[0]),
        draws=np.where((draws > x.min() - np.log(2)) & (draws < x.max() + np.log(2)), draws, np.nan),
    )


def _noise(valleys: list[_Valley]) -> float:
    """Standard deviation of ln loss about the parabolas, three coefficients each."""
    squares = sum(float(((v.y - v.loss - v.curvature / 2 * (v.x - v.best) ** 2) ** 2).sum()) for v in valleys)
    return float(np.sqrt(squares / max(1, sum(len(v.x) - 3 for v in valleys))))


def _with_batch(valleys: list[_Valley], level: float) -> Measure:
    """c of rate* ~ batch^c, with an offset for each size and length."""
    group = [(v.params, v.tokens) for v in valleys]
    design = np.array([[float(key == other) for other in sorted(set(group))] for key in group])
    design = np.column_stack([design, np.log([v.batch for v in valleys])])
    value, low, high = _regressed(design, valleys, level)
    return Measure(name="exponent of the best rate in the batch", value=value, low=low, high=high)


def _with_size(valleys: list[_Valley], level: float, *, weighted: bool = True) -> Measure:
    """The best rate of the larger size over that of the smaller at the same batch and length; batches weigh by how
    surely they tell, or all alike."""
    small, large = min(v.params for v in valleys), max(v.params for v in valleys)
    by_cell = {(v.params, v.tokens, v.batch): v for v in valleys}
    pairs = [
        (by_cell[small, v.tokens, v.batch], v)
        for v in valleys
        if v.params == large and (small, v.tokens, v.batch) in by_cell
    ]
    name = f"best rate at N = {format_count(large)} over that at {format_count(small)}"
    name += "" if weighted else ", batches weighing alike"
    if not pairs:
        return Measure(name=name, value=float("nan"))
    moved = np.array([b.draws - a.draws for a, b in pairs])
    sure = 1 / np.nanvar(moved, axis=1) if weighted else np.ones(len(pairs))
    shares = sure / sure.sum()
    middle = float(shares @ [b.best - a.best for a, b in pairs])
    low, high = np.exp(np.nanquantile(shares @ moved, [(1 - level) / 2, (1 + level) / 2]))
    return Measure(name=name, value=float(np.exp(middle)), low=float(low), high=float(high))


def _regressed(design: Array, valleys: list[_Valley], level: float) -> tuple[float, float, float]:
    """The last coefficient of a regression of ln rate*, with its interval by the valleys' draws."""
    best = np.linalg.lstsq(design, np.array([v.best for v in valleys]), rcond=None)[0][-1]
    drawn = np.stack([v.draws for v in valleys], axis=1)
    whole = drawn[np.isfinite(drawn).all(axis=1)]
    coefficients = np.linalg.lstsq(design, whole.T, rcond=None)[0][-1]
    low, high = np.quantile(coefficients, [(1 - level) / 2, (1 + level) / 2])
    return float(best), float(low), float(high)


def _verdict(transfer: Measure) -> Verdict:
    if transfer.low is None or transfer.high is None:
        return "undecided"
    if transfer.low <= 1 <= transfer.high:
        return "agrees"
    return "partly agrees" if transfer.low > 1 / NEGLIGIBLE and transfer.high < NEGLIGIBLE else "disagrees"


def _table(valleys: list[_Valley], level: float) -> Table:
    rows = []
    for v in valleys:
        low, high = np.exp(np.nanquantile(v.draws, [(1 - level) / 2, (1 + level) / 2]))
        rate = f"{np.exp(v.best):.2g} [{low:.2g}, {high:.2g}]" if v.inside else "outside the grid"
        rows.append(
            {"params": v.params, "tokens": v.tokens, "batch": v.batch, "rate": rate}
            | {"loss": float(np.exp(v.loss)) if v.inside else float(np.exp(v.y.min()))}
        )
    return Table(
        rows,
        titles={"params": "N", "tokens": "D", "batch": "Tokens a step", "rate": "Best rate", "loss": "Lowest loss"},
        formats={"params": "count", "tokens": "count", "batch": "number", "loss": "loss"},
    )
