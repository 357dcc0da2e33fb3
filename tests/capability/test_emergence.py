"""Jumps: the size and power of the test on made-up worlds, thresholds, and the verdict on public models."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop.capability.emergence import examine, implied_length
from isoflop.capability.items import gather, is_per_item, unseen
from isoflop.capability.jump import find_jump
from isoflop.capability.onset import find_onset
from isoflop.errors import BadInput
from isoflop.runs.tabular import Table

WORLDS = 40


def models(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.sort(rng.uniform(0, 4, n))


def test_gradual_rises_are_called_sudden_no_oftener_than_the_test_allows() -> None:
    rng, alarms = np.random.default_rng(0), 0
    for seed in range(WORLDS):
        x = models(rng, 30)
        smooth = 0.8 / (1 + np.exp(-3 * (x - 2.5)))
        scatter = np.sqrt(smooth * (1 - smooth) / 50) + 0.002  # of 50 items: none at the floor, much in the rise
        alarms += find_jump(x, smooth + scatter * rng.normal(size=30), seed=seed).kind == "sudden"
    assert alarms <= 5  # 5 % of 40 are 2; 5 or fewer come up in 98 of 100 tests of that size


def test_a_power_of_a_smooth_probability_is_no_jump_and_a_step_is_one() -> None:
    rng, kinds = np.random.default_rng(1), {"power": Counter[str](), "step": Counter[str]()}
    for seed in range(WORLDS):
        x = models(rng, 30)
        exact = np.exp(-(10 ** (-0.3 * x))) ** 10
        kinds["power"][find_jump(x, exact + rng.normal(0, 0.01, 30), seed=seed).kind] += 1
        step = find_jump(x, 0.1 + 0.6 * (x > 2.5) + rng.normal(0, 0.05, 30), seed=seed)
        kinds["step"][step.kind] += step.low <= 2.5 <= step.high
    assert kinds["power"]["gradual"] >= 0.85 * WORLDS
    assert kinds["power"]["sudden"] <= 2
    assert kinds["step"]["sudden"] >= 0.85 * WORLDS


def test_a_straight_line_is_steady() -> None:
    x = models(np.random.default_rng(2), 20)
    assert find_jump(x, 0.1 + 0.15 * x + np.random.default_rng(3).normal(0, 0.02, 20)).kind == "steady"


def test_the_loss_at_which_a_task_leaves_chance_is_found_with_an_interval_that_holds_it() -> None:
    rng, held = np.random.default_rng(4), 0
    for seed in range(WORLDS):
        x = -np.sort(rng.uniform(1.8, 3.4, 40))
        score = 0.25 + np.maximum(0, 0.4 * (x + 2.2)) + rng.normal(0, 0.012, 40)
        found = find_onset(x, score, seed=seed)
        held += found.low <= -2.2 <= found.high
    assert held >= 0.8 * WORLDS
    assert found.threshold == pytest.approx(-2.2, abs=0.15)
    assert found.floor == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("kind", ["the metric's doing", "real"])
def test_worlds_whose_truth_is_known_are_told_apart(kind: str) -> None:
    rng, verdicts = np.random.default_rng(5), Counter[str]()
    for seed in range(20):
        x = models(rng, 30)
        p = 1 / (1 + np.exp(-1.6 * (x - 1.5))) if kind != "real" else 0.15 + 0.75 / (1 + np.exp(-14 * (x - 2.6)))
        exact, tokens = rng.binomial(500, p**5) / 500, rng.binomial(2_500, p) / 2_500
        logprob = np.log(p) + rng.normal(0, 0.02, 30)
        verdicts[examine(x, {"exact": exact}, {"tokens": tokens, "logprob": logprob}, seed=seed).verdict] += 1
    assert verdicts[kind] >= 17
    other = "real" if kind != "real" else "the metric's doing"
    assert verdicts[other] == 0


def test_without_partial_credit_a_late_start_cannot_be_told_from_a_hidden_one() -> None:
    x = np.linspace(0, 4, 20)
    found = examine(x, {"exact": np.where(x > 2.5, 0.7, 0.0) + np.random.default_rng(6).normal(0, 0.01, 20)})
    assert found.verdict == "cannot tell"
    assert "No metric with partial credit" in found.reasons[-1]


def test_a_task_that_no_model_learnt_has_no_jump() -> None:
    x = np.linspace(0, 4, 20)
    found = examine(x, {"exact": 0.25 + np.random.default_rng(7).normal(0, 0.01, 20)})
    assert found.verdict == "no jump"
    assert "hardly at all" in found.reasons[0]


def test_transliteration_of_public_models_rises_late_and_gradually_under_both_metrics(data_dir: Path) -> None:
    folder = data_dir / "runs/obs_scaling"
    table = pl.read_csv(folder / "base_llm_emergent_capability_eval.csv").join(
        pl.read_csv(folder / "base_llm_benchmark_eval.csv"), on="Model"
    )
    flops = table["FLOPs (1E21)"].cast(float).to_numpy()
    exact, bleu = (table[f"ipa_transliterate_2_{name}"].cast(float).to_numpy() for name in ("exact_match", "bleu"))
    found = examine(np.log10(flops), {"exact": exact}, {"bleu": bleu})
    assert (found.models, found.at_floor) == (60, 39)
    assert found.verdict == "no jump"
    assert [case.jump.kind for case in found.metrics] == ["gradual", "gradual"]
    assert found.metrics[1].p_beneath < 1e-6  # some gain beneath the floor
    assert found.metrics[1].gain < 0.1  # of a few points only


def test_exact_match_that_holds_nothing_but_its_tokens_gives_their_number() -> None:
    p = np.linspace(0.1, 0.99, 20)
    length, r2 = implied_length(p, p**7)
    assert length == pytest.approx(7, rel=0.01)
    assert r2 == pytest.approx(1, abs=1e-4)
    with pytest.raises(BadInput, match="there is none"):
        implied_length([0.5, 1.0], [0.0, 1.0])


def items(**columns: list[float]) -> Table:
    rows = {"model": ["a", "a", "b", "b"], "item": [1, 2, 1, 2], "exact": [0, 0, 0, 1], "N": [1e6, 1e6, 1e7, 1e7]}
    return Table(pl.DataFrame({**rows, "D": [1e8] * 4, "tokens": [4] * 4, "tokens_correct": [2, 3, 3, 4], **columns}))


def test_outcomes_by_item_become_scores_and_what_failures_leave_open() -> None:
    table = items()
    assert is_per_item(table)
    (scores,) = gather(table)
    assert scores.metrics["exact"].tolist() == [0, 0.5]
    assert scores.metrics["token_accuracy"].tolist() == [5 / 8, 7 / 8]
    assert scores.metrics["edit_distance"].tolist() == [1.5, 0.5]
    assert scores.scale["C"].tolist() == [6e14, 6e15]
    (row,) = unseen(scores)
    assert row["at_most"] == pytest.approx(1 - 0.05**0.5)  # two failures leave rates up to 78 % possible
    assert row["foretold"] == pytest.approx(0.625**4)
    assert row["needed"] == 19  # ln 0.05 / ln(1 - 0.1526) = 18.1


def test_outcomes_that_cannot_be_are_refused_with_their_row() -> None:
    with pytest.raises(BadInput, match="Row 2 holds 2, but exact is 0 or 1"):
        gather(items(exact=[0, 2, 0, 1]))
    with pytest.raises(BadInput, match="Row 3 holds 5, but tokens_correct lies from 0 to tokens"):
        gather(items(tokens_correct=[2, 3, 5, 4]))
    with pytest.raises(BadInput, match="Model 'a' has N = 1e\\+06 and, in row 2 of its task, 2e\\+06"):
        gather(items(N=[1e6, 2e6, 1e7, 1e7]))
    with pytest.raises(BadInput, match="at least 8 models"):
        examine(np.arange(7.0), {"exact": np.arange(7.0) / 10})
