"""Which windows of the text training reads, in which order, and how they reach the device.

The position of training in its text is the number of windows read; everything here is a function of that number, so a
run that resumes reads on at the very next window.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

DEVICE_TEXT_BYTES = 2 * 1024**3
"""A text up to this size lies on the device, where a window costs no transfer; of a larger one windows are sent."""
FED_BYTES = 64 * 1024**2
"""Of windows sent for one dispatch, at most."""
LARGEST_INT32 = 2**31 - 1


class WindowOrder:
    """The order in which training reads its text: each pass is a shuffle of windows that tile it once."""

    def __init__(self, tokens: int, context: int, seed: int) -> None:
        self.tokens, self.context, self.seed = tokens, context, seed
        self.per_pass = (tokens - 1) // context - 1
        self._index = np.int32 if tokens <= LARGEST_INT32 else np.int64
        self._pass = lru_cache(maxsize=2)(self._shuffle)

    def starts(self, first: int, count: int) -> Array:
        """Where windows ``first`` .. ``first + count - 1`` of training begin: int32 [count], int64 in a text of more
        than 2^31 tokens."""
        pieces = []
        while count:
            which, offset = divmod(first, self.per_pass)
            piece = self._pass(which)[offset : offset + count]
            pieces.append(piece)
            first, count = first + len(piece), count - len(piece)
        return np.concatenate(pieces)

    def _shuffle(self, which: int) -> Array:
        generator = np.random.default_rng((self.seed, which))
        shift = generator.integers(self.context)
        return (generator.permutation(self.per_pass) * self.context + shift).astype(self._index)


def stays_on_host(text: Array) -> bool:
    """Whether a text is sent to the device window by window: it is a file mapped into memory, or large."""
    return isinstance(text, np.memmap) or isinstance(text.base, np.memmap) or text.nbytes > DEVICE_TEXT_BYTES


class HostWindows:
    """Windows of a text that stays with the host, the next ones read and sent while the device works on the last.

    place: puts an array [steps, batch, context + 1] on the devices. steps: what a dispatch has room for.
    """

    def __init__(self, text: Array, order: WindowOrder, batch: int, steps: int, place: Callable[[Array], Any]) -> None:
        self.text, self.order, self.batch, self.steps, self.place = text, order, batch, steps, place
        self._ready: tuple[int, int, Any] = (-1, 0, None)

    def take(self, first: int, count: int) -> Any:
        """The windows of steps ``first`` .. ``first + count - 1``, padded to ``steps`` by the first window."""
        at, held, placed = self._ready
        return placed if at == first and held >= count else self._read(first, count)

    def prefetch(self, first: int, count: int) -> None:
        """Read and send the windows of these steps now; to be called while the device works."""
        self._ready = (first, count, self._read(first, count))

    def _read(self, first: int, count: int) -> Any:
        starts = self.order.starts(first * self.batch, count * self.batch).astype(np.int64)
        windows = np.empty((self.steps, self.batch, self.order.context + 1), self.text.dtype)
        flat = windows.reshape(-1, self.order.context + 1)
        np.take(self.text, starts[:, None] + np.arange(self.order.context + 1), out=flat[: len(starts)], mode="clip")
        flat[len(starts) :] = flat[0]
        return self.place(windows)


def held_out_windows(validation: Array, context: int, count: int) -> Array:
    """Up to ``count`` windows of ``context + 1`` tokens, evenly spread over the held-out text, the same for all runs.

    No more than fit without predicting a token twice: overlapping windows would understate the standard error.
    """
    count = max(2, min(count, (len(validation) - 1) // context))
    starts = np.linspace(0, len(validation) - context - 1, count).astype(np.int64)
    windows: Array = validation[starts[:, None] + np.arange(context + 1)]
    return windows


def mean_and_error(losses: Array) -> tuple[float, float]:
    """The mean of the windows' losses and its standard error, s / sqrt(W), windows taken as independent."""
    return float(losses.mean()), float(losses.std(ddof=1) / np.sqrt(len(losses)))
