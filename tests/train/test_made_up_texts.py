"""Texts that come with questions: told as often as promised, asked as they were told, and scored token by token."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from isoflop.errors import TextError
from isoflop.train.facts import OBJECTS, SENTENCE, FactBook
from isoflop.train.items import made_up_items, made_up_text
from isoflop.train.model import Choices, init_weights, token_losses
from isoflop.train.scoring import FILE, answers, score
from isoflop.train.spec import TextSource, TrunkSpec
from isoflop.train.tasks import CHARACTERS, ITEMS, written
from isoflop.train.text import load_corpus
from isoflop.train.trunk import Trunk

FACTS = TextSource(kind="facts", entities=3, doublings=4, length=6_000)
TASKS = TextSource(kind="tasks", longest=4, length=20_000)
SPEC = TrunkSpec(
    depth=1,
    width=16,
    head_dim=8,
    context=32,
    vocab=32,
    batch=4,
    branch_tokens=(128 * 12, 128 * 24),
    warmup_tokens=256,
    validation_windows=16,
    text=TASKS,
)


def test_each_fact_is_told_exactly_as_often_as_its_frequency() -> None:
    book = FactBook.of(FACTS)
    told = Counter(bytes(row) for row in book.text().train.reshape(-1, SENTENCE))
    assert [told[bytes(fact)] for fact in book.sentences] == book.frequencies.tolist()


def test_no_two_facts_are_about_one_name() -> None:
    names = FactBook.of(FACTS).sentences[:, :3]
    assert len(np.unique(names, axis=0)) == len(names)


def test_a_guess_is_right_once_in_the_number_of_objects() -> None:
    objects = FactBook.of(TextSource(kind="facts", entities=400, doublings=7, length=10_000_000)).sentences[:, 4]
    counts = np.bincount(objects)[objects.min() :]
    assert len(counts) == OBJECTS
    assert counts.max() / counts.sum() < 2 / OBJECTS


def test_facts_that_would_fill_the_text_are_refused_with_the_numbers() -> None:
    with pytest.raises(TextError, match=r"fill 294,768 tokens.*longer text"):
        FactBook.of(TextSource(kind="facts", entities=24, doublings=10, length=100_000))


def test_every_line_of_the_tasks_is_solved_rightly() -> None:
    lines = written(made_up_text(TASKS).train).split(".")[:-1]
    for line in lines:
        if ">" in line:
            left, right = line.split(">")
            assert left == right
        else:
            sum_, total = line.split("=")
            left, right = (int(number[::-1]) for number in sum_.split("+"))
            assert int(total[::-1]) == left + right
    assert len(lines) > 1_000


def test_an_unknown_task_is_named_with_the_nearest_known() -> None:
    with pytest.raises(TextError, match="Did you mean 'copy'"):
        made_up_text(replace(TASKS, tasks="coppy,add"))


@pytest.mark.parametrize("source", [FACTS, TASKS])
def test_equal_sources_give_equal_texts_and_questions(source: TextSource) -> None:
    assert np.array_equal(made_up_text(source).train, made_up_text(source).train)
    assert made_up_items(source).name == made_up_items(source).name
    assert not np.array_equal(made_up_text(source).train, made_up_text(replace(source, seed=1)).train)


@pytest.mark.parametrize("source", [FACTS, TASKS])
def test_a_question_ends_its_window_and_follows_a_whole_line(source: TextSource) -> None:
    items, text = made_up_items(source), made_up_text(source)
    windows = items.windows(32, text.validation)
    assert windows.shape == (len(items), 33)
    for window, question in zip(windows, items.question, strict=True):
        assert np.array_equal(window[-len(question) :], question)
        assert window[-len(question) - 1] == 0


def test_the_levels_have_equal_numbers_of_questions() -> None:
    items = made_up_items(TASKS)
    assert set(Counter(zip(items.task, items.level, strict=True)).values()) == {ITEMS}


@pytest.mark.long
def test_scores_are_those_of_trying_every_class() -> None:
    """exact and logprob of one-token answers, against the loss of each class put in the answer's place."""
    weights = _some_weights()
    items = made_up_items(TASKS)
    text = made_up_text(TASKS).validation
    found = answers(weights, items, SPEC, text)
    windows, choices = items.windows(SPEC.context, text).astype(np.int32), Choices.of(SPEC)
    single = [i for i, count in enumerate(items.answer_tokens) if count == 1]
    assert len(single) == ITEMS
    tried = np.repeat(windows[single][None], SPEC.vocab, axis=0)
    tried[:, :, -1] = np.arange(SPEC.vocab)[:, None]
    losses = np.stack([np.asarray(token_losses(weights, one, choices))[:, -1] for one in tried])
    right = windows[single, -1]
    assert [found["exact"][i] for i in single] == (losses.argmin(axis=0) == right).astype(int).tolist()
    logprob = -losses[right, np.arange(len(single))]
    assert np.allclose([found["logprob"][i] for i in single], logprob, atol=1e-3)


def test_an_answer_is_exact_only_if_all_its_tokens_are_right() -> None:
    items = made_up_items(TASKS)
    found = answers(_some_weights(), items, SPEC, made_up_text(TASKS).validation)
    whole = [correct == count for correct, count in zip(found["tokens_correct"], items.answer_tokens, strict=True)]
    assert [bool(exact) for exact in found["exact"]] == whole


@pytest.mark.long
def test_a_branch_is_scored_once_and_again_only_if_its_line_was_cut(tmp_path: Path) -> None:
    Trunk(SPEC, load_corpus(TASKS), tmp_path, lambda: False).train()
    path = tmp_path / FILE
    before = path.read_bytes()
    assert [json.loads(line)["tokens"] for line in before.splitlines()] == list(SPEC.branch_tokens)
    weights, validation = _some_weights(), made_up_text(TASKS).validation
    score(weights, SPEC, 1, validation, tmp_path)
    assert path.read_bytes() == before
    path.write_bytes(before[:-40])
    score(weights, SPEC, 1, validation, tmp_path)
    assert [json.loads(line)["run_id"] for line in path.read_text().splitlines()] == [SPEC.run_id(0), SPEC.run_id(1)]


def test_a_text_without_questions_is_not_scored(tmp_path: Path) -> None:
    score({}, replace(SPEC, text=TextSource(kind="markov")), 0, np.zeros(100, np.uint8), tmp_path)
    assert not (tmp_path / FILE).exists()


def test_every_sign_has_a_token_of_its_own() -> None:
    assert len(set(CHARACTERS)) == len(CHARACTERS)


def _some_weights() -> dict[str, object]:
    """Weights that answer something: writers start at zero, so the model is given some."""
    generator = np.random.default_rng(0)
    weights = init_weights(0, SPEC.shape)
    return jax.tree.map(lambda leaf: leaf + 0.1 * generator.standard_normal(leaf.shape).astype(np.float32), weights)


def test_the_first_tokens_of_a_text_in_pieces_are_a_sample_of_all_of_it(tmp_path: Path) -> None:
    """Documents of one letter each: without pieces the first tenth of the text knows one of ten letters."""
    path = tmp_path / "letters.jsonl"
    path.write_text(
        "".join(json.dumps({"text": f"{letter}{i:04d}" * 400}) + "\n" for i, letter in enumerate("abcdefghij"))
    )
    whole = TextSource(kind="file", path=str(path), held_out=0.1)
    plain, mixed = load_corpus(whole), load_corpus(replace(whole, pieces=40))
    tenth = len(plain.train) // 10
    assert len(np.unique(mixed.train[:tenth])) > 2 * len(np.unique(plain.train[:tenth]))
    assert abs(len(mixed.train) - len(plain.train)) <= 2
    assert np.array_equal(np.bincount(mixed.train)[2:], np.bincount(plain.train)[2:])
    assert np.array_equal(mixed.validation, plain.validation)
