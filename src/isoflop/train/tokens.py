"""Tokenizers: bytes by default, byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909) as an option."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isoflop.errors import MissingExtra, TextError

VOCAB_MULTIPLE = 16
"""Vocabularies are padded to a multiple of this: one AVX-512 register of float32."""

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """vocab: number of classes. encode: documents to one array, each document closed by a separator."""

    vocab: int
    encode: Callable[[Sequence[str]], Array]


def byte_tokenizer(documents: Iterable[str]) -> Tokenizer:
    """UTF-8 bytes, renumbered to those that occur in the whole source (train and held out), so nothing is unknown.

    Renumbering loses nothing and cuts the unembedding of the default text from 256 classes to 112: 11 % of the FLOP of
    the smallest rung. A newline pair closes a document.
    """
    present = np.zeros(256, bool)
    present[ord("\n")] = True
    for text in documents:
        present[np.unique(np.frombuffer(text.encode(), np.uint8))] = True
    number = np.cumsum(present, dtype=np.int64) - 1

    def encode(texts: Sequence[str]) -> Array:
        return number[utf8(texts)].astype(np.uint8)

    return Tokenizer(padded(int(present.sum())), encode)


def utf8(texts: Sequence[str]) -> Array:
    """The bytes of documents, each closed by a newline pair, before they are renumbered."""
    return np.frombuffer("".join(text + "\n\n" for text in texts).encode(), np.uint8)


def train_bpe(documents: Iterable[str], vocab: int, path: Path) -> None:
    """Learn a byte-level BPE of ``vocab`` pieces from training documents and write it as JSON to ``path``."""
    tokenizers = _tokenizers()
    model = tokenizers.Tokenizer(tokenizers.models.BPE())
    model.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    model.train_from_iterator(documents, trainer)
    model.save(str(path))


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a ``tokenizers`` JSON file. Raises TextError when it is none."""
    try:
        model = _tokenizers().Tokenizer.from_file(str(path))
    except MissingExtra:
        raise
    except Exception as error:  # the Rust binding raises bare Exception
        raise TextError(
            f"{path} is not a tokenizer: {error}. Give 'bytes' or a JSON file of the package tokenizers."
        ) from None
    vocab = padded(model.get_vocab_size())
    dtype = np.uint16 if vocab <= 65_536 else np.uint32

    def encode(texts: Sequence[str]) -> Array:
        pieces = model.encode_batch([text + "\n\n" for text in texts])
        return np.concatenate([np.asarray(piece.ids, dtype) for piece in pieces])

    return Tokenizer(vocab, encode)


def padded(vocab: int) -> int:
    """A vocabulary, rounded up to a multiple of VOCAB_MULTIPLE."""
    return -(-vocab // VOCAB_MULTIPLE) * VOCAB_MULTIPLE


def _tokenizers() -> Any:
    try:
        return importlib.import_module("tokenizers")
    except ImportError:
        raise MissingExtra("The package 'tokenizers'", "train") from None
