"""The canonical columns of a table of runs, and how a reader's column names find them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from isoflop.errors import RunsError, did_you_mean

Kind = Literal["count", "flops", "number", "integer", "text"]


@dataclass(frozen=True, slots=True)
class Column:
    """A canonical column. kind says what a cell may hold: counts and flops may carry suffixes such as 1.3B."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    aliases: tuple[str, ...] = ()


COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column(
            "params",
            "count",
            "parameters",
            "parameters N",
            ("N", "parameters", "n_params", "num_params", "nparams", "param_count", "model_size", "n_parameters"),
        ),
        Column(
            "tokens",
            "count",
            "tokens",
            "training tokens seen, D",
            ("D", "n_tokens", "num_tokens", "training_tokens", "train_tokens", "tokens_seen", "total_tokens"),
        ),
        Column(
            "loss",
            "number",
            "nats/token",
            "held-out cross-entropy L",
            ("L", "val_loss", "validation_loss", "valid_loss", "eval_loss", "test_loss", "final_loss"),
        ),
        Column(
            "flops",
            "flops",
            "FLOP",
            "training compute C",
            ("C", "flop", "compute", "training_flops", "training_flop", "training_compute", "total_flops"),
        ),
        Column("loss_se", "number", "nats/token", "standard error of the loss", ("loss_stderr", "loss_std_err")),
        Column("unique_tokens", "count", "tokens", "distinct training tokens", ("U", "unique_data")),
        Column("bytes_per_token", "number", "bytes/token", "bytes of text a token of the held-out text"),
        Column("lr", "number", "", "peak learning rate", ("learning_rate", "max_lr", "peak_lr")),
        Column("batch_tokens", "count", "tokens", "tokens an optimiser step", ("tokens_per_step",)),
        Column("schedule", "text", "", "shape of the learning rate over time", ("lr_schedule",)),
        Column("seed", "integer", "", "random seed"),
        Column("depth", "integer", "layers", "layers", ("n_layers", "n_layer", "num_layers")),
        Column("width", "integer", "", "model dimension", ("d_model", "n_embd", "hidden_size")),
        Column("recipe", "text", "", "name of everything held fixed along a ladder"),
        Column("run_id", "text", "", "name of the run"),
        Column("trunk", "text", "", "training process that correlated runs share"),
        Column("status", "text", "", "how the run ended"),
        Column("wall_seconds", "number", "s", "time the run took"),
        Column("tokens_per_second", "number", "tokens/s", "training speed"),
        Column("provenance", "text", "", "where the numbers come from"),
    )
}


def parse_column_options(options: Sequence[str], also: Iterable[str] = ()) -> dict[str, str]:
    """Read ``--column THEIRS=OURS`` options, such as ``N=params``, as {ours: theirs}.

    also: names that the question needs beside the canonical ones. The order OURS=THEIRS is understood where only the
    left side is one of ours. Raises RunsError for an option without "=", without one of our names, or given twice.
    """
    columns: dict[str, str] = {}
    for option in options:
        ours, theirs = _sides(option, {*COLUMNS, *also})
        if columns.get(ours, theirs) != theirs:
            raise RunsError(
                f"Both '{columns[ours]}' and '{theirs}' are given for {ours}. Only one can be: keep one --column."
            )
        columns[ours] = theirs
    return columns


def _sides(option: str, known: set[str]) -> tuple[str, str]:
    theirs, equals, ours = (part.strip() for part in option.rpartition("="))
    if not equals or not theirs or not ours:
        raise RunsError(
            f"Cannot read --column '{option}'. Allowed: THEIRS=OURS, a name in the file and one of {_listed(known)}. "
            "Write, for example, --column N=params."
        )
    if ours in known:
        return ours, theirs
    left, _, right = (part.strip() for part in option.partition("="))
    if left in known:
        return left, right
    raise RunsError(
        f"'{ours}' in --column '{option}' is no column of isoflop. Known: {_listed(known)}.{did_you_mean(ours, known)} "
        "Write THEIRS=OURS, as in --column N=params."
    )


def find_columns(
    header: Sequence[str],
    columns: Mapping[str, str],
    needs: Sequence[str],
    target: str,
    source: str,
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Which column of the file is which of ours: {ours: theirs}, and notes on every name that had to be interpreted.

    Asked-for columns win, then exact names, then well-known aliases. Raises RunsError for an unknown column, for two
    aliases of a needed column, and for a needed column that is not there.
    """
    refuse_duplicates(header, source)
    found = _asked(header, columns, needs, source)
    if target != "loss":
        found["loss"] = _known(target, header, source, "target=")
    notes = [f"Column '{found['loss']}' is taken as the response, in the column loss."] if target != "loss" else []
    for name in dict.fromkeys((*COLUMNS, *needs)):
        if name in found:
            continue
        if name in header:
            found[name] = name
        elif theirs := _alias(name, header, set(found.values()), name in needs, source):
            found[name] = theirs
            notes.append(f"Column '{theirs}' is taken for {_described(name)}.")
    if missing := [name for name in needs if name not in found]:
        raise RunsError(_missing(missing, header, source))
    return found, tuple(notes)


def refuse_duplicates(header: Sequence[str], source: str) -> None:
    """Raise RunsError when two columns share a name."""
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise RunsError(
            f"{source} has more than one column named {', '.join(map(repr, twice))}. Every column needs its own name. "
            "Rename or remove the repeats."
        )


def _asked(header: Sequence[str], columns: Mapping[str, str], needs: Sequence[str], source: str) -> dict[str, str]:
    allowed = {*COLUMNS, *needs}
    for ours in columns:
        if ours not in allowed:
            raise RunsError(
                f"'{ours}' is no column of isoflop. Known: {_listed(allowed)}.{did_you_mean(ours, allowed)} "
                "Map a column of the file to one of these."
            )
    return {ours: _known(theirs, header, source, f"--column THEIRS={ours}") for ours, theirs in columns.items()}


def _known(theirs: str, header: Sequence[str], source: str, option: str) -> str:
    if theirs not in header:
        raise RunsError(
            f"Unknown column '{theirs}' in {source}. Known: {_shown(header)}.{_guess(theirs, header)} "
            f"Name one of them with {option}."
        )
    return theirs


def _guess(theirs: str, header: Sequence[str]) -> str:
    """A column spelled alike, or else one that usually means the same: C for flop."""
    for column in COLUMNS.values():
        spellings = {_folded(word) for word in (column.name, *column.aliases)}
        if _folded(theirs) in spellings and (same := [name for name in header if _folded(name) in spellings]):
            return f" Did you mean '{same[0]}'?"
    return did_you_mean(theirs, header)


def _alias(ours: str, header: Sequence[str], taken: set[str], needed: bool, source: str) -> str | None:
    """The one column of the file whose name is a known spelling of ours; a column already used is not offered."""
    spellings = {_folded(word) for word in (ours, *(COLUMNS[ours].aliases if ours in COLUMNS else ()))}
    matches = [name for name in header if name not in taken and name not in COLUMNS and _folded(name) in spellings]
    if len(matches) > 1 and needed:
        raise RunsError(
            f"Columns {' and '.join(map(repr, matches))} of {source} could both be {_described(ours)}. Choose one: "
            + " or ".join(f"--column '{name}={ours}'" for name in matches)
            + "."
        )
    return matches[0] if len(matches) == 1 else None


def _folded(name: str) -> str:
    """One-letter symbols keep their case: N is a number of parameters, n is anything."""
    return name if len(name) == 1 else name.casefold().replace(" ", "_").replace("-", "_")


def _missing(missing: Sequence[str], header: Sequence[str], source: str) -> str:
    name = missing[0]
    guess = did_you_mean(name, header) or _containing(name, header)
    numbers = all(_is_number(word) for word in header)
    first = " Its first line holds numbers: a header line with names must come first." if numbers and header else ""
    return (
        f"{source} has no column for {', '.join(map(_described, missing))}. Known: {_shown(header)}.{first}{guess} "
        f"Name it with --column THEIRS={name}."
    )


def _containing(name: str, header: Sequence[str]) -> str:
    close = [word for word in header if name in word.casefold()]
    return f" Did you mean {' or '.join(map(repr, close[:4]))}?" if close else ""


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _described(name: str) -> str:
    return f"{name} ({COLUMNS[name].meaning})" if name in COLUMNS else name


def _listed(names: Iterable[str]) -> str:
    """Canonical names in their own order, others after them."""
    chosen = set(names)
    return ", ".join([name for name in COLUMNS if name in chosen] + sorted(chosen - set(COLUMNS)))


def _shown(header: Sequence[str], most: int = 40) -> str:
    short = [name if len(name) <= 60 else f"{name[:57]}..." for name in header[:most]]
    return ", ".join(short) + (f" and {len(header) - most} more" if len(header) > most else "")
