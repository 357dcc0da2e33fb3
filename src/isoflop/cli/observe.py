"""What ``isoflop capability observe`` reads and says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from isoflop.cli import options as opt
from isoflop.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from isoflop.capability.observational import Capabilities, FamilyLine, Observed

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the verb, each by its name."""

    table: Path
    x: str
    benchmark: tuple[str, ...]
    score: tuple[str, ...]
    cutoff: str | None
    family: str | None
    chance: float
    standardise: bool
    percent: bool
    where: str | None


def answer(asked: Asked, json: bool) -> None:
    """Find the components, the lines of families, and the backtest of every task; print."""
    import numpy as np

    from isoflop.capability.observational import backtest_observational, family_lines, find_capabilities
    from isoflop.cli.output import print_json
    from isoflop.runs.tabular import read_table
    from isoflop.units import parse_count

    if asked.score and asked.cutoff is None:
        raise BadInput("A task is foretold for the models past a cutoff, and none is given. Name one: --cutoff 8.4e22.")
    table = read_table(asked.table, where=asked.where)
    opt.say(table.notes)
    per = 100 if asked.percent else 1
    scores = np.column_stack([table.numbers(name) for name in asked.benchmark]) / per
    told = np.isfinite(scores).any(axis=1)
    if not told.all():
        opt.say([f"{int((~told).sum())} models without any of the benchmarks are left out."])
    found = find_capabilities(scores[told], asked.benchmark, standardise=asked.standardise)
    flops = table.numbers(asked.x)
    lines: Mapping[str, FamilyLine] = {}
    if asked.family is not None:
        lines, others = family_lines(found.scores[:, 0], flops[told], table.labels(asked.family)[told])
        if others:
            opt.say([f"Families of fewer than three models with {asked.x} have no line: {', '.join(others)}."])
    tasks = {}
    for name in asked.score:
        used = [i for i, benchmark in enumerate(asked.benchmark) if benchmark != name]
        tasks[name] = backtest_observational(
            scores[:, used],
            tuple(asked.benchmark[i] for i in used),
            table.numbers(name) / per,
            flops,
            parse_count(asked.cutoff or "", "--cutoff"),
            chance=asked.chance,
            components=min(SHOWN, len(used)),
            standardise=asked.standardise,
        )
    if json:
        print_json({"components": _components(found), "families": lines, "tasks": tasks})
        return
    _show(found, lines, tasks, asked)


def _components(found: Capabilities) -> dict[str, object]:
    return {
        "models": len(found.scores),
        "imputed": found.imputed,
        "standardised": found.standardised,
        "explained": found.explained,
        "directions": [dict(zip(found.benchmarks, row.tolist(), strict=True)) for row in found.directions[:SHOWN]],
    }


def _show(found: Capabilities, lines: Mapping[str, FamilyLine], tasks: Mapping[str, Observed], asked: Asked) -> None:
    from isoflop.cli.output import number, print_table

    count = min(SHOWN, len(found.explained))
    rows = [
        ["share of the variance", *(f"{share:.1%}" for share in found.explained[:count])],
        *([name, *(f"{v:+.2f}" for v in found.directions[:count, i])] for i, name in enumerate(found.benchmarks)),
    ]
    how = "standardised" if found.standardised else "as they are"
    print_table(
        f"Components of {len(found.benchmarks)} benchmarks ({how}) of {len(found.scores)} models",
        ["", *(f"PC{i + 1}>" for i in range(count))],
        rows,
        [f"{found.imputed} missing scores were filled from the first component of the others."],
    )
    if lines:
        ordered = sorted(lines.values(), key=lambda line: -line.models)
        family = [[line.family, f"{line.models}", number(line.slope, 3), number(line.sd, 2)] for line in ordered]
        print_table("PC1 along log10 compute, by family", ["family…", "models>", "slope>", "scatter>"], family)
    if tasks:
        foretold = [
            [name, f"{o.train}", f"{o.test}", *(f"{e:.1f}" for e in (o.error, o.compute_error, o.naive_error))]
            for name, o in tasks.items()
        ]
        unknown = max(o.unknown for o in tasks.values())
        print_table(
            f"Tasks of models from {asked.x} = {asked.cutoff} on, foretold: mean error in points",
            ["task…", "before>", "after>", "from components>", "from compute>", "last scores>"],
            foretold,
            [f"Up to {unknown} models whose {asked.x} is not told count as earlier ones."] if unknown else [],
        )
