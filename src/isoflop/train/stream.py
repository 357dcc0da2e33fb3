"""A text of any size in bounded memory: one pass writes its tokens to files, and training looks at the files.

The files lie in a folder of the cache named by a hash of the source, of the sizes and times of its files and of its
tokenizer; a change of any makes another folder. The folder appears whole or not at all. A pass that was cut is made
again. Of workers that want one text at once, one makes the pass and the others wait for it (a lock on a file, which
also holds between machines that share the cache over NFS 4).

What differs from a text read into memory: a document is held out when the hash of its words says so, since the size of
the whole is not known; repeats are found whatever their case and spacing, but not near-repeats.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from isoflop.errors import TextError, TrainingFailure
from isoflop.train.corpus import LEAST_BYTES, Corpus
from isoflop.train.dedupe import Seen, digest_of_words
from isoflop.train.documents import Documents, source_files
from isoflop.train.journal import write_whole
from isoflop.train.spec import TextSource
from isoflop.train.tokens import Tokenizer, padded, read_tokenizer, utf8

FORMAT = 1
"""Raised when a folder of tokens would hold something else for the same source."""
CACHE_VARIABLE = "ISOFLOP_TEXT_CACHE"
BATCH_CHARACTERS = 1 << 22
READ_AT_ONCE = 1 << 24
SPLITS = ("train", "validation")

Array = np.ndarray[Any, np.dtype[Any]]


def streamed_corpus(source: TextSource) -> Corpus:
    """The tokens of a source as files looked at through memory, made now if nobody made them before.

    Raises TextError for a text that cannot be used, TrainingFailure where the cache cannot be written.
    """
    folder = cache_folder() / source_key(source)
    build_once(folder, lambda partial: _write(source, partial))
    return _opened(source, folder)


def build_once(folder: Path, write: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """What ``write`` returned for this folder, now or before; it is given an empty folder to fill.

    The folder appears whole or not at all, with what ``write`` returned in meta.json. Raises TrainingFailure where the
    cache cannot be written.
    """
    meta = folder / "meta.json"
    try:
        if not meta.exists():
            with _alone(folder):
                if not meta.exists():
                    _make(folder, write)
        return dict(json.loads(meta.read_text(encoding="utf-8")))
    except OSError as error:
        raise TrainingFailure(
            f"Cannot keep tokens in {folder}: {error}. Free some space, or name another folder in {CACHE_VARIABLE}."
        ) from error


def cache_folder() -> Path:
    """Where token files are kept: ISOFLOP_TEXT_CACHE, or isoflop/text in the user's cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "isoflop" / "text"
    return Path(os.environ.get(CACHE_VARIABLE) or default)


def source_key(source: TextSource) -> str:
    """Twenty hex digits: equal for the same source while nothing in it changed."""
    stated = {name: value for name, value in asdict(source).items() if name in _KEYED}
    tokenizer = Path(source.tokenizer)
    content = hashlib.sha256(tokenizer.read_bytes()).hexdigest() if tokenizer.is_file() else source.tokenizer
    files = []
    if source.path and Path(source.path).exists():
        for file in source_files(Path(source.path)):
            about = file.stat()
            files.append([str(file.resolve()), about.st_size, about.st_mtime_ns])
    text = json.dumps([FORMAT, stated, content, files], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


_KEYED = ("kind", "path", "column", "subset", "held_out", "seed")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other worker makes this folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(folder: Path, write: Callable[[Path], dict[str, Any]]) -> None:
    """Write beside and rename; what a pass that was cut left behind is removed first."""
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        write_whole(partial / "meta.json", json.dumps(write(partial)) + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


@dataclass(slots=True)
class _Pass:
    """One pass over the documents, and what it counted."""

    source: TextSource
    tokenizer: Tokenizer | None
    seen: Seen
    present: Array
    documents: int = 0
    repeats: int = 0
    held_out_bytes: int = 0
    bytes: int = 0

    def write(self, documents: Documents, files: Mapping[str, BinaryIO]) -> None:
        """Send every new document to its split."""
        waiting: dict[str, list[str]] = {split: [] for split in SPLITS}
        size = 0
        for text in documents:
            split = self._split_of(text)
            if split is None:
                continue
            waiting[split].append(text)
            size += len(text)
            if size >= BATCH_CHARACTERS:
                self._flush(waiting, files)
                size = 0
        self._flush(waiting, files)

    def _split_of(self, text: str) -> str | None:
        """Held out by the hash of the words and the source's seed; None for a repeat or an empty document."""
        digest = digest_of_words(text)
        if not text.strip() or not self.seen.add(digest):
            self.repeats += 1
            return None
        drawn = hashlib.blake2b(digest, digest_size=8, salt=self.source.seed.to_bytes(8, "little", signed=True))
        share = int.from_bytes(drawn.digest(), "little") / 2**64
        return "validation" if share < self.source.held_out else "train"

    def _flush(self, waiting: dict[str, list[str]], files: Mapping[str, BinaryIO]) -> None:
        for split, texts in waiting.items():
            if not texts:
                continue
            raw = utf8(texts)
            text_bytes = len(raw) - 2 * len(texts)
            self.documents += len(texts)
            self.bytes += text_bytes
            self.held_out_bytes += text_bytes if split == "validation" else 0
            if self.tokenizer is None:
                self.present |= np.bincount(raw, minlength=256) > 0
            (raw if self.tokenizer is None else self.tokenizer.encode(texts)).tofile(files[split])
            texts.clear()


def _write(source: TextSource, folder: Path) -> dict[str, Any]:
    tokenizer = None if source.tokenizer == "bytes" else read_tokenizer(Path(source.tokenizer))
    documents = Documents(source)
    made = _Pass(source, tokenizer, Seen(), np.zeros(256, bool))
    with contextlib.ExitStack() as stack:
        files = {split: stack.enter_context((folder / f"{split}.bin").open("wb")) for split in SPLITS}
        made.write(documents, files)
        for file in files.values():
            file.flush()
            os.fsync(file.fileno())
    dtype = _token_type(tokenizer)
    sizes = {split: (folder / f"{split}.bin").stat().st_size // dtype.itemsize for split in SPLITS}
    _require_enough(source, made, sizes)
    vocab = _renumber(folder, made.present) if tokenizer is None else tokenizer.vocab
    return {
        "dtype": dtype.name,
        "vocab": vocab,
        "bytes_per_token": made.held_out_bytes / sizes["validation"],
        "notes": [*documents.notes, *_notes(made)],
        "digest": _digest(folder),
        "documents": made.documents,
        "bytes": made.bytes,
    }


def _token_type(tokenizer: Tokenizer | None) -> np.dtype[Any]:
    if tokenizer is None:
        return np.dtype(np.uint8)
    return np.dtype(np.uint16 if tokenizer.vocab <= 65_536 else np.uint32)


def _require_enough(source: TextSource, made: _Pass, sizes: dict[str, int]) -> None:
    if made.bytes < LEAST_BYTES or not all(sizes.values()):
        raise TextError(
            f"The text {source.path or source.kind} holds {made.bytes} bytes in {made.documents} documents "
            f"({made.repeats} repeats or empty ones apart), {made.held_out_bytes} of them held out. At least "
            f"{LEAST_BYTES} bytes and a document on either side are needed. Give a larger text, or another held_out."
        )


def _notes(made: _Pass) -> list[str]:
    notes = [f"{made.repeats} documents are repeats or empty and were left out."] if made.repeats else []
    if made.seen.full:
        notes.append(f"Only the first {made.seen.most} documents were remembered when looking for repeats.")
    return notes


def _renumber(folder: Path, present: Array) -> int:
    """Number the bytes that occur from 0, in place, as ``byte_tokenizer`` does; returns the vocabulary."""
    present = present.copy()
    present[ord("\n")] = True
    number = (np.cumsum(present) - 1).clip(0).astype(np.uint8).tobytes()
    for split in SPLITS:
        with (folder / f"{split}.bin").open("r+b") as file:
            while raw := file.read(READ_AT_ONCE):
                file.seek(-len(raw), os.SEEK_CUR)
                file.write(raw.translate(number))
            file.flush()
            os.fsync(file.fileno())
    return padded(int(present.sum()))


def _digest(folder: Path) -> str:
    """``digest_of`` both splits. Read as files, since pages looked at through memory count as this process's own."""
    digest = hashlib.sha256()
    for split in SPLITS:
        with (folder / f"{split}.bin").open("rb") as file:
            while raw := file.read(READ_AT_ONCE):
                digest.update(raw)
    return digest.hexdigest()[:12]


def _opened(source: TextSource, folder: Path) -> Corpus:
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    train, validation = (np.memmap(folder / f"{split}.bin", meta["dtype"], "r") for split in SPLITS)
    return Corpus(
        name=source.path or source.kind,
        train=train,
        validation=validation,
        vocab=meta["vocab"],
        bytes_per_token=meta["bytes_per_token"],
        notes=tuple(meta["notes"]),
        digest=meta["digest"],
    )
