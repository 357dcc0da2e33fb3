"""``isoflop ledger``: forecasts written down before their runs exist, and how good they turned out."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt

if TYPE_CHECKING:
    from isoflop.forecasting.ledger import Ledger, Recorded
    from isoflop.forecasting.track import TrackRecord

ACTIONS = ("show", "score")
SHOWN = 40

LedgerFile = Annotated[Path, typer.Option("--ledger", metavar="PATH", help="The file of recorded forecasts.")]


def ledger(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="show, or score a forecast.")] = "show",
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The forecast to score, by name or id.")] = None,
    path: LedgerFile = Path(".isoflop/ledger.jsonl"),
    loss: Annotated[
        float | None, typer.Option("--loss", metavar="L", help="The measured loss, nats per token.")
    ] = None,
    loss_se: Annotated[float | None, typer.Option("--loss-se", metavar="SE", help="Its standard error.")] = None,
    runs: Annotated[
        Path | None, typer.Option("--runs", metavar="TABLE", help="Score every open forecast whose N and D are in it.")
    ] = None,
    within: Annotated[
        float,
        typer.Option(
            "--within",
            metavar="X",
            help="N and D match within this share.",
            parser=opt.number_within("--within", 0, 0.5, "0.01 is 1 %."),
        ),
    ] = 0.01,
    measured: Annotated[
        str | None,
        typer.Option("--measured", metavar="TIME", help="When the loss was measured (UTC), as 2026-05-01T12:00."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Enter a doubtful score all the same; it is marked and does not count.")
    ] = False,
    chart: Annotated[
        Path | None, typer.Option("--chart", metavar="FILE", help="Draw the calibration: .png, .svg, .pdf or .json.")
    ] = None,
    column: opt.Columns = None,
    where: opt.Where = None,
    loss_unit: opt.LossUnit = None,
    bytes_per_token: opt.BytesPerToken = None,
    json: opt.Json = False,
) -> None:
    """Show the track record of recorded forecasts, or score one.

    Example: isoflop ledger score 7B-june --loss 2.31
    """
    from isoflop.errors import BadInput, did_you_mean
    from isoflop.forecasting.ledger import read_ledger

    if action not in ACTIONS:
        raise BadInput(
            f"Unknown action '{action}' of the ledger. Known: {', '.join(ACTIONS)}.{did_you_mean(action, ACTIONS)}"
        )
    if action == "show":
        if name or loss is not None or runs:
            raise BadInput("A score was given to `ledger show`. Write: isoflop ledger score NAME --loss L.")
    elif runs is not None and name is None and loss is None:
        reading = opt.Reading(column, where, loss_unit, bytes_per_token, None, False)
        _score_table(path, runs, reading, within, _time(measured), force)
    elif name and loss is not None and runs is None:
        _score_one(path, name, loss, loss_se, _time(measured), force)
    else:
        raise BadInput(
            "`ledger score` needs a forecast and its loss, or a table: isoflop ledger score NAME --loss L, or isoflop "
            "ledger score --runs TABLE."
        )
    _answer(read_ledger(path), chart, json)


def _time(text: str | None) -> datetime | None:
    from isoflop.errors import BadInput

    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            f"--measured '{text}' is no time. Allowed: a date and time in UTC or with its offset, as "
            "2026-05-01T12:00 or 2026-05-01T12:00+02:00."
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _score_one(path: Path, name: str, loss: float, se: float | None, when: datetime | None, force: bool) -> None:
    from isoflop.forecasting.ledger import score_forecast

    entry = score_forecast(path, name, loss, loss_se=se, measured=when, force=force)
    opt.say([_said(entry)])


def _score_table(
    path: Path, table: Path, reading: opt.Reading, within: float, when: datetime | None, force: bool
) -> None:
    """Without --measured the file's time of change stands for that of the measurement, and that is said."""
    from isoflop.forecasting.ledger import match_runs, read_ledger, score_forecast

    runs = reading.read(table, ("params", "tokens", "loss"))
    found = match_runs(read_ledger(path), runs, within=within)
    changed = datetime.fromtimestamp(table.stat().st_mtime, UTC)
    if not found:
        opt.say([f"No open forecast in {path} has an N and D within {within:.2%} of a run in {table.name}."])
    elif when is None:
        opt.say([f"{table.name} was last changed on {changed:%Y-%m-%d %H:%M} UTC, which is taken as the measurement."])
    for match in found:
        source = f"{table.name}, row{'s' if len(match.rows) > 1 else ''} {', '.join(str(r + 1) for r in match.rows)}"
        entry = score_forecast(
            path,
            match.name,
            match.loss,
            loss_se=match.loss_se,
            measured=when or changed,
            source=source,
            force=force,
        )
        opt.say([_said(entry)])


def _said(entry: Recorded) -> str:
    assert entry.score is not None
    low, high = entry.interval(0.9)
    inside = "inside" if low <= entry.score.loss <= high else "outside"
    marked = f" Forced: {entry.score.why} It does not count." if entry.score.forced else ""
    return (
        f"{entry.name}: forecast {entry.loss:.4f}, measured {entry.score.loss:.4f}, error "
        f"{entry.loss / entry.score.loss - 1:+.2%}, {inside} the 90% interval [{low:.4f}, {high:.4f}].{marked}"
    )


def _answer(read: Ledger, chart: Path | None, json: bool) -> None:
    from isoflop.cli.output import print_json
    from isoflop.forecasting.track import track_record

    record = track_record(read)
    if chart is not None:
        _draw(read, record, chart)
    if json:
        print_json(as_json(read, record))
    else:
        _show(read, record)


def _draw(read: Ledger, record: TrackRecord, chart: Path) -> None:
    import polars as pl

    from isoflop.report.calibration import calibration_chart
    from isoflop.report.figures import save

    frame = pl.DataFrame({"pit": record.pit, "label": [entry.name for entry in read.scored]})
    title = f"{record.n_scored} scored forecast{'' if record.n_scored == 1 else 's'} from {record.ladders} "
    title += f"table{'' if record.ladders == 1 else 's'} of runs: {_verdict(record)}"
    opt.say([f"Wrote {save(calibration_chart(frame, band=record.band, title=title), chart)}."])


def _verdict(record: TrackRecord) -> str:
    off = [c for c in record.coverage if not c.honest]
    if not off:
        return "consistent with what was promised"
    worst = max(off, key=lambda c: abs(c.share - c.level))
    return f"{worst.level:.0%} intervals held {worst.share:.0%}"


def as_json(read: Ledger, record: TrackRecord) -> dict[str, Any]:
    """The ledger as JSON: path, head, entries [{name, id, time, target, loss, interval_90, score, …}], record,
    notes."""
    entries = [
        {
            "name": entry.name,
            "id": entry.id,
            "line": entry.line,
            "time": entry.time.isoformat(),
            "isoflop": entry.version,
            "target": entry.target,
            "loss": entry.loss,
            "interval_90": entry.interval(0.9),
            "extrapolation": entry.extrapolation,
            "n_runs": entry.n_runs,
            "runs_sha256": entry.runs_hash,
            "note": entry.note,
            "pit": entry.pit,
            "score": None if entry.score is None else _score_json(entry),
        }
        for entry in read.entries
    ]
    return {"path": str(read.path), "head": read.head, "entries": entries, "record": record, "notes": read.notes}


def _score_json(entry: Recorded) -> dict[str, Any]:
    assert entry.score is not None
    score = entry.score
    times = {"measured": score.measured.isoformat(), "time": score.time.isoformat()}
    return {"loss": score.loss, "loss_se": score.loss_se, **times} | {
        "source": score.source,
        "forced": score.forced,
        "why": score.why,
        "error": entry.loss / score.loss - 1,
    }


def _show(read: Ledger, record: TrackRecord) -> None:
    from isoflop.cli.output import count_of, print_table

    if not read.entries:
        print_table(f"{read.path} holds no forecast.", [], [], ["Write one down: isoflop forecast … --record NAME"])
        return
    header = ["forecast", "recorded", "N>", "D>", "beyond>", "loss>", "90% interval>", "measured>", "error>", ""]
    rows = [_row(entry) for entry in read.entries[-SHOWN:]]
    hidden = len(read.entries) - len(rows)
    title = f"{read.path}: {count_of(len(read.entries), 'forecast')}, {record.n_scored} scored, {record.n_open} open"
    notes = [f"… and {hidden} older ones; --json has all."] if hidden else []
    print_table(title, header, rows, [*notes, *_record_lines(record), *read.notes, f"Last hash: {read.head}"])


def _row(entry: Recorded) -> list[str]:
    from isoflop.cli.output import loss, times
    from isoflop.units import format_count

    low, high = entry.interval(0.9)
    sizes = [format_count(entry.target[s]) if s in entry.target else "–" for s in ("N", "D")]
    beyond = times(entry.extrapolation) if math.isfinite(entry.extrapolation) else "–"
    told = [entry.name, f"{entry.time:%Y-%m-%d}", *sizes, beyond, loss(entry.loss), f"[{loss(low)}, {loss(high)}]"]
    if entry.score is None:
        return [*told, "open", "", ""]
    inside = low <= entry.score.loss <= high
    mark = "forced" if entry.score.forced else "" if inside else "missed"
    return [*told, loss(entry.score.loss), f"{entry.loss / entry.score.loss - 1:+.2%}", mark]


def _record_lines(record: TrackRecord) -> list[str]:
    from isoflop.cli.output import count_of, percent

    forced = [f"{count_of(record.n_forced, 'score')} forced, not counted."] if record.n_forced else []
    if not record.n_scored:
        return ["No forecast has been scored yet: isoflop ledger score NAME --loss L", *forced]
    coverage = "; ".join(
        f"{percent(c.level)}: {c.held} of {record.n_scored} ({c.low:.0%} to {c.high:.0%})" for c in record.coverage
    )
    return [
        f"Median error {record.median_abs_rel_error:.2%}, bias {record.bias:+.2%}, CRPS {record.crps:.3g} %.",
        f"Held by the intervals, with the 90% range of that share: {coverage}.",
        f"These come from {count_of(record.ladders, 'table')} of runs; forecasts from one table share its errors.",
        *forced,
    ]
