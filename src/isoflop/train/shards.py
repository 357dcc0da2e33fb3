"""Tokens that somebody else made: .npy arrays, and .bin files of nanoGPT and llm.c.

    .npy   one axis of whole numbers.
    .bin   nanoGPT (data/*/prepare.py): uint16 and nothing else.
           llm.c (dev/data/data_common.py): 256 int32 of header, then tokens. header[0] = 20240520 and header[1] = 1 for
           uint16 (GPT-2), 20240801 and 7 for uint32 (Llama 3); header[2] tokens follow.

One file is looked at where it lies. Several are joined in the cache, since training reads one array: that needs as much
disk again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isoflop.errors import TextError
from isoflop.train.corpus import Corpus
from isoflop.train.documents import source_files
from isoflop.train.spec import TextSource
from isoflop.train.stream import FORMAT, build_once, cache_folder
from isoflop.train.tokens import padded

HEADER_BYTES = 256 * 4
LLM_C = {(20240520, 1): np.uint16, (20240801, 7): np.uint32}
SUFFIXES = (".npy", ".bin")
HELD_OUT_NAMES = ("val", "valid", "validation", "test", "heldout")
COPIED_AT_ONCE = 1 << 24

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Shard:
    """A file of tokens. offset: bytes before the first."""

    path: Path
    dtype: np.dtype[Any]
    offset: int
    tokens: int

    def open(self) -> Array:
        """The tokens, read when they are looked at."""
        return np.memmap(self.path, self.dtype, "r", self.offset, (self.tokens,))


def shards_corpus(source: TextSource) -> Corpus:
    """Tokens at ``source.path``, a file or a folder. Held out: the files whose name says so (val, valid, validation,
    test, heldout), or else the last ``held_out`` of the tokens.

    vocab: ``source.vocab``, or the largest token that occurs, padded. Raises TextError for files that hold no tokens.
    """
    shards = [read_header(path) for path in _files(Path(str(source.path)))]
    held = [shard for shard in shards if _is_held_out(shard.path)]
    train = _joined([shard for shard in shards if shard not in held])
    if held:
        validation = _joined(held)
    else:
        cut = int(len(train) * (1 - source.held_out))
        train, validation = train[:cut], train[cut:]
    digest, largest = _looked_through(source, shards, (train, validation))
    vocab = source.vocab or padded(largest + 1)
    if largest >= vocab:
        raise TextError(
            f"{source.path} holds the token {largest}, but its vocabulary was given as {vocab}. Allowed: at least "
            f"{largest + 1}. Give the tokenizer's."
        )
    return Corpus(str(source.path), train, validation, vocab, None, digest=digest)


def read_header(path: Path) -> Shard:
    """What a file of tokens holds. Raises TextError when it is none."""
    return _npy(path) if path.suffix == ".npy" else _bin(path)


def _files(path: Path) -> list[Path]:
    files = [file for file in source_files(path) if file.suffix in SUFFIXES]
    if not files:
        raise TextError(f"{path} holds no tokens. Allowed: .npy or .bin files, or a folder of them.")
    return files


def _is_held_out(path: Path) -> bool:
    words = path.stem.casefold().replace("-", "_").replace(".", "_").split("_")
    return any(word in HELD_OUT_NAMES for word in words)


def _npy(path: Path) -> Shard:
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, OSError) as error:
        raise TextError(f"{path} is not a .npy file of tokens: {error}") from None
    if array.ndim != 1 or array.dtype.kind not in "ui" or array.dtype.hasobject:
        raise TextError(
            f"{path} holds {array.dtype} of shape {array.shape}. Allowed: one axis of whole numbers, the tokens."
        )
    return Shard(path, array.dtype, int(array.offset), len(array))


def _bin(path: Path) -> Shard:
    size = path.stat().st_size
    header = np.fromfile(path, np.int32, 3)
    dtype = LLM_C.get((int(header[0]), int(header[1]))) if size >= HEADER_BYTES else None
    if dtype is None:
        if size % 2:
            raise TextError(f"{path} has {size} bytes, an odd number: it does not hold uint16 tokens.")
        return Shard(path, np.dtype(np.uint16), 0, size // 2)
    kind, stated = np.dtype(dtype), int(header[2])
    found = (size - HEADER_BYTES) // kind.itemsize
    if stated != found:
        raise TextError(f"{path} promises {stated} tokens in its header and holds {found}. Copy it again.")
    return Shard(path, kind, HEADER_BYTES, stated)


def _joined(shards: Sequence[Shard]) -> Array:
    """One array: the file itself where there is one, or a file of the cache that holds them all."""
    if not shards:
        raise TextError("All files of tokens are named as held out. Give at least one for training.")
    if len(shards) == 1:
        return shards[0].open()
    dtype = np.result_type(*(shard.dtype for shard in shards))
    folder = cache_folder() / _key("joined", shards)

    def write(partial: Path) -> dict[str, Any]:
        with (partial / "tokens.bin").open("wb") as file:
            for shard in shards:
                tokens = shard.open()
                for begin in range(0, len(tokens), COPIED_AT_ONCE):
                    tokens[begin : begin + COPIED_AT_ONCE].astype(dtype).tofile(file)
        return {"dtype": dtype.name}

    meta = build_once(folder, write)
    return np.memmap(folder / "tokens.bin", meta["dtype"], "r")


def _looked_through(source: TextSource, shards: Sequence[Shard], arrays: Sequence[Array]) -> tuple[str, int]:
    """(fingerprint, largest token), found once and remembered."""

    def write(_: Path) -> dict[str, Any]:
        digest, largest = hashlib.sha256(), 0
        for array in arrays:
            for begin in range(0, len(array), COPIED_AT_ONCE):
                some = np.ascontiguousarray(array[begin : begin + COPIED_AT_ONCE])
                if int(some.min()) < 0:
                    raise TextError(f"{source.path} holds the token {some.min()}. Allowed: 0 and above.")
                digest.update(some.data)
                largest = max(largest, int(some.max()))
        return {"digest": digest.hexdigest()[:12], "largest": largest}

    meta = build_once(cache_folder() / _key(f"looked-{source.held_out}", shards), write)
    return meta["digest"], meta["largest"]


def _key(what: str, shards: Sequence[Shard]) -> str:
    about = [(str(shard.path.resolve()), shard.path.stat().st_size, shard.path.stat().st_mtime_ns) for shard in shards]
    return hashlib.sha256(json.dumps([FORMAT, what, about]).encode()).hexdigest()[:20]
