"""How a ladder is shown: as a plan, while it trains, and when someone looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoflop.units import format_count, format_duration, format_flops, format_money, format_ratio

if TYPE_CHECKING:
    from rich.console import Group

    from isoflop.workbench.ladder_preview import LadderPreview
    from isoflop.workbench.ladder_states import LadderStatus, RunStatus

MOST_ROWS = 40
"""Of a table on a terminal; --json has all."""
SHOWN_FIRST = {"failed": 0, "diverged": 1, "running": 2, "planned": 3, "done": 4}
HEADER = ["run", "rung…", "N>", "D>", "state", "trained>", "loss>", "tokens/s>"]


def show_preview(preview: LadderPreview) -> None:
    """The plan as a table on stdout."""
    from isoflop.cli.output import print_table

    rows = [
        [
            *(run.run_id, run.name, format_count(run.params), format_count(run.tokens)),
            *(f"{run.tokens / run.params:.3g}", f"{run.flops:.2e}", run.state),
        ]
        for run in preview.runs
    ]
    print_table(
        f"{preview.name}: {len(preview.runs)} runs from {preview.trunks} trunks, {format_flops(preview.flops)}",
        ["run", "rung…", "N>", "D>", "D/N>", "FLOP>", "state"],
        _cut(rows),
        [*_expected(preview), *_left_out(len(rows)), *preview.notes],
    )


def _expected(preview: LadderPreview) -> list[str]:
    trained = f"To train: {format_flops(preview.flops_left)}, the decays of all branches included."
    if not preview.flops_left:
        return ["All of it is trained."]
    if preview.seconds is None:
        return [trained, "Its time is not known before a run was trained; --measure asks this machine (15 s)."]
    cost = "" if preview.cost_usd is None else f", {format_money(preview.cost_usd)}"
    return [
        trained,
        f"Expected: {format_duration(preview.seconds)} with {preview.places} at a time on this machine, "
        f"{format_ratio(preview.device_hours or 0.0)} device-hours{cost}; by the speed {preview.speed_from}."
        if preview.speed_from.startswith("measured")
        else f"Expected: {format_duration(preview.seconds)}, {format_ratio(preview.device_hours or 0.0)} device-hours"
        f"{cost}; by the speed of {preview.speed_from}.",
    ]


def show_status(status: LadderStatus) -> None:
    """The state of a ladder as a table on stdout."""
    from isoflop.cli.output import print_table

    rows = [_row(run) for run in _ordered(status)]
    print_table(headline(status), HEADER, _cut(rows), [*_told(status), *_left_out(len(rows))])


def live_status(status: LadderStatus) -> Group:
    """The same for a screen that is refreshed."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in HEADER:
        table.add_column(Text(name.rstrip(">…"), style="bold"), justify="right" if name.endswith(">") else "left")
    for row in _cut([_row(run) for run in _ordered(status)]):
        table.add_row(*(Text(cell) for cell in row))
    return Group(Text(headline(status), style="bold"), table, *(Text(note) for note in _told(status)))


def headline(status: LadderStatus) -> str:
    """One line: runs by state, speed, time left."""
    states = ", ".join(f"{count} {state}" for state, count in status.counts.items() if count)
    speed = f", {format_count(status.tokens_per_second)} tokens/s" if status.running else ""
    left = status.seconds_left
    time_left = f", about {format_duration(left)} left" if left and status.running else ""
    return f"{status.name}: {states}{speed}{time_left}"


def _told(status: LadderStatus) -> list[str]:
    runs = len(status.runs)
    over = runs - status.counts["planned"] - status.counts["running"]
    compute = f"{status.flops_done:.2e} of {format_flops(status.flops_total)}"
    told = [f"{over} of {runs} runs are over, {compute}. {_hours(status)}"]
    if status.coordinator:
        told.append(f"Being run on {status.on} by {status.coordinator}.")
    elif over < runs or status.counts["failed"]:
        told.append("Nobody runs it now; `isoflop ladder run` goes on with what is missing.")
    told += [
        f"{run.name}: {run.note.splitlines()[0]}" for run in _ordered(status) if run.state == "failed" and run.note
    ]
    if status.others:
        told.append(f"{status.others} more runs are in the store that the ladder no longer has; they stay recorded.")
    return told[:12]


def _hours(status: LadderStatus) -> str:
    left = "" if status.device_hours_left is None else f", {format_ratio(status.device_hours_left)} left"
    cost = ""
    if status.cost_usd is not None:
        more = "" if status.cost_usd_left is None else f", {format_money(status.cost_usd_left)} left"
        cost = f"; {format_money(status.cost_usd)} so far{more}"
    return f"Device-hours: {format_ratio(status.device_hours)} so far{left}{cost}."


def _row(run: RunStatus) -> list[str]:
    loss = "" if run.loss is None else f"{run.loss:.4f}" if run.state == "done" else f"{run.loss:.2f}"
    speed = "" if run.tokens_per_second is None else format_count(run.tokens_per_second)
    share = "" if run.state == "planned" and not run.share else f"{run.share:.0%}"
    return [run.run_id, run.name, format_count(run.params), format_count(run.tokens), run.state, share, loss, speed]


def _ordered(status: LadderStatus) -> list[RunStatus]:
    """What needs a look comes first where not all can be shown."""
    if len(status.runs) <= MOST_ROWS:
        return list(status.runs)
    return sorted(status.runs, key=lambda run: SHOWN_FIRST[run.state])


def _cut(rows: list[list[str]]) -> list[list[str]]:
    return rows[:MOST_ROWS]


def _left_out(rows: int) -> list[str]:
    return [f"{rows - MOST_ROWS} more runs are not shown; --json has all."] if rows > MOST_ROWS else []
