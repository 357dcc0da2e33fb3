"""Repeats out: a document that is in another one teaches nothing, and held out it would be seen in training."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

WORDS = 8
"""Words in a shingle."""
SAMPLE = 32
"""One shingle in this many is looked at, chosen by its hash, so both copies of a passage keep the same ones (Broder
1997)."""
LARGEST_SHARE = 0.5
"""A document that shares more of its shingles with one kept document is its near-repeat."""
MOST_REMEMBERED = 32_000_000
"""Documents that a streamed source is compared with: 256 MB of hashes."""
MERGED = 100_000

Array = np.ndarray[Any, np.dtype[Any]]


def deduplicate(documents: Iterable[str]) -> list[str]:
    """Drop empty documents, repeats whatever their case and spacing, and near-repeats; keep the source's order.

    Longer documents are kept first. Near: more than half of a document's sampled 8-word shingles occur in one document
    kept before (containment: Broder 1997, "On the resemblance and containment of documents").
    """
    texts = [text for text in documents if text.strip()]
    number: dict[str, int] = {}
    words = [_word_hashes(text, number) for text in texts]
    kept: list[int] = []
    owners: dict[int, list[int]] = {}
    whole: set[bytes] = set()
    for index in sorted(range(len(texts)), key=lambda i: (-len(words[i]), i)):
        shingles = _shingles(words[index])
        if words[index].tobytes() in whole or _largest_share(shingles, owners) > LARGEST_SHARE:
            continue
        kept.append(index)
        whole.add(words[index].tobytes())
        for shingle in shingles:
            owners.setdefault(shingle, []).append(index)
    return [texts[index] for index in sorted(kept)]


class Seen:
    """Documents met before, whatever their case and spacing, at 8 bytes a document.

    Hashes are kept sorted, and new ones beside them until there are MERGED of them. A chance repeat of a 64-bit hash
    among 32 million documents has a probability of 3e-5. Beyond MOST_REMEMBERED no more are kept: ``full`` says so, and
    later documents are compared with the first ones only.
    """

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self.most = most
        self.full = False
        self._sorted = np.empty(0, np.uint64)
        self._recent: set[int] = set()

    def add(self, digest: bytes) -> bool:
        """Remember a document by its ``digest_of_words``; whether it was new."""
        number = int.from_bytes(digest[:8], "little")
        if number in self._recent or self._among_sorted(number):
            return False
        if len(self._recent) + len(self._sorted) < self.most:
            self._recent.add(number)
        else:
            self.full = True
        if len(self._recent) >= MERGED:
            self._sorted = np.sort(np.concatenate([self._sorted, np.fromiter(self._recent, np.uint64)]))
            self._recent.clear()
        return True

    def _among_sorted(self, number: int) -> bool:
        at = int(np.searchsorted(self._sorted, np.uint64(number)))
        return at < len(self._sorted) and int(self._sorted[at]) == number


def digest_of_words(text: str) -> bytes:
    """Sixteen bytes, equal for texts that differ in case and spacing only."""
    return hashlib.blake2b(" ".join(text.casefold().split()).encode(), digest_size=16).digest()


def _word_hashes(text: str, number: dict[str, int]) -> Array:
    """A hash a word, equal in every process (Python's own is salted); ``number`` remembers words met before."""
    words = text.casefold().split()
    for word in set(words).difference(number):
        number[word] = zlib.crc32(word.encode()) | 1
    return np.fromiter(map(number.__getitem__, words), np.uint64, len(words))


def _shingles(words: Array) -> list[int]:
    if len(words) < WORDS:
        return []
    multipliers = np.uint64(0x9E3779B97F4A7C15) ** np.arange(1, WORDS + 1, dtype=np.uint64)
    mixed = np.lib.stride_tricks.sliding_window_view(words, WORDS) @ multipliers
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    sampled: list[int] = np.unique(mixed[(mixed >> np.uint64(32)) % SAMPLE == 0]).tolist()
    return sampled


def _largest_share(shingles: list[int], owners: dict[int, list[int]]) -> float:
    counts: dict[int, int] = {}
    for shingle in shingles:
        for owner in owners.get(shingle, ()):
            counts[owner] = counts.get(owner, 0) + 1
    return max(counts.values(), default=0) / max(1, len(shingles))
