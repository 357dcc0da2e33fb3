"""Documents out of files, a few at a time: text, JSON Lines and Parquet, the first two also as .gz or .zst."""

from __future__ import annotations

import codecs
import gzip
import importlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from isoflop.errors import MissingExtra, TextError, did_you_mean

PIECE_BYTES = 16_384
"""A file without document boundaries is cut, at line ends, into pieces of about this size: the units of the split."""
BLOCK_BYTES = 1 << 20
"""Read at once of a file of text."""
LONGEST_LINE = 1 << 26
"""Characters without a line end that are still held in memory."""
PARQUET_BYTES = 1 << 26
"""Of a Parquet file, read at once, about."""
COMPRESSED = (".gz", ".zst")
JSON_LINES = (".jsonl", ".ndjson")
EXPANSION = 4
"""Bytes of text a byte of a compressed file is taken for (English text shrinks to a third or a quarter)."""


def read_file(path: Path, column: str) -> Iterator[str]:
    """The documents of one file, in order. Raises TextError where it cannot be read as what its name says."""
    suffix = format_of(path)
    if suffix == ".parquet":
        return _parquet(path, column)
    return _json_lines(path, column) if suffix in JSON_LINES else _text(path)


def format_of(path: Path) -> str:
    """The suffix that says how to read a file, compression apart."""
    return Path(path.stem).suffix if path.suffix in COMPRESSED else path.suffix


def text_bytes(path: Path) -> int:
    """About how much text a file holds."""
    size = path.stat().st_size
    return size * EXPANSION if path.suffix in COMPRESSED or path.suffix == ".parquet" else size


def pieces(blocks: Iterable[str], name: object) -> Iterator[str]:
    """Cut a text at line ends into pieces of about PIECE_BYTES characters, wherever its blocks begin and end."""
    current: list[str] = []
    size, rest = 0, ""
    for block in blocks:
        *lines, rest = (rest + block).splitlines(keepends=True) or [""]
        for line in lines:
            current.append(line)
            size += len(line)
            if size >= PIECE_BYTES:
                yield "".join(current)
                current, size = [], 0
        if len(rest) > LONGEST_LINE:
            raise TextError(
                f"{name} has a line of more than {LONGEST_LINE} characters. Break it into lines, or give one JSON "
                f"object a document."
            )
    if current or rest:
        yield "".join([*current, rest])


def choose_column(names: Sequence[str], values: Any, column: str, where: str) -> list[str]:
    """The texts of ``column``, empty cells left out. values: a function from the column's name to its cells."""
    if column not in names:
        raise TextError(f"No column {column!r} in {where}. Known: {', '.join(names)}.{did_you_mean(column, names)}")
    cells = [value for value in values(column) if value is not None]
    if wrong := next((value for value in cells if not isinstance(value, str)), None):
        raise TextError(
            f"Column {column!r} of {where} holds {type(wrong).__name__} ({wrong!r:.40}), not text. Choose a text "
            f"column."
        )
    return cells


def _open(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if path.suffix == ".zst":
        try:
            zstandard = importlib.import_module("zstandard")
        except ImportError:
            raise MissingExtra("The package 'zstandard', which reads .zst files,", "hf") from None
        reader = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True)
        return cast(BinaryIO, io.BufferedReader(reader, BLOCK_BYTES))
    return path.open("rb")


def _blocks(path: Path) -> Iterator[bytes]:
    """A file's bytes, block by block. Raises TextError where a compressed file is not what its name says."""
    try:
        with _open(path) as file:
            while block := file.read(BLOCK_BYTES):
                yield block
    except (OSError, EOFError) as error:
        raise TextError(f"Cannot read {path}: {error}. Check that it is whole and what its name says.") from None
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise TextError(f"Cannot read {path}: {error}. Check that it is whole and what its name says.") from None


def _text(path: Path) -> Iterator[str]:
    return pieces(_decoded(path), path)


def _decoded(path: Path) -> Iterator[str]:
    decoder, read = codecs.getincrementaldecoder("utf-8")(), 0
    for block in _with_end(_blocks(path)):
        kept = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise TextError(
                f"{path} is not UTF-8 text: byte {error.object[error.start]:#04x} at position "
                f"{read - kept + error.start}. Convert it, for instance with iconv."
            ) from None
        if "\0" in text:
            at = read - kept + len(text[: text.index("\0")].encode())
            raise TextError(f"{path} looks binary: it holds a zero byte at position {at}. Give a text file.")
        read += len(block)
        yield text


def _with_end(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks, and an empty one for the end."""
    yield from blocks
    yield b""


def _lines(path: Path) -> Iterator[bytes]:
    rest = b""
    for block in _blocks(path):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    yield rest


def _json_lines(path: Path, column: str) -> Iterator[str]:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise TextError(f"Line {number} of {path} is not JSON: {error}. Give one JSON object a line.") from None
        if not isinstance(row, dict):
            raise TextError(f"Line {number} of {path} is a {type(row).__name__}. Give one JSON object a line.")
        yield from choose_column(list(row), lambda name, row=row: [row[name]], column, f"line {number} of {path}")


def _parquet(path: Path, column: str) -> Iterator[str]:
    import polars as pl

    try:
        scan = pl.scan_parquet(path)
        names = scan.collect_schema().names()
        rows = int(scan.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TextError(f"{path} is not a Parquet file: {error}") from None
    choose_column(names, lambda _: [], column, str(path))
    at_once = max(1, rows * PARQUET_BYTES // max(1, path.stat().st_size * EXPANSION))
    for begin in range(0, rows, at_once):
        frame = scan.select(column).slice(begin, at_once).collect()
        yield from choose_column(names, lambda name, frame=frame: frame[name].to_list(), column, str(path))
