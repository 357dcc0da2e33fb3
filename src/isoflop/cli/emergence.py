"""What ``isoflop capability emergence`` reads and says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoflop.cli import options as opt
from isoflop.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from isoflop.capability.axis import Axis
    from isoflop.capability.emergence import Emergence
    from isoflop.capability.jump import Jump
    from isoflop.capability.onset import Onset
    from isoflop.runs.tabular import Table

    Array = NDArray[np.float64]

SCALES_OF_ITEMS = ("loss", "C", "flops", "N")
"""By which models of a table of items are ordered, the first that is there."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the verb, each by its name."""

    table: Path
    x: str | None
    score: tuple[str, ...]
    partial: tuple[str, ...]
    join: Path | None
    on: str
    scale: str
    chance: float | None
    percent: bool
    where: str | None
    seed: int


@dataclass(frozen=True, slots=True)
class Examined:
    """One task: its axis, x and metrics (models,), what was found, and what else the items tell."""

    task: str
    axis: Axis
    x: Array
    metrics: dict[str, Array]
    found: Emergence
    length: tuple[float, float] | None
    unseen: list[dict[str, float | str]]


def answer(asked: Asked, figures: Path | None, json: bool) -> None:
    """Examine every task, draw it where asked, and print."""
    from isoflop.capability.items import is_per_item
    from isoflop.cli.output import print_json

    table = _joined(asked)
    opt.say(table.notes)
    if asked.score:
        tasks = _of_scores(table, asked)
    elif is_per_item(table):
        tasks = _of_items(table, asked)
    else:
        raise BadInput(
            f"Which column seems to jump is not said. Columns: {', '.join(table.frame.columns)}. Name it with --score, "
            "or give a table of items with the columns model, task, item and exact."
        )
    wrote = _draw(figures, tasks)
    if json:
        print_json({"tasks": [_json(one) for one in tasks], "figures": wrote})
        return
    for one in tasks:
        _show(one)


def _joined(asked: Asked) -> Table:
    from isoflop.runs.tabular import Table, read_table

    table = read_table(asked.table, where=asked.where if asked.join is None else None)
    if asked.join is None:
        return table
    from isoflop.cli.joining import joined

    both = joined(table, read_table(asked.join), asked.on)
    if asked.where is None:
        return both
    from isoflop.runs.where import filter_rows

    kept, said = filter_rows(both.frame, asked.where, str(asked.table))
    return Table(kept, str(asked.table), (*both.notes, said))


def _of_scores(table: Table, asked: Asked) -> list[Examined]:
    from isoflop.capability.axis import read_axis
    from isoflop.capability.emergence import examine
    from isoflop.capability.score_table import scored_tasks

    if asked.x is None:
        raise BadInput(f"The scale of the models is not said. Columns: {', '.join(table.frame.columns)}. Name --x.")
    if asked.partial and len(asked.score) > 1:
        raise BadInput(
            f"{len(asked.score)} columns are given with --score, and --partial tells of one task. Give one --score "
            "with --partial, or leave --partial out."
        )
    hard, _ = scored_tasks(table, x=asked.x, scores=asked.score, scale=asked.scale, percent=asked.percent)
    values = table.numbers(asked.x)
    axis = read_axis(asked.x, values, asked.scale)
    partial = {name: table.numbers(name) for name in asked.partial}
    found = []
    for name in (one.label for one in hard):
        score = {name: table.numbers(name) / (100 if asked.percent else 1)}
        x = axis.skill(values)
        seen = examine(x, score, partial, chance=asked.chance, seed=asked.seed)
        found.append(Examined(name, axis, x, {**score, **partial}, seen, None, []))
    return found


def _of_items(table: Table, asked: Asked) -> list[Examined]:
    from isoflop.capability.items import gather
    from isoflop.capability.jump import LEAST_MODELS

    found, small = [], []
    for scores in gather(table):
        if len(scores.models) < LEAST_MODELS:
            small.append(f"{scores.task} ({len(scores.models)})")
            continue
        found.append(_of_task(scores, asked))
    said = f"{LEAST_MODELS} models a task are needed; too few: {', '.join(small[:8])}"
    if not found:
        raise BadInput(f"{said}. Add models.")
    if small:
        opt.say([f"{said}. They are left out."])
    return found


def _of_task(scores: Any, asked: Asked) -> Examined:
    from isoflop.capability.axis import read_axis
    from isoflop.capability.emergence import examine, implied_length
    from isoflop.capability.items import unseen

    column = asked.x or next((name for name in SCALES_OF_ITEMS if name in scores.scale), None)
    if column is None or column not in scores.scale:
        raise BadInput(
            f"The models of task '{scores.task}' have no {column or 'scale'}. Known: "
            f"{', '.join(scores.scale) or 'none'}. Add a column loss, C, or N and D, one value a model."
        )
    axis = read_axis(column, scores.scale[column], asked.scale)
    x = axis.skill(scores.scale[column])
    partial = {name: values for name, values in scores.metrics.items() if name != "exact"}
    chance = asked.chance
    found = examine(x, {"exact": scores.metrics["exact"]}, partial, chance=chance, seed=asked.seed)
    length = None
    if "token_accuracy" in partial and ((scores.metrics["exact"] > 0) & (scores.metrics["exact"] < 1)).any():
        length = implied_length(partial["token_accuracy"], scores.metrics["exact"])
    return Examined(scores.task, axis, x, dict(scores.metrics), found, length, unseen(scores))


def _draw(folder: Path | None, tasks: list[Examined]) -> list[str]:
    if folder is None:
        return []
    from isoflop.cli.figures import write_charts
    from isoflop.report.capability_emergence import emergence_chart

    return write_charts(
        folder, {f"emergence {one.task}": emergence_chart(one.axis, one.x, one.metrics, one.found) for one in tasks}
    )


def _json(one: Examined) -> dict[str, Any]:
    found, to_column = one.found, one.axis.column_values
    metrics = []
    for case in found.metrics:
        inside = sorted(float(to_column(end)) for end in (case.jump.low, case.jump.high))
        jump = replace(case.jump, middle=float(to_column(case.jump.middle)), low=inside[0], high=inside[1])
        ends = sorted(float(to_column(end)) for end in (case.onset.low, case.onset.high))
        onset = replace(case.onset, threshold=float(to_column(case.onset.threshold)), low=ends[0], high=ends[1])
        metrics.append({**_fields(case), "jump": jump, "onset": onset})
    return {
        "task": one.task,
        "x": {"column": one.axis.column, "scale": one.axis.scale},
        "verdict": found.verdict,
        "reasons": found.reasons,
        "models": found.models,
        "at_floor": found.at_floor,
        "metrics": metrics,
        "implied_length": None if one.length is None else {"tokens": one.length[0], "r2": one.length[1]},
        "nothing_solved": one.unseen,
    }


def _fields(case: Any) -> dict[str, Any]:
    return {name: getattr(case, name) for name in ("name", "kind", "beneath", "p_beneath", "gain")}


def _show(one: Examined) -> None:
    from isoflop.capability.emergence import said_beneath
    from isoflop.cli.output import number, print_table

    def place(onset: Onset) -> str:
        low, high = sorted(float(one.axis.column_values(end)) for end in (onset.low, onset.high))
        at = float(one.axis.column_values(onset.threshold))
        return f"{number(at, 2)} [{number(low, 2)}, {number(high, 2)}]"

    rows = [
        [case.name, case.jump.kind, *_ps(case.jump), place(case.onset), said_beneath(case)]
        for case in one.found.metrics
    ]
    header = ["metric…", "rise", "p gradual>", "p sudden>", f"starts at {one.axis.column}, 90%>", "at the floor>"]
    print_table(
        f"{one.task}: {one.found.verdict}, from {one.found.models} models",
        header,
        rows,
        [*one.found.reasons, *_more(one)],
    )


def _ps(jump: Jump) -> tuple[str, str]:
    return f"{jump.p_gradual:.3f}", f"{jump.p_sudden:.3f}"


def _more(one: Examined) -> list[str]:
    notes = []
    if one.length is not None:
        notes.append(
            f"Exact match is token accuracy to the power {one.length[0]:.2g} (R² {one.length[1]:.3f}): what the tokens "
            f"tell explains that much of it."
        )
    for row in one.unseen[:4]:
        said = f"{row['model']} solved none of {row['items']:,.0f}: its pass rate is at most {row['at_most']:.2g}"
        if "needed" in row:
            said += f"; its tokens foretell {row['foretold']:.2g}, seen after {row['needed']:,.0f} attempts"
        notes.append(f"{said} (95 %).")
    if len(one.unseen) > 4:
        notes.append(f"… and {len(one.unseen) - 4} more models that solved none; --json has all.")
    return notes
