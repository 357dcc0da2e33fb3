"""``isoflop import``: runs of any trainer, from logs, event files and tracking stores, as a table of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt
from isoflop.errors import BadInput

if TYPE_CHECKING:
    from isoflop.runs.importers.choosing import Asked
    from isoflop.runs.importers.importing import Imported


def import_runs(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="File or folder of logs, wandb:ENTITY/PROJECT[/RUN], or mlflow+http://HOST:PORT/NAME.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the runs: .parquet, .csv, .tsv, .jsonl or .json."),
    ] = None,
    curves: Annotated[
        Path | None,
        typer.Option("--curves", metavar="FILE", help="Write all curves as one table: .csv, .parquet or .jsonl."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="K",
            help="tensorboard, wandb, mlflow, trainer, lightning, trackio, table, csv, jsonl, log, nanogpt, nanochat, "
            "litgpt or torchtitan; else found by looking.",
        ),
    ] = None,
    params: Annotated[
        list[str] | None,
        typer.Option(
            "--params", metavar="N", help="Parameters: 124M, a logged setting's name, or RUN=124M. Repeatable."
        ),
    ] = None,
    params_convention: Annotated[
        str | None,
        typer.Option("--params-convention", metavar="HOW", help="How N was counted: total, non_embedding or active."),
    ] = None,
    tokens_per_step: Annotated[
        str | None,
        typer.Option("--tokens-per-step", metavar="TOKENS", help="Tokens a training step, or a logged setting's name."),
    ] = None,
    tokens: Annotated[
        str | None, typer.Option("--tokens", metavar="NAME", help="Logged quantity that counts tokens.")
    ] = None,
    step: Annotated[
        str | None, typer.Option("--step", metavar="NAME", help="Logged quantity that counts training steps.")
    ] = None,
    loss: Annotated[
        str | None, typer.Option("--loss", metavar="NAME", help="Logged quantity that is the loss.")
    ] = None,
    lr: Annotated[
        str | None, typer.Option("--lr", metavar="NAME", help="Logged quantity that is the learning rate.")
    ] = None,
    loss_unit: Annotated[
        str | None, typer.Option("--loss-unit", metavar="UNIT", help="Unit of the loss: nats, bits or bits_per_byte.")
    ] = None,
    bytes_per_token: opt.BytesPerToken = None,
    last: Annotated[
        float,
        typer.Option(
            "--last",
            metavar="X",
            help="Share of the tokens, at the end, over which a training loss is smoothed.",
            parser=opt.number_within("--last", 1e-6, 1, "0.05 is the default."),
        ),
    ] = 0.05,
    regex: Annotated[
        str | None,
        typer.Option("--regex", metavar="R", help="Lines of a text log: 'step (?P<step>\\d+) loss (?P<loss>[\\d.]+)'."),
    ] = None,
    run_column: Annotated[
        str | None, typer.Option("--run-column", metavar="NAME", help="Column that tells runs apart in a table.")
    ] = None,
    json: opt.Json = False,
) -> None:
    """Import runs from the logs of any trainer.

    The loss at the end, the tokens and the parameters of each run become a row of a table that every other verb reads.
    What the source doesn't say is asked for, by option.
    """
    from isoflop.runs.importers.importing import import_runs as carry_out

    if curves is not None:
        _refuse_curves(curves)
    asked = _asked(
        params, tokens_per_step, loss=loss, tokens=tokens, step=step, lr=lr, loss_unit=loss_unit,
        bytes_per_token=bytes_per_token, params_convention=params_convention, share=last,
    )  # fmt: skip
    imported = carry_out(source, kind=kind, asked=asked, regex=regex, run_column=run_column)
    opt.say(imported.notes)
    _check(imported)
    written = _write(imported, out, curves)
    if json:
        from isoflop.cli.output import print_json

        print_json(_as_json(imported, written))
    else:
        _show(imported, written)


def _asked(params: Sequence[str] | None, tokens_per_step: str | None, **named: Any) -> Asked:
    from isoflop.errors import QuantityError
    from isoflop.runs.importers.choosing import Asked
    from isoflop.units import parse_count

    number, fact, by_run = None, None, dict[str, float]()
    for text in params or []:
        run, equals, value = text.rpartition("=")
        if equals:
            by_run[run] = _positive(parse_count(value, "parameters"), "--params", text)
            continue
        if number is not None or fact is not None:
            raise BadInput(
                f"--params is given twice for all runs, the second time as {text}. Write RUN=NUMBER for each."
            )
        try:
            number = _positive(parse_count(text, "parameters"), "--params", text)
        except QuantityError:
            fact = text
    per_step: float | str | None = tokens_per_step
    if tokens_per_step is not None:
        try:
            per_step = _positive(parse_count(tokens_per_step, "tokens"), "--tokens-per-step", tokens_per_step)
        except QuantityError:
            per_step = tokens_per_step
    return Asked(params=number, params_of=by_run, params_fact=fact, tokens_per_step=per_step, **named)


def _positive(value: float, option: str, text: str) -> float:
    if not value > 0:
        raise BadInput(f"{option} {text} is not allowed: it must be above zero. Write it as 124M or 524288.")
    return value


def _check(imported: Imported) -> None:
    from isoflop.runs.checks import check_runs

    opt.say(f"{f.severity}: {f.message} {f.remedy}" for f in check_runs(imported.runs) if f.severity == "error")


def _write(imported: Imported, out: Path | None, curves: Path | None) -> list[str]:
    written = []
    if out is not None:
        from isoflop.runs.writing import write_runs

        write_runs(imported.runs, out)
        written.append(str(out))
    if curves is not None:
        _write_curves(imported, curves)
        written.append(str(curves))
    return written


def _write_curves(imported: Imported, path: Path) -> None:
    """One table of all curves, a row a point, as ``isoflop watch --curves`` reads it."""
    import polars as pl

    if not imported.curves:
        raise BadInput("No run has a curve of at least 5 points, so there is none to write. Leave --curves out.")
    params = dict(imported.runs.frame.select("run_id", "params").rows())
    parts = [
        pl.DataFrame(
            {"tokens": each.tokens, "loss": each.loss, "lr": each.lr}, schema=dict.fromkeys(_NUMBERS, pl.Float64)
        )
        .with_columns(pl.lit(each.name).alias("run_id"), pl.lit(params[each.name]).alias("params"))
        .select("run_id", "params", *_NUMBERS)
        for each in imported.curves
    ]
    frame = pl.concat(parts)
    frame = frame.drop("lr") if frame["lr"].null_count() == frame.height else frame
    if path.suffix.lower() == ".csv":
        frame.write_csv(path)
    elif path.suffix.lower() == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_ndjson(path)


_NUMBERS = ("tokens", "loss", "lr")
_SUFFIXES = (".csv", ".parquet", ".jsonl")


def _refuse_curves(path: Path) -> None:
    """Before anything is read: a wrong name is told at once, and with nothing written."""
    if path.suffix.lower() not in _SUFFIXES or not path.parent.is_dir():
        raise BadInput(
            f"Cannot write curves to {path}. Allowed: a file that ends in {', '.join(_SUFFIXES)}, in a folder that "
            "exists. Name one."
        )


def _as_json(imported: Imported, written: Sequence[str]) -> dict[str, Any]:
    return {
        "kind": imported.kind,
        "params_convention": imported.runs.params_convention,
        "runs": imported.runs.frame.to_dicts(),
        "curves": [{"run_id": c.name, "points": len(c), "findings": c.findings} for c in imported.curves],
        "notes": [*imported.notes, *imported.runs.notes],
        "written": list(written),
    }


def _show(imported: Imported, written: Sequence[str]) -> None:
    from isoflop.cli.output import count_of, loss, percent, print_table
    from isoflop.units import format_count

    rows = []
    for row in imported.runs.frame.to_dicts():
        left = row.get("lr_left")
        rows.append(
            [
                str(row["run_id"]),
                format_count(row["params"]),
                format_count(row["tokens"]),
                "–" if row["loss"] is None else loss(row["loss"]),
                "–" if left is None else percent(round(left, 3)),
                str(row.get("status") or "–"),
            ]
        )
    title = f"{count_of(len(rows), 'run')} ({imported.kind})"
    notes = [f"Wrote {path}" for path in written] or [
        "Keep the table with --out runs.parquet, the curves with --curves FILE."
    ]
    print_table(title, ["run…", "N>", "D>", "loss>", "lr left>", "ended"], rows, notes)
