"""Concept frequency: how often a fact must be read before it is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm

from isoflop.errors import BadInput
from isoflop.report.figures import Chart
from isoflop.report.tables import Table
from isoflop.units import format_count
from isoflop.workbench.studies.finding import Finding, Material, Measure
from isoflop.workbench.studies.proportions import Rise, fit_line, fit_rise, wilson

Array = NDArray[np.float64]
CURVE_POINTS = 60


@dataclass(frozen=True, slots=True)
class _Model:
    """One model's recall. read: times each frequency's facts were read, (frequencies,)."""

    params: float
    tokens: float
    read: Array
    right: Array
    asked: Array
    rise: Rise
    line: float


def judge(material: Material, *, level: float = 0.9) -> Finding:
    """The number of readings at which half of the facts are known, for every model, and the shape of the rise."""
    from isoflop.train.facts import OBJECTS

    models = _models(material, 1 / OBJECTS)
    longest = [model for model in models if model.tokens == max(m.tokens for m in models)]
    largest, smallest = longest[-1], longest[0]
    half = _half(largest, level)
    slope = _slope(longest)
    decades = 2 * np.log(9) * largest.rise.spread / np.log(10)
    few, many = format_count(smallest.params), format_count(largest.params)
    title = f"Half are known after {_half(smallest, level).value:.0f} readings by {few}, {half.value:.0f} by {many}"
    gain = sum(model.rise.log_likelihood - model.line for model in models)
    return Finding(
        answer=(
            f"With {format_count(largest.params)} parameters half of the facts are known after {half.value:.1f} "
            f"[{half.low:.1f}, {half.high:.1f}] readings, with {format_count(smallest.params)} after "
            f"{_half(smallest, level).value:.0f}. Recall is an S-curve in the logarithm of readings, from guessing to "
            "all."
        ),
        verdict="partly agrees",
        because=(
            "Accuracy does rise with the logarithm of frequency, as Udandarao found for concepts in images. A "
            f"straight line in it holds only in the middle: from 10 % to 90 % takes a factor of {10**decades:.0f}, and "
            f"an S-curve is more likely than a line cut off at both ends by {gain:.0f} in log-likelihood over "
            f"{len(models)} models."
        ),
        measures=(
            half,
            *(_half(model, level) for model in longest[:-1]),
            Measure(name="change in readings needed, for twice the parameters", value=100 * (2**slope - 1), unit="%"),
            Measure(name="decades of frequency from 10 % to 90 %", value=decades),
        ),
        table=_table(longest, level),
        shows_not=(
            "Facts told in one form of words; told in many, they might be known sooner, or be usable otherwise.",
            "Recall right after training that read the fact at random moments; nothing is said of forgetting.",
            "One made-up text, one seed a size. Errors are of the questions, not of the training.",
        ),
        level=level,
        drawn={"answers": _answers(longest, level), "curves": _curves(longest), "chance": 1 / OBJECTS, "title": title},
    )


def charts(finding: Finding) -> dict[str, Chart]:
    """Recall against readings, a curve a size."""
    from isoflop.report.studying import recall_chart

    drawn = finding.drawn
    chart = recall_chart(
        drawn["answers"], drawn["curves"], chance=drawn["chance"], level=finding.level, title=drawn["title"]
    )
    return {"facts": chart}


def _models(material: Material, chance: float) -> list[_Model]:
    """Every model by tokens and size."""
    if material.scores is None:
        raise BadInput("The study of facts needs its scores. Run it with --run, or look at the shipped sample.")
    counts = (
        material.scores.group_by("N", "D", "level")
        .agg(right=pl.col("exact").sum(), asked=pl.len())
        .sort("D", "N", "level")
    )
    models = []
    for (params, tokens), own in counts.group_by(["N", "D"], maintain_order=True):
        size, read_tokens = float(params), float(tokens)
        read = own["level"].to_numpy() * read_tokens / material.text.length
        right, asked = own["right"].to_numpy().astype(float), own["asked"].to_numpy().astype(float)
        given = (np.log(read), right, asked, chance)
        models.append(_Model(size, read_tokens, read, right, asked, fit_rise(*given), fit_line(*given)))
    return models


def _half(model: _Model, level: float) -> Measure:
    reach = norm.ppf((1 + level) / 2) * model.rise.middle_error
    low, value, high = np.exp(model.rise.middle + np.array([-reach, 0.0, reach]))
    name = f"readings to know half, N = {format_count(model.params)}"
    return Measure(name=name, value=float(value), low=float(low), high=float(high))


def _slope(models: list[_Model]) -> float:
    """d ln readings / d ln N at the longest training."""
    sizes, middles = np.log([m.params for m in models]), [m.rise.middle for m in models]
    return float(np.polyfit(sizes, middles, 1)[0])


def _answers(models: list[_Model], level: float) -> pl.DataFrame:
    frames = []
    for model in models:
        low, high = wilson(model.right, model.asked, level)
        size = np.full(len(model.read), model.params)
        frames.append(
            pl.DataFrame(
                {"params": size, "read": model.read, "share": model.right / model.asked, "low": low, "high": high}
            )
        )
    return pl.concat(frames)


def _curves(models: list[_Model]) -> pl.DataFrame:
    grid = np.geomspace(models[0].read.min(), models[0].read.max(), CURVE_POINTS)
    frames = [
        pl.DataFrame({"params": np.full(len(grid), m.params), "read": grid, "share": m.rise(np.log(grid))})
        for m in models
    ]
    return pl.concat(frames)


def _table(models: list[_Model], level: float) -> Table:
    rows = []
    for i, read in enumerate(models[0].read):
        row: dict[str, object] = {"read": float(f"{read:.3g}"), "asked": int(models[0].asked[i])}
        for model in models:
            low, high = wilson(model.right[i], model.asked[i], level)
            row[f"{model.params:g}"] = f"{model.right[i] / model.asked[i]:.0%} [{low:.0%}, {high:.0%}]"
        rows.append(row)
    sizes = {f"{model.params:g}": f"N = {format_count(model.params)}" for model in models}
    return Table(rows, titles={"read": "Times read", "asked": "Facts", **sizes}, formats={"read": "number"})
