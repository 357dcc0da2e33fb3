"""``isoflop capability quality``: which pools of data to keep at a given compute, where repeats wear out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt

if TYPE_CHECKING:
    from isoflop.capability.repetition import Pool, Tradeoff

COLUMNS = ("name", "tokens", "b", "half_life")
SPAN = 30.0
"""The chart and the search for crossings reach so many times below and above what is asked."""


def quality(
    pools: Annotated[
        Path,
        typer.Argument(metavar="POOLS", help="One row a pool: name, tokens, b, half_life (passes); a, floor if known."),
    ],
    tokens: Annotated[
        list[str], typer.Option("--tokens", metavar="D", help="Tokens seen in training: 100B. Repeatable.")
    ],
    where: opt.Where = None,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """The best filter of data at each size of training, and where it changes: better pools wear out sooner.

    Example: isoflop capability quality pools.csv --tokens 10B --tokens 1T
    """
    import numpy as np

    from isoflop.capability.repetition import quality_tradeoff
    from isoflop.runs.tabular import read_table
    from isoflop.units import parse_count

    table = read_table(pools, where=where)
    opt.say(table.notes)
    rows = read_pools(table)
    wanted = np.unique([parse_count(text, "--tokens") for text in tokens])
    along = np.union1d(wanted, np.geomspace(wanted[0] / SPAN, wanted[-1] * SPAN, 121))
    found = quality_tradeoff(rows, along)
    asked = quality_tradeoff(rows, wanted)
    wrote = []
    if figures is not None:
        from isoflop.cli.figures import write_charts
        from isoflop.report.capability_frequency import tradeoff_chart

        wrote = write_charts(figures, {"quality": tradeoff_chart(found, unit="Tokens seen in training")})
    if json:
        from isoflop.cli.output import print_json

        print_json({**_as_json(asked, found), "figures": wrote})
        return
    _show(asked, found)


def read_pools(table: Any) -> list[Pool]:
    """Pools of a table. Raises RunsError for a column that is missing, BadInput for numbers that cannot be."""
    from isoflop.capability.repetition import Pool

    names = table.labels("name")
    numbers = [table.numbers(column) for column in COLUMNS[1:]]
    own = {c: table.numbers(c) for c in ("a", "floor") if table.has(c)}
    return [
        Pool(str(name), *(float(v) for v in row), **{c: float(v[i]) for c, v in own.items()})
        for i, (name, row) in enumerate(zip(names, zip(*numbers, strict=True), strict=True))
    ]


def _as_json(asked: Tradeoff, along: Tradeoff) -> dict[str, Any]:
    rows = [
        {
            "tokens": seen,
            "best": best.label,
            "filters": [
                {"kept": kept.label, "distinct_tokens": kept.samples, "passes": passes, "error": error}
                for kept, passes, error in zip(asked.filters, asked.epochs[:, i], asked.error[:, i], strict=True)
            ],
        }
        for i, (seen, best) in enumerate(zip(asked.seen, asked.best, strict=True))
    ]
    crossings = [{"tokens": seen, "from": old.label, "to": new.label} for seen, old, new in along.crossings]
    return {"at": rows, "crossings": crossings}


def _show(asked: Tradeoff, along: Tradeoff) -> None:
    from isoflop.cli.output import number, print_table
    from isoflop.units import format_count

    rows = []
    for i, (seen, best) in enumerate(zip(asked.seen.tolist(), asked.best, strict=True)):
        for kept, passes, error in zip(asked.filters, asked.epochs[:, i], asked.error[:, i], strict=True):
            mark = "best" if kept is best else ""
            rows.append(
                [format_count(seen), kept.label, format_count(kept.samples), number(passes, 3), number(error), mark]
            )
    notes = [
        f"Beyond {format_count(seen)} tokens seen, {new.label} is better than {old.label}."
        for seen, old, new in along.crossings
    ]
    header = ["seen>", "kept…", "distinct>", "passes>", "error>", ""]
    print_table("What to keep", header, rows, notes or ["The best filter is the same from end to end."])
