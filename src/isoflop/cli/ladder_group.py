"""``isoflop ladder design``, ``run``, ``status`` and ``logs``."""

from __future__ import annotations

import typer

from isoflop.cli import design
from isoflop.cli import ladder as verbs

ladder = typer.Typer(
    name="ladder", help="Lay out a ladder of runs, train it, look at it.", no_args_is_help=True, rich_markup_mode=None
)
ladder.command("design")(design.design)
ladder.command("run")(verbs.run)
ladder.command("status")(verbs.status)
ladder.command("logs")(verbs.logs)
