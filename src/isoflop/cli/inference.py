"""``isoflop inference``: what more attempts bring, and how training and inference share the compute."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt
from isoflop.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from isoflop.capability.attempts import Coverage
    from isoflop.capability.coverage import Population, PowerOfAttempts
    from isoflop.capability.extrapolate import CoverageForecast

    Array = NDArray[np.float64]

app = opt.verbs("inference", "Thinking longer: pass@k, its forecast, and the trade with training.")

ATTEMPTS = ("attempts", "n", "samples", "num_samples", "total")
SUCCESSES = ("successes", "c", "correct", "num_correct", "passed")
"""Names by which a column of counts is known where none is given."""

Counts = Annotated[
    Path, typer.Argument(metavar="TABLE", help="One row a problem: .csv, .tsv, .parquet, .jsonl or .json.")
]
AttemptsOption = Annotated[
    str | None,
    typer.Option("--attempts", metavar="COLUMN|N", help="Column of attempts, or one number for all problems."),
]
SuccessesOption = Annotated[
    str | None, typer.Option("--successes", metavar="COLUMN|C", help="Column of successes, or one number.")
]
K = Annotated[
    str | None,
    typer.Option("--k", metavar="K,K", help="Attempts k, separated by commas: 1,10,10k.", show_default=False),
]


@dataclass(frozen=True, slots=True)
class Counted:
    """Attempts and successes, (problems,)."""

    attempts: Array
    successes: Array


@app.command("pass-at-k")
def pass_at_k(
    table: Annotated[
        Path | None, typer.Argument(metavar="[TABLE]", help="One row a problem; or give two numbers.")
    ] = None,
    attempts: AttemptsOption = None,
    successes: SuccessesOption = None,
    k: K = None,
    where: opt.Where = None,
    level: opt.Level = 0.9,
    seed: opt.Seed = 0,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """The chance that at least one of k attempts succeeds, unbiased, with an interval over problems.

    Examples: isoflop inference pass-at-k --attempts 200 --successes 10 --k 100;
    isoflop inference pass-at-k solved.csv --k 1,10,100
    """
    from isoflop.capability.attempts import Coverage, measured_coverage
    from isoflop.capability.attempts import pass_at_k as one_problem

    counts = _numbers(attempts, successes) if table is None else _counts(table, attempts, successes, where)
    wanted = _ks(k, float(counts.attempts.min()))
    if len(counts.successes) == 1:
        value = one_problem(counts.attempts, counts.successes, wanted)
        found = Coverage(wanted, value, value, value, level, 1)
    else:
        found = measured_coverage(counts.attempts, counts.successes, wanted, level=level, seed=seed)
    wrote = _chart(figures, found, None)
    if json:
        from isoflop.cli.output import print_json

        print_json({"pass_at_k": _points(found), "level": level, "problems": found.problems, "figures": wrote})
        return
    _show(f"pass@k of {_problems(counts)}", [("measured", found)], [_note_of_one(found)])


@app.command("coverage")
def coverage(
    table: Counts,
    attempts: AttemptsOption = None,
    successes: SuccessesOption = None,
    k: K = None,
    new_problems: Annotated[
        bool, typer.Option("--new-problems", help="Of as many new problems of the same kind, not of these.")
    ] = False,
    where: opt.Where = None,
    level: opt.Level = 0.9,
    seed: opt.Seed = 0,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """Forecast pass@k for many more attempts than were made, with the spread of problems behind it.

    Example: isoflop inference coverage solved.csv --k 1000,10000
    """
    import numpy as np

    from isoflop.capability.attempts import measured_coverage
    from isoflop.capability.coverage import fit_population, fit_power_of_attempts
    from isoflop.capability.extrapolate import forecast_coverage

    counts = _counts(table, attempts, successes, where)
    n, c = counts.attempts, counts.successes
    made = float(n.min())
    wanted = _ks(k, 100 * made, first=made)
    shown = wanted if figures is None else np.union1d(wanted, _ks(None, float(wanted.max()), first=made))
    drawn = forecast_coverage(n, c, shown, level=level, new_problems=new_problems, seed=seed)
    keep = np.isin(shown, wanted)
    forecast = replace(drawn, k=wanted, mean=drawn.mean[keep], low=drawn.low[keep], high=drawn.high[keep])
    measured = measured_coverage(n, c, _ks(None, made), level=level, seed=seed)
    population = fit_population(n, c)
    inside = (measured.mean > 0) & (measured.mean < 1)
    power = fit_power_of_attempts(measured.k, measured.mean) if np.count_nonzero(inside) >= 3 else None
    opt.say(forecast.notes)
    wrote = _chart(figures, measured, drawn)
    if json:
        from isoflop.cli.output import print_json

        print_json(_coverage_json(measured, forecast, population, power, wrote))
        return
    notes = [_spread_note(population, power), _never_note(forecast)]
    _show(f"Coverage of {_problems(counts)}", [("measured", measured), ("forecast", forecast)], notes)


@app.command("trade")
def trade(
    train_flops: Annotated[
        str, typer.Option("--train-flops", metavar="C", help="The quality: what trains it compute-optimally. 1e25.")
    ],
    tokens: Annotated[
        str, typer.Option("--tokens", metavar="T", help="The traffic: tokens served over the model's life. 1e13.")
    ],
    technique: Annotated[
        list[str] | None, typer.Option("--technique", metavar="NAME", help="A published trade; all of them otherwise.")
    ] = None,
    law: Annotated[
        str, typer.Option("--law", metavar="NAME", help="Law that sizes the model; see isoflop laws.")
    ] = "besiroglu2024",
    train_mfu: Annotated[
        float,
        typer.Option(
            "--train-mfu",
            metavar="U",
            help="Utilisation in training.",
            parser=opt.number_within("--train-mfu", 1e-4, 1, "Published whole runs had 0.21 to 0.46."),
        ),
    ] = 0.4,
    serve_mfu: Annotated[
        float | None,
        typer.Option(
            "--serve-mfu",
            metavar="U",
            help="Utilisation in serving; otherwise as isoflop plan has it, three quarters of the tokens generated.",
            parser=opt.number_within("--serve-mfu", 1e-4, 1, "Reading has about 0.5, generating about 0.01."),
        ),
    ] = None,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """How training and inference best share the compute, for a wanted quality and traffic.

    Example: isoflop inference trade --train-flops 1e25 --tokens 1e13
    """
    from isoflop.cli.trade import answer

    answer(train_flops, tokens, technique, law, train_mfu, serve_mfu, figures, json)


def _counts(path: Path, attempts: str | None, successes: str | None, where: str | None) -> Counted:
    import numpy as np

    from isoflop.capability.attempts import counted
    from isoflop.runs.tabular import read_table, usable_rows

    table = read_table(path, where=where)
    opt.say(table.notes)
    known = tuple(table.frame.columns)
    tried = _number(attempts)
    solved_column = _column(known, successes, SUCCESSES, "--successes", str(path))
    tried_column = None if tried is not None else _column(known, attempts, ATTEMPTS, "--attempts", str(path))
    usable_rows(table, [solved_column, *([tried_column] if tried_column else [])], drop=False)
    c = table.numbers(solved_column)
    n = np.full(len(c), tried) if tried_column is None else table.numbers(tried_column)
    return Counted(*counted(n, c))


def _column(known: tuple[str, ...], given: str | None, usual: tuple[str, ...], option: str, source: str) -> str:
    if given is not None:
        return given  # the table names the columns it has where this is none of them
    named = [name for name in known if name.casefold() in usual]
    if len(named) == 1:
        return named[0]
    seen = f"several could be meant ({', '.join(named)})" if named else f"none is called {' or '.join(usual[:3])}"
    raise BadInput(f"{option}: {seen} among the columns of {source}: {', '.join(known)}. Name one with {option}.")


def _number(text: str | None) -> float | None:
    try:
        value = float(text.replace(",", "")) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _numbers(attempts: str | None, successes: str | None) -> Counted:
    from isoflop.capability.attempts import counted

    n, c = _number(attempts), _number(successes)
    if n is None or c is None:
        raise BadInput(
            "Without a table, two counts are needed: --attempts 200 --successes 10. Or name a table with one row a "
            "problem."
        )
    return Counted(*counted([n], [c]))


def _ks(text: str | None, most: float, first: float = 1.0) -> Array:
    """The wanted k, or 1, 2, 5, 10 … from ``first`` up to ``most``."""
    import numpy as np

    from isoflop.units import parse_count

    if text is not None:
        return np.array(sorted({parse_count(part, "--k") for part in text.split(",")}))
    steps = [digit * 10.0**power for power in range(13) for digit in (1, 2, 5)]
    return np.array(sorted({first, most, *(step for step in steps if first <= step <= most)}))


def _chart(folder: Path | None, measured: Coverage, forecast: CoverageForecast | None) -> list[str]:
    if folder is None:
        return []
    from isoflop.cli.figures import write_charts
    from isoflop.report.capability import coverage_chart

    return write_charts(folder, {"coverage": coverage_chart(measured, forecast)})


def _points(found: Coverage | CoverageForecast) -> list[dict[str, float]]:
    columns = (found.k, found.mean, found.low, found.high)
    return [{"k": k, "mean": m, "low": low, "high": high} for k, m, low, high in zip(*columns, strict=True)]


def _coverage_json(
    measured: Coverage,
    forecast: CoverageForecast,
    population: Population,
    power: PowerOfAttempts | None,
    wrote: list[str],
) -> dict[str, Any]:
    return {
        "measured": _points(measured),
        "forecast": _points(forecast),
        "level": forecast.level,
        "problems": measured.problems,
        "never_solved": dict(zip(("mean", "low", "high"), forecast.never, strict=True)),
        "weights": forecast.weights,
        "beta_binomial": {"tail_index": population.a, "b": population.b, "log_likelihood": population.log_likelihood},
        "power_of_attempts": None if power is None else {"scale": power.scale, "slope": power.slope, "rms": power.rms},
        "notes": forecast.notes,
        "figures": wrote,
    }


def _spread_note(population: Population, power: PowerOfAttempts | None) -> str:
    said = f"Spread of problems: Beta({population.a:.4g}, {population.b:.4g}); the tail index is {population.a:.3g}."
    if power is None:
        return said
    return f"{said} Slope of ln(-ln pass@k) on ln k: {-power.slope:.3g}, another quantity."


def _never_note(forecast: CoverageForecast) -> str:
    mean, low, high = (100 * share for share in forecast.never)
    return f"Never solved, however many attempts: {mean:.0f} % of the problems [{low:.0f}, {high:.0f}]."


def _problems(counts: Counted) -> str:
    from isoflop.cli.output import count_of

    tried = sorted({int(n) for n in counts.attempts})
    each = f"{tried[0]:,}" if len(tried) == 1 else f"{tried[0]:,} to {tried[-1]:,}"
    return f"{count_of(len(counts.successes), 'problem')}, {each} attempts each"


def _note_of_one(found: Coverage) -> str:
    if found.problems == 1:
        return "One problem: no interval over problems."
    return f"Intervals ({found.level:.0%}) are over which problems were drawn."


def _show(title: str, parts: list[tuple[str, Any]], notes: list[str]) -> None:
    from isoflop.cli.output import print_table

    rows = [
        [what, f"{k:,.0f}", f"{mean:.4f}", "–" if low == high else f"[{low:.4f}, {high:.4f}]"]
        for what, found in parts
        for k, mean, low, high in zip(found.k, found.mean, found.low, found.high, strict=True)
    ]
    print_table(title, ["", "k>", "pass@k>", "interval>"], rows, notes)
