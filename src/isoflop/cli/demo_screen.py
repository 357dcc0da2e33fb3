"""What a demonstration looks like while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from isoflop.units import format_count, format_duration

if TYPE_CHECKING:
    from isoflop.workbench.ladder_plan import LadderPlan
    from isoflop.workbench.progress import CampaignProgress

BAR = 28


def plan_table(plan: LadderPlan) -> Table:
    """One row a trunk, the target last."""
    table = Table(
        title=Text(f"The ladder: {plan.runs} runs from {len(plan.trunks)} trunks, then the target"),
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for name in ("", "N", "tokens D at each branch", "FLOP of the last", "expected"):
        table.add_column(Text(name), justify="right" if name in ("N", "FLOP of the last", "expected") else "left")
    ordered = sorted(zip(plan.trunks, plan.seconds, strict=True), key=lambda pair: pair[0].params)
    for spec, seconds in (*ordered, (plan.target, plan.target_seconds)):
        tokens = [step * spec.batch_tokens for step in spec.branch_steps]
        table.add_row(
            Text("target" if spec is plan.target else f"width {spec.width}"),
            Text(format_count(spec.params)),
            Text(", ".join(format_count(count) for count in tokens)),
            Text(f"{6.0 * spec.params * tokens[-1]:.2e}"),
            Text(format_duration(seconds)),
        )
    return table


def progress_table(what: str, progress: CampaignProgress) -> Table:
    """A bar for the whole and a row for each running trunk."""
    table = Table.grid(padding=(0, 2))
    table.add_row(Text(progress_line(what, progress)))
    for trunk in progress.running:
        loss = "" if trunk.train_loss is None else f"loss {trunk.train_loss:.3f}"
        share = trunk.tokens / trunk.tokens_total if trunk.tokens_total else 0.0
        table.add_row(
            Text(
                f"  {trunk.name:<18} {_bar(share)} {trunk.phase:<8} {loss:<11} "
                f"{format_count(trunk.tokens_per_second)} tokens/s"
            )
        )
    return table


def progress_line(what: str, progress: CampaignProgress) -> str:
    """One line: rungs done, speed, time left."""
    left = "" if progress.seconds_left is None else f", about {format_duration(progress.seconds_left)} left"
    return (
        f"Training {what}: {progress.done} of {progress.total} runs, "
        f"{format_count(progress.tokens_per_second)} tokens/s{left}"
    )


def _bar(share: float) -> str:
    full = round(BAR * min(max(share, 0.0), 1.0))
    return "█" * full + "░" * (BAR - full)
