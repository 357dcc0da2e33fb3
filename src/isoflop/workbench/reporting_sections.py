"""A study's report as sections, the same for the page and for Markdown: numbers of ``reporting``, charts of report."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from isoflop.fitting.fit import Fit
from isoflop.fitting.status import Status
from isoflop.report.page import Section
from isoflop.report.plan_tables import Sheet, plan_sheets
from isoflop.report.tables import Table
from isoflop.units import format_count
from isoflop.workbench import reporting_charts as charts
from isoflop.workbench.reporting import RunLine, StudyReport, sources
from isoflop.workbench.reporting_short import (
    LEAST_HOURS,
    counted,
    flops_text,
    in_short,
    said_next,
    times,
    unfinished,
)

MOST_LINES = 200
"""Runs listed; a longer table says how many more there are."""
ALONE = "these runs alone"
TINY_ROWS = ("parameters", "active parameters", "tokens", "tokens per parameter", "compute, FLOP", "loss")


def title_of(report: StudyReport) -> str:
    """The heading of the whole."""
    return f"What {report.studied.name} says"


def verdict(report: StudyReport) -> str:
    """The answer in one or two sentences; without one, why there is none."""
    made = report.forecast
    if made is None:
        why = report.missing.get("forecast", "")
        said = f"No forecast can be made of {counted(len(report.studied.runs), 'usable run')}. {why}".strip()
        return f"{said}{unfinished(report)}"
    return (
        f"A run of {flops_text(made.flops[0])}, {format_count(made.params[0])} parameters on "
        f"{format_count(made.tokens[0])} tokens, is expected to reach a loss of {made.loss[0]:.4f} nats per token, "
        f"{made.level:.0%} interval {made.low[0]:.4f} to {made.high[0]:.4f}. That is "
        f"{times(made.extrapolation[0])} the compute of the largest run seen.{unfinished(report)}"
    )


def report_sections(report: StudyReport) -> list[Section]:
    """Question, runs, law, forecast, plan, next run, caveats, record, methods, manifest."""
    asked = [_question(report), in_short(report, caveats(report))]
    found = [*asked, *_runs(report), *_law(report), *_forecast(report), *_plan(report), *_next(report)]
    return [*found, _caveats(report), *_record(report), *_every_run(report), _methods(report), _manifest(report)]


def _question(report: StudyReport) -> Section:
    asked = report.question or (
        "What would a larger run reach, how should its compute be split, and what is worth training next?"
    )
    return Section(heading="Question", prose=asked)


def _runs(report: StudyReport) -> Iterator[Section]:
    lines, runs = report.studied.lines, report.studied.runs
    states = Counter(line.state for line in lines)
    said = [f"{counted(len(lines), 'run')}: {', '.join(f'{number} {state}' for state, number in states.items())}."]
    if len(runs):
        said.append(
            f"{len(runs)} with a loss and a compute are used: N from {format_count(runs.params.min())} to "
            f"{format_count(runs.params.max())} parameters (counted as {runs.params_convention}), D from "
            f"{format_count(runs.tokens.min())} to {format_count(runs.tokens.max())} tokens, C up to "
            f"{flops_text(runs.flops.max())} ({runs.flops_convention})."
        )
    bad = [line for line in lines if line.state in ("failed", "diverged")]
    said += [f"- **{line.name}** {line.state}{f': {line.note}' if line.note else '.'}" for line in bad[:20]]
    prose = " ".join(said[: 2 if len(runs) else 1])
    bullets = "\n".join(said[2 if len(runs) else 1 :])
    yield Section(heading="Runs", prose=f"{prose}\n\n{bullets}".strip(), chart=charts.ladder(report))


def _every_run(report: StudyReport) -> Iterator[Section]:
    lines = report.studied.lines
    if lines:
        more = f" {len(lines) - MOST_LINES} more are not listed." if len(lines) > MOST_LINES else ""
        yield Section(
            heading="All runs", table=_lines_table(lines[:MOST_LINES]), caption=f"Loss in nats per token.{more}"
        )


def _lines_table(lines: tuple[RunLine, ...]) -> Table:
    names = {"name": "Run", "params": "N", "tokens": "D", "flops": "Compute", "loss": "Loss", "loss_se": "± s.e."}
    names["share"] = "Trained"
    shown = {name: title for name, title in names.items() if any(getattr(line, name) is not None for line in lines)}
    if any(line.state != "done" for line in lines):
        shown["state"] = "State"
    rows: list[dict[str, object]] = [{name: getattr(line, name) for name in shown} for line in lines]
    for row in rows:
        if isinstance(share := row.get("share"), float):
            row["share"] = f"{share:.0%}"
    formats = {"params": "count", "tokens": "count", "flops": "flops", "loss": "loss", "loss_se": "loss"}
    return Table(rows, titles=shown, formats={name: kind for name, kind in formats.items() if name in shown})


def _law(report: StudyReport) -> Iterator[Section]:
    ensemble = report.ensemble
    if ensemble is None:
        yield Section(heading="Law", prose=_missing(report, "law", "No law is fitted."))
        return
    says = report.forecast.by_form[:, 0] if report.forecast is not None else [None] * len(ensemble.fits)
    rows = [
        {
            "form": f.form.formula.replace("**", "^"),
            "weight": f"{weight:.0%}",
            "loss": None if said is None else float(said),
        }
        | {"status": f.status.outcome, "left": f"{100 * float((f.residuals**2).mean() ** 0.5):.2f} %"}
        for f, weight, said in zip(ensemble.fits, ensemble.weights, says, strict=True)
    ]
    titles = {"form": "L", "weight": "Weight", "left": "Left over (rms)", "status": "Status"}
    if report.forecast is not None:
        titles["loss"] = "Says of the target"
    how = (
        "They are weighed by how well each forecast the dearer runs of this table from the cheaper ones. As those "
        f"trials ask, intervals are {ensemble.widening:.2g} times as wide as the differences between the formulas and "
        "the surface of their residuals would make them."
        if ensemble.calibration is not None
        else "It is taken at its word: the runs allow no backtest."
    )
    yield Section(
        heading="Law",
        prose=f"{counted(len(ensemble.fits), 'formula')} fitted to {counted(len(ensemble.runs), 'run')}. {how}",
        table=Table(rows, titles=titles, formats={"loss": "loss"}),
    )
    constants = [row for f in ensemble.fits for row in _constants(f, f.form.name)]
    if report.diagnosis is not None:
        constants += _constants(report.diagnosis.fit, f"{report.diagnosis.fit.form.name}, {ALONE}")
    level = f"{ensemble.leading.level:.0%}"
    titles = {
        "form": "Form",
        "name": "Constant",
        "value": "Value",
        "low": f"{level} from",
        "high": "to",
        "what": "Meaning",
    }
    yield Section(
        heading="Constants",
        table=Table(constants, titles=titles, formats=dict.fromkeys(("value", "low", "high"), "number")),
        caption=(
            f"{level} intervals of the bootstrap; of the constant, not of a loss. The averaged laws are held a little "
            f"by what is known of language models; {ALONE}: as isoflop fit has it, without that."
        ),
    )
    yield Section(heading="What the law leaves over", chart=charts.residual_chart(report))
    if (valley := charts.valleys(report)) is not None:
        yield Section(heading="How to split a budget", chart=valley)


def _constants(fitted: Fit, name_of_form: str) -> list[dict[str, object]]:
    meaning = {parameter.symbol: parameter.meaning for parameter in fitted.form.parameters}
    return [
        {"form": name_of_form, "name": name, "value": e.value, "what": meaning[name]}
        | ({} if e.low == e.high else {"low": e.low, "high": e.high})
        for name, e in fitted.parameters.items()
    ]


def _forecast(report: StudyReport) -> Iterator[Section]:
    made = report.forecast
    if made is None:
        yield Section(heading="Forecast", prose=_missing(report, "forecast", "No forecast is made."))
        return
    parts = ", ".join(f"{name} {float(spread[0]):.2%}" for name, spread in made.parts.items())
    row = {
        "params": float(made.params[0]),
        "tokens": float(made.tokens[0]),
        "flops": float(made.flops[0]),
        "beyond": times(made.extrapolation[0]),
        "loss": float(made.loss[0]),
        "span": f"[{made.low[0]:.4f}, {made.high[0]:.4f}]",
    }
    titles = {"params": "N", "tokens": "D", "flops": "Compute", "beyond": "Beyond the largest run", "loss": "Loss"}
    yield Section(
        heading="Forecast",
        prose=f"Standard deviation of the loss by cause: {parts}. The interval is for one run not yet made.",
        chart=charts.forecast_chart(report),
        table=Table(
            [row],
            titles={**titles, "span": f"{made.level:.0%} prediction"},
            formats={"params": "count", "tokens": "count", "flops": "flops", "loss": "loss"},
        ),
    )


def _plan(report: StudyReport) -> Iterator[Section]:
    plan = report.plan
    if plan is None:
        yield Section(heading="Plan", prose=_missing(report, "plan", "No plan is made."))
        return
    run, *others = plan_sheets(plan)
    chart = charts.plan_chart(report)
    if plan.device_hours.value < LEAST_HOURS:
        kept = replace(run, rows=tuple(row for row in run.rows if row[0] in TINY_ROWS))
        notes = [note for note in run.notes if not note.startswith("Checkpoint")]
        said = f"- The run takes less than one {plan.machine.chip.name}-hour, so machines and costs are left out."
        prose = "\n".join((*(f"- {note}" for note in notes), said))
        yield Section(heading="Plan", prose=prose, table=_named(kept), chart=chart)
        return
    yield Section(heading="Plan", prose=_bullets(run), table=_named(run), chart=chart)
    for sheet in others:
        yield Section(heading=sheet.title, prose=_bullets(sheet), table=_named(sheet))


def _named(sheet: Sheet) -> Table:
    """The sheet's table with a heading over every column."""
    return replace(
        sheet, header=tuple(name[:1].upper() + name[1:] if name.rstrip(">") else "Of the run" for name in sheet.header)
    ).table()


def _bullets(sheet: Sheet) -> str:
    return "\n".join(f"- {note}" for note in sheet.notes)


def _next(report: StudyReport) -> Iterator[Section]:
    made = report.next
    if made is None:
        yield Section(heading="Next run", prose=_missing(report, "next", "No next run is chosen."))
        return
    rows = []
    for number, pick in enumerate(made.picks, 1):
        low, high = made.expected_interval(pick.spread)
        rows.append(
            {
                "train": number,
                "params": pick.params,
                "tokens": pick.tokens,
                "seed": pick.seed,
                "flops": pick.cost,
                "spread": f"±{pick.spread:.2%}",
                "then": f"[{low[0]:.4f}, {high[0]:.4f}]",
                "worth": "yes" if number <= made.train else "no",
            }
        )
    titles = {
        "train": "Train",
        "params": "N",
        "tokens": "D",
        "seed": "Seed",
        "flops": "Compute",
        "spread": "Spread then",
    }
    titles |= {"then": f"{made.target.level:.0%} interval then", "worth": "Worth its price"}
    yield Section(
        heading="Next run",
        prose=(
            f"Runs that most narrow the forecast at {flops_text(made.target.flops[0])} for their price, within "
            f"{flops_text(made.budget)} together. Today the law's spread there is ±{made.spread:.2%}; the noise of a "
            f"single run, ±{made.noise:.2%}, stays. {said_next(report)}"
        ),
        table=Table(rows, titles=titles, formats={"params": "count", "tokens": "count", "flops": "flops"}),
        chart=charts.next_chart(report),
    )


def caveats(report: StudyReport) -> list[str]:
    """Everything that speaks against trusting this report, the worst first."""
    found = [
        f"{f.severity.capitalize()}: {f.message} {f.remedy}".strip() for f in report.findings if f.severity != "note"
    ]
    found += [f"The {name} is missing. {why}" for name, why in report.missing.items()]
    if report.ensemble is not None:
        found += [
            f"{fitted.form.name}, {doubt.outcome}: {doubt.cause} {doubt.remedy}".strip()
            for fitted in report.ensemble.fits
            for doubt in (fitted.status, *fitted.status.also)
            if not doubt.converged
        ]
    if report.diagnosis is not None:
        found += [
            f"{f.topic.capitalize()}: {f.message} {f.remedy}".strip()
            for f in report.diagnosis.findings
            if f.severity != "good"
        ]
    told = [str(status) for status in _doubts(report)]
    for made in (report.forecast, report.plan, report.next):
        notes = () if made is None else made.notes
        found += [note for note in notes if not any(doubt in note for doubt in told)]
    every = dict.fromkeys((*found, *report.remarks, *report.studied.notes))
    return [re.sub(r"(?<=\d)e\+(?=\d)", "e", line) for line in every]


def _doubts(report: StudyReport) -> list[Status]:
    fits = () if report.ensemble is None else report.ensemble.fits
    return [doubt for f in fits for doubt in (f.status, *f.status.also) if not doubt.converged]


def _caveats(report: StudyReport) -> Section:
    said = caveats(report)
    prose = "\n".join(f"- {line}" for line in said) or "Nothing was found that speaks against these numbers."
    return Section(heading="Caveats", prose=prose)


def _record(report: StudyReport) -> Iterator[Section]:
    records = report.studied.records
    if records:
        titles = {"made_at": "Recorded (UTC)", "params": "N", "tokens": "D", "loss": "Forecast", "span": "Interval"}
        titles |= {"measured": "Measured", "missed": "Error"}
        formats = {"params": "count", "tokens": "count", "loss": "loss", "measured": "loss"}
        yield Section(
            heading="Forecasts on record",
            prose="Written down before the runs they foretell; a score is kept as it fell.",
            table=Table(records, titles=titles, formats=formats),
        )


def _methods(report: StudyReport) -> Section:
    lines = [
        "- C = 6ND where the runs state no compute. Losses are nats per token.",
        "- A prediction interval is for a run not yet made; an interval of a constant is for that constant.",
        "- Computed as `isoflop fit`, `forecast`, `plan --runs`, `next`, `check` and `diagnose` compute it.",
        *(f"- {source}." for source in sources(report)),
    ]
    return Section(heading="Methods and sources", prose="\n".join(lines))


def _manifest(report: StudyReport) -> Section:
    told = report.manifest
    lines = [
        f"- command: `{told['command'] or 'isoflop report'}`",
        f"- runs: {told['runs']} from `{told['source']}`, SHA-256 `{told['runs_sha256']}`",
        f"- target: `{json.dumps(told['target'])}`",
        f"- level {told['level']:g}, {told['replicates']} replicates, seed {told['seed']}",
        f"- versions: {', '.join(f'{name} {version}' for name, version in told['versions'].items())}",
        f"- made at {told['made_at']}",
    ]
    return Section(heading="Manifest", prose="\n".join(lines))


def _missing(report: StudyReport, part: str, said: str) -> str:
    return f"**{said}** {report.missing.get(part, '')}".strip()
