"""The tables that ship are those that the shipped campaigns make, whole and small."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop.errors import BadInput
from isoflop.samples import has_scores, load_sample, load_scores, sample_about, samples
from isoflop.workbench.ladder_file import read_ladder
from isoflop.workbench.studies import find_study
from isoflop.workbench.studies.scores import read_scores

MOST_BYTES = 300_000


@pytest.mark.parametrize("name", samples())
def test_a_sample_holds_every_run_of_its_campaign_and_no_other(name: str) -> None:
    ladder, runs = read_ladder(find_study(name).campaign("cpu")), load_sample(name)
    branches = {run_id: (trunk.params, tokens) for trunk in ladder.trunks for run_id, tokens in trunk.branches.items()}
    found = zip(runs.column("run_id"), runs.params, runs.tokens, strict=True)
    assert {run_id: (N, D) for run_id, N, D in found} == branches
    assert np.isfinite(runs.loss).all()
    assert sample_about(name).runs == len(runs)


@pytest.mark.parametrize("name", [name for name in samples() if has_scores(name)])
def test_every_model_of_a_sample_answered_every_question(name: str) -> None:
    scores, runs = load_scores(name), load_sample(name)
    assert set(scores["model"]) == set(runs.column("run_id"))
    questions = scores.select("task", "item").unique().height
    assert len(scores) == questions * len(runs)
    assert ((scores["exact"] == 1) == (scores["tokens_correct"] == scores["tokens"])).all()
    assert (scores["logprob"] <= 0).all()


def test_the_samples_are_small() -> None:
    files = [file for file in resources.files("isoflop.samples").iterdir() if file.name.endswith((".csv", ".parquet"))]
    assert sum(len(file.read_bytes()) for file in files) < MOST_BYTES


def test_an_unknown_sample_is_named_with_the_nearest_known() -> None:
    with pytest.raises(BadInput, match="Did you mean 'isoflop'"):
        load_sample("isoflops")
    with pytest.raises(BadInput, match="runs but no scores"):
        load_scores("isoflop")


@pytest.mark.slow
def test_a_shipped_run_comes_out_the_same_when_it_is_trained_again(tmp_path: Path) -> None:
    """The shortest run of the smallest model of ``emergence``: half a minute. Another processor rounds otherwise."""
    from isoflop.train.spec import TrunkSpec
    from isoflop.train.text import load_corpus
    from isoflop.train.trunk import Trunk

    ladder = read_ladder(find_study("emergence").campaign("cpu"))
    smallest = min(ladder.trunks, key=lambda trunk: trunk.params)
    whole = TrunkSpec.from_json(smallest.spec)
    spec = replace(whole, branch_tokens=whole.branch_tokens[:1])
    Trunk(spec, load_corpus(spec.text), tmp_path, lambda: False).train()
    shipped = load_sample("emergence").where(f"run_id == '{spec.run_id(0)}'")
    scores, before = read_scores([tmp_path]), load_scores("emergence").filter(pl.col("model") == spec.run_id(0))
    assert scores is not None
    trained = pl.read_ndjson(tmp_path / "runs.jsonl")["loss"][0]
    assert trained == pytest.approx(float(shipped.loss[0]), rel=1e-3)
    both = scores.join(before, on=["task", "item"], how="inner")
    assert len(both) == len(before)
    assert (both["logprob"] - both["logprob_right"]).abs().max() < 0.05
