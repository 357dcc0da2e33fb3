"""``isoflop forecast`` and ``isoflop fit`` for tables whose columns are not N, D and loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoflop.errors import BadInput, RunsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from isoflop.forecasting.tabular import TableForecast, TableScores
    from isoflop.runs.tabular import Table

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TableOptions:
    """The options of a verb that concern a table of any columns; each field is the option of its name."""

    target_column: Sequence[str] | None
    group: str | None
    variable: Sequence[str] | None
    form: str
    objective: str | None
    level: float
    replicates: int | None
    seed: int
    drop_bad: bool

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(self.target_column or ("loss",))

    @property
    def variables(self) -> dict[str, str] | None:
        """``SYMBOL=COLUMN`` options as {symbol: column}. Raises BadInput for one that cannot be read."""
        found: dict[str, str] = {}
        for option in self.variable or ():
            symbol, equals, column = (part.strip() for part in option.partition("="))
            if not equals or not symbol.isidentifier() or not column or symbol in found:
                seen = f"{symbol} is named twice" if symbol in found else f"cannot read '{option}'"
                raise BadInput(
                    f"--variable: {seen}. Allowed: SYMBOL=COLUMN, a name for formulas and a column of the table. "
                    "Write, for example, --variable N=num_params."
                )
            found[symbol] = column
        return found or None


@dataclass(frozen=True, eq=False)
class Answer:
    """One target column: its forecast, and its scores where the asked rows have it."""

    made: TableForecast
    asked: Table
    measured: Array | None
    scores: TableScores | None


def refuse_other_readings(**options: object) -> None:
    """Options that concern tables of N, D and loss only. Raises BadInput naming those that were given."""
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value]
    if given:
        raise BadInput(
            f"{', '.join(given)}: not allowed with --form auto, --target-column, --group or --variable, which read any "
            "columns as they are. Name variables with --variable SYMBOL=COLUMN, and convert losses beforehand."
        )


def read_asked(
    path: Path, at: Sequence[str] | None, targets: Path | None, where: str | None, targets_where: str | None
) -> tuple[Table, Table]:
    """The table to fit and the rows to forecast, from a file or from --at."""
    from isoflop.runs.tabular import read_table

    table = read_table(path, where=where)
    if targets is not None:
        return table, read_table(targets, where=targets_where)
    return table, _asked_at(at or (), table)


def _asked_at(texts: Sequence[str], table: Table) -> Table:
    """``num_experts=64,dense_params=1.3B`` per target, by the table's own column names."""
    from isoflop.errors import did_you_mean
    from isoflop.runs.files import frame_of_records
    from isoflop.runs.tabular import Table

    records = []
    for text in texts:
        record: dict[str, Any] = {}
        for part in text.split(","):
            name, equals, value = (piece.strip() for piece in part.partition("="))
            if not equals or name not in table.frame.columns:
                raise BadInput(
                    f"In --at '{text}': cannot read '{part}'. Allowed: COLUMN=VALUE, separated by commas, with "
                    f"{', '.join(table.frame.columns)}.{did_you_mean(name, table.frame.columns)} Name these."
                )
            record[name] = _value(name, value, table)
        records.append(record)
    return Table(frame_of_records(records), "--at")


def _value(name: str, text: str, table: Table) -> float | str:
    from isoflop.units import parse_count

    return parse_count(text, f"{name} in --at") if name in table.number_columns() else text


def answers(table: Table, asked: Table | None, options: TableOptions) -> list[Answer]:
    """A forecast for every target column; remarks go to stderr. asked: None for the table's own rows."""
    import numpy as np

    from isoflop.cli.options import say
    from isoflop.forecasting.tabular import REPLICATES, forecast_table, score_table
    from isoflop.runs.tabular import usable_rows

    found = []
    rows = table if asked is None else asked
    for target in options.targets:
        kept = usable_rows(table, [target], drop=options.drop_bad)
        made = forecast_table(
            kept,
            asked,
            target=target,
            group=options.group,
            form=options.form,
            variables=options.variables,
            objective=options.objective,
            level=options.level,
            replicates=REPLICATES if options.replicates is None else options.replicates,
            seed=options.seed,
        )
        say(f"{target}: {note}" if len(options.targets) > 1 else note for note in (*kept.notes, *made.notes))
        measured = rows.numbers(target) if rows.has(target) else None
        known = measured is not None and bool(np.isfinite(measured).any())
        found.append(
            Answer(made, rows, measured, score_table(made, measured) if known and measured is not None else None)
        )
    return found


def as_json(found: Sequence[Answer], group: str | None) -> dict[str, Any]:
    """target_columns, forecasts [{target, row, group, the variables, loss, low, high, level}], laws, candidates, notes
    and, where measured values are there, scores."""
    answer: dict[str, Any] = {
        "target_columns": [one.made.target for one in found],
        "forecasts": [row for one in found for row in _rows(one, group)],
        "laws": [law for one in found for law in _laws(one.made)],
        "candidates": [trial for one in found for trial in _candidates(one.made)],
        "notes": {one.made.target: one.made.notes for one in found},
        "n_runs": found[0].made.fitted_rows,
    }
    scored = [one for one in found if one.scores is not None]
    return {**answer, "scores": _scores(scored)} if scored else answer


def _rows(one: Answer, group: str | None) -> list[dict[str, Any]]:
    made = one.made
    rows = []
    for i in range(len(made)):
        given = {part.column: made.rows.variables[part.symbol][i] for part in made.rows.parts}
        row: dict[str, Any] = {"target": made.target, "row": i + 1}
        row |= {"group": made.rows.groups[i]} if group else {}
        row |= {**given, "loss": made.value[i], "low": made.low[i], "high": made.high[i], "level": made.level}
        rows.append(row if one.measured is None else {**row, "measured": one.measured[i]})
    return rows


def _laws(made: TableForecast) -> list[dict[str, Any]]:
    """Every law of the average with its constants; they fit target + lift."""
    return [
        {
            "target": made.target,
            "name": trial.name,
            "group": label or "all",
            "formula": fitted.form.formula,
            "columns": {p.symbol: p.column for p in made.rows.parts if p.symbol in fitted.form.inputs},
            "parameters": fitted.constants,
            "lift": fitted.lift,
            "objective": trial.objective.name,
            "weight": 1 / len(made.choice.members),
            "held_out_error": trial.score,
        }
        for trial in made.choice.members
        for label, fitted in trial.fits.items()
    ]


SHOWN_CANDIDATES = 12


def _candidates(made: TableForecast) -> list[dict[str, Any]]:
    return [
        {
            "target": made.target,
            "name": trial.name,
            "objective": trial.objective.name,
            "parameters": trial.size,
            "held_out_error": trial.score,
            "chosen": trial in made.choice.members,
        }
        for trial in made.choice.trials[:SHOWN_CANDIDATES]
    ]


def _scores(scored: Sequence[Answer]) -> dict[str, Any]:
    """Of one target column, or over all rows of several with each beside it."""
    import numpy as np

    from isoflop.forecasting.tabular import r_squared

    first = scored[0].scores
    if len(scored) == 1 and first is not None:
        return {name: getattr(first, name) for name in type(first).__dataclass_fields__}
    pairs = [(one.measured, one.made.value) for one in scored if one.measured is not None]
    seen, value = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
    known = np.isfinite(seen)
    by_target = {one.made.target: one.scores for one in scored}
    return {
        "n_targets": int(known.sum()),
        "r2": r_squared(seen[known], value[known]),
        "mean_r2": float(np.mean([scores.r2 for scores in by_target.values() if scores is not None])),
        "by_target": by_target,
    }


SHOWN = 40


def show(found: Sequence[Answer], group: str | None) -> None:
    """A table for each target column, with the laws behind it."""
    from isoflop.cli.output import count_of, loss, number, percent, print_table

    for one in found:
        made = one.made
        header = [*(["group"] if group else []), *(f"{p.symbol}>" for p in made.rows.parts), f"{made.target}>"]
        header += [f"{percent(made.level)} prediction>", *(["measured>"] if one.measured is not None else [])]
        rows = []
        for i in range(min(len(made), SHOWN)):
            sizes = [number(made.rows.variables[p.symbol][i], 3) for p in made.rows.parts]
            row = [*([str(made.rows.groups[i])] if group else []), *sizes, loss(made.value[i])]
            row += [f"[{loss(made.low[i])}, {loss(made.high[i])}]"]
            rows.append([*row, *([loss(one.measured[i])] if one.measured is not None else [])])
        notes = [f"… and {len(made) - SHOWN} more; --json has all."] if len(made) > SHOWN else []
        names = ", ".join(f"{t.name} ({t.objective.name})" for t in made.choice.members)
        print_table(
            f"{made.target}: {count_of(made.fitted_rows, 'row')} fitted by {names}",
            header,
            rows,
            [*notes, *([_scored(one.scores)] if one.scores else [])],
        )


def _scored(scores: TableScores) -> str:
    from isoflop.cli.output import count_of, percent

    by_group = ", ".join(f"{label} {value:.4f}" for label, value in scores.by_group.items())
    return (
        f"{count_of(scores.n_targets, 'target')} scored: R² {scores.r2:.4f}"
        f"{f' ({by_group})' if len(scores.by_group) > 1 else ''}, median error {scores.median_abs_rel_error:.2%}; "
        f"{scores.coverage:.0%} inside the {percent(scores.level)} interval."
    )


def show_laws(found: Sequence[Answer]) -> None:
    """Every law of each average with its constants."""
    from isoflop.cli.output import number, print_table

    for one in found:
        rows = [
            [law["name"], law["group"], name, number(value, 5)]
            for law in _laws(one.made)
            for name, value in law["parameters"].items()
        ]
        notes = [f"{law['name']}: {law['formula']}" for law in _laws(one.made)]
        print_table(
            f"{one.made.target}: laws chosen", ["law…", "group", "", "value>"], rows, list(dict.fromkeys(notes))
        )


def refuse_missing(found: Sequence[Answer]) -> None:
    """Raise RunsError when no asked row could be forecast."""
    import numpy as np

    for one in found:
        if not np.isfinite(one.made.value).any():
            raise RunsError(f"No row could be forecast for {one.made.target}. Check the groups and the variables.")
