"""Tokens that another tool wrote are read as it wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isoflop.errors import TextError
from isoflop.train import stream
from isoflop.train.spec import TextSource
from isoflop.train.text import load_corpus

TOKENS = np.random.default_rng(0).integers(1_000, size=30_000).astype(np.uint16)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(stream.CACHE_VARIABLE, str(tmp_path / "cache"))


def llm_c(path: Path, tokens: Any, magic: int, version: int, stated: int | None = None) -> None:
    header = np.zeros(256, np.int32)
    header[:3] = magic, version, len(tokens) if stated is None else stated
    path.write_bytes(header.tobytes() + tokens.tobytes())


def shards(path: Path, **more: Any) -> TextSource:
    return TextSource(kind="shards", path=str(path), held_out=0.1, **more)


@pytest.mark.parametrize("form", ["nanogpt", "gpt-2", "llama-3", "npy"])
def test_each_format_gives_the_tokens_that_were_written(tmp_path: Path, form: str) -> None:
    path = tmp_path / ("tokens.npy" if form == "npy" else "tokens.bin")
    match form:
        case "nanogpt":
            TOKENS.tofile(path)
        case "gpt-2":
            llm_c(path, TOKENS, 20240520, 1)
        case "llama-3":
            llm_c(path, TOKENS.astype(np.uint32), 20240801, 7)
        case _:
            np.save(path, TOKENS)
    corpus = load_corpus(shards(path))
    np.testing.assert_array_equal(np.concatenate([corpus.train, corpus.validation]), TOKENS)
    assert len(corpus.validation) == 3_000
    assert corpus.vocab == 1_008
    assert corpus.bytes_per_token is None
    assert isinstance(corpus.train.base, np.memmap) or isinstance(corpus.train, np.memmap)


def test_a_folder_is_joined_in_order_and_its_val_files_are_held_out(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        np.save(folder / f"edu_train_{number:06d}.npy", TOKENS[number * 9_000 : (number + 1) * 9_000])
    np.save(folder / "edu_val_000000.npy", TOKENS[27_000:])
    corpus = load_corpus(shards(folder, vocab=50_304))
    np.testing.assert_array_equal(corpus.train, TOKENS[:27_000])
    np.testing.assert_array_equal(corpus.validation, TOKENS[27_000:])
    assert corpus.vocab == 50_304
    again = load_corpus(shards(folder, vocab=50_304))
    assert again.fingerprint == corpus.fingerprint


def test_the_fingerprint_is_that_of_the_tokens(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", TOKENS)
    TOKENS.tofile(tmp_path / "a.bin")
    one, two = load_corpus(shards(tmp_path / "a.npy")), load_corpus(shards(tmp_path / "a.bin"))
    assert one.fingerprint == two.fingerprint


@pytest.mark.parametrize("form", ["floats", "table", "cut", "odd", "pickle", "negative", "none", "all held out"])
def test_files_that_hold_no_tokens_are_refused_by_what_is_wrong(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    match form:
        case "floats":
            np.save(folder / "a.npy", TOKENS.astype(float))
        case "table":
            np.save(folder / "a.npy", TOKENS.reshape(-1, 2))
        case "cut":
            llm_c(folder / "a.bin", TOKENS, 20240520, 1, stated=40_000)
        case "odd":
            (folder / "a.bin").write_bytes(b"x" * 20_001)
        case "pickle":
            np.save(folder / "a.npy", np.array([{}, 1], dtype=object), allow_pickle=True)
        case "negative":
            np.save(folder / "a.npy", TOKENS.astype(np.int32) - 5)
        case "none":
            (folder / "a.txt").write_text("text")
        case _:
            np.save(folder / "val.npy", TOKENS)
    says = {
        "floats": "float64",
        "table": r"\(15000, 2\)",
        "cut": "promises 40000 tokens in its header and holds 30000",
        "odd": "odd number",
        "pickle": "not a .npy file",
        "negative": "the token -5",
        "none": "holds no tokens",
        "all held out": "at least one for training",
    }
    with pytest.raises(TextError, match=says[form]):
        load_corpus(shards(folder))


def test_a_vocabulary_that_is_too_small_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", TOKENS)
    with pytest.raises(TextError, match="at least 1000"):
        load_corpus(shards(tmp_path / "a.npy", vocab=900))
