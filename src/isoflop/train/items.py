"""Made-up texts that come with questions: what a source of kind ``facts`` or ``tasks`` trains on, and what it is asked.

A question is a prompt with one right answer, both tokens. It is put to the model as training showed it: at the end of a
window that begins with other text of the source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from isoflop.train.spec import TextSource

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class MadeUpText:
    """Tokens of the two splits, uint8, and the number of classes."""

    train: Array
    validation: Array
    vocab: int


@dataclass(frozen=True, slots=True)
class Items:
    """Questions, one an entry. task: its family. name: unique within the task. level: how often a fact is told in the
    training text, or how hard a task is. question: prompt and answer, uint8. answer_tokens: how many of the last
    tokens of the question are the answer."""

    task: tuple[str, ...]
    name: tuple[str, ...]
    level: tuple[int, ...]
    question: tuple[Array, ...]
    answer_tokens: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.task)

    def windows(self, context: int, before: Array) -> Array:
        """The questions at the end of windows, [items, context + 1]; a stretch of ``before``, held-out text, stands
        before each and ends where a sentence or line does. The closing token is 0."""
        ends = np.flatnonzero(before == 0) + 1
        ends = ends[ends > context]
        return np.stack(
            [
                np.concatenate([before[end - context - 1 + len(question) : end], question])[-context - 1 :]
                for question, end in zip(self.question, np.resize(ends, len(self)), strict=True)
            ]
        )


def made_up_text(source: TextSource) -> MadeUpText:
    """The text of a source of kind ``facts`` or ``tasks``. Raises TextError for one that contradicts itself."""
    if source.kind == "facts":
        from isoflop.train.facts import FactBook

        return FactBook.of(source).text()
    from isoflop.train.tasks import TaskText

    return TaskText.of(source).text()


def made_up_items(source: TextSource) -> Items:
    """The questions of such a source; equal for equal sources."""
    if source.kind == "facts":
        from isoflop.train.facts import FactBook

        return FactBook.of(source).items()
    from isoflop.train.tasks import TaskText

    return TaskText.of(source).items()


def has_items(source: TextSource) -> bool:
    """Whether a source comes with questions."""
    return source.kind in ("facts", "tasks")


def padded(vocab: int) -> int:
    """The vocabulary rounded up as for text: see ``tokens.VOCAB_MULTIPLE``."""
    from isoflop.train.tokens import VOCAB_MULTIPLE

    return -(-vocab // VOCAB_MULTIPLE) * VOCAB_MULTIPLE
