"""Options that several verbs share, declared once, and the reading of runs that they describe."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isoflop.errors import BadInput

if TYPE_CHECKING:
    from isoflop.laws.form import Form
    from isoflop.runs.table import Runs


def number_within(option: str, low: float, high: float, advice: str, *, whole: bool = False) -> Callable[..., float]:
    """A parser of one option's value: a finite number from low to high, else a refusal that ends with the advice."""

    def parse(text: str | float) -> float:
        try:
            value = int(text) if whole else float(text)
        except ValueError:
            value = math.nan
        if low <= value <= high:
            return value
        allowed = (
            f"{'a whole number' if whole else 'a number'} from {low:,g} {f'to {high:,g}' if high < math.inf else 'up'}"
        )
        raise BadInput(f"{option} {text} is not allowed: it must be {allowed}. {advice}")

    return parse


def verbs(name: str, about: str) -> typer.Typer:
    """A group of verbs under one name."""
    return typer.Typer(name=name, help=about, no_args_is_help=True, rich_markup_mode=None)


def _level(text: str | float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if 0 < value < 1:
        return value
    percent = f" Did you mean {value / 100:g}?" if 1 < value < 100 else ""
    raise BadInput(f"--level {text} is not allowed: it must lie between 0 and 1. Write 0.9 for 90 %.{percent}")


RunsFile = Annotated[
    Path,
    typer.Argument(
        metavar="RUNS", help="Table of runs: .csv, .tsv, .parquet, .jsonl or .json; or a store, or a study's folder."
    ),
]
TableFile = Annotated[
    Path, typer.Argument(metavar="TABLE", help="One row a model: .csv, .tsv, .parquet, .jsonl or .json.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="THEIRS=OURS", help="Name a column, such as N=params. Repeatable."),
]
Where = Annotated[
    str | None, typer.Option("--where", metavar="EXPR", help="Keep the rows for which this holds: 'params > 100M'.")
]
LossUnit = Annotated[
    str | None,
    typer.Option("--loss-unit", metavar="UNIT", help="Unit of the loss: nats (default), bits or bits_per_byte."),
]
BytesPerToken = Annotated[
    float | None,
    typer.Option(
        "--bytes-per-token",
        metavar="B",
        help="Bytes of text a token, for a loss in bits per byte; or a column bytes_per_token.",
        parser=number_within("--bytes-per-token", 1e-3, 1e3, "English text has about 4."),
    ),
]
Convention = Annotated[
    str | None,
    typer.Option(
        "--params-convention", metavar="HOW", help="How N was counted: total (default), non_embedding or active."
    ),
]
DropBad = Annotated[
    bool, typer.Option("--drop-bad", help="Leave out rows whose numbers cannot be used, instead of refusing them.")
]
FormOption = Annotated[
    str, typer.Option("--form", metavar="F", help="A form by name, or a formula: 'E + A/N**alpha + B/D**beta'.")
]
ObjectiveOption = Annotated[
    str, typer.Option("--objective", metavar="O", help="What is minimised: log_huber, least_squares or student_t.")
]
TargetColumn = Annotated[
    list[str] | None,
    typer.Option("--target-column", metavar="NAME", help="Column to forecast instead of loss. Repeatable."),
]
Group = Annotated[
    str | None, typer.Option("--group", metavar="NAME", help="Column whose values are separate experiments.")
]
VariableOption = Annotated[
    list[str] | None,
    typer.Option(
        "--variable",
        metavar="SYMBOL=COLUMN",
        help="A variable of the law and its column; those not named are found by their names. Repeatable.",
    ),
]
Level = Annotated[
    float,
    typer.Option("--level", metavar="P", help="Level of the intervals, between 0 and 1.", parser=_level),
]
Starts = Annotated[
    int,
    typer.Option(
        "--starts",
        metavar="K",
        help="Random starts of the solver.",
        parser=number_within("--starts", 1, 100_000, "32 is the default.", whole=True),
    ),
]
Replicates = Annotated[
    int,
    typer.Option(
        "--replicates",
        metavar="K",
        help="Bootstrap replicates; 0 gives no intervals.",
        parser=number_within("--replicates", 0, 100_000, "400 is the default; 4,000 steadies wide levels.", whole=True),
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        metavar="K",
        help="Seed of all randomness.",
        parser=number_within("--seed", 0, math.inf, "Any seed is as good as another.", whole=True),
    ),
]
Chance = Annotated[
    float,
    typer.Option(
        "--chance",
        metavar="G",
        help="Score of guessing: 0.25 with four choices.",
        parser=number_within("--chance", 0, 0.99, "It is 1 over the number of choices."),
    ),
]
Percent = Annotated[bool, typer.Option("--percent", help="The scores are percentages.")]
Figures = Annotated[
    Path | None,
    typer.Option(
        "--figures", metavar="DIR", help="Write the charts into this folder as PNG files.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is to be read: each field is the option of its name."""

    column: Sequence[str] | None
    where: str | None
    loss_unit: str | None
    bytes_per_token: float | None
    params_convention: str | None
    drop_bad: bool

    def read(self, path: Path, needs: Sequence[str], *, optional_columns: bool = False) -> Runs:
        """Read a table. optional_columns: a --column that the file lacks is passed over."""
        from isoflop.cli.stored import stored_runs
        from isoflop.runs.columns import parse_column_options
        from isoflop.runs.files import look_at
        from isoflop.runs.reading import read_runs

        columns = parse_column_options(self.column or [], also=needs)
        stored = stored_runs(path)
        if optional_columns and columns:
            header = look_at(path).header if stored is None else stored.columns
            columns = {ours: theirs for ours, theirs in columns.items() if theirs in header}
        return read_runs(
            path if stored is None else stored,
            columns=columns,
            where=self.where,
            loss_unit=self.loss_unit,  # type: ignore[arg-type]  # read_runs names the allowed units if it is not one
            bytes_per_token=self.bytes_per_token,
            params_convention=self.params_convention,
            needs=needs,
            drop_bad=self.drop_bad,
        )


def read_for(path: Path, form: Form, reading: Reading) -> Runs:
    """Read the runs that a form is fitted to, and say on stderr what was taken for what and what looks wrong."""
    from isoflop.runs.checks import check_runs

    runs = reading.read(path, (*inputs_of(form), "loss"))
    say(runs.notes)
    say(f"{f.severity}: {f.message} {f.remedy}" for f in check_runs(runs) if f.severity != "note")
    return runs


def read_targets(path: Path, form: Form, reading: Reading) -> Runs:
    """Read the rows that a form is asked about; a loss is welcome and not needed."""
    runs = reading.read(path, inputs_of(form), optional_columns=True)
    say(f"{path.name}: {note}" for note in runs.notes)
    return runs


def inputs_of(form: Form) -> tuple[str, ...]:
    """The columns that a form reads. C is 6ND where the file has none, so a form of C needs N and D or C."""
    others = [name for name in form.columns.values() if name not in ("params", "tokens", "flops")]
    return ("params", "tokens", *others)


def make_folder(folder: Path) -> None:
    """Make the folder for figures. Raises BadInput when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"Cannot make the folder {folder}: {error.strerror}. Name one that can be made.") from error


def say(lines: Iterable[str]) -> None:
    """Remarks go to stderr, so that stdout holds the answer alone."""
    from isoflop.cli.output import wrapped

    for line in lines:
        print(wrapped(f"isoflop: {line}", sys.stderr), file=sys.stderr)
