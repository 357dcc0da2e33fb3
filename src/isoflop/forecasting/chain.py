"""A file to which lines are only ever added, each holding the hash of the line before.

Every line is one JSON object with the keys ``previous`` and ``hash``; hash = SHA-256 of the canonical JSON of the
object without ``hash`` (keys sorted, no spaces, ASCII). Changing, removing, inserting or moving a line breaks the chain
at a place that ``read_chain`` names. Cutting lines off the end leaves a shorter chain that is whole, and someone who
rewrites every later line can forge one: both show only against a copy of the last hash kept elsewhere, such as in a
commit.

A line is added under a lock, in one write, and is on the disk when ``append`` returns. When the disk is full, the file
is cut back to what it was.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoflop.errors import Failure, LedgerBroken

Entry = dict[str, Any]
GENESIS = "0" * 64
"""What the first line names as the hash before it."""
LARGEST = 1 << 28
"""Bytes of a ledger that are read: at about 3 kB a forecast, 90,000 of them."""


@dataclass(frozen=True)
class Chain:
    """The lines of a file whose hashes hold. head: the hash of the last. torn: bytes of an unfinished last line, left
    by a process that was killed while it wrote; it never said that it had recorded anything. ended: whether the last
    line has its line break, which an editor may have taken."""

    entries: tuple[Entry, ...]
    head: str
    torn: int = 0
    ended: bool = True


def canonical(value: object) -> bytes:
    """The one JSON text of a value: keys sorted, no spaces, ASCII, numbers as Python writes them."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON, 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def read_chain(path: Path) -> Chain:
    """Read and verify a chain; an absent file is an empty one.

    Raises LedgerBroken, naming the line, when a line was changed, removed, inserted or moved; Failure when the file
    cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Chain((), GENESIS)
    except OSError as error:
        raise Failure(
            f"Cannot read the ledger {path}: {error.strerror}. Name a file that this user may read."
        ) from error
    return verify(content, path)


def verify(content: bytes, path: Path) -> Chain:
    """The chain that a file's content holds; see ``read_chain``."""
    if len(content) > LARGEST:
        raise Failure(
            f"{path} has {len(content) >> 20} MiB, more than the {LARGEST >> 20} MiB of a ledger. Name another."
        )
    whole, _, rest = content.rpartition(b"\n")
    entries: list[Entry] = []
    head = GENESIS
    for number, line in enumerate(whole.split(b"\n") if whole else [], 1):
        entry = _parsed(line, number, path)
        _hold(entry, head, number, path)
        entries.append(entry)
        head = str(entry["hash"])
    if not rest:
        return Chain(tuple(entries), head)
    try:
        last = _parsed(rest, len(entries) + 1, path)
    except LedgerBroken:
        return Chain(tuple(entries), head, torn=len(rest))
    _hold(last, head, len(entries) + 1, path)
    return Chain((*entries, last), str(last["hash"]), ended=False)


def _parsed(line: bytes, number: int, path: Path) -> Entry:
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict) or not isinstance(entry.get("hash"), str):
        raise LedgerBroken(f"Line {number} of {path} is no entry of a ledger: {line[:60]!r}. {_ADVICE}")
    return entry


def _hold(entry: Entry, head: str, number: int, path: Path) -> None:
    body = {key: value for key, value in entry.items() if key != "hash"}
    if digest(body) != entry["hash"]:
        raise LedgerBroken(
            f"Line {number} of {path} was changed after it was written: its content has the hash {digest(body)[:12]}…, "
            f"the line says {entry['hash'][:12]}…. {_ADVICE}"
        )
    if entry.get("previous") != head:
        raise LedgerBroken(
            f"Line {number} of {path} does not follow {f'line {number - 1}' if number > 1 else 'the start'}: it names "
            f"{str(entry.get('previous'))[:12]}… as the hash before it, and that is {head[:12]}…. A line was removed, "
            f"inserted or moved here. {_ADVICE}"
        )


_ADVICE = "Restore the file from a copy, or begin another with --ledger PATH."


def append(path: Path, make: Callable[[Chain], Sequence[Mapping[str, Any]]]) -> tuple[Entry, ...]:
    """Add the lines that ``make`` gives for the chain so far, all or none, and return them with their hashes.

    Other processes wait meanwhile, so what ``make`` saw is still true when its lines are written; whatever it raises
    leaves the file alone. Raises LedgerBroken for a chain that does not hold, and Failure when the system refuses; then
    the file holds what it held before.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path) as descriptor:
            chain = verify(_content(descriptor), path)
            lines = _linked(make(chain), chain.head)
            written = b"".join(canonical(line) + b"\n" for line in lines)
            _add(descriptor, written if chain.ended else b"\n" + written, chain.torn)
            _sync_folder(path.parent)
            return lines
    except OSError as error:
        raise Failure(
            f"Nothing was written to {path}: {error.strerror}. What it held is unchanged. Free some space or change "
            "the permissions, then give the same command again."
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The open file, locked; the kernel drops the lock when its holder closes the file or dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _content(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return file.read(LARGEST + 1)


def _linked(bodies: Sequence[Mapping[str, Any]], head: str) -> tuple[Entry, ...]:
    lines = []
    for body in bodies:
        linked = {**body, "previous": head}
        head = digest(linked)
        lines.append({**linked, "hash": head})
    return tuple(lines)


def _add(descriptor: int, content: bytes, torn: int) -> None:
    """Write at the end, over a torn line; on failure cut the file back to its whole lines."""
    end = os.lseek(descriptor, 0, os.SEEK_END) - torn
    try:
        os.ftruncate(descriptor, end)
        os.lseek(descriptor, end, os.SEEK_SET)
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    except BaseException:
        os.ftruncate(descriptor, end)
        raise


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
