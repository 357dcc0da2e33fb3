"""Small tasks of growing difficulty as one text: copying letters, and adding numbers.

    copy, level L    "fbdh>fbdh."    L letters, to be repeated after ">"
    add, level k     "52+31=830."    two numbers of k digits and their sum of k + 1, the lowest digit first, so that a
                                     digit of the sum needs only digits and a carry already seen (25 + 13 = 038)

Lines of all tasks and levels are equally frequent and come in random order. Operands are drawn anew for every line, so
questions of the higher levels were never seen. An answer is right only if every token is; by counting right tokens, or
by the log-probability of the answer, the same model is scored without that threshold (Schaeffer et al. 2023,
arXiv:2304.15004).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from isoflop.errors import TextError, did_you_mean
from isoflop.train.items import Items, MadeUpText, padded
from isoflop.train.spec import TextSource

CHARACTERS = ".+=>0123456789abcdefghijklmnop"
"""Token t is written as the character at place t; 0 closes a line."""
LETTERS = 16
VOCAB = padded(len(CHARACTERS))
ITEMS = 50
"""Questions a task and level."""
MOST_LEVELS = 32
FEWEST_HELD_OUT = 20_000
_DIGIT, _LETTER = CHARACTERS.index("0"), CHARACTERS.index("a")

Array = np.ndarray[Any, np.dtype[Any]]
Draw = Callable[[np.random.Generator, int, int], tuple[Array, int]]


def _copy(generator: np.random.Generator, count: int, level: int) -> tuple[Array, int]:
    letters = _LETTER + generator.integers(LETTERS, size=(count, level))
    return _joined([letters, ">", letters]), level


def _add(generator: np.random.Generator, count: int, level: int) -> tuple[Array, int]:
    left, right = generator.integers(10, size=(2, count, level))
    total, carry = np.zeros((count, level + 1), np.int64), np.zeros(count, np.int64)
    for place in range(level):
        carry, total[:, place] = np.divmod(left[:, place] + right[:, place] + carry, 10)
    total[:, level] = carry
    return _joined([_DIGIT + left, "+", _DIGIT + right, "=", _DIGIT + total]), level + 1


TASKS: dict[str, tuple[Draw, Callable[[int], int]]] = {"copy": (_copy, lambda n: n), "add": (_add, lambda n: n // 2)}
"""Task -> how its lines are drawn (tokens [count, length], tokens of the answer), and its highest level for a given
``longest``: two operands fill a line twice as fast as one."""


@dataclass(frozen=True)
class TaskText:
    """Lines of the named tasks at levels 1 up to what ``longest`` allows, ``length`` training tokens in all."""

    tasks: tuple[str, ...]
    longest: int
    length: int
    held_out: float
    seed: int

    @classmethod
    def of(cls, source: TextSource) -> Self:
        names = tuple(name.strip() for name in source.tasks.split(","))
        return cls(names, source.longest, source.length, source.held_out, source.seed)

    def __post_init__(self) -> None:
        for name in self.tasks:
            if name not in TASKS:
                raise TextError(f"Unknown task {name!r}. Known: {', '.join(TASKS)}.{did_you_mean(name, TASKS)}")
        if len(set(self.tasks)) < len(self.tasks):
            raise TextError(f"The tasks {', '.join(self.tasks)} name one twice. Name each once.")
        if not 2 <= self.longest <= MOST_LEVELS:
            raise TextError(f"longest = {self.longest} is not allowed: give a whole number from 2 to {MOST_LEVELS}.")

    @property
    def levels(self) -> tuple[tuple[str, int], ...]:
        """Every task with each of its levels."""
        return tuple((name, level) for name in self.tasks for level in range(1, TASKS[name][1](self.longest) + 1))

    def text(self) -> MadeUpText:
        """Training and held-out lines."""
        held_out = max(FEWEST_HELD_OUT, int(self.length * self.held_out))
        return MadeUpText(self._lines(self.length, 1), self._lines(held_out, 2), VOCAB)

    def items(self) -> Items:
        """``ITEMS`` questions a task and level, drawn apart from the text."""
        generator = np.random.default_rng((self.seed, 3))
        task, name, level, question, answer = [], [], [], [], []
        for task_name, number in self.levels:
            lines, answer_tokens = TASKS[task_name][0](generator, ITEMS, number)
            for index, line in enumerate(lines):
                task.append(task_name)
                name.append(f"{number}-{index}")
                level.append(number)
                question.append(line[:-1])
                answer.append(answer_tokens)
        return Items(tuple(task), tuple(name), tuple(level), tuple(question), tuple(answer))

    def _lines(self, length: int, seed: int) -> Array:
        """At least ``length`` tokens of whole lines, cut to ``length``; uint8."""
        generator = np.random.default_rng((self.seed, seed))
        sizes = [TASKS[name][0](generator, 1, level)[0].shape[1] for name, level in self.levels]
        count = -(-length // sum(sizes))
        drawn = [TASKS[name][0](generator, count, level)[0] for name, level in self.levels]
        padded_lines = np.concatenate([np.pad(d, ((0, 0), (0, max(sizes) - d.shape[1]))) for d in drawn])
        widths = np.repeat(sizes, count)
        order = generator.permutation(len(widths))
        kept = np.arange(max(sizes)) < widths[order][:, None]
        return padded_lines[order][kept][:length]


def written(tokens: Array) -> str:
    """Tokens as characters."""
    return "".join(CHARACTERS[token] for token in tokens)


def _joined(parts: list[Array | str]) -> Array:
    """Columns of tokens and signs, closed by a full stop: uint8 [count, length]."""
    count = next(len(part) for part in parts if not isinstance(part, str))
    columns = [np.full((count, 1), CHARACTERS.index(p)) if isinstance(p, str) else p for p in [*parts, "."]]
    return np.concatenate(columns, axis=1).astype(np.uint8)
