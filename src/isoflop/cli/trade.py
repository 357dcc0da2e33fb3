"""What ``isoflop inference trade`` reads and says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isoflop.capability.trade import Demand, JointOptimum, Trade
    from isoflop.laws.law import Law

JOINT_WITH = "resampling, cheap check"
"""The trade that is joined with the choice of N and D, unless one is named."""


def answer(
    train_flops: str,
    tokens: str,
    names: Sequence[str] | None,
    law_name: str,
    train_mfu: float,
    serve_mfu: float | None,
    figures: Path | None,
    json: bool,
) -> None:
    """Price every technique at its best degree, and the joint choice of size and attempts; print."""
    from isoflop.capability.trade import joint_optimum, technique, techniques
    from isoflop.laws.catalogue import find_law
    from isoflop.units import parse_count, parse_flops
    from isoflop.workbench.trading import best_trades, optimal_size, traffic

    law, flops, served = find_law(law_name), parse_flops(train_flops), parse_count(tokens, "--tokens")
    asked = traffic(law, flops, served, train_mfu=train_mfu, serve_mfu=serve_mfu)
    demand = asked.demand
    chosen = [technique(name) for name in names] if names else list(techniques().values())
    trades = best_trades(demand, chosen)
    joint = [one for one in chosen if one.starts_trained and (names or one.name == JOINT_WITH)]
    together = {
        one.name: joint_optimum(
            lambda N, D: law(N=N, D=D),
            lambda budget: optimal_size(law, budget),
            flops,
            served,
            one,
            train_use=demand.train_use,
            serve_use=demand.serve_use,
        )
        for one in joint
    }
    wrote = _draw(figures, demand, trades)
    if json:
        from isoflop.cli.output import print_json

        print_json(_json(demand, (asked.N, asked.D), trades, together, law, wrote))
        return
    _show(demand, (asked.N, asked.D), trades, together, law)


def _draw(folder: Path | None, demand: Demand, trades: Sequence[Trade]) -> list[str]:
    if folder is None:
        return []
    from isoflop.cli.figures import write_charts
    from isoflop.report.capability_trade import trade_chart

    return write_charts(folder, {"trade": trade_chart(demand, trades)})


def _json(
    demand: Demand,
    size: tuple[float, float],
    trades: Sequence[Trade],
    together: dict[str, JointOptimum],
    law: Law,
    wrote: list[str],
) -> dict[str, Any]:
    return {
        "demand": {"training_flops": demand.training, "serving_flops": demand.serving, "N": size[0], "D": size[1]},
        "train_mfu": demand.train_use,
        "serve_mfu": demand.serve_use,
        "law": law.name,
        "trades": [
            {
                "technique": one.technique.name,
                "training_orders": one.orders,
                "training_flops": one.training,
                "serving_flops": one.serving,
                "peak_flops": one.cost,
                "saving": one.saving,
                "at_end": one.at_end,
                "source": one.technique.source,
            }
            for one in trades
        ],
        "joint": together,
        "figures": wrote,
    }


def _show(
    demand: Demand, size: tuple[float, float], trades: Sequence[Trade], together: dict[str, JointOptimum], law: Law
) -> None:
    from isoflop.cli.output import print_table
    from isoflop.units import format_count, format_flops

    whole = float(demand.cost(demand.training, demand.serving))
    rows = [["none", "–", format_flops(demand.training), format_flops(demand.serving), "1.00×", ""]]
    rows += [
        [
            one.technique.name,
            f"{one.orders:+.2f}" if one.orders else "0",
            format_flops(one.training),
            format_flops(one.serving),
            f"{one.cost / whole:.2f}×",
            "all of it" if one.at_end else "none of it" if one.orders == 0 else "",
        ]
        for one in trades
    ]
    model = f"{format_count(size[0])} parameters on {format_count(size[1])} tokens by {law.name}"
    use = f"a utilisation of {demand.train_use:.3g} in training and {demand.serve_use:.3g} in serving"
    notes = [f"{model}; cost is in peak FLOP at {use}."]
    for name, found in together.items():
        more = f"{found.attempts:.3g} times the tokens served" if found.attempts > 1.01 else "no more tokens served"
        notes.append(
            f"Size and attempts together ({name}): {format_count(found.N)} parameters on {format_count(found.D)} "
            f"tokens, {more}, {found.cost / found.optimal:.2g} times the cost; with size alone "
            f"{found.plain / found.optimal:.2g} times."
        )
    notes.append("Spans: Villalobos & Atkinson 2023, rough. Resampling needs answers that can be checked.")
    header = ["technique", "training, orders>", "training>", "serving>", "cost>", "used"]
    print_table("Training and inference at one quality", header, rows, notes)
