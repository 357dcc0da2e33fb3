"""Options that several verbs of ``isoflop outlook`` share, how they are read, and how an answer is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from isoflop.cli import options as opt

GrowthOption = Annotated[
    str | None,
    typer.Option("--growth", metavar="LOW..HIGH", help="Growth a year as a factor (80 %), instead of the fitted one."),
]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="DATE", help='What "now" is; by default today.')]
Draws = Annotated[
    int,
    typer.Option(
        "--draws",
        metavar="K",
        help="Draws of the Monte Carlo.",
        parser=opt.number_within("--draws", 100, 10_000_000, "100,000 is the default.", whole=True),
    ),
]
Halving = Annotated[
    str | None,
    typer.Option(
        "--halving",
        metavar="LOW..HIGH",
        help="Months in which methods halve the compute for a loss (95 %), instead of the published 5..14 about 8.",
    ),
]
ScaleDependent = Annotated[
    bool, typer.Option("--scale-dependent", help="Let the gain of methods grow with scale, small at small scale.")
]


def parse_date(text: str | None) -> float | None:
    """A date as a decimal year; None without one. Raises BadInput."""
    from isoflop.outlook.dates import parse_date

    return None if text is None else parse_date(text)


def parse_each(texts: Sequence[str] | None, parse: Callable[[str], float], usual: Sequence[float]) -> tuple[float, ...]:
    """The values given, or the usual ones. Raises QuantityError as ``parse`` does."""
    return tuple(parse(text) for text in texts) if texts else tuple(usual)


def parse_growth(text: str | None) -> tuple[float, float] | None:
    """``3..5`` or one factor. Raises BadInput for anything else."""
    return parse_range(
        text, 1, 1000, "--growth", "give one factor a year above 1, or two as LOW..HIGH. Write --growth 3..5"
    )


def parse_halving(text: str | None) -> tuple[float, float] | None:
    """``5..14`` months or one number. Raises BadInput for anything else."""
    return parse_range(
        text, 1, 1200, "--halving", "give months above 1, one number or two as LOW..HIGH. Write --halving 5..14"
    )


def parse_range(text: str | None, above: float, most: float, option: str, advice: str) -> tuple[float, float] | None:
    """One number or two in order as ``LOW..HIGH``, above a bound and at most another. Raises BadInput."""
    from isoflop.errors import BadInput

    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split("..")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or not above < numbers[0] <= numbers[-1] <= most:
        raise BadInput(f"{option} {text} is not allowed: {advice}.")
    return numbers[0], numbers[-1]


def parse_run(text: str | None, option: str) -> tuple[float, float] | None:
    """``N=175B,D=300B`` as (N, D). Raises BadInput for anything but the two, each once and at least 1."""
    from isoflop.errors import BadInput
    from isoflop.units import parse_count

    if text is None:
        return None
    named = dict(part.strip().split("=", 1) for part in text.split(",") if "=" in part)
    if set(named) != {"N", "D"} or text.count("=") != 2:
        raise BadInput(f"{option} '{text}' is not a run: give its parameters and tokens, as in {option} N=175B,D=300B.")
    sizes = parse_count(named["N"], f"N in {option}"), parse_count(named["D"], f"D in {option}")
    if min(sizes) < 1:
        raise BadInput(f"{option} '{text}' is not a run: N and D must be counts from 1 up.")
    return sizes


def answer(verb: str, made: Any, figures: Path | None, json: bool) -> None:
    """The answer's chart if a folder is given, then the answer as JSON or as a table."""
    from isoflop.cli.output import print_json

    if figures is not None:
        from isoflop.report.figures import save
        from isoflop.report.outlook import CHARTS
        from isoflop.report.outlook_progress import PROGRESS_CHARTS

        opt.make_folder(figures)
        chart = {**CHARTS, **PROGRESS_CHARTS}[verb](made)
        opt.say([f"Wrote {save(chart, figures / f'outlook-{verb}.png')}"])
    if json:
        print_json(made)
    else:
        from isoflop.cli.outlook_progress_screen import PROGRESS_SCREENS
        from isoflop.cli.outlook_screen import SCREENS

        {**SCREENS, **PROGRESS_SCREENS}[verb](made)
