"""``isoflop fit``: fit a form to runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt

if TYPE_CHECKING:
    from isoflop.fitting.fit import Fit


def fit(
    runs: opt.RunsFile,
    form: opt.FormOption = "chinchilla",
    column: opt.Columns = None,
    where: opt.Where = None,
    objective: opt.ObjectiveOption = "log_huber",
    level: opt.Level = 0.9,
    starts: Annotated[int, typer.Option("--starts", help="Random starts of the solver.")] = 32,
    replicates: opt.Replicates = 400,
    seed: opt.Seed = 0,
    loss_unit: opt.LossUnit = None,
    params_convention: opt.Convention = None,
    json: opt.Json = False,
) -> None:
    """Fit a form to a table of runs: constants with intervals, and how far to trust them.

    Example: isoflop fit runs.csv --column N=params --column D=tokens --where "kept_240"
    """
    from isoflop.cli.output import print_json
    from isoflop.fitting.fit import fit as fit_form
    from isoflop.laws.catalogue import find_form

    chosen = find_form(form)
    table = opt.read_for(runs, chosen, column, where, loss_unit, params_convention)
    fitted = fit_form(chosen, table, objective=objective, starts=starts, replicates=replicates, level=level, seed=seed)
    if json:
        print_json(as_json(fitted))
    else:
        _show(fitted)


def as_json(fitted: Fit) -> dict[str, Any]:
    """A fit as JSON: form, parameters {name: {value, low, high}}, objective, status, n_runs and more."""
    return {
        "form": fitted.form.formula,
        "form_name": fitted.form.name,
        "parameters": dict(fitted.parameters),
        "level": fitted.level,
        "objective": fitted.objective_value,
        "objective_name": fitted.objective.name,
        "status": fitted.status.outcome,
        "status_cause": fitted.status.cause,
        "status_remedy": fitted.status.remedy,
        "also": [str(doubt) for doubt in fitted.status.also],
        "n_runs": fitted.n_runs,
        "starts_agreeing": fitted.agreeing,
        "params_convention": fitted.params_convention,
        "rms_log_residual": float((fitted.residuals**2).mean() ** 0.5),
        "source": fitted.runs.source,
    }


def _show(fitted: Fit) -> None:
    from isoflop.cli.output import number, print_table, span

    meaning = {parameter.symbol: parameter.meaning for parameter in fitted.form.parameters}
    rows = [
        [name, number(estimate.value, 5), span(estimate.low, estimate.high), meaning[name]]
        for name, estimate in fitted.parameters.items()
    ]
    spread = float((fitted.residuals**2).mean() ** 0.5)
    doubts = [str(doubt) for doubt in (fitted.status, *fitted.status.also) if not doubt.converged]
    print_table(
        f"L = {fitted.form.formula}   ({fitted.n_runs} runs, N counted as {fitted.params_convention})",
        ["", "value>", f"{fitted.level:.0%} interval>", ""],
        rows,
        [
            f"{fitted.objective.name} {fitted.objective_value:.10g}; rms residual {spread:.2%} of the loss",
            f"{fitted.agreeing:.0%} of the starts agree",
            *(doubts or ["status: converged"]),
        ],
    )
