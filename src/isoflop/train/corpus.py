"""What training reads: tokens in memory, or in files that are looked at through memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from isoflop.errors import TextError

LEAST_BYTES = 10_000
"""Less text than this holds no validation set worth the name."""
HASHED_AT_ONCE = 1 << 24

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Tokens ready to train on.

    train, validation: 1-D arrays of uint8, uint16 or uint32; ``np.memmap`` for a streamed source. vocab: number of
    classes. bytes_per_token: mean over the validation text (None where the bytes are not known). entropy: exact
    entropy rate in nats/token where known. notes: what the reader should know about how the text was read.
    digest: the fingerprint where it was computed before.
    """

    name: str
    train: Array
    validation: Array
    vocab: int
    bytes_per_token: float | None
    entropy: float | None = None
    notes: tuple[str, ...] = ()
    digest: str | None = None

    @property
    def unique_tokens(self) -> int:
        """Distinct training tokens, len(train): what one pass reads."""
        return len(self.train)

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits of the SHA-256 of the tokens of both splits; equal for equal tokens."""
        return self.digest or digest_of(self.train, self.validation)

    def first(self, unique_tokens: int | None) -> Array:
        """The training tokens that a recipe of ``unique_tokens`` keeps: the first so many, all for None.

        Raises TextError where the text has fewer: its runs would be recorded with repetitions that never happened.
        """
        if unique_tokens is not None and unique_tokens > len(self.train):
            raise TextError(
                f"unique_tokens {unique_tokens} cannot be kept: the text {self.name} has {len(self.train)} training "
                f"tokens. Allowed: up to that. Give a larger text, or fewer unique tokens."
            )
        return self.train[:unique_tokens]


def digest_of(*arrays: Array) -> str:
    """Twelve hex digits over the bytes of the arrays, read piece by piece."""
    digest = hashlib.sha256()
    for array in arrays:
        for begin in range(0, len(array), HASHED_AT_ONCE):
            digest.update(np.ascontiguousarray(array[begin : begin + HASHED_AT_ONCE]).data)
    return digest.hexdigest()[:12]
