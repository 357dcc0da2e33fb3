"""``isoflop page``: all pages as one file that works offline and asks nothing of any network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isoflop.cli import options as opt

if TYPE_CHECKING:
    from isoflop.forecasting.averaging import Ensemble
    from isoflop.runs.table import Runs

MOST_MEGABYTES = 1.5
"""A page of isoflop's own is at most so large; with a study it may be more, and then says so."""


def page(
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The file to write; one of that name is replaced.")
    ],
    study: Annotated[
        Path | None,
        typer.Option("--study", metavar="FOLDER", help="A ladder's or study's folder or store: its page, and its law."),
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option("--runs", metavar="TABLE", help="Runs whose forecast becomes the law of the dial."),
    ] = None,
    only: Annotated[
        str, typer.Option("--only", metavar="PAGE,…", help="Of dial, study, decide, outlook, capability and learn.")
    ] = "",
    lessons: Annotated[
        Path | None,
        typer.Option("--lessons", metavar="FOLDER", help="Lessons of your own, after those that ship."),
    ] = None,
    column: opt.Columns = None,
    where: opt.Where = None,
    loss_unit: opt.LossUnit = None,
    bytes_per_token: opt.BytesPerToken = None,
    params_convention: opt.Convention = None,
    drop_bad: opt.DropBad = False,
    json: opt.Json = False,
) -> None:
    """Write the pages as one HTML file: the dial, a study, the decision, the outlook and the lessons.

    It opens from disk or a mail, works offline and sends nothing anywhere.
    Example: isoflop page --out isoflop.html --runs runs.csv
    """
    from isoflop.report.writing import write_atomically
    from isoflop.web.app import render
    from isoflop.web.pages import all_views

    wanted = [name.strip() for name in only.split(",") if name.strip()]
    reading = opt.Reading(column, where, loss_unit, bytes_per_token, params_convention, drop_bad)
    own = _law(study, runs, reading) if not wanted or "dial" in wanted else None
    views = all_views(study, runs=own, only=wanted, lessons=lessons)
    content = render(views).encode()
    write_atomically(out, content)
    size = len(content) / 1e6
    if json:
        from isoflop.cli.output import print_json

        print_json({"page": str(out), "megabytes": round(size, 3), "views": [view.name for view in views]})
        return
    names = ", ".join(view.name for view in views)
    print(f"Wrote {out}: {size:.2f} MB with {names}. Open it in a browser; it needs no network.")
    if size > MOST_MEGABYTES:
        opt.say([f"It is larger than {MOST_MEGABYTES} MB, because of its study; --only leaves pages out."])


def _law(study: Path | None, runs: Path | None, reading: opt.Reading) -> Ensemble | None:
    """What the dial turns on: the forecast of the runs given. A study whose runs carry none keeps the shipped law."""
    if runs is not None:
        return _fitted(_read(runs, reading))
    if study is None:
        return None
    from isoflop.errors import IsoflopError

    try:
        return _fitted(_read(study, reading))
    except IsoflopError as error:
        opt.say([f"The dial keeps the law that ships, since this study's runs give none: {error}"])
        return None


def _read(path: Path, reading: opt.Reading) -> Runs:
    from isoflop.laws.catalogue import find_form

    return opt.read_for(path, find_form("chinchilla"), reading)


def _fitted(runs: Runs) -> Ensemble:
    from isoflop.web.dial import own_law

    return own_law(runs)
