"""Each study's judge, on made-up runs whose answer is known; and the campaigns that ship."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop.errors import BadInput, FitFailure, TrainingFailure
from isoflop.runs.run import Run
from isoflop.runs.table import Runs
from isoflop.train.spec import TextSource
from isoflop.workbench.ladder_file import read_ladder
from isoflop.workbench.studies import (
    CARDS,
    SCALES,
    concept,
    emergence,
    entropy,
    find_study,
    isoflop_curves,
    lr_batch,
    repeated,
    shape,
)
from isoflop.workbench.studies.finding import Finding, Material, Measure
from isoflop.workbench.studies.page import markdown, write_page
from isoflop.workbench.studies.proportions import fit_rise, wilson
from isoflop.workbench.studies.scores import read_scores

SOTU = TextSource()


def noisy(rng: np.random.Generator, loss: float, by: float = 0.002) -> float:
    return float(loss * np.exp(by * rng.standard_normal()))


def measured(finding: Finding, words: str) -> float:
    return next(m.value for m in finding.measures if words in m.name)


def holds(measure: Measure, truth: float) -> bool:
    assert measure.low is not None
    assert measure.high is not None
    return measure.low < truth < measure.high


def additive(N: float, D: float) -> float:
    return 1.0 + 30 / N**0.4 + 30 / D**0.4


def isoflop_runs() -> Runs:
    rng = np.random.default_rng(0)
    rows = []
    for C in (1e11, 3e11, 1e12, 3e12):
        best = np.sqrt(C / 6)
        rows += [
            Run(params=N, tokens=C / 6 / N, loss=noisy(rng, additive(N, C / 6 / N)))
            for N in best * 2.0 ** np.arange(-3, 4)
        ]
    return Runs.from_runs(rows)


def test_the_exponent_of_a_symmetric_law_is_found_to_be_a_half() -> None:
    found = isoflop_curves.judge(Material(isoflop_runs(), SOTU))
    exponent = found.measures[0]
    assert holds(exponent, 0.5)
    assert abs(exponent.value - 0.5) < 0.03
    assert found.verdict == "agrees"


def shape_runs(by_depth: float) -> Runs:
    rng = np.random.default_rng(1)
    rows = []
    for depth, width in ((1, 112), (2, 80), (3, 64), (5, 48), (12, 32), (2, 16), (2, 32), (2, 48), (2, 128)):
        size = 12.0 * depth * width**2
        loss = 1.0 + 8 * size**-0.2 + (by_depth if depth == 1 else 0.0)
        for seed in (0, 1):
            value = noisy(rng, loss, 0.001)
            rows.append(Run(params=size, tokens=5e5, loss=value, depth=depth, width=width, seed=seed))
    return Runs.from_runs(rows)


def test_where_only_size_matters_shapes_differ_by_no_more_than_noise() -> None:
    found = shape.judge(Material(shape_runs(0.0), SOTU))
    assert measured(found, "spread over shapes") < 0.8
    assert measured(found, "spread over sizes") > 20
    assert found.verdict == "agrees"


def test_a_single_layer_that_is_worse_is_said_to_be() -> None:
    found = shape.judge(Material(shape_runs(0.3), SOTU))
    assert found.verdict == "partly agrees"
    assert measured(found, "two layers and more") < 0.8
    assert measured(found, "spread over shapes") == pytest.approx(17, abs=3)


def repeated_runs(decay: float) -> Runs:
    rng = np.random.default_rng(2)
    rows = []
    for N in (3e4, 1e5, 3e5):
        for U in (1e5, 2e5, 4e5, 1e7):
            for D in 1e5 * 2.0 ** np.arange(0, 6):
                unique = min(U, D)
                fresh = unique * float(repeated.worth_of_epochs(np.array([D / unique]), decay)[0])
                loss = noisy(rng, additive(N, fresh), 0.0005)
                rows.append(Run(params=N, tokens=D, loss=loss, unique_tokens=unique, trunk=f"{N}-{U}"))
    return Runs.from_runs(rows)


def test_the_decay_of_repeated_tokens_is_recovered_and_so_is_what_they_are_worth() -> None:
    found = repeated.judge(Material(repeated_runs(8.0), SOTU), replicates=100)
    decay = found.measures[0]
    assert holds(decay, 8.0)
    truth = 100 * float(repeated.worth_of_epochs(np.array([4.0]), 8.0)[0]) / 4
    assert measured(found, "worth of 4 passes") == pytest.approx(truth, abs=5)


def lr_runs(shift: float) -> Runs:
    """Best rate 4e-3 at 256 tokens a step, growing as its square root, ``shift`` times that at the larger size."""
    rng = np.random.default_rng(3)
    rows = []
    for N, factor in ((3e4, 1.0), (1e5, shift)):
        for batch in (128.0, 256.0, 512.0, 1024.0):
            best = np.log(4e-3 * factor * (batch / 256) ** 0.5)
            for lr in (1e-3, 2e-3, 4e-3, 8e-3, 16e-3):
                loss = (1.5 + 1e3 / N) * np.exp(0.01 * (np.log(lr) - best) ** 2)
                row = Run(params=N, tokens=5e5, loss=noisy(rng, loss, 0.0005), lr=lr, batch_tokens=batch)
                rows.append(row)
    return Runs.from_runs(rows)


def test_the_best_rate_is_found_to_grow_as_the_root_of_the_batch_and_to_carry_over() -> None:
    found = lr_batch.judge(Material(lr_runs(1.0), SOTU))
    slope, transfer = found.measures[:2]
    assert holds(slope, 0.5)
    assert slope.value == pytest.approx(0.5, abs=0.05)
    assert transfer.value == pytest.approx(1.0, abs=0.07)
    assert found.verdict == "agrees"


def test_a_rate_that_does_not_carry_over_is_seen() -> None:
    found = lr_batch.judge(Material(lr_runs(0.5), SOTU))
    assert found.measures[1].value == pytest.approx(0.5, abs=0.05)
    assert found.verdict == "disagrees"


def test_rates_without_a_valley_are_refused_with_what_to_do() -> None:
    rows = [
        Run(params=1e5, tokens=1e6, loss=2 - 0.01 * i, lr=1e-3 * 2.0**i, batch_tokens=float(batch))
        for batch in (128, 256)
        for i in range(5)
    ]
    with pytest.raises(FitFailure, match="Widen the grid"):
        lr_batch.judge(Material(Runs.from_runs(rows), SOTU))


def test_the_entropy_of_a_source_is_told_from_the_ladder_on_it() -> None:
    text = TextSource(kind="markov", states=16, order=1)
    from isoflop.train.synthetic import MarkovSource

    truth, rng = MarkovSource(16, 1, 1.2, 0).entropy_rate, np.random.default_rng(4)
    rows = [
        Run(params=N, tokens=D, loss=noisy(rng, truth + 300 / N + 3e3 / D, 0.001), loss_se=0.003 * truth)
        for N in (1e4, 3e4, 1e5)
        for D in 1e5 * 2.0 ** np.arange(5)
    ]
    found = entropy.judge(Material(Runs.from_runs(rows), text), replicates=100)
    assert found.measures[0].value == pytest.approx(truth)
    assert found.verdict == "agrees"
    assert abs(measured(found, "average over forms") / truth - 1) < 0.01


def fact_scores(half: float) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    rows = []
    for N in (1e4, 4e4):
        for level in 2 ** np.arange(10):
            know = 1 / 32 + (31 / 32) / (1 + np.exp(-(np.log(level / 2) - np.log(half * (1e4 / N) ** 0.5)) / 0.7))
            exact = rng.random(400) < know
            rows += [
                {"model": f"{N}", "N": N, "D": 5e5, "task": "recall", "item": f"{level}-{i}", "level": int(level)}
                | {"exact": int(right), "tokens_correct": int(right), "tokens": 1, "logprob": -1.0}
                for i, right in enumerate(exact)
            ]
    return pl.DataFrame(rows)


def test_the_readings_that_make_half_of_the_facts_known_are_recovered() -> None:
    text = TextSource(kind="facts", length=1_000_000)
    found = concept.judge(Material(isoflop_runs(), text, fact_scores(20.0)))
    large, small = found.measures[0], found.measures[1]
    assert holds(small, 20)
    assert holds(large, 10)
    assert measured(found, "twice the parameters") == pytest.approx(100 * (2**-0.5 - 1), abs=6)


def task_scores(jump: bool) -> pl.DataFrame:
    """Answers of six tokens whose errors are independent; the tokens' probability rises steadily, or all at once."""
    rng = np.random.default_rng(6)
    rows = []
    for step in range(8):
        p = (0.15 if step < 5 else 0.98) if jump else 0.15 + 0.83 * step / 7
        for i in range(200):
            right = int((rng.random(6) < p).sum())
            rows.append(
                {"model": f"{step}", "N": 1e5, "D": 1e5 * 2.0**step, "task": "copy", "item": f"6-{i}", "level": 6}
                | {"exact": int(right == 6), "tokens_correct": right, "tokens": 6, "logprob": 6 * np.log(p)}
            )
    return pl.DataFrame(rows)


def test_a_steady_gain_that_exact_match_hides_is_seen_before_it_shows() -> None:
    found = emergence.judge(Material(isoflop_runs(), SOTU, task_scores(jump=False)), replicates=50)
    assert found.verdict == "agrees"
    assert found.measures[0].value > 70
    assert measured(found, "distance of exact match") < 4


def test_a_skill_that_comes_at_once_by_every_metric_is_not_called_a_mirage() -> None:
    found = emergence.judge(Material(isoflop_runs(), SOTU, task_scores(jump=True)), replicates=50)
    assert found.verdict == "disagrees"
    assert found.measures[0].value < 5
    assert "not in how it is scored" in found.because


def test_progress_that_exact_match_hides_is_said() -> None:
    steady = task_scores(jump=False).filter(pl.col("D") <= 8e5)
    found = emergence.judge(Material(isoflop_runs(), SOTU, steady), replicates=50)
    assert found.verdict == "undecided"
    assert measured(found, "tokens right at last") > 30 + measured(found, "the same at first")


def test_wilsons_interval_is_that_of_newcombe_1998() -> None:
    """Table I of Newcombe 1998 (Statistics in Medicine 17, 857), method 3, at 95 %."""
    low, high = wilson([81, 15, 0, 1], [263, 148, 20, 29], 0.95)
    assert low == pytest.approx([0.2553, 0.0624, 0.0, 0.0061], abs=5e-5)
    assert high == pytest.approx([0.3662, 0.1605, 0.1611, 0.1718], abs=5e-5)


def test_a_rise_that_is_not_there_is_refused() -> None:
    with pytest.raises(FitFailure, match="cannot be said"):
        fit_rise([0, 1, 2], [1, 0, 1], [20, 20, 20], 0.05)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", CARDS)
def test_every_study_has_a_campaign_that_the_ladder_reads(name: str, scale: str) -> None:
    text = find_study(name).campaign(scale).read_text()  # type: ignore[arg-type]
    assert "[[rungs]]" in text
    if "path =" not in text:
        ladder = read_ladder(find_study(name).campaign(scale))  # type: ignore[arg-type]
        assert ladder.name == name
        assert ladder.runs >= 9


def test_scores_are_read_from_folders_and_a_cut_line_is_left_out(tmp_path: Path) -> None:
    line = {"run_id": "r", "trunk": "t", "params": 10, "tokens": 100, "task": ["copy"], "item": ["1-0"], "level": [1]}
    line |= {"exact": [1], "tokens_correct": [1], "answer_tokens": [1], "logprob": [-0.5]}
    (tmp_path / "scores.jsonl").write_text(json.dumps(line) + "\n" + json.dumps(line)[:30])
    scores = read_scores([tmp_path, tmp_path / "absent"])
    assert scores is not None
    assert scores.rows() == [("r", 10.0, 100.0, "copy", "1-0", 1, 1, 1, 1, -0.5)]
    (tmp_path / "scores.jsonl").write_text('{"run_id": 3}\n')
    with pytest.raises(TrainingFailure, match="holds a line that is no score"):
        read_scores([tmp_path])


def test_a_page_says_question_result_claim_and_limits(tmp_path: Path) -> None:
    card = find_study("shape")
    material = Material(shape_runs(0.3), SOTU, made="Made up.")
    found = shape.judge(material)
    charts = card.judge.charts(found)
    path = write_page(tmp_path / "shape.html", card, material, found, charts)
    text, page = markdown(card, material, found, charts), path.read_text()
    for part in (card.question, card.source, found.verdict, *found.shows_not):
        assert part in text
        assert part.replace("'", "&#x27;") in page


def test_an_unknown_study_is_named_with_the_nearest_known() -> None:
    with pytest.raises(BadInput, match="Did you mean 'emergence'"):
        find_study("emergance")
