"""Depth against width at one size, beside what size itself does.

Size here is that of the layers, 12 L w**2, as in the paper; the embeddings of a wide shallow model would otherwise buy
its layers away. Layers come in whole numbers, so shapes differ a little in size; their losses are moved to one size
along the slope of the runs at depth 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from isoflop.report.figures import Chart
from isoflop.report.tables import Table
from isoflop.runs.table import Runs
from isoflop.workbench.studies.finding import Finding, Material, Measure, Verdict

PUBLISHED_PERCENT = 3.0
"""How far a shape is from the best at most, at a fixed size and aspect ratios 40 times apart: Kaplan et al. 2020
(arXiv:2001.08361), figure 5 and section 3.1."""
PUBLISHED_RANGE = 40.0
SIZES_DEPTH = 2
SAME_SIZE = 0.15
"""Shapes within this share of the reference size are compared (chosen: whole layers come no closer)."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Seen:
    """Depth, width, layer parameters and ln loss, each (runs,)."""

    depth: Array
    width: Array
    size: Array
    log_loss: Array


def judge(material: Material, *, level: float = 0.9, replicates: int = 4000, seed: int = 0) -> Finding:
    """How far the loss spreads over shapes at one size, and over sizes at one shape."""
    seen = _seen(material.runs)
    slope, noise = _slope(seen), _seed_noise(seen)
    shapes, spread_draws = _shapes(seen, slope, noise, replicates, seed)
    spread = float(np.ptp(shapes["log_loss"].to_numpy()))
    deep = shapes.filter(pl.col("depth") >= SIZES_DEPTH)
    spread_deep = float(np.ptp(deep["log_loss"].to_numpy()))
    ratio = _aspects(deep)
    sizes = _sizes(seen)
    over_sizes = float(np.ptp(sizes["log_loss"].to_numpy()))
    low, high = np.expm1(np.quantile(spread_draws, [(1 - level) / 2, (1 + level) / 2])) * 100
    percent, percent_deep = 100 * np.expm1(spread), 100 * np.expm1(spread_deep)
    return Finding(
        answer=(
            f"At {_size(shapes):,.0f} layer parameters the loss spreads by {percent:.1f} % [{low:.1f}, {high:.1f}] "
            f"over {len(shapes)} shapes, {percent_deep:.1f} % without the single layer; over sizes "
            f"{_range(sizes):.0f} times apart it spreads by {100 * np.expm1(over_sizes):.0f} %."
        ),
        verdict=_verdict(percent, percent_deep),
        because=(
            f"Kaplan's shapes, {PUBLISHED_RANGE:.0f} times apart in aspect ratio, stay within {PUBLISHED_PERCENT:g} %. "
            f"Here those of two layers and more, {ratio:.0f} times apart, stay within {percent_deep:.1f} %, and with "
            f"the single layer, {_aspects(shapes):.0f} times apart, within {percent:.1f} %."
        ),
        measures=(
            Measure(name="spread over shapes", value=percent, low=float(low), high=float(high), unit="%"),
            Measure(name="spread over shapes of two layers and more", value=percent_deep, unit="%"),
            Measure(name="spread over sizes", value=100 * float(np.expm1(over_sizes)), unit="%"),
            Measure(name="loss for twice the size", value=100 * float(np.expm1(slope * np.log(2))), unit="%"),
            Measure(name="spread between seeds, one standard deviation", value=100 * noise, unit="%"),
        ),
        table=_table(shapes, sizes),
        shows_not=(
            (
                "One size, one length of training and the rate tuned at two layers: a rate tuned for each depth would "
                "bring the deep ones closer."
            ),
            "Two seeds a shape; the interval is what their spread makes of the largest difference.",
            "Whether depth matters more for tasks than for loss.",
        ),
        level=level,
        drawn={"shapes": shapes, "sizes": sizes, "slope": slope, "noise": noise},
    )


def charts(finding: Finding) -> dict[str, Chart]:
    """Loss over the best shape's against aspect ratio, with what half the size would cost."""
    from isoflop.report.studying import shape_chart

    drawn = finding.drawn
    return {"shape": shape_chart(drawn["shapes"], half=float(np.expm1(-drawn["slope"] * np.log(2))))}


def _seen(runs: Runs) -> _Seen:
    depth, width = runs._floats("depth"), runs._floats("width")
    return _Seen(depth, width, 12 * depth * width**2, np.log(runs.loss))


def _slope(seen: _Seen) -> float:
    """d ln L / d ln size among the runs of depth 2."""
    flat = seen.depth == SIZES_DEPTH
    return float(np.polyfit(np.log(seen.size[flat]), seen.log_loss[flat], 1)[0])


def _seed_noise(seen: _Seen) -> float:
    """Pooled standard deviation of ln L between seeds of one shape."""
    squares, freedom = 0.0, 0
    for depth, width in {(d, w) for d, w in zip(seen.depth, seen.width, strict=True)}:
        own = seen.log_loss[(seen.depth == depth) & (seen.width == width)]
        squares += float(((own - own.mean()) ** 2).sum())
        freedom += len(own) - 1
    return float(np.sqrt(squares / max(freedom, 1)))


def _shapes(seen: _Seen, slope: float, noise: float, replicates: int, seed: int) -> tuple[pl.DataFrame, Array]:
    """The shapes of about one size with their mean ln L at the reference size; and draws of the spread, by moving each
    mean by the seeds' spread."""
    reference = float(np.median(seen.size[seen.depth != SIZES_DEPTH]))
    rows = []
    for depth, width in sorted({(d, w) for d, w in zip(seen.depth, seen.width, strict=True)}):
        own = (seen.depth == depth) & (seen.width == width)
        size = 12 * depth * width**2
        if abs(np.log(size / reference)) > np.log1p(SAME_SIZE):
            continue
        moved = seen.log_loss[own] - slope * np.log(size / reference)
        rows.append(
            {
                "depth": int(depth),
                "width": int(width),
                "aspect": width / depth,
                "size": size,
                "seeds": int(own.sum()),
                "measured": float(np.exp(seen.log_loss[own].mean())),
                "log_loss": float(moved.mean()),
            }
        )
    frame = pl.DataFrame(rows)
    best, error = frame["log_loss"].min(), noise / np.sqrt(frame["seeds"].to_numpy())
    frame = frame.with_columns(
        percent=100 * (pl.col("log_loss") - best).exp() - 100, error=pl.Series(100 * error), reference=pl.lit(reference)
    )
    generator = np.random.default_rng(seed)
    draws = frame["log_loss"].to_numpy() + generator.standard_normal((replicates, len(frame))) * error
    return frame, np.asarray(np.ptp(draws, axis=1))


def _sizes(seen: _Seen) -> pl.DataFrame:
    flat = seen.depth == SIZES_DEPTH
    frame = pl.DataFrame({"width": seen.width[flat], "size": seen.size[flat], "log_loss": seen.log_loss[flat]})
    return frame.group_by("width", "size").mean().sort("size")


def _verdict(percent: float, percent_deep: float) -> Verdict:
    if percent <= PUBLISHED_PERCENT:
        return "agrees"
    return "partly agrees" if percent_deep <= PUBLISHED_PERCENT else "disagrees"


def _size(shapes: pl.DataFrame) -> float:
    return float(shapes["reference"][0])


def _range(sizes: pl.DataFrame) -> float:
    return _stretch(sizes, "size")


def _aspects(shapes: pl.DataFrame) -> float:
    return _stretch(shapes, "aspect")


def _stretch(frame: pl.DataFrame, name: str) -> float:
    values = frame[name].to_numpy()
    return float(values.max() / values.min())


def _table(shapes: pl.DataFrame, sizes: pl.DataFrame) -> Table:
    rows = [{**row, "what": "shape"} for row in shapes.iter_rows(named=True)]
    shown = {(row["depth"], row["width"]) for row in rows}
    others = [row for row in sizes.iter_rows(named=True) if (SIZES_DEPTH, row["width"]) not in shown]
    rows += [
        {"what": "size", "depth": SIZES_DEPTH, "width": int(r["width"]), "aspect": r["width"] / SIZES_DEPTH}
        | {"size": r["size"], "measured": float(np.exp(r["log_loss"]))}
        for r in others
    ]
    return Table(
        rows,
        titles={
            "depth": "Layers",
            "width": "Width",
            "aspect": "Width/layers",
            "size": "Layer parameters",
            "measured": "Loss",
            "percent": "Above the best shape",
            "error": "± s.e.",
        },
        formats={"aspect": "number", "size": "count", "measured": "loss", "percent": "percent", "error": "percent"},
    )
