"""A text read through files is the text: whole, split by document, made once, in bounded memory."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from isoflop.errors import MissingExtra, TextError, TrainingFailure
from isoflop.train import formats, stream
from isoflop.train.dedupe import Seen, digest_of_words
from isoflop.train.spec import TextSource
from isoflop.train.text import load_corpus
from isoflop.train.tokens import byte_tokenizer, train_bpe


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(stream.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def document(seed: int, words: int = 120) -> str:
    return " ".join(f"w{word}é" for word in np.random.default_rng(seed).integers(5_000, size=words))


TEXTS = [document(seed) for seed in range(300)]


def json_lines(path: Path, texts: list[str] = TEXTS) -> TextSource:
    path.write_bytes("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts).encode())
    return TextSource(kind="file", path=str(path), held_out=0.1, stream=True)


def decoded(source: TextSource) -> tuple[list[str], list[str]]:
    """The documents of each split, back from tokens."""
    corpus = load_corpus(source)
    alphabet = np.array(sorted(set("".join([*TEXTS, "\n"]).encode())), np.uint8)
    return tuple(  # type: ignore[return-value]
        alphabet[np.asarray(split)].tobytes().decode().split("\n\n")[:-1] for split in (corpus.train, corpus.validation)
    )


def test_every_document_is_on_one_side_and_whole(tmp_path: Path) -> None:
    train, held_out = decoded(json_lines(tmp_path / "a.jsonl"))
    assert sorted(train + held_out) == sorted(TEXTS)
    assert 0.03 < len(held_out) / len(TEXTS) < 0.2
    assert train == [text for text in TEXTS if text in set(train)]


def test_tokens_are_those_of_the_tokenizer_in_memory(tmp_path: Path) -> None:
    source = json_lines(tmp_path / "a.jsonl")
    train, held_out = decoded(source)
    tokenizer, corpus = byte_tokenizer(TEXTS), load_corpus(source)
    np.testing.assert_array_equal(corpus.train, tokenizer.encode(train))
    np.testing.assert_array_equal(corpus.validation, tokenizer.encode(held_out))
    assert corpus.vocab == tokenizer.vocab
    assert corpus.bytes_per_token == pytest.approx(sum(len(t.encode()) for t in held_out) / len(corpus.validation))
    assert isinstance(corpus.train, np.memmap)
    assert corpus.fingerprint == replace(corpus, digest=None).fingerprint


@pytest.mark.parametrize("form", ["jsonl.gz", "jsonl.zst", "parquet", "folder", "data set"])
def test_the_same_documents_in_another_form_give_the_same_tokens(tmp_path: Path, form: str) -> None:
    plain = json_lines(tmp_path / "a.jsonl")
    raw = (tmp_path / "a.jsonl").read_bytes()
    other = replace(plain, path=str(tmp_path / f"b.{form}"))
    match form:
        case "jsonl.gz":
            Path(str(other.path)).write_bytes(gzip.compress(raw))
        case "jsonl.zst":
            zstandard = pytest.importorskip("zstandard")
            Path(str(other.path)).write_bytes(zstandard.compress(raw))
        case "parquet":
            pl.DataFrame({"id": range(len(TEXTS)), "text": TEXTS}).write_parquet(str(other.path), row_group_size=50)
        case "folder":
            other = replace(plain, path=str(tmp_path / "folder"))
            (tmp_path / "folder").mkdir()
            json_lines(tmp_path / "folder" / "1.jsonl", TEXTS[:100])
            json_lines(tmp_path / "folder" / "2.jsonl", TEXTS[100:])
        case _:
            pytest.importorskip("datasets")
            other = replace(plain, kind="huggingface", path=str(tmp_path / "set"))
            (tmp_path / "set").mkdir()
            json_lines(tmp_path / "set" / "train.jsonl")
    assert load_corpus(other).fingerprint == load_corpus(plain).fingerprint


def test_parquet_is_read_slice_by_slice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "PARQUET_BYTES", 4_000)
    path = tmp_path / "a.parquet"
    pl.DataFrame({"text": TEXTS}).write_parquet(path)
    assert list(formats.read_file(path, "text")) == TEXTS


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_pieces_of_a_text_do_not_depend_on_how_it_is_read(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "PIECE_BYTES", 50)
    text = "one\r\ntwo\rthree\n\x0cfour\u2028" * 40 + "no end"
    blocks = [text[i : i + block] for i in range(0, len(text), block)]
    lines, expected, current = text.splitlines(keepends=True), [], ""
    for line in lines:
        current += line
        if len(current) >= 50:
            expected.append(current)
            current = ""
    assert list(formats.pieces(blocks, "text")) == [*expected, current]


def test_bytes_beyond_the_first_block_are_judged_at_their_place(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"line of text\n" * 100_000 + b"\xff\n")
    with pytest.raises(TextError, match="0xff at position 1300000"):
        list(formats.read_file(path, "text"))
    path.write_bytes("é\n".encode() * 500_000 + b"\0\n")
    with pytest.raises(TextError, match="zero byte at position 1500000"):
        list(formats.read_file(path, "text"))


def test_a_repeat_is_dropped_whatever_its_case_and_spacing_and_said(tmp_path: Path) -> None:
    once = load_corpus(json_lines(tmp_path / "a.jsonl"))
    twice = load_corpus(json_lines(tmp_path / "b.jsonl", [*TEXTS, TEXTS[3].upper(), TEXTS[5].replace(" ", "  ")]))
    assert twice.fingerprint == once.fingerprint
    assert twice.notes == ("2 documents are repeats or empty and were left out.",)


def test_no_more_documents_are_remembered_than_allowed() -> None:
    seen = Seen(most=10)
    fresh = [seen.add(digest_of_words(text)) for text in TEXTS[:20]]
    assert all(fresh)
    assert seen.full
    assert [seen.add(digest_of_words(text)) for text in TEXTS[:20]] == [False] * 10 + [True] * 10


def test_documents_are_found_again_after_their_hashes_were_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isoflop.train.dedupe.MERGED", 32)
    seen = Seen()
    assert all(seen.add(digest_of_words(text)) for text in TEXTS)
    assert not any(seen.add(digest_of_words(text)) for text in TEXTS)


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = json_lines(tmp_path / "a.jsonl")
    before = load_corpus(source)
    with monkeypatch.context() as patch:
        patch.setattr(stream, "_write", lambda *_: pytest.fail("the text was read again"))
        assert load_corpus(source).fingerprint == before.fingerprint
    json_lines(tmp_path / "a.jsonl", [*TEXTS, document(999)])
    assert len(load_corpus(source).train) + len(load_corpus(source).validation) > len(before.train) + len(
        before.validation
    )


def _die_halfway(path: str) -> None:
    kept = stream.Documents.__iter__

    def cut(self: Any) -> Any:
        for number, text in enumerate(kept(self)):
            if number == 200:
                os._exit(9)
            yield text

    stream.Documents.__iter__ = cut  # type: ignore[method-assign]
    stream.BATCH_CHARACTERS = 1_000
    load_corpus(TextSource(kind="file", path=path, held_out=0.1, stream=True))


def _load(path: str, out: Any) -> None:
    out.put(load_corpus(TextSource(kind="file", path=path, held_out=0.1, stream=True)).fingerprint)


def test_a_pass_that_was_killed_is_made_again(tmp_path: Path, cache: Path) -> None:
    source = json_lines(tmp_path / "a.jsonl")
    whole = load_corpus(source).fingerprint
    shutil.rmtree(cache)
    worker = multiprocessing.get_context("fork").Process(target=_die_halfway, args=(source.path,))
    worker.start()
    worker.join()
    assert worker.exitcode == 9
    assert len(list(cache.glob("*.partial/train.bin"))) == 1
    assert load_corpus(source).fingerprint == whole
    assert not list(cache.glob("*.partial"))


def test_of_two_workers_at_once_one_reads_and_both_get_the_text(tmp_path: Path, cache: Path) -> None:
    source = json_lines(tmp_path / "a.jsonl")
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [context.Process(target=_load, args=(source.path, results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    found = {results.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join()
    assert found == {load_corpus(source).fingerprint}
    assert len(list(cache.glob("*/meta.json"))) == 1


def test_a_text_above_the_limit_is_streamed_without_being_asked(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = replace(json_lines(tmp_path / "a.jsonl"), stream=None)
    assert not isinstance(load_corpus(source).train, np.memmap)
    monkeypatch.setattr("isoflop.train.text.STREAMED_FROM", 10_000)
    assert isinstance(load_corpus(source).train, np.memmap)


def test_bpe_tokens_go_through_files_as_they_go_through_memory(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    train_bpe(TEXTS, 400, tmp_path / "bpe.json")
    source = replace(json_lines(tmp_path / "a.jsonl"), tokenizer=str(tmp_path / "bpe.json"))
    corpus = load_corpus(source)
    assert corpus.train.dtype == np.uint16
    assert corpus.vocab == 400
    assert corpus.bytes_per_token is not None
    assert corpus.bytes_per_token > 1.3


def test_files_of_a_folder_that_are_no_text_are_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(40):
        (tmp_path / "in" / f"{number}.c").write_text(TEXTS[number] + "\n")
    (tmp_path / "in" / "picture.png").write_bytes(b"\x89PNG\0" * 100)
    (tmp_path / "in" / ".hidden").write_bytes(b"\xff")
    for streamed in (True, False):
        corpus = load_corpus(TextSource(kind="file", path=str(tmp_path / "in"), held_out=0.2, stream=streamed))
        assert len(corpus.notes) == 1
        assert "1 files" in corpus.notes[0]
        assert "picture.png" in corpus.notes[0]


@pytest.mark.parametrize("name", ["cut.jsonl.gz", "cut.jsonl.zst"])
def test_a_compressed_file_that_was_cut_is_refused(tmp_path: Path, name: str) -> None:
    raw = json.dumps({"text": "".join(TEXTS)}).encode()
    packed = gzip.compress(raw) if name.endswith("gz") else pytest.importorskip("zstandard").compress(raw)
    (tmp_path / name).write_bytes(packed[: len(packed) // 2])
    with pytest.raises(TextError, match=r"Cannot read|not JSON"):
        load_corpus(TextSource(kind="file", path=str(tmp_path / name), stream=True))


def test_zst_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    (tmp_path / "a.txt.zst").write_bytes(b"(\xb5/\xfd")
    with pytest.raises(MissingExtra, match=r"isoflop\[hf\]"):
        load_corpus(TextSource(kind="file", path=str(tmp_path / "a.txt.zst"), stream=True))


def test_a_text_with_nothing_to_hold_out_is_refused_with_its_counts(tmp_path: Path) -> None:
    source = json_lines(tmp_path / "a.jsonl", ["x" * 20_000])
    with pytest.raises(TextError, match="20000 bytes in 1 documents"):
        load_corpus(source)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(stream.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(TrainingFailure, match=stream.CACHE_VARIABLE):
        load_corpus(json_lines(tmp_path / "a.jsonl"))


def test_no_more_unique_tokens_are_kept_than_the_text_has(tmp_path: Path) -> None:
    corpus = load_corpus(json_lines(tmp_path / "a.jsonl"))
    np.testing.assert_array_equal(corpus.first(1_000), corpus.train[:1_000])
    assert len(corpus.first(None)) == corpus.unique_tokens
    with pytest.raises(TextError, match="up to that"):
        corpus.first(corpus.unique_tokens + 1)
