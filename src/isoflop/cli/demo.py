"""``isoflop demo``: from nothing to a forecast that is checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

    from isoflop.workbench.ladder_plan import LadderPlan
    from isoflop.workbench.progress import CampaignProgress

STUDY_PAGE = "study.html"
PLAIN_EVERY = 15.0
"""Seconds between lines of progress where the output is no terminal."""


def demo(
    folder: Annotated[
        Path, typer.Option("--folder", help="Where the study lives; the same folder goes on where it stopped.")
    ] = Path("isoflop-demo"),
    minutes: Annotated[float, typer.Option("--minutes", help="Time to aim at on this machine, install apart.")] = 6.0,
    accelerator: Annotated[
        str, typer.Option("--accelerator", help="Accelerator of the budget planned at the end.")
    ] = "H100",
    devices: Annotated[int, typer.Option("--devices", help="How many of them.")] = 64,
    budget: Annotated[str, typer.Option("--budget", help="Money to plan, such as '$1M'.")] = "$1M",
    seed: opt.Seed = 0,
    json: opt.Json = False,
) -> None:
    """Forecast a run before it is trained, then train it and see.

    Trains a ladder of small models on this machine, writes down the forecast of a run with four times the compute,
    trains that run, scores the forecast and plans a larger budget. Stop it at any moment; the same command goes on. A
    finished one answers at once.
    """
    from isoflop.units import parse_money
    from isoflop.workbench.finished import finished_result

    usd = parse_money(budget)
    result = finished_result(folder)
    if result is None or (result["minutes"], result["seed"]) != (minutes, seed):
        from isoflop.workbench.demo import run_demo

        view = _Screen()
        done = run_demo(
            folder, view, minutes=minutes, seed=seed, accelerator=accelerator, devices=devices, budget_usd=usd
        )
        result = dict(done.result)
    _write_study_page(folder)
    _conclude(result, folder, json)


def _write_study_page(folder: Path) -> None:
    """The study as a page that opens from disk; what is there already stays."""
    if (folder / STUDY_PAGE).exists():
        return
    from isoflop.report.writing import write_atomically
    from isoflop.web.app import render
    from isoflop.web.study import study_view

    opt.say(["Writing the study's page (its backtest takes about 20 s)…"])
    write_atomically(folder / STUDY_PAGE, render([study_view(folder)], title="isoflop demo").encode())


def _conclude(result: Mapping[str, Any], folder: Path, as_json: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    from isoflop.cli.output import print_json
    from isoflop.units import format_count, format_flops

    if as_json:
        places = {"report": "report.html", "figures": "figures", "study_page": STUDY_PAGE}
        print_json({**result, **{name: str(folder / place) for name, place in places.items()}})
        return
    record, score = result["forecast"], result["score"]
    console = Console(highlight=False)
    inside = "inside" if score["inside"] else "OUTSIDE"
    console.print(Text("\nThe forecast, scored", style="bold"))
    for line in (
        (
            f"  target     N = {format_count(record['params'])}, D = {format_count(record['tokens'])}, "
            f"{record['extrapolation']:.1f} times the compute of the largest rung"
        ),
        (
            f"  forecast   {record['loss']:.4f}  [{record['low']:.4f}, {record['high']:.4f}] at {record['level']:.0%}, "
            f"written {result['forecast_made_at'][:19]} UTC"
        ),
        f"  measured   {score['measured']:.4f}  ± {score['measured_se'] or float('nan'):.4f} (held-out text)",
        f"  error      {score['relative_error']:+.2%}, {inside} the interval",
    ):
        console.print(Text(line), soft_wrap=True)
    console.print(Text("\nLarger budgets, by the same code", style="bold"))
    for plan in result["budgets"]:
        console.print(Text(f"  {plan['title']}: {format_flops(plan['flops'])}"), soft_wrap=True)
        console.print(Text(f"    {_split(plan)}"), soft_wrap=True)
        if plan["bill"]:
            console.print(Text(f"    {_bill(plan['bill'])}"), soft_wrap=True)
    console.print(Text("\nOpen next", style="bold"))
    for line in (
        f"  study page  {folder / STUDY_PAGE}   (while a ladder trains: isoflop serve FOLDER)",
        f"  report      {folder / 'report.html'}",
        f"  figures     {folder / 'figures'}",
    ):
        console.print(Text(line), soft_wrap=True)


def _split(plan: Mapping[str, Any]) -> str:
    from isoflop.units import format_count

    N, D, loss = plan["params"], plan["tokens"], plan["loss"]
    low, high = plan["valley"]["within_loss"]
    return (
        f"N = {format_count(N['value'])}, D = {format_count(D['value'])}, loss {loss['value']:.3f} by {plan['law']}; "
        f"any N from {format_count(low)} to {format_count(high)} is within 1 % of that loss"
    )


def _bill(bill: Mapping[str, Any]) -> str:
    from isoflop.units import format_count, format_money

    hours, days, cost = bill["device_hours"], bill["days"], bill["cost_usd"]
    rent = f"{format_money(cost['value'])} [{format_money(cost['low'])}, {format_money(cost['high'])}]"
    return (
        f"{format_count(hours['value'])} {bill['accelerator']}-hours [{format_count(hours['low'])}, "
        f"{format_count(hours['high'])}], {days['value']:.0f} days on {bill['devices']} [{days['low']:.0f}, "
        f"{days['high']:.0f}], {rent}: the spread of utilisation over whole runs, and of rents as of "
        f"{bill['price_as_of']}"
    )


class _Screen:
    """Shows a demonstration as it goes, on stderr: a live table on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console: Console = Console(stderr=True, highlight=False)
        self.live: Live | None = None
        self.last_line = 0.0

    def measuring(self) -> None:
        self._say("Measuring how fast this machine trains (about 15 s)…")

    def planned(self, plan: LadderPlan) -> None:
        from isoflop.cli.demo_screen import plan_table
        from isoflop.units import format_duration

        total = plan.ladder_seconds + plan.target_seconds
        self.console.print(plan_table(plan))
        self._say(
            f"Expected: {format_duration(plan.ladder_seconds)} for the ladder, {format_duration(plan.target_seconds)} "
            f"for the target, {format_duration(total)} in all on {plan.cores} core(s)."
        )

    def training(self, what: str) -> Callable[[CampaignProgress], None]:
        from rich.live import Live

        from isoflop.cli.demo_screen import progress_line, progress_table

        if self.console.is_terminal:
            self.live = Live(console=self.console, refresh_per_second=4, transient=True)
            self.live.start()

        def look(progress: CampaignProgress) -> None:
            if self.live is not None:
                self.live.update(progress_table(what, progress))
            elif time.monotonic() - self.last_line >= PLAIN_EVERY:
                self.last_line = time.monotonic()
                self._say(progress_line(what, progress))

        return look

    def trained(self) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None

    def foretold(self, record: Mapping[str, Any]) -> None:
        from isoflop.units import format_count

        for form in record["forms"]:
            self._say(
                f"  {form['formula']:<40} weight {form['weight']:.2f}  says {form['loss']:.4f}  ({form['status']})"
            )
        self._say(
            f"Forecast, on record before the target is trained: N = {format_count(record['params'])}, "
            f"D = {format_count(record['tokens'])} -> {record['loss']:.4f} [{record['low']:.4f}, {record['high']:.4f}] "
            f"at {record['level']:.0%}, {record['extrapolation']:.1f} times the largest rung's compute"
        )

    def _say(self, text: str) -> None:
        from rich.text import Text

        self.console.print(Text(text), soft_wrap=True)
