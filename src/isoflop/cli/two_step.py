"""``isoflop capability two-step``: from N and D to a loss and on to a score, with the doubt of both steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from isoflop.capability.two_step import TwoStep
    from isoflop.capability.two_step_backtest import TwoStepBacktest
    from isoflop.runs.table import Runs

    Array = NDArray[np.float64]

DEFAULT_FORM = "chinchilla"


def two_step(
    runs: opt.RunsFile,
    score: Annotated[
        list[str], typer.Option("--score", metavar="COLUMN", help="Column of scores between 0 and 1. Repeatable.")
    ],
    at: Annotated[
        list[str] | None,
        typer.Option("--at", metavar="N=…,D=…", help="A run to foretell; of N, D and C two are enough. Repeatable."),
    ] = None,
    chance: opt.Chance = 0.0,
    form: Annotated[
        str, typer.Option("--form", metavar="F", help="Law of the loss by name, or average; see isoflop laws.")
    ] = DEFAULT_FORM,
    above: Annotated[
        str | None,
        typer.Option("--above", metavar="C", help="Backtest: runs beyond this compute, foretold from the others."),
    ] = None,
    join: Annotated[
        Path | None, typer.Option("--join", metavar="TABLE", help="A second table that holds the scores.")
    ] = None,
    on: Annotated[str, typer.Option("--on", metavar="COLUMN", help="Column that names the run in both.")] = "name",
    percent: opt.Percent = False,
    column: opt.Columns = None,
    where: opt.Where = None,
    loss_unit: opt.LossUnit = None,
    bytes_per_token: opt.BytesPerToken = None,
    params_convention: opt.Convention = None,
    drop_bad: opt.DropBad = False,
    level: opt.Level = 0.9,
    seed: opt.Seed = 0,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """The score of a run not yet made: N and D give a loss, the loss a score; backtested on the largest runs.

    Example: isoflop capability two-step runs.csv --score hellaswag --chance 0.25 --at N=7B,D=2T
    """
    from isoflop.capability.two_step import forecast_two_step
    from isoflop.capability.two_step_backtest import backtest_two_step
    from isoflop.laws.catalogue import find_form
    from isoflop.units import parse_flops

    law = find_form(form) if form != "average" else find_form(DEFAULT_FORM)
    targets = _targets(at or [], law)
    reading = opt.Reading(column, where, loss_unit, bytes_per_token, params_convention, drop_bad)
    table = _read(runs, reading, join, on)
    beyond = parse_flops(above) if above is not None else None
    made: list[tuple[str, TwoStep | None, TwoStepBacktest]] = []
    shared: dict[str, Any] = {"chance": chance, "form": form, "level": level, "seed": seed}
    earlier, loss = None, None
    for name in score:
        seen = _scores(table, name, percent)
        back = backtest_two_step(table, seen, above=beyond, loss=earlier, **shared)
        earlier, future = back.loss, None
        if at:
            future = forecast_two_step(table, seen, loss=loss, **shared, **targets)
            loss = future.loss
            opt.say(f"{name}: {note}" for note in dict.fromkeys(future.notes))
        made.append((name, future, back))
    wrote = _draw(figures, made)
    if json:
        from isoflop.cli.output import print_json

        print_json({"scores": [_as_json(*one) for one in made], "level": level, "figures": wrote})
        return
    _show(made, level)


def _targets(at: list[str], law: Any) -> dict[str, Any]:
    import numpy as np

    from isoflop.cli.points import read_target
    from isoflop.forecasting.forecast import complete_targets

    each = [complete_targets(law, read_target(text, law)) for text in at]
    return {name: np.concatenate([np.atleast_1d(one[name]) for one in each]) for name in ("N", "D")} if each else {}


def _read(path: Path, reading: opt.Reading, join: Path | None, on: str) -> Runs:
    from isoflop.cli.joining import joined
    from isoflop.runs.columns import parse_column_options
    from isoflop.runs.reading import read_runs
    from isoflop.runs.tabular import read_table

    needs = ("params", "tokens", "loss")
    if join is None:
        table = reading.read(path, needs)
        opt.say(table.notes)
        return _with_sound_flops(table)
    both = joined(read_table(path), read_table(join), on)
    table = read_runs(
        both.frame,
        columns=parse_column_options(reading.column or [], also=needs),
        where=reading.where,
        loss_unit=reading.loss_unit,  # type: ignore[arg-type]  # read_runs names the allowed units if it is not one
        bytes_per_token=reading.bytes_per_token,
        params_convention=reading.params_convention,
        needs=needs,
        drop_bad=reading.drop_bad,
    )
    opt.say([*both.notes, *table.notes])
    return _with_sound_flops(table)


def _with_sound_flops(table: Runs) -> Runs:
    """Some public tables hold a C that overflowed; it is then 6ND here."""
    from dataclasses import replace

    from isoflop.counting import FLOPS_PER_PARAM_TOKEN

    if (table.flops > 0).all():
        return table
    opt.say([f"{int((~(table.flops > 0)).sum())} of {len(table)} runs have a compute C that is not positive: C = 6ND."])
    flops = FLOPS_PER_PARAM_TOKEN * table.params * table.tokens
    return replace(table, frame=table.frame.with_columns(flops=flops), flops_convention="6ND")


def _scores(table: Runs, name: str, percent: bool) -> Array:
    import numpy as np

    from isoflop.errors import BadInput

    values = table.column(name)
    if values.dtype == object:
        raise BadInput(f"Column '{name}' holds text. Scores are numbers between 0 and 1. Name another with --score.")
    scores = np.asarray(values, dtype=float) / (100 if percent else 1)
    known = scores[np.isfinite(scores)]
    if known.size and (known.min() < 0 or known.max() > 1):
        hint = "Allowed: 0 to 100. Correct it." if percent else "If they are percentages, give --percent."
        raise BadInput(f"Column '{name}' holds {np.nanmax(values):g}. Scores lie between 0 and 1. {hint}")
    return scores


def _draw(folder: Path | None, made: list[tuple[str, Any, TwoStepBacktest]]) -> list[str]:
    if folder is None:
        return []
    from isoflop.cli.figures import write_charts
    from isoflop.report.capability_two_step import two_step_chart

    return write_charts(folder, {name: two_step_chart(name, back) for name, _, back in made})


def _as_json(name: str, future: TwoStep | None, back: TwoStepBacktest) -> dict[str, Any]:
    at = []
    if future is not None:
        columns = (future.loss.params, future.loss.tokens, future.loss.loss, future.mean, future.low, future.high)
        keys = ("N", "D", "loss", "mean", "low", "high")
        at = [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]
    fields = ("above", "fitted", "error", "naive_error", "held", "worst")
    runs = [
        dict(zip(("flops", "score", "mean", "low", "high"), values, strict=True))
        for values in zip(back.flops, back.score, back.mean, back.low, back.high, strict=True)
    ]
    return {
        "score": name,
        "at": at,
        "backtest": {**{f: getattr(back, f) for f in fields}, "runs": runs},
        "notes": () if future is None else tuple(dict.fromkeys(future.notes)),
    }


def _show(made: list[tuple[str, TwoStep | None, TwoStepBacktest]], level: float) -> None:
    from isoflop.cli.output import percent, print_table
    from isoflop.units import format_count

    shown = [
        [name, format_count(n), format_count(d), f"{loss:.3f}", f"{mean:.3f}", f"[{low:.3f}, {high:.3f}]"]
        for name, future, _ in made
        if future is not None
        for n, d, loss, mean, low, high in zip(
            future.loss.params, future.loss.tokens, future.loss.loss, future.mean, future.low, future.high, strict=True
        )
    ]
    if shown:
        header = ["", "N>", "D>", "loss>", "score>", f"{percent(level)} interval>"]
        print_table("Scores in two steps", header, shown)
        print()
    rows = [
        [
            name,
            str(back.fitted),
            str(len(back.score)),
            *(f"{points:.1f}" for points in (back.error, back.worst, back.naive_error)),
            f"{back.held:.0%}",
        ]
        for name, _, back in made
    ]
    notes = [
        f"Runs beyond {made[0][2].above:.3g} FLOP foretold from the others. error, worst: in points.",
        "naive: of repeating the mean of the best three scores. held: share inside the interval.",
    ]
    print_table("Backtest", ["", "from>", "foretold>", "error>", "worst>", "naive>", "held>"], rows, notes)
