"""Repeats out: a document that is in another one teaches nothing, and held out it would be seen in training."""

from __future__ import annotations

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
