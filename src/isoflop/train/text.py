"""Text in, tokens out: documents are read, cleaned of repeats, split by document, and turned into integers.

Validation holds whole documents that training never saw; splitting by byte would put two halves of one speech on both
sides. A text that is small enough is read into memory here; a larger one goes through files (stream.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from isoflop.errors import TextError
from isoflop.train.corpus import LEAST_BYTES, Corpus
from isoflop.train.dedupe import deduplicate
from isoflop.train.documents import Documents, source_bytes
from isoflop.train.spec import TextSource
from isoflop.train.synthetic import MarkovSource
from isoflop.train.tokens import Tokenizer, byte_tokenizer, read_tokenizer

STREAMED_FROM = 256_000_000
"""Bytes of text from which a source is read through files unless its ``stream`` says otherwise: near-repeats of a text
this large took minutes to find, and Python's strings for it several times its size in memory."""

__all__ = ["STREAMED_FROM", "Corpus", "load_corpus", "read_documents", "split_documents"]


def load_corpus(source: TextSource) -> Corpus:
    """Read, de-duplicate, split and encode. Raises TextError for a text that cannot be used, naming what was seen."""
    match source.kind:
        case "markov":
            return _markov_corpus(source)
        case "shards":
            from isoflop.train.shards import shards_corpus

            return shards_corpus(source)
        case "facts" | "tasks":
            return _made_up_corpus(source)
        case _ if _streams(source):
            from isoflop.train.stream import streamed_corpus

            return streamed_corpus(source)
        case _:
            return _read_corpus(source)


def read_documents(source: TextSource) -> list[str]:
    """The documents of a source, in the source's order."""
    return list(Documents(source))


def _streams(source: TextSource) -> bool:
    if source.pieces:
        return False
    return source_bytes(source) >= STREAMED_FROM if source.stream is None else source.stream


def _read_corpus(source: TextSource) -> Corpus:
    documents = Documents(source)
    train, held_out = split_documents(deduplicate(documents), source)
    tokenizer = _tokenizer(source, [*train, *held_out])
    validation = tokenizer.encode(held_out)
    return Corpus(
        name=source.path or source.kind,
        train=tokenizer.encode(_mixed(train, source)),
        validation=validation,
        vocab=tokenizer.vocab,
        bytes_per_token=sum(len(text.encode()) for text in held_out) / len(validation),
        notes=documents.notes,
    )


def split_documents(documents: Sequence[str], source: TextSource) -> tuple[list[str], list[str]]:
    """(train, held out): whole documents, drawn by the source's seed until they hold ``held_out`` of the bytes."""
    sizes = [len(text.encode()) for text in documents]
    if sum(sizes) < LEAST_BYTES:
        raise TextError(
            f"The text {source.path or source.kind} holds {sum(sizes)} bytes. At least {LEAST_BYTES} are needed to "
            f"hold some out "
            f"for validation. Give a larger text."
        )
    if len(documents) < 2:
        raise TextError(
            f"The text {source.path or source.kind} is one document of {sum(sizes)} bytes without a line break, so "
            f"none can be held "
            f"out. Give at least two documents (JSON Lines) or lines."
        )
    wanted, held, so_far = source.held_out * sum(sizes), set[int](), 0
    for index in np.random.default_rng(source.seed).permutation(len(documents))[:-1]:
        if so_far >= wanted:
            break
        held.add(int(index))
        so_far += sizes[index]
    train = [text for i, text in enumerate(documents) if i not in held]
    return train, [documents[i] for i in sorted(held)]


def _mixed(documents: Sequence[str], source: TextSource) -> Sequence[str]:
    """The documents, or where ``pieces`` are asked for, one text of their pieces in an order drawn by the seed."""
    if source.pieces is None:
        return documents
    text, length = "\n\n".join(documents), source.pieces
    pieces = [text[start : start + length] for start in range(0, len(text), length)]
    return ["".join(pieces[i] for i in np.random.default_rng((source.seed, 1)).permutation(len(pieces)))]


def _tokenizer(source: TextSource, documents: Sequence[str]) -> Tokenizer:
    if source.tokenizer == "bytes":
        return byte_tokenizer(documents)
    return read_tokenizer(Path(source.tokenizer))


def _markov_corpus(source: TextSource) -> Corpus:
    chain = MarkovSource(source.states, source.order, source.zipf, source.seed)
    held_out = max(LEAST_BYTES, int(source.length * source.held_out))
    return Corpus(
        name=f"markov-{source.order}-{source.states}",
        train=chain.sample(source.length, seed=1),
        validation=chain.sample(held_out, seed=2),
        vocab=source.states,
        bytes_per_token=None,
        entropy=chain.entropy_rate,
    )


def _made_up_corpus(source: TextSource) -> Corpus:
    from isoflop.train.items import made_up_text

    text = made_up_text(source)
    return Corpus(f"{source.kind}-{source.seed}", text.train, text.validation, text.vocab, None)
