"""The first lines of a report, for the one who signs: the loss, what reaches it, its price, what to do and beware."""

from __future__ import annotations

from collections.abc import Sequence

from isoflop.report.page import Section
from isoflop.report.plan_tables import plan_sheets
from isoflop.units import format_count, format_duration, format_flops
from isoflop.workbench.reporting import StudyReport

LEAST_HOURS = 1.0
"""Chip-hours below which a plan's costs are cents, and left out."""
MOST_SHARES = 6
"""Runs in training whose share is named in the first lines; the table has all."""


def in_short(report: StudyReport, against: Sequence[str]) -> Section:
    """The section of that name. against: the caveats, the worst first."""
    said, made = [], report.forecast
    if made is not None:
        said.append(
            f"- **Loss {made.loss[0]:.4f}** nats per token, {made.level:.0%} interval {made.low[0]:.4f} to "
            f"{made.high[0]:.4f}, for {flops_text(made.flops[0])} of training."
        )
    said += _planned(report)
    if report.next is not None:
        said.append(f"- **Next run:** {said_next(report).replace('**', '')}")
    worst = next((line for line in against if not line.startswith("Support:")), None)
    if worst is not None:
        said.append(f"- **Beware:** {worst} ({counted(len(against), 'caveat')} in all, below.)")
    said.append(
        f"- Of {day(report)}, from {counted(len(report.studied.runs), 'run')}. The manifest at the end makes it again."
    )
    return Section(heading="In short", prose="\n".join(said))


def _planned(report: StudyReport) -> list[str]:
    plan = report.plan
    if plan is None:
        return []
    said = f"- **Train** {format_count(float(plan.N.value))} parameters on {format_count(float(plan.D.value))} tokens"
    if plan.device_hours.value < LEAST_HOURS:
        return [f"{said}: less than one {plan.machine.chip.name}-hour."]
    run, *others = plan_sheets(plan)
    rows = {row[0]: row for row in run.rows}
    chip = plan.machine.chip.name
    if chip in rows and "days" in rows:
        said += f": {rows[chip][1]} {chip} for {_with_span(rows['days'])} days"
    prices = next((sheet.rows for sheet in others if sheet.title.startswith("What it costs")), ())
    said += f", {_with_span(prices[0])} ({prices[0][0]})" if prices else ""
    return [f"{said}. Intervals: 80 %."]


def _with_span(row: Sequence[str]) -> str:
    return row[1] if row[2].strip() in ("", "–") else f"{row[1]} {row[2]}"


def unfinished(report: StudyReport) -> str:
    """Of a study whose runs have not all ended: how far it is, and on which day that was so; else nothing."""
    studied = report.studied
    if not studied.unfinished:
        return ""
    of = {state: [line for line in studied.lines if line.state == state] for state in ("done", "running", "planned")}
    shares = [f"{line.share:.0%}" for line in of["running"] if line.share is not None]
    more = ", …" if len(shares) > MOST_SHARES else ""
    far = f" ({', '.join(shares[:MOST_SHARES])}{more} of their tokens)" if shares else ""
    left = "" if studied.seconds_left is None else f"; about {format_duration(studied.seconds_left)} to go"
    return (
        f" The study is unfinished: on {day(report)}, of {counted(len(studied.lines), 'run')} {len(of['done'])} were "
        f"done, {len(of['running'])} in training{far} and {len(of['planned'])} planned{left}."
    )


def day(report: StudyReport) -> str:
    """When the report was made, to the minute."""
    return f"{str(report.manifest['made_at'])[:16].replace('T', ' ')} UTC"


def said_next(report: StudyReport) -> str:
    """Whether the next runs are worth their price."""
    made = report.next
    assert made is not None  # only asked where there is one
    if made.worth is None:
        return "No worth is given: these laws have no best split of the target's compute."
    if made.stop:
        return "Stop: no run, and not all of these together, saves as much compute at the target as it costs."
    if not made.train:
        return "Together they cost more than they save by a better split; one of the candidates alone may be worth it."
    cost, saved = sum(pick.cost for pick in made.picks[: made.train]), made.picks[made.train - 1].saved_flops
    return (
        f"**Train the first {counted(made.train, 'run')}**: {flops_text(cost)}, expected to save {flops_text(saved)} "
        "at the target by a better split."
    )


def counted(number: int, thing: str) -> str:
    """A number of things."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def flops_text(value: float) -> str:
    """FLOP as a page writes them."""
    return format_flops(float(value)).replace("e+", "e")


def times(ratio: float) -> str:
    """How many times."""
    return f"{ratio:.3g} times" if ratio < 1000 else f"{float(f'{ratio:.3g}'):,.0f} times"
