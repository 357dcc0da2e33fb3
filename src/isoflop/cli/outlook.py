"""``isoflop outlook``: where it leads, with dates and doubt. Here trend, compute, cost, data and limits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt
from isoflop.cli.outlook_options import AsOf, Draws, GrowthOption, answer, parse_date, parse_each, parse_growth
from isoflop.cli.outlook_progress import effective, progress, sampling, wait

if TYPE_CHECKING:
    from isoflop.outlook.series import Series
    from isoflop.outlook.trend import GrowthTrend

outlook = typer.Typer(
    name="outlook",
    help="Where it leads: growth, compute, cost, data, limits, progress, waiting, with dates and intervals.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@outlook.command("trend")
def trend(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="A table with a column of dates and one of values.")],
    column: Annotated[str, typer.Option("--column", metavar="NAME", help="Column that grows; positive numbers.")],
    date: Annotated[str, typer.Option("--date", metavar="NAME", help="Column of dates, in any usual format.")],
    top: Annotated[
        int | None,
        typer.Option(
            "--top",
            metavar="K",
            help="Keep rows that were among the K largest when they came.",
            parser=opt.number_within("--top", 1, 1e6, "5 is usual for a frontier.", whole=True),
        ),
    ] = None,
    breaks: Annotated[
        int | None,
        typer.Option(
            "--breaks",
            metavar="N",
            help="Changes of growth to find; by default those that chance does not explain.",
            parser=opt.number_within("--breaks", 0, 4, "0 is one line.", whole=True),
        ),
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="DATE", help="Fit rows from this date on.")] = None,
    before: Annotated[str | None, typer.Option("--before", metavar="DATE", help="Fit rows before this date.")] = None,
    at: Annotated[
        list[str] | None, typer.Option("--at", metavar="DATE", help="Forecast the value at a date. Repeatable.")
    ] = None,
    until: Annotated[
        list[str] | None, typer.Option("--until", metavar="VALUE", help="When the line reaches a value. Repeatable.")
    ] = None,
    where: opt.Where = None,
    level: opt.Level = 0.9,
    seed: opt.Seed = 0,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """Measure growth a year: breaks, intervals, forecasts, and what such forecasts were worth.

    Example: isoflop outlook trend models.csv --column flops --date published --top 5 --since 2010 --until 1e27
    """
    from isoflop.cli.output import print_json
    from isoflop.outlook import dates
    from isoflop.outlook.trend import measure_growth
    from isoflop.units import parse_count

    whole, series = _series(table, column, date, where, top, since, before)
    opt.say(whole.notes)
    made = measure_growth(series, breaks=breaks, level=level, top=top, whole=whole, seed=seed)
    values = made.at([dates.parse_date(text) for text in at]) if at else ()
    reached = tuple(made.until(parse_count(text, "--until"), seed=seed) for text in until or ())
    if figures is not None:
        opt.say([f"Wrote {_draw_trend(made, figures, [v.year for v in values])}"])
    if json:
        print_json(trend_json(made, values, reached))
    else:
        from isoflop.cli.outlook_screen import show_trend

        show_trend(made, values, reached)


def _series(
    table: Path, column: str, date: str, where: str | None, top: int | None, since: str | None, before: str | None
) -> tuple[Series, Series]:
    """The whole series and the rows of it to fit."""
    from isoflop.outlook.series import read_series, running_frontier, within
    from isoflop.runs.tabular import read_table

    whole = read_series(read_table(table, where=where), column, date)
    kept = whole if top is None else running_frontier(whole, top)
    return whole, within(kept, parse_date(since), parse_date(before))


def trend_json(made: GrowthTrend, values: Any, reached: Any) -> dict[str, Any]:
    """column, rows, overall, resampled, stretches, breaks, next_p, backtest, wider, held, at, until, notes, points."""
    return {
        "column": made.series.column,
        "rows": len(made.series),
        "overall": made.overall,
        "resampled": made.resampled,
        "stretches": made.stretches,
        "breaks": made.bends.breaks,
        "next_p": made.bends.next_p,
        "scatter_log10": made.bent.sd_log10,
        "backtest": made.tried.scores,
        "wider": made.tried.wider,
        "held": made.held,
        "at": values,
        "until": reached,
        "notes": made.notes,
        "points": {"years": made.series.years, "values": made.series.values},
    }


def _draw_trend(made: GrowthTrend, folder: Path, asked: list[float]) -> Path:
    from isoflop.report.figures import save
    from isoflop.report.outlook import trend_chart

    opt.make_folder(folder)
    return save(trend_chart(made, ahead_to=max(asked, default=None)), folder / "outlook-trend.png")


@outlook.command("compute")
def compute(
    value: Annotated[
        list[str] | None, typer.Option("--value", metavar="C", help="Compute to reach: 1e28. Repeatable.")
    ] = None,
    growth: GrowthOption = None,
    as_of: AsOf = None,
    draws: Draws = 100_000,
    seed: opt.Seed = 0,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """Say where training compute stands and when it reaches 1e27 to 1e30 FLOP."""
    from isoflop.outlook.shipped import FLOPS, compute_outlook
    from isoflop.units import parse_flops

    values = parse_each(value, parse_flops, FLOPS)
    made = compute_outlook(as_of=parse_date(as_of), values=values, growth=parse_growth(growth), draws=draws, seed=seed)
    answer("compute", made, figures, json)


@outlook.command("cost")
def cost(
    value: Annotated[
        list[str] | None, typer.Option("--value", metavar="$", help="Cost to reach: '$10B'. Repeatable.")
    ] = None,
    growth: GrowthOption = None,
    chips: Annotated[str, typer.Option("--chips", metavar="$", help="A year's spending on chips.")] = "$150B",
    total_cost: Annotated[
        float | None, typer.Option("--total-cost", metavar="X", help="All costs over those of chips; by default 2.")
    ] = None,
    gross_margin: Annotated[
        float | None,
        typer.Option(
            "--gross-margin",
            metavar="X",
            help="Share of revenue that is left; by default 0.5.",
            parser=opt.number_within("--gross-margin", 0, 0.99, "0.5 is the default."),
        ),
    ] = None,
    revenue: Annotated[str, typer.Option("--revenue", metavar="$", help="A year's revenue as known.")] = "$100B",
    as_of: AsOf = None,
    draws: Draws = 100_000,
    seed: opt.Seed = 0,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """Say what a frontier run costs on three bases, when it reaches $1B to $100B, and what stands above."""
    from isoflop.outlook.shipped import SUMS, cost_outlook
    from isoflop.units import parse_money

    made = cost_outlook(
        as_of=parse_date(as_of),
        values=parse_each(value, parse_money, SUMS),
        growth=parse_growth(growth),
        chips_usd=parse_money(chips),
        total_cost=total_cost,
        gross_margin=gross_margin,
        known_usd=parse_money(revenue),
        draws=draws,
        seed=seed,
    )
    answer("cost", made, figures, json)


@outlook.command("data")
def data(
    overtrained: Annotated[
        float,
        typer.Option(
            "--overtrained",
            metavar="K",
            help="Over-training: tokens a parameter over the best, at one compute.",
            parser=opt.number_within("--overtrained", 1, 10_000, "5 is the default."),
        ),
    ] = 5.0,
    passes: Annotated[
        float,
        typer.Option(
            "--passes",
            metavar="K",
            help="Passes over the same text, to be told their worth.",
            parser=opt.number_within("--passes", 1, 1000, "4 is the default."),
        ),
    ] = 4.0,
    draws: Draws = 100_000,
    seed: opt.Seed = 0,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """Say how much text there is, when one run would use it all, and what the ways out are worth."""
    from isoflop.outlook.shipped import data_outlook

    answer("data", data_outlook(overtrained=overtrained, passes=passes, draws=draws, seed=seed), figures, json)


@outlook.command("limits")
def limits(
    year: Annotated[
        float,
        typer.Option(
            "--year",
            metavar="YEAR",
            help="Year of the run; the published limits are of 2030.",
            parser=opt.number_within("--year", 2025, 2040, "2030 is the default."),
        ),
    ] = 2030.0,
    draws: Draws = 100_000,
    seed: opt.Seed = 0,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """Say how large a run power, chips, data and latency allow by 2030, and how long a run is worth."""
    from isoflop.outlook.shipped import limits_outlook

    answer("limits", limits_outlook(year=year, draws=draws, seed=seed), figures, json)


outlook.command("progress")(progress)
outlook.command("effective")(effective)
outlook.command("wait")(wait)
outlook.command("sampling")(sampling)
