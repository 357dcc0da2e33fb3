"""``isoflop ladder run``, ``status`` and ``logs``: a campaign of runs from a file, and a look at it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt

if TYPE_CHECKING:
    from isoflop.workbench.ladder import Ladder
    from isoflop.workbench.ladder_states import LadderStatus

INTERRUPTED = 130  # 128 + SIGINT, as shells count
WATCH_SECONDS = 2.0
FOLLOW_SECONDS = 0.3

LadderFile = Annotated[Path, typer.Argument(metavar="LADDER.toml", help="The ladder; docs/campaigns.md has its keys.")]
Where = Annotated[
    Path | None,
    typer.Argument(metavar="[LADDER.toml|FOLDER]", help="A ladder, or its folder; by default the one in this folder."),
]


def run(
    ladder: LadderFile,
    on: Annotated[str, typer.Option("--on", metavar="PLACE", help="Where to train: local, ray or slurm.")] = "local",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be trained, and start nothing.")] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="With --dry-run: measure this machine's speed first (15 s).")
    ] = False,
    json: opt.Json = False,
) -> None:
    """Train what is missing of a ladder. Stop it at any moment; the same command goes on.

    Example: isoflop ladder run examples/ladder.toml --on local
    """
    from isoflop.workbench.ladder_file import read_ladder

    _refuse_measure_alone(dry_run, measure)
    read = read_ladder(ladder)
    if dry_run:
        _preview(read, measure, json)
        return
    from isoflop.cli.campaign_screen import watching
    from isoflop.workbench.campaign import CampaignInterrupted
    from isoflop.workbench.ladder_run import run_ladder
    from isoflop.workbench.ladder_states import ladder_status

    opt.say(read.notes)
    try:
        with watching(read.name) as look, _stopped_by_sigterm():
            run_ladder(read, on=on, on_progress=look)
    except CampaignInterrupted as farewell:
        opt.say([str(farewell)])
        raise typer.Exit(INTERRUPTED) from None
    _conclude(ladder_status(read), json)


def status(
    where: Where = None,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every 2 s until all is over, or Ctrl-C.")] = False,
    json: opt.Json = False,
) -> None:
    """How far a ladder is: states, speed, time and cost left. Works while it is trained, and after."""
    from isoflop.cli.ladder_screen import live_status, show_status
    from isoflop.cli.output import print_json
    from isoflop.workbench.ladder_states import Onlooker

    onlooker = Onlooker(_ladder_or_folder(where))
    told = onlooker.look()
    if watch and not json:
        from rich.console import Console
        from rich.live import Live

        with Live(live_status(told), console=Console(stderr=True, highlight=False), auto_refresh=False) as live:
            while told.counts["planned"] + told.counts["running"]:
                time.sleep(WATCH_SECONDS)
                told = onlooker.look()
                live.update(live_status(told), refresh=True)
    print_json(_as_json(told)) if json else show_status(told)


def logs(
    wanted: Annotated[str, typer.Argument(metavar="RUN", help="The beginning of a run_id, a trunk or a rung's name.")],
    where: Where = None,
    lines: Annotated[
        int,
        typer.Option(
            "-n",
            "--lines",
            metavar="K",
            help="How many lines.",
            parser=opt.number_within("--lines", 1, 1_000_000, "20 is the default.", whole=True),
        ),
    ] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what is added, until Ctrl-C.")] = False,
) -> None:
    """The last lines that a run's worker printed."""
    from isoflop.workbench.ladder_logs import find_run, last_lines, log_of
    from isoflop.workbench.ladder_states import ladder_status

    told = ladder_status(_ladder_or_folder(where))
    found = find_run(told, wanted)
    path = log_of(told, found)
    opt.say([f"{found.name}, {found.state}: {path}"])
    if text := last_lines(path, lines):
        print(text, flush=True)
    else:
        opt.say(["It printed nothing yet." if found.state in ("planned", "running") else "It printed nothing."])
    if follow:
        _follow(path)


def _refuse_measure_alone(dry_run: bool, measure: bool) -> None:
    from isoflop.errors import BadInput

    if measure and not dry_run:
        raise BadInput("--measure goes with --dry-run: a run learns its speed as it trains. Give both, or neither.")


def _preview(ladder: Ladder, measure: bool, json: bool) -> None:
    from isoflop.cli.ladder_screen import show_preview
    from isoflop.cli.output import print_json
    from isoflop.workbench.ladder_preview import preview_ladder

    preview = preview_ladder(ladder, speed=_speed(ladder) if measure else None)
    print_json(preview) if json else show_preview(preview)


def _speed(ladder: Ladder) -> Any:
    from isoflop.errors import BadInput
    from isoflop.execute import available_cores
    from isoflop.train.spec import TrunkSpec
    from isoflop.train.speed import measure_speed
    from isoflop.workbench.trunk import TRAINER

    if ladder.trunks[0].command != TRAINER:
        raise BadInput("--measure is for isoflop's own trainer; another trainer's speed shows once it trains.")
    opt.say(["Measuring how fast this machine trains (about 15 s)…"])
    return measure_speed(TrunkSpec.from_json(ladder.trunks[0].spec), available_cores())


def _conclude(told: LadderStatus, json: bool) -> None:
    from isoflop.cli.ladder_screen import show_status
    from isoflop.cli.output import print_json
    from isoflop.workbench.ladder_run import TABLE

    if json:
        print_json(_as_json(told))
        return
    show_status(told)
    print(f"\nRuns: {told.folder / TABLE}   Store: {told.store}")


def _as_json(told: LadderStatus) -> dict[str, Any]:
    """All fields of ``LadderStatus``."""
    from isoflop.cli.output import plain

    return {f.name: plain(getattr(told, f.name)) for f in fields(told)} | {"folder": str(told.folder)}


def _ladder_or_folder(where: Path | None) -> Ladder | Path:
    """A file is read as a ladder, which may have been edited since it was run; a folder has the notes of its run."""
    from isoflop.errors import BadInput
    from isoflop.workbench.ladder_file import read_ladder
    from isoflop.workbench.places import LADDER_NOTES

    if where is not None:
        return where if where.is_dir() else read_ladder(where)
    if (Path.cwd() / LADDER_NOTES).exists():
        return Path.cwd()
    found = sorted(path.parent for path in Path.cwd().glob(f"*/{LADDER_NOTES}"))
    if len(found) != 1:
        names = f" ({', '.join(path.name for path in found)})" if found else ""
        raise BadInput(
            f"{len(found) or 'No'} ladders were run below {Path.cwd()}{names}. Name the ladder or its folder."
        )
    return found[0]


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """SIGTERM is heard as Ctrl-C is: the workers save, and the same command goes on."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _follow(path: Path) -> None:
    from isoflop.workbench.ladder_logs import new_lines

    for added in new_lines(path):
        if added:
            print("\n".join(added), flush=True)
        time.sleep(FOLLOW_SECONDS)
