"""Files of tables: CSV, TSV, Parquet, JSON Lines and JSON, looked at before they are loaded."""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from isoflop.errors import RunsError
from isoflop.runs.cells import typed
from isoflop.runs.columns import refuse_duplicates

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json")
LONGEST_LINE = 1 << 20  # characters; a header or record above a mebibyte is no table of runs
LOOK = 1 << 16  # bytes of a delimited file that are looked at before it is loaded
LOOK_LINES = 10_000  # lines of a JSON Lines file whose keys make its header
LARGEST_JSON = 256 << 20  # bytes; one JSON document is parsed whole, at about ten times its size in memory


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table on disk: its column names, known cheaply, and the way to load it.

    load takes the columns that hold text whatever it looks like: a run named 1.50 or nan is not a number.
    """

    header: list[str]
    load: Callable[[frozenset[str]], pl.DataFrame]


def look_at(path: Path) -> TableFile:
    """Read just enough of a file to name its columns.

    Raises RunsError for a path that is no table: missing, a directory, empty, binary, compressed, of unknown suffix.
    """
    _refuse_strangers(path)
    try:
        return _LOOKS[path.suffix.lower()](path)
    except OSError as error:
        raise RunsError(
            f"Cannot read {path}: {error.strerror or error}. Give a file that this user may read."
        ) from error


def _refuse_strangers(path: Path) -> None:
    if path.is_dir():
        tables = sorted(p.name for p in path.iterdir() if p.suffix.lower() in SUFFIXES)[:5]
        inside = f" It holds {', '.join(tables)}: name one of these." if tables else " Name a file inside it."
        raise RunsError(f"{path} is a directory, not a table of runs.{inside}")
    if not path.exists():
        raise RunsError(f"There is no file {path}.{_neighbour(path)} Give the path of a table of runs.")
    if not path.is_file():
        raise RunsError(f"{path} is not a regular file. Give a file on disk, one of {', '.join(SUFFIXES)}.")
    if path.suffix.lower() in (".gz", ".bz2", ".xz", ".zst", ".zip"):
        raise RunsError(f"{path} is compressed, which is not read. Decompress it first, or keep it as Parquet.")
    if path.suffix.lower() not in SUFFIXES:
        raise RunsError(
            f"{path} has the suffix '{path.suffix}', which names no known format. Known: {', '.join(SUFFIXES)}. "
            "Rename or convert the file."
        )
    if path.stat().st_size == 0:
        raise RunsError(f"{path} is empty. A table of runs has a header line and at least one row. Write it again.")


def _neighbour(path: Path) -> str:
    if not path.parent.is_dir():
        return f" The directory {path.parent} does not exist either."
    names = [p.name for p in itertools.islice(path.parent.iterdir(), 10_000)]
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f" Did you mean '{path.parent / close[0]}'?" if close else ""


def _look_delimited(path: Path) -> TableFile:
    start, cut = _text_start(path), path.stat().st_size > LOOK
    lines = start.splitlines(keepends=True)
    if not lines or (len(lines) == 1 and cut and not start.endswith(("\n", "\r"))):
        raise RunsError(
            f"{path} has no line break in its first {len(start)} characters. A table has a header line and one line a "
            "row. Give a delimited text file."
        )
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(lines[0])
    whole = lines[:-1] if cut else lines
    rows = csv.reader(io.StringIO("".join(whole), newline=""), delimiter=delimiter)
    header = [name.strip() for name in next(rows, [])]
    refuse_duplicates(header, str(path))
    seen = [(rows.line_num, fields) for fields in rows]
    _refuse_ragged(path, header, delimiter, seen[:-1] if cut else seen)  # the last may be cut short
    return TableFile(header, lambda texts: _load_delimited(path, header, delimiter, texts))


def _text_start(path: Path) -> str:
    """The first characters, without a byte order mark; binary and non-UTF-8 files are refused."""
    with path.open("rb") as file:
        start = file.read(LOOK)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise RunsError(f"{path} is UTF-16 text; UTF-8 is read. Save it as UTF-8.")
    if b"\0" in start:
        raise RunsError(f"{path} is binary: it holds a NUL byte at {start.index(0)}. {_TEXT_WANTED}")
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(start)
    except UnicodeDecodeError as error:
        raise RunsError(f"{path} is not UTF-8 text: byte {error.start} cannot be decoded. {_TEXT_WANTED}") from error
    return text


_TEXT_WANTED = "Give UTF-8 text with the suffix of its format, or a Parquet file as .parquet."


def _delimiter(line: str) -> str:
    """The commonest of comma, semicolon and tab outside quotes; a comma when there is none."""
    outside = "".join(line.split('"')[::2])
    return max(",;\t", key=outside.count)


def _load_delimited(path: Path, header: list[str], delimiter: str, texts: frozenset[str]) -> pl.DataFrame:
    try:
        text = pl.read_csv(path, separator=delimiter, infer_schema=False, new_columns=header)
    except pl.exceptions.PolarsError as error:
        _explain_ragged(path, header, delimiter)
        raise RunsError(
            f"{path} cannot be read as delimited text: {str(error).splitlines()[0]}. Every row needs "
            f"{len(header)} fields in UTF-8, with quotes closed. Correct the file."
        ) from error
    if header and text[header[-1]].null_count():
        _explain_ragged(path, header, delimiter)
    rows = text.filter(~pl.all_horizontal(pl.all().is_null()))  # a blank line is not a run
    return rows.select(rows[name] if name in texts else typed(rows[name]) for name in rows.columns)


def _explain_ragged(path: Path, header: list[str], delimiter: str) -> None:
    """Polars fills short rows silently, so a null in the last column is looked into here."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file, delimiter=delimiter)
        try:
            _refuse_ragged(path, header, delimiter, ((rows.line_num, fields) for fields in rows))
        except csv.Error as error:
            raise RunsError(f"{path}, line {rows.line_num}: {error}. Correct the line.") from error


def _refuse_ragged(path: Path, header: list[str], delimiter: str, rows: Iterable[tuple[int, list[str]]]) -> None:
    for line, fields in rows:
        if fields and len(fields) != len(header):
            raise RunsError(
                f"{path} has {len(fields)} fields on line {line}, but {len(header)} in its header "
                f"({', '.join(header[:8])}). Every row needs the same. Correct the line, or quote a field that "
                f"holds the delimiter {delimiter!r}."
            )


def _look_parquet(path: Path) -> TableFile:
    try:
        header = list(pl.read_parquet_schema(path))
    except pl.exceptions.PolarsError as error:
        raise RunsError(f"{path} is not a Parquet file that can be read: {error}. Write it again.") from error
    return TableFile(header, lambda _: _load_parquet(path))


def _load_parquet(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, glob=False)
    except pl.exceptions.PolarsError as error:
        raise RunsError(f"{path} is damaged: {error}. Write it again.") from error


def _look_jsonl(path: Path) -> TableFile:
    _text_start(path)
    keys: dict[str, None] = {}
    for record in itertools.islice(_records(path), LOOK_LINES):
        keys |= dict.fromkeys(record)
    return TableFile(list(keys), lambda _: frame_of_records(_records(path)))


def _records(path: Path) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder(object_pairs_hook=lambda pairs: _unique(pairs, str(path)))
    with path.open(encoding="utf-8-sig", errors="strict") as file:
        number = 0
        while line := _line(path, file, number):
            number += 1
            if line.strip():
                yield _record(path, line.strip(), number, decoder)


def _line(path: Path, file: io.TextIOWrapper, number: int) -> str:
    try:
        line = file.readline(LONGEST_LINE)
    except UnicodeDecodeError as error:
        raise RunsError(f"{path} is not UTF-8 text after line {number}. {_TEXT_WANTED}") from error
    if len(line) == LONGEST_LINE:
        raise RunsError(f"{path}, line {number + 1}: longer than {LONGEST_LINE} characters. Give one run a line.")
    return line


def _record(path: Path, line: str, number: int, decoder: json.JSONDecoder) -> dict[str, Any]:
    try:
        record = decoder.decode(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise RunsError(
            f"{path}, line {number}: not JSON ({error}). Every line is one object, such as "
            '{"params": 1e8, "tokens": 2e9, "loss": 3.1}. Correct or remove the line.'
        ) from error
    if not isinstance(record, dict):
        raise RunsError(f"{path}, line {number}: {line[:40]} is no JSON object. Write one object a line.")
    return record


def _unique(pairs: list[tuple[str, Any]], place: str) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        refuse_duplicates([key for key, _ in pairs], place)
    return record


def _look_json(path: Path) -> TableFile:
    _text_start(path)
    if path.stat().st_size > LARGEST_JSON:
        raise RunsError(
            f"{path} has {path.stat().st_size >> 20} MiB; one JSON document of at most {LARGEST_JSON >> 20} MiB is "
            "read. Write it as JSON Lines or Parquet."
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RunsError(f"{path} is not JSON: {error}. Correct it, or name JSON Lines files .jsonl.") from error
    frame = _frame_of_document(path, document)
    return TableFile(frame.columns, lambda _: frame)


def _frame_of_document(path: Path, document: object) -> pl.DataFrame:
    if isinstance(document, list) and document and all(isinstance(record, dict) for record in document):
        return frame_of_records(document)
    if isinstance(document, dict) and document and all(isinstance(column, list) for column in document.values()):
        if len({len(column) for column in document.values()}) == 1:
            return pl.DataFrame([series_of(name, column) for name, column in document.items()])
        lengths = ", ".join(f"{name} {len(column)}" for name, column in document.items())
        raise RunsError(f"{path} has columns of different lengths: {lengths}. Make them equal.")
    raise RunsError(
        f"{path} holds neither a list of runs nor columns of them. Write [{{...}}, ...] with one object a run, "
        'or {"params": [...], "tokens": [...], "loss": [...]}.'
    )


def frame_of_records(records: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """A frame with the union of the keys as columns, in order of appearance; a missing key is null."""
    columns: dict[str, list[Any]] = {}
    for count, record in enumerate(records):
        for name in record:
            if name not in columns:
                columns[name] = [None] * count
        for name, values in columns.items():
            values.append(record.get(name))
    return pl.DataFrame([series_of(name, values) for name, values in columns.items()])


def series_of(name: str, values: list[Any]) -> pl.Series:
    """One column of Python values: numbers, truth values, text, or text of a mixture; nested values as they are."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {int, float}:
        values = [None if value is None else float(value) for value in values]
    elif len(kinds) > 1 and kinds & {str, bool}:
        values = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        return _stubborn(name, values)


def _stubborn(name: str, values: list[Any]) -> pl.Series:
    try:  # whole numbers beyond 64 bits, such as FLOP written out
        return pl.Series(name, [None if value is None else float(value) for value in values], dtype=pl.Float64)
    except (TypeError, ValueError, OverflowError):
        return pl.Series(name, [None if value is None else json.dumps(value) for value in values])


_LOOKS: dict[str, Callable[[Path], TableFile]] = {
    ".csv": _look_delimited,
    ".tsv": _look_delimited,
    ".parquet": _look_parquet,
    ".jsonl": _look_jsonl,
    ".ndjson": _look_jsonl,
    ".json": _look_json,
}
