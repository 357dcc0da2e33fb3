"""A text in which each fact is told a chosen number of times, to see how often a model must read it to know it.

A fact is a sentence of six tokens: a name of three syllables, a relation, an object, a full stop, as in "na ge fi rel1
Obj30 .". There are ``entities`` facts told once, as many told twice, four times, ... 2**doublings times; the rest of
the text is filler, sentences of five words from a Markov chain. Sentences come in random order. Names are random, so
nothing but having read a fact tells its object, and a guess is right once in ``OBJECTS`` times.

Training on a part of the text, D of ``length`` tokens, reads a fact about frequency * D / length times.
Compare Allen-Zhu & Li 2024 (arXiv:2404.05405), who plant biographies at 100 and 1000 exposures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from isoflop.errors import TextError
from isoflop.train.items import Items, MadeUpText, padded
from isoflop.train.spec import TextSource
from isoflop.train.synthetic import MarkovSource

RELATIONS, OBJECTS, SYLLABLES, WORDS = 3, 32, 32, 28
SENTENCE = 6
STOP = 0
_RELATION = 1
_OBJECT = _RELATION + RELATIONS
_SYLLABLE = _OBJECT + OBJECTS
_WORD = _SYLLABLE + SYLLABLES
VOCAB = padded(_WORD + WORDS)
MOST_FACTS = 0.9
"""Share of the text that facts may fill (chosen: some filler must be left to stand before a question)."""
FEWEST_HELD_OUT = 12_000

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class FactBook:
    """``entities`` facts for each frequency 1, 2, 4 ... 2**doublings in ``length`` training tokens, fixed by
    ``seed``."""

    entities: int
    doublings: int
    length: int
    held_out: float
    seed: int

    @classmethod
    def of(cls, source: TextSource) -> Self:
        return cls(source.entities, source.doublings, source.length, source.held_out, source.seed)

    def __post_init__(self) -> None:
        if self.entities < 1 or not 0 <= self.doublings <= 30:
            raise TextError(
                f"{self.entities} entities and {self.doublings} doublings are not allowed: give at least 1 entity a "
                f"frequency and 0 to 30 doublings."
            )
        told = self.entities * (2 ** (self.doublings + 1) - 1) * SENTENCE
        if told > MOST_FACTS * self.length:
            raise TextError(
                f"{self.entities} entities for each of {self.doublings + 1} frequencies up to {2**self.doublings} fill "
                f"{told:,} tokens, but the text has {self.length:,} and at most {MOST_FACTS:.0%} of it may be facts. "
                f"Give a longer text, or fewer entities or doublings."
            )
        if self.facts > SYLLABLES**3:
            raise TextError(f"{self.facts} facts need as many names; there are {SYLLABLES**3}. Give fewer entities.")

    @property
    def facts(self) -> int:
        """How many distinct facts there are."""
        return self.entities * (self.doublings + 1)

    @cached_property
    def frequencies(self) -> Array:
        """How often each fact is told in the training text, [facts]."""
        return np.repeat(2 ** np.arange(self.doublings + 1), self.entities)

    @cached_property
    def sentences(self) -> Array:
        """Every fact once, [facts, 6]."""
        generator = np.random.default_rng((self.seed, 1))
        names = generator.choice(SYLLABLES**3, self.facts, replace=False)
        syllables = np.stack([names // SYLLABLES**2, names // SYLLABLES % SYLLABLES, names % SYLLABLES], axis=1)
        relation = generator.integers(RELATIONS, size=(self.facts, 1))
        objects = generator.integers(OBJECTS, size=(self.facts, 1))
        stop = np.full((self.facts, 1), STOP)
        parts = [_SYLLABLE + syllables, _RELATION + relation, _OBJECT + objects, stop]
        return np.concatenate(parts, axis=1).astype(np.uint8)

    def text(self) -> MadeUpText:
        """The training text, in which each fact occurs exactly as often as its frequency, and a held-out one in which
        facts are drawn in proportion to it."""
        told = np.repeat(self.sentences, self.frequencies, axis=0)
        filler = self._filler(self.length // SENTENCE - len(told), seed=1)
        train = np.random.default_rng((self.seed, 2)).permuted(_rows(np.concatenate([told, filler])))
        return MadeUpText(_flat(train), self._held_out(len(told) / len(train)), VOCAB)

    def items(self) -> Items:
        """A question for each fact: its sentence up to the object, which is the answer."""
        count, names = (
            self.facts,
            (f"{f}-{i}" for f in 2 ** np.arange(self.doublings + 1) for i in range(self.entities)),
        )
        questions = tuple(sentence[: SENTENCE - 1] for sentence in self.sentences)
        levels = tuple(int(frequency) for frequency in self.frequencies)
        return Items(("recall",) * count, tuple(names), levels, questions, (1,) * count)

    def _held_out(self, share: float) -> Array:
        count = max(FEWEST_HELD_OUT, int(self.length * self.held_out)) // SENTENCE
        generator = np.random.default_rng((self.seed, 3))
        facts = int(count * share)
        drawn = generator.choice(self.facts, facts, p=self.frequencies / self.frequencies.sum())
        both = np.concatenate([self.sentences[drawn], self._filler(count - facts, seed=2)])
        return _flat(generator.permuted(_rows(both)))

    def _filler(self, count: int, seed: int) -> Array:
        """Sentences of five words, [count, 6]."""
        words = _WORD + MarkovSource(WORDS, 1, 1.2, self.seed).sample(count * (SENTENCE - 1), seed).astype(np.int64)
        stops = np.full((count, 1), STOP)
        return np.concatenate([words.reshape(count, SENTENCE - 1), stops], axis=1).astype(np.uint8)


def written(sentence: Array) -> str:
    """A sentence for people: syllables joined, objects and words by number."""
    return " ".join(_name(int(token)) for token in sentence)


def _name(token: int) -> str:
    if token == STOP:
        return "."
    for start, spell in ((_WORD, "w{}"), (_SYLLABLE, ""), (_OBJECT, "Obj{}"), (_RELATION, "rel{}")):
        if token >= start:
            return spell.format(token - start) if spell else _syllable(token - start)
    raise AssertionError(token)


def _syllable(number: int) -> str:
    return "bdfgklmn"[number // 4] + "aeio"[number % 4]


def _rows(sentences: Array) -> Array:
    """Each sentence as one value, so that shuffling keeps it whole."""
    return np.ascontiguousarray(sentences).view(f"V{SENTENCE}").reshape(-1)


def _flat(rows: Array) -> Array:
    return rows.view(np.uint8)
