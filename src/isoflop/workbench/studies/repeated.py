"""What a repeated token is worth: the data-constrained law on runs that read some or all of a text many times.

Beside the law, without any: a run on U distinct tokens is as good as some run on fresh tokens. How many those were is
read off the losses of the runs of the same size that repeated nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from isoflop.fitting.fit import Estimate, Fit, fit
from isoflop.report.figures import Chart
from isoflop.report.tables import Table
from isoflop.runs.table import Runs
from isoflop.units import format_count
from isoflop.workbench.studies.finding import Finding, Material, Measure, Verdict

PUBLISHED = 15.387756
"""R_D of Muennighoff et al. 2023 (arXiv:2305.16264), from the code beside the paper."""
FEW_EPOCHS = 4.0
"""Up to which, that paper finds, repeated tokens are nearly as good as new ones."""

Array = NDArray[np.float64]


def judge(material: Material, *, level: float = 0.9, replicates: int = 400, seed: int = 0) -> Finding:
    """R_D of the data-constrained law, and the fresh tokens that each repeating run was worth."""
    made = fit("muennighoff", material.runs, level=level, replicates=replicates, seed=seed)
    decay = made.parameters["R_D"]
    worth = fresh_equivalents(material.runs)
    at_four = _share_at(worth, FEW_EPOCHS)
    published = float(worth_of_epochs(np.array([FEW_EPOCHS]), PUBLISHED)[0] / FEW_EPOCHS)
    sure = made.status.converged
    return Finding(
        answer=(
            f"A token's value has decayed to 1/e after R_D = {decay.value:.1f} [{decay.low:.1f}, {decay.high:.1f}] "
            f"repetitions. Four passes are worth {_percent(at_four)} of as many fresh tokens, by the losses alone."
        ),
        verdict=_verdict(decay, at_four, published, sure),
        because=(
            f"Muennighoff's runs gave R_D = {PUBLISHED:.1f}, by which four passes are worth {100 * published:.0f} % of "
            f"fresh tokens. The interval for R_D {'holds' if _inside(decay, PUBLISHED) else 'misses'} that value, and "
            f"the runs of four passes {'hold' if _inside(at_four, 100 * published) else 'miss'} that worth"
            + (f"; the fit is {made.status.outcome}: {made.status.cause}" if not sure else ".")
        ),
        measures=(
            Measure(name="R_D, repetitions to 1/e", value=decay.value, low=decay.low, high=decay.high),
            at_four,
            *(_share_at(worth, epochs) for epochs in (2.0, 8.0, 16.0)),
            Measure(name="rms of ln loss left by the law", value=100 * float(np.std(made.residuals)), unit="%"),
        ),
        table=_table(worth),
        shows_not=(
            (
                f"Up to {worth['epochs'].to_numpy().max():.0f} passes and {format_count(material.runs.params.max())} "
                "parameters: loss still fell with every pass, so R_N is hardly seen, nor when repetition does harm."
            ),
            "The interval is that of the bootstrap over runs, one seed each: what another form would say is not in it.",
            "One text of bytes: a repeated byte of speeches need not age as a repeated word of the web.",
        ),
        level=level,
        drawn={"worth": worth, "fit": made, "at_four": at_four},
    )


def charts(finding: Finding) -> dict[str, Chart]:
    """What a token of each run was worth, against passes made, and both laws."""
    from isoflop.report.studying import epochs_chart

    made: Fit = finding.drawn["fit"]
    title = f"Four passes are worth {finding.drawn['at_four'].value:.0f} % of as many fresh tokens"
    return {"epochs": epochs_chart(finding.drawn["worth"], _lines(made.parameters["R_D"].value), title=title)}


def worth_of_epochs(epochs: Array, decay: float) -> Array:
    """D'/U of the data-constrained law (eq. 5 of the paper): fresh passes that so many passes are worth."""
    return np.asarray(1 + decay * (1 - np.exp(-(epochs - 1) / decay)))


def fresh_equivalents(runs: Runs) -> pl.DataFrame:
    """For each run that repeated tokens: params, unique, tokens, epochs and ``fresh``, the fresh tokens at which a run
    of its size has its loss, by straight lines in logarithms; null where all fresh runs were better."""
    N, D, U, loss = runs.params, runs.tokens, runs._floats("unique_tokens"), runs.loss
    new = np.isclose(U, D)
    rows = []
    for i in np.flatnonzero(~new):
        own = new & (N[i] == N)
        fresh = _read_off(np.log(D[own]), np.log(loss[own]), float(np.log(loss[i])))
        rows.append(
            {
                "params": float(N[i]),
                "unique": float(U[i]),
                "tokens": float(D[i]),
                "epochs": float(D[i] / U[i]),
                "loss": float(loss[i]),
                "fresh": fresh,
            }
        )
    frame = pl.DataFrame(rows, schema_overrides={"fresh": pl.Float64})
    return frame.with_columns(share=pl.col("fresh") / pl.col("tokens"), passes=pl.col("fresh") / pl.col("unique")).sort(
        "params", "unique", "epochs"
    )


def _read_off(log_tokens: Array, log_loss: Array, wanted: float) -> float | None:
    """D at which fresh runs have a loss; runs of equal D count as their mean. A loss below all of theirs was worth at
    least the longest, and that is what it counts as."""
    places = np.unique(log_tokens)
    means = np.array([log_loss[log_tokens == place].mean() for place in places])
    if wanted > means.max():
        return None
    order = np.argsort(means)
    return float(np.exp(np.interp(wanted, means[order], places[order])))


def _share_at(worth: pl.DataFrame, epochs: float) -> Measure:
    """Mean share over the runs of so many passes, with their smallest and largest."""
    own = worth.filter((pl.col("epochs") / epochs - 1).abs() < 0.05)["share"].drop_nulls().to_numpy()
    name = f"worth of {epochs:g} passes in fresh tokens (lowest and highest run)"
    if not len(own):
        return Measure(name=name, value=float("nan"), unit="%")
    return Measure(
        name=name, value=100 * float(own.mean()), low=100 * float(own.min()), high=100 * float(own.max()), unit="%"
    )


def _percent(measure: Measure) -> str:
    return f"{measure.value:.0f} % [{measure.low:.0f}, {measure.high:.0f}]"


def _verdict(decay: Estimate, at_four: Measure, published: float, sure: bool) -> Verdict:
    """By R_D and by the runs of four passes: both, one or none of what was published."""
    if not sure:
        return "undecided"
    held = _inside(decay, PUBLISHED) + _inside(at_four, 100 * published)
    return ("disagrees", "partly agrees", "agrees")[held]


def _inside(measured: Estimate | Measure, value: float) -> bool:
    return measured.low is not None and measured.high is not None and measured.low <= value <= measured.high


def _lines(decay: float) -> pl.DataFrame:
    epochs = np.geomspace(1, 18, 60)
    laws: Mapping[str, float] = {
        f"fitted here, R_D = {decay:.1f}": decay,
        f"published, R_D = {PUBLISHED:.1f}": PUBLISHED,
    }
    frames = [
        pl.DataFrame({"what": [name] * len(epochs), "epochs": epochs, "share": worth_of_epochs(epochs, value) / epochs})
        for name, value in laws.items()
    ]
    return pl.concat(frames)


def _table(worth: pl.DataFrame) -> Table:
    rows = [{**row, "share": None if row["share"] is None else 100 * row["share"]} for row in worth.to_dicts()]
    return Table(
        rows,
        titles={
            "params": "N",
            "unique": "Distinct tokens",
            "tokens": "Tokens",
            "epochs": "Passes",
            "loss": "Loss",
            "share": "Worth in fresh tokens",
        },
        formats={"params": "count", "unique": "count", "tokens": "count", "loss": "loss", "share": "percent"},
    )
