"""``isoflop check``: what looks wrong in a table of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from isoflop.cli import options as opt

if TYPE_CHECKING:
    from isoflop.runs.checks import Finding
    from isoflop.runs.table import Runs


def check(
    runs: opt.RunsFile,
    column: opt.Columns = None,
    where: opt.Where = None,
    loss_unit: opt.LossUnit = None,
    bytes_per_token: opt.BytesPerToken = None,
    params_convention: opt.Convention = None,
    drop_bad: opt.DropBad = False,
    flops_factor: Annotated[
        float,
        typer.Option(
            "--flops-factor",
            metavar="X",
            help="Report runs whose C differs from 6ND by more than this factor.",
            parser=opt.number_within("--flops-factor", 1, 1e6, "1.25 is the default."),
        ),
    ] = 1.25,
    json: opt.Json = False,
) -> None:
    """Report what looks wrong in a table of runs.

    The file is never changed. The exit code is 1 when something is found that would make a fit meaningless.
    """
    from isoflop.cli.output import print_json
    from isoflop.runs.checks import check_runs
    from isoflop.runs.run import REQUIRED

    reading = opt.Reading(column, where, loss_unit, bytes_per_token, params_convention, drop_bad)
    table = reading.read(runs, REQUIRED)
    findings = check_runs(table, flops_factor=flops_factor)
    if json:
        print_json({"n_runs": len(table), "notes": table.notes, "findings": findings})
    else:
        opt.say(table.notes)
        _show(table, findings)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


def _show(table: Runs, findings: Sequence[Finding]) -> None:
    from isoflop.cli.output import count_of, print_table

    title = f"{count_of(len(table), 'run')} in {table.source}: "
    rows = [[f.severity, f.kind.replace("_", " "), f"{f.message} {f.remedy}"] for f in findings]
    print_table(
        title + (count_of(len(findings), "finding") if findings else "nothing looks wrong."), ["", "what", "why"], rows
    )
