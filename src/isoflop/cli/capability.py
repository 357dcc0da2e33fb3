"""``isoflop capability``: from loss or compute to scores on tasks, and whether a jump is real."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt
from isoflop.cli.frequency import frequency
from isoflop.cli.quality import quality
from isoflop.cli.two_step import two_step

if TYPE_CHECKING:
    from isoflop.capability.score_table import Scored
    from isoflop.capability.skill import SkillLaw
    from isoflop.capability.skill_forecast import SkillForecast

app = opt.verbs("capability", "What loss or compute buys: skills fitted, foretold, and jumps examined.")
app.command("two-step")(two_step)
app.command("frequency")(frequency)
app.command("quality")(quality)

X = Annotated[str, typer.Option("--x", metavar="COLUMN", help="Column of the loss, the compute or the size.")]
Scores = Annotated[
    list[str], typer.Option("--score", metavar="COLUMN", help="Column of scores between 0 and 1. Repeatable.")
]
Task = Annotated[
    str | None, typer.Option("--task", metavar="COLUMN", help="Column that names the task, one law for each.")
]
Scale = Annotated[
    str,
    typer.Option("--scale", metavar="HOW", help="How --x is read: log, loss (less is better), linear, or auto."),
]
FORM = "auto"


@dataclass(frozen=True, slots=True)
class Fitted:
    """One task with its laws, best (least scatter for its parameters) first."""

    rows: Scored
    laws: tuple[SkillLaw, ...]


@app.command("fit")
def fit(
    table: opt.TableFile,
    x: X,
    score: Scores,
    task: Task = None,
    chance: opt.Chance = 0.0,
    form: Annotated[
        str, typer.Option("--form", metavar="F", help="sigmoid, logistic, exponential, or auto: all, the best first.")
    ] = FORM,
    scale: Scale = "auto",
    percent: opt.Percent = False,
    where: opt.Where = None,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """Fit curves from chance to a ceiling: the score of a model from its loss or its compute.

    Example: isoflop capability fit models.csv --x flops --score MMLU --chance 0.25
    """
    from isoflop.capability.skill import FORMS, fit_skill

    tasks, _ = _read(table, x, score, task, scale, percent, where)
    found = []
    for rows in tasks:
        laws = [fit_skill(rows.x, rows.score, chance=chance, form=f) for f in (FORMS if form == FORM else (form,))]
        found.append(Fitted(rows, tuple(sorted(laws, key=lambda law: law.sd))))
    wrote = _figures(figures, {one.rows.label: (one.rows, one.laws[:1], None) for one in found})
    if json:
        from isoflop.cli.output import print_json

        print_json({"laws": [_law(one.rows, law) for one in found for law in one.laws], "figures": wrote})
        return
    _show_laws(found, chance)


@app.command("forecast")
def forecast(
    table: opt.TableFile,
    x: X,
    score: Scores,
    at: Annotated[list[str], typer.Option("--at", metavar="X", help="Value of --x to forecast: 1e25. Repeatable.")],
    task: Task = None,
    chance: opt.Chance = 0.0,
    scale: Scale = "auto",
    percent: opt.Percent = False,
    where: opt.Where = None,
    level: opt.Level = 0.9,
    seed: opt.Seed = 0,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """Forecast scores of a model not yet made, with the error that earlier forecasts from these rows had.

    Example: isoflop capability forecast models.csv --x flops --score MMLU --chance 0.25 --at 1e26
    """
    import numpy as np

    from isoflop.capability.skill_forecast import LEAST_FORECAST, forecast_skill
    from isoflop.units import parse_count

    tasks, _ = _read(table, x, score, task, scale, percent, where, least=LEAST_FORECAST)
    values = np.array([parse_count(text, "--at") for text in at])
    made = [
        (rows, forecast_skill(rows.x, rows.score, rows.axis.skill(values), chance=chance, level=level, seed=seed))
        for rows in tasks
    ]
    for rows, found in made:
        opt.say(f"{rows.label}: {note}" for note in found.notes)
    wrote = _figures(figures, {rows.label: (rows, found.laws, found) for rows, found in made})
    if json:
        from isoflop.cli.output import print_json

        print_json({"forecasts": [_forecast(*one) for one in made], "figures": wrote})
        return
    _show_forecasts(made)


@app.command("emergence")
def emergence(
    table: opt.TableFile,
    x: Annotated[
        str | None,
        typer.Option("--x", metavar="COLUMN", help="Column of the loss, the compute or the size; for items, found."),
    ] = None,
    score: Annotated[
        list[str] | None,
        typer.Option("--score", metavar="COLUMN", help="All-or-nothing metric that seems to jump. Repeatable."),
    ] = None,
    partial: Annotated[
        list[str] | None,
        typer.Option("--partial", metavar="COLUMN", help="Metric with partial credit, beside each. Repeatable."),
    ] = None,
    join: Annotated[
        Path | None, typer.Option("--join", metavar="TABLE", help="A second table that has --x, joined by --on.")
    ] = None,
    on: Annotated[str, typer.Option("--on", metavar="COLUMN", help="Column that names the models in both.")] = "model",
    scale: Scale = "auto",
    chance: Annotated[
        float | None,
        typer.Option(
            "--chance",
            metavar="G",
            help="Score of guessing; estimated otherwise.",
            parser=opt.number_within("--chance", 0, 0.99, "It is 1 over the number of choices."),
        ),
    ] = None,
    percent: opt.Percent = False,
    where: opt.Where = None,
    seed: opt.Seed = 0,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """Is a jump in a skill real, or the metric's doing? From scores of models, or from outcomes item by item.

    Examples: isoflop capability emergence items.csv;
    isoflop capability emergence scores.csv --x flops --score exact_match --partial bleu
    """
    from isoflop.cli.emergence import Asked, answer

    asked = Asked(table, x, tuple(score or ()), tuple(partial or ()), join, on, scale, chance, percent, where, seed)
    answer(asked, figures, json)


@app.command("observe")
def observe(
    table: opt.TableFile,
    x: X,
    benchmark: Annotated[
        list[str], typer.Option("--benchmark", metavar="COLUMN", help="Benchmark between 0 and 1. Repeat for each.")
    ],
    score: Annotated[
        list[str] | None, typer.Option("--score", metavar="COLUMN", help="Task to foretell from the benchmarks.")
    ] = None,
    cutoff: Annotated[
        str | None, typer.Option("--cutoff", metavar="C", help="Models from here on are foretold, in the unit of --x.")
    ] = None,
    family: Annotated[
        str | None, typer.Option("--family", metavar="COLUMN", help="Column of model families, a line for each.")
    ] = None,
    chance: opt.Chance = 0.0,
    raw: Annotated[bool, typer.Option("--raw", help="Components of the scores as they are, not standardised.")] = False,
    percent: opt.Percent = False,
    where: opt.Where = None,
    json: opt.Json = False,
) -> None:
    """What benchmarks of many models have in common, and other tasks foretold from it.

    Example: isoflop capability observe models.csv --x flops --benchmark MMLU --benchmark HellaSwag --benchmark ARC
    --score GSM8K --cutoff 8.4e22 --family maker
    """
    from isoflop.cli.observe import Asked, answer

    asked = Asked(table, x, tuple(benchmark), tuple(score or ()), cutoff, family, chance, not raw, percent, where)
    answer(asked, json)


def _read(
    path: Path,
    x: str,
    scores: list[str],
    task: str | None,
    scale: str,
    percent: bool,
    where: str | None,
    least: int | None = None,
) -> tuple[list[Scored], list[str]]:
    from isoflop.capability.score_table import scored_tasks
    from isoflop.capability.skill import LEAST_ROWS
    from isoflop.runs.tabular import read_table

    table = read_table(path, where=where)
    tasks, notes = scored_tasks(
        table, x=x, scores=scores, task=task, scale=scale, percent=percent, least=least or LEAST_ROWS
    )
    opt.say([*table.notes, *notes])
    return tasks, notes


def _figures(
    folder: Path | None, wanted: dict[str, tuple[Scored, tuple[SkillLaw, ...], SkillForecast | None]]
) -> list[str]:
    if folder is None:
        return []
    from isoflop.cli.figures import write_charts
    from isoflop.report.capability import skill_chart

    return write_charts(folder, {label: skill_chart(*parts) for label, parts in wanted.items()})


def _law(rows: Scored, law: SkillLaw) -> dict[str, Any]:
    return {
        "task": rows.label,
        "form": law.form,
        "x": {"column": rows.axis.column, "scale": rows.axis.scale},
        "parameters": law.parameters,
        "chance": law.chance,
        "sd": law.sd,
        "rows": law.rows,
    }


def _show_laws(found: list[Fitted], chance: float) -> None:
    from isoflop.cli.output import print_table

    rows = [
        [one.rows.label, law.form, f"{law.rows}", _constants(law), f"{100 * law.sd:.1f}"]
        for one in found
        for law in one.laws
    ]
    axis = found[0].rows.axis
    meaning = {"log": f"log10({axis.column})", "loss": f"-{axis.column}", "linear": axis.column}[axis.scale]
    print_table(
        f"Scores from {meaning}, chance {chance:g}",
        ["task…", "law", "models>", "parameters", "scatter, points>"],
        rows,
        ["sigmoid: g + (u - g)/(1 + exp(-s (x - m))); logistic: u = 1; exponential: g + exp(ln_k + s x)."],
    )


def _constants(law: SkillLaw) -> str:
    from isoflop.cli.output import number

    return ", ".join(f"{name} {number(value)}" for name, value in law.parameters.items())


def _errors(made: SkillForecast) -> list[str]:
    return [f"{made.backtest_error:.1f}", f"{made.naive_error:.1f}"]


def _forecast(rows: Scored, made: SkillForecast) -> dict[str, Any]:
    return {
        "task": rows.label,
        "at": [
            {rows.axis.column: at, "mean": mean, "low": low, "high": high}
            for at, mean, low, high in zip(rows.axis.column_values(made.x), made.mean, made.low, made.high, strict=True)
        ],
        "level": made.level,
        "weights": made.weights,
        "widening": made.widening,
        "backtest_error_points": made.backtest_error,
        "naive_error_points": made.naive_error,
        "notes": made.notes,
    }


def _show_forecasts(made: list[tuple[Scored, SkillForecast]]) -> None:
    from isoflop.cli.output import number, percent, print_table

    axis, first = made[0][0].axis, made[0][1]
    rows = [
        [rows.label, number(at), f"{mean:.3f}", f"[{low:.3f}, {high:.3f}]", *_errors(found)]
        for rows, found in made
        for at, mean, low, high in zip(
            axis.column_values(found.x).tolist(), found.mean, found.low, found.high, strict=True
        )
    ]
    print_table(
        f"Scores forecast from {axis.column}",
        ["task…", f"{axis.column}>", "score>", f"{percent(first.level)} interval>", "backtest>", "naive>"],
        rows,
        ["backtest: mean error, in points, of forecasts of later models from earlier ones; naive: of the last score."],
    )
