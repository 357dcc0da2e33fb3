"""``isoflop check``: what looks wrong in a table of runs."""

from __future__ import annotations

from typing import Annotated

import typer

from isoflop.cli import options as opt


def check(
    runs: opt.RunsFile,
    column: opt.Columns = None,
    where: opt.Where = None,
    loss_unit: opt.LossUnit = None,
    params_convention: opt.Convention = None,
    flops_factor: Annotated[
        float, typer.Option("--flops-factor", help="Report runs whose C differs from 6ND by more than this factor.")
    ] = 1.25,
    json: opt.Json = False,
) -> None:
    """Report what looks wrong in a table of runs; nothing is dropped or changed.

    The exit code is 1 when something is found that would make a fit meaningless.
    """
    from isoflop.cli.output import print_json, print_table
    from isoflop.runs.checks import check_runs
    from isoflop.runs.columns import parse_column_options
    from isoflop.runs.reading import read_runs

    table = read_runs(
        runs,
        columns=parse_column_options(column or []),
        where=where,
        loss_unit=loss_unit,  # type: ignore[arg-type]  # read_runs names the allowed units when this is not one
        params_convention=params_convention,
    )
    findings = check_runs(table, flops_factor=flops_factor)
    if json:
        print_json({"n_runs": len(table), "notes": table.notes, "findings": findings})
    else:
        opt.say(table.notes)
        rows = [[f.severity, f.kind, f"{f.message} {f.remedy}"] for f in findings]
        print_table(f"{len(table)} runs in {table.source}: {len(findings)} finding(s)", ["", "what", "why"], rows)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)
