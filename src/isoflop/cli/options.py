"""Options that several verbs share, declared once, and the reading of runs that they describe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from isoflop.laws.form import Form
    from isoflop.runs.table import Runs

RunsFile = Annotated[Path, typer.Argument(metavar="RUNS", help="Table of runs: .csv, .tsv, .parquet, .jsonl or .json.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="THEIRS=OURS", help="Name a column, such as N=params. Repeatable."),
]
Where = Annotated[
    str | None, typer.Option("--where", metavar="EXPR", help="Keep the rows for which this holds: 'params > 100M'.")
]
LossUnit = Annotated[
    str | None, typer.Option("--loss-unit", help="Unit of the loss: nats (default), bits or bits_per_byte.")
]
Convention = Annotated[
    str | None,
    typer.Option("--params-convention", help="How N was counted: total (default), non_embedding or active."),
]
FormOption = Annotated[
    str, typer.Option("--form", metavar="F", help="A form by name, or a formula: 'E + A/N**alpha + B/D**beta'.")
]
ObjectiveOption = Annotated[
    str, typer.Option("--objective", help="What is minimised: log_huber, least_squares or student_t.")
]
Level = Annotated[float, typer.Option("--level", help="Level of the intervals, between 0 and 1.")]
Replicates = Annotated[int, typer.Option("--replicates", help="Bootstrap replicates.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of all randomness.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]


def read_for(
    path: Path,
    form: Form | None,
    columns: list[str] | None,
    where: str | None,
    loss_unit: str | None,
    params_convention: str | None,
    *,
    needs_loss: bool = True,
) -> Runs:
    """Read the runs that a form needs, and say on stderr what was taken for what and what looks wrong."""
    from isoflop.runs.checks import check_runs
    from isoflop.runs.columns import parse_column_options
    from isoflop.runs.reading import read_runs

    inputs = tuple(form.columns.values()) if form else ("params", "tokens")
    needs = tuple(dict.fromkeys((*_derivable(inputs), *(("loss",) if needs_loss else ()))))
    runs = read_runs(
        path,
        columns=parse_column_options(columns or [], also=needs),
        where=where,
        loss_unit=loss_unit,  # type: ignore[arg-type]  # read_runs names the allowed units when this is not one
        params_convention=params_convention,
        needs=needs,
    )
    say(runs.notes)
    if needs_loss:
        say(f"{f.severity}: {f.message} {f.remedy}" for f in check_runs(runs) if f.severity != "note")
    return runs


def _derivable(inputs: Sequence[str]) -> tuple[str, ...]:
    """C is 6ND where the file has none, so a form of C needs N and D or C; the reader settles which."""
    return ("params", "tokens", *(name for name in inputs if name not in ("params", "tokens", "flops")))


def say(lines: object) -> None:
    """Remarks go to stderr, so that stdout holds the answer alone."""
    for line in lines:  # type: ignore[attr-defined]
        print(f"isoflop: {line}", file=sys.stderr)
