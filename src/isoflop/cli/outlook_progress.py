"""``isoflop outlook progress``, ``effective``, ``wait`` and ``sampling``: what brought the gains, what time brings."""

from __future__ import annotations

from typing import Annotated

import typer

from isoflop.cli import options as opt
from isoflop.cli.outlook_options import (
    AsOf,
    Draws,
    Halving,
    ScaleDependent,
    answer,
    parse_date,
    parse_halving,
    parse_run,
)

SECONDS_A_YEAR = 365.25 * 86_400


def progress(
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="Start of the period; by default GPT-3's date.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="End of the period; by default Llama 3.1's date.")
    ] = None,
    halving: Halving = None,
    scale_dependent: ScaleDependent = False,
    law: Annotated[
        str, typer.Option("--law", metavar="NAME", help="Published law of N and D whose loss is accounted for.")
    ] = "besiroglu2024",
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="N=…,D=…", help="The run that the loss starts from; by default GPT-3."),
    ] = None,
    last: Annotated[
        str | None,
        typer.Option("--into", metavar="N=…,D=…", help="The run that it falls to; by default Llama 3.1 405B."),
    ] = None,
    draws: Draws = 100_000,
    seed: opt.Seed = 0,
    level: opt.Level = 0.9,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """Say how much of the gain came from compute, from data and from better methods.

    Example: isoflop outlook progress --since 2020-05 --to 2024-07 --scale-dependent
    """
    from isoflop.outlook.accounts import progress_outlook

    made = progress_outlook(
        since=parse_date(since),
        to=parse_date(to),
        halving=parse_halving(halving),
        scale_dependent=scale_dependent,
        law=law,
        first=parse_run(first, "--from"),
        last=parse_run(last, "--into"),
        draws=draws,
        seed=seed,
        level=level,
    )
    answer("progress", made, figures, json)


def effective(
    flops: Annotated[str, typer.Option("--flops", metavar="C", help="Compute of the run: 3.8e25.")],
    date: Annotated[str, typer.Option("--date", metavar="DATE", help="When it was trained.")],
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="C", help="Compute of the run to compare with; by default GPT-3's."),
    ] = None,
    against_date: Annotated[
        str | None,
        typer.Option("--against-date", metavar="DATE", help="When that was trained; its methods are the unit."),
    ] = None,
    halving: Halving = None,
    scale_dependent: ScaleDependent = False,
    draws: Draws = 100_000,
    seed: opt.Seed = 0,
    level: opt.Level = 0.9,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """Say what a run is worth in FLOP of an earlier year's methods, and against another run.

    Example: isoflop outlook effective --flops 3.8e25 --date 2024-07
    """
    from isoflop.outlook import dates
    from isoflop.outlook.effective import effective_outlook
    from isoflop.units import parse_flops

    made = effective_outlook(
        parse_flops(flops),
        dates.parse_date(date),
        against_flops=None if against is None else parse_flops(against),
        against_date=parse_date(against_date),
        halving=parse_halving(halving),
        scale_dependent=scale_dependent,
        draws=draws,
        seed=seed,
        level=level,
    )
    answer("effective", made, figures, json)


def wait(
    flops: Annotated[
        str | None, typer.Option("--flops", metavar="C", help="Compute of the run if begun now: 1e26.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="$", help="Its money instead, amortised: '$100M'.")
    ] = None,
    duration: Annotated[
        str, typer.Option("--duration", metavar="TIME", help="How long it takes if begun now, up to the finish.")
    ] = "180d",
    lost: Annotated[
        float,
        typer.Option(
            "--lost-a-month",
            metavar="SHARE",
            help="Share of the run's worth that each month of waiting costs.",
            parser=opt.number_within("--lost-a-month", 0, 0.99, "0.05 is 5 % a month."),
        ),
    ] = 0.0,
    count: Annotated[
        str | None,
        typer.Option(
            "--count",
            metavar="KINDS",
            help="Progress that counts: hardware,methods,spending; for a budget spending is left out.",
        ),
    ] = None,
    halving: Halving = None,
    scale_dependent: ScaleDependent = False,
    as_of: AsOf = None,
    draws: Draws = 100_000,
    seed: opt.Seed = 0,
    level: opt.Level = 0.9,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """Say whether a run is better begun later: the best start, the longest run worth starting, and how sure that is.

    Example: isoflop outlook wait --flops 1e27 --duration 365d --lost-a-month 0.05
    """
    from isoflop.outlook.shipped import today
    from isoflop.outlook.waiting import wait_outlook
    from isoflop.units import parse_duration, parse_flops, parse_money

    now = parse_date(as_of)
    made = wait_outlook(
        as_of=today() if now is None else now,
        run_years=parse_duration(duration) / SECONDS_A_YEAR,
        flops=None if flops is None else parse_flops(flops),
        usd=None if budget is None else parse_money(budget),
        lost_a_month=lost,
        counted=None if count is None else tuple(part.strip() for part in count.split(",")),
        halving=parse_halving(halving),
        scale_dependent=scale_dependent,
        draws=draws,
        seed=seed,
        level=level,
    )
    answer("wait", made, figures, json)


def sampling(
    sd: Annotated[
        str | None, typer.Option("--sd", metavar="S", help="Standard deviation of one person, in any unit.")
    ] = None,
    share: Annotated[
        str | None, typer.Option("--share", metavar="P", help="Instead of it: the share that says yes, 0.3.")
    ] = None,
    people: Annotated[
        list[str] | None, typer.Option("--n", metavar="N", help="How many are asked. Repeatable.")
    ] = None,
    margin: Annotated[
        list[str] | None, typer.Option("--margin", metavar="M", help="Margin wanted: how many it takes. Repeatable.")
    ] = None,
    level: opt.Level = 0.95,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """Say how far off an average over n people is: the first scaling law.

    Example: isoflop outlook sampling --sd 7.1 --n 2000 --n 10000
    """
    from isoflop.outlook.survey import HEIGHTS, survey
    from isoflop.units import parse_count

    made = survey(
        deviation=None if sd is None else parse_count(sd, "--sd"),
        share=None if share is None else parse_count(share, "--share"),
        people=tuple(parse_count(text, "--n") for text in people) if people else HEIGHTS,
        margins=tuple(parse_count(text, "--margin") for text in margin or ()),
        level=level,
    )
    answer("sampling", made, figures, json)
