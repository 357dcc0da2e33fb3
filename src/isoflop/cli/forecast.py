"""``isoflop forecast``: what to expect of runs not yet made, and how good that was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt

if TYPE_CHECKING:
    from isoflop.forecasting.forecast import Forecast
    from isoflop.forecasting.scores import Scores
    from isoflop.laws.form import Form
    from isoflop.runs.table import Runs


def forecast(
    runs: opt.RunsFile,
    at: Annotated[
        list[str] | None,
        typer.Option("--at", metavar="N=…,D=…", help="A target; of N, D and C two are enough. Repeatable."),
    ] = None,
    targets: Annotated[
        Path | None,
        typer.Option("--targets", metavar="OTHER", help="Forecast each row of a table; score it where it has a loss."),
    ] = None,
    form: opt.FormOption = "chinchilla",
    level: opt.Level = 0.9,
    column: opt.Columns = None,
    where: opt.Where = None,
    targets_where: Annotated[
        str | None, typer.Option("--targets-where", metavar="EXPR", help="Keep these rows of the targets.")
    ] = None,
    objective: opt.ObjectiveOption = "log_huber",
    replicates: opt.Replicates = 400,
    seed: opt.Seed = 0,
    loss_unit: opt.LossUnit = None,
    params_convention: opt.Convention = None,
    json: opt.Json = False,
) -> None:
    """Forecast losses with prediction intervals.

    Example: isoflop forecast runs.csv --at N=70e9,D=1.4e12 --at N=8B,D=15T
    """
    from isoflop.cli.output import print_json
    from isoflop.errors import BadInput
    from isoflop.forecasting.forecast import forecast as predict
    from isoflop.forecasting.scores import score
    from isoflop.laws.catalogue import find_form

    if bool(at) == bool(targets):
        raise BadInput(
            "A forecast needs a target: give --at N=70e9,D=1.4e12 (repeatable) or --targets OTHER.csv, one of the two."
        )
    chosen = find_form(form)
    table = opt.read_for(runs, chosen, column, where, loss_unit, params_convention)
    if targets is None:
        wanted, measured = _at_targets(at or [], chosen), None
    else:
        others = opt.read_for(targets, chosen, column, targets_where, loss_unit, params_convention, needs_loss=False)
        wanted = {symbol: others.column(name) for symbol, name in chosen.columns.items()}
        wanted |= {"N": others.params, "D": others.tokens}
        measured = others.loss if _scorable(others) else None
    made = predict(table, form=chosen, level=level, objective=objective, replicates=replicates, seed=seed, **wanted)
    scores = score(made, measured) if measured is not None else None
    if json:
        print_json(as_json(made, scores, measured))
    else:
        _show(made, scores, measured)


def _scorable(others: Runs) -> bool:
    import numpy as np

    return others.has("loss") and bool(np.isfinite(others.loss).all())


def _at_targets(texts: list[str], form: Form) -> dict[str, Any]:
    """``N=70e9,D=1.4e12`` per target, as one array per symbol."""
    import numpy as np

    from isoflop.errors import BadInput
    from isoflop.forecasting.forecast import complete_targets

    completed = [complete_targets(form, _read_target(text, form)) for text in texts]
    names = set(completed[0])
    if any(set(target) != names for target in completed):
        raise BadInput(f"The targets name different variables: {'; '.join(texts)}. Name the same ones in each --at.")
    return {
        name: np.concatenate([target[name] for target in completed]) for name in names if name != "C" or names == {"C"}
    }


def _read_target(text: str, form: Form) -> dict[str, float]:
    from isoflop.errors import BadInput, did_you_mean
    from isoflop.units import parse_count, parse_flops

    known = tuple(dict.fromkeys((*form.inputs, "N", "D", "C")))
    values: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or name not in known or name in values:
            seen = f"'{name}' is given twice" if name in values else f"cannot read '{part}'"
            raise BadInput(
                f"In --at '{text}': {seen}. Allowed: SYMBOL=NUMBER with {', '.join(known)}, separated by commas, "
                f"as in --at N=70e9,D=1.4e12.{did_you_mean(name, known)}"
            )
        values[name] = parse_flops(value) if name == "C" else parse_count(value, f"{name} in --at")
    return values


def as_json(made: Forecast, scores: Scores | None, measured: Any = None) -> dict[str, Any]:
    """A forecast as JSON: forecasts [{params, tokens, flops, loss, low, high, level, extrapolation}], scores."""
    rows = []
    for i in range(len(made)):
        row = {
            "params": made.params[i],
            "tokens": made.tokens[i],
            "flops": made.flops[i],
            "loss": made.loss[i],
            "low": made.low[i],
            "high": made.high[i],
            "level": made.level,
            "extrapolation": made.extrapolation[i],
        }
        others = {name: values[i] for name, values in made.variables.items() if name not in ("N", "D", "C")}
        rows.append({**row, **others, **({"measured": measured[i]} if measured is not None else {})})
    answer: dict[str, Any] = {
        "forecasts": rows,
        "form": made.fit.form.formula,
        "status": made.fit.status.outcome,
        "n_runs": made.fit.n_runs,
        "notes": made.notes,
    }
    return {**answer, "scores": scores} if scores else answer


SHOWN = 40
"""Rows of a table of targets that a person is shown; --json has them all."""


def _show(made: Forecast, scores: Scores | None, measured: Any) -> None:
    from isoflop.cli.output import number, print_table
    from isoflop.units import format_count

    rows = []
    for i in range(min(len(made), SHOWN)):
        row = [format_count(made.params[i]), format_count(made.tokens[i]), number(made.flops[i], 3)]
        row += [f"{made.loss[i]:.4f}", f"[{made.low[i]:.4f}, {made.high[i]:.4f}]", f"{made.extrapolation[i]:.3g}×"]
        if measured is not None:
            row += [f"{measured[i]:.4f}", f"{made.loss[i] / measured[i] - 1:+.2%}"]
        rows.append(row)
    header = ["N>", "D>", "FLOP>", "loss>", f"{made.level:.0%} prediction>", "C over data>"]
    notes = [f"… and {len(made) - SHOWN} more; --json has all."] if len(made) > SHOWN else []
    if scores:
        notes.append(
            f"{scores.n_targets} targets: median error {scores.median_abs_rel_error:.2%}, bias {scores.bias:+.2%}, "
            f"{scores.coverage:.0%} inside the {scores.level:.0%} interval, "
            f"mean interval score {scores.mean_interval_score:.4f} (in units of the loss)"
        )
    print_table(
        f"L = {made.fit.form.formula}, fitted to {made.fit.n_runs} runs up to {made.fit.runs.flops.max():.3g} FLOP",
        header + (["measured>", "error>"] if measured is not None else []),
        rows,
        [*notes, *made.notes],
    )
