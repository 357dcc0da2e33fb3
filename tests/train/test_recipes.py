"""Recipes reach the run table: repeated text is shuffled anew, and experts leave the columns their laws read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import TINY

from isoflop.errors import TextError
from isoflop.laws.catalogue import FORMS
from isoflop.runs import Run
from isoflop.train.text import load_corpus
from isoflop.train.trunk import Trunk
from isoflop.train.windows import WindowOrder


def test_each_pass_reads_every_window_once_in_an_order_of_its_own() -> None:
    order = WindowOrder(tokens=1_000, context=16, seed=3)
    passes = order.starts(0, 4 * order.per_pass).reshape(4, -1)
    for starts in passes:
        assert len(set(starts.tolist())) == order.per_pass
        assert np.all(np.diff(np.sort(starts)) == 16)
    assert len({tuple(np.argsort(starts)) for starts in passes}) == 4


@pytest.mark.long
def test_a_run_of_experts_on_repeated_text_says_both(tmp_path: Path) -> None:
    corpus = load_corpus(TINY.text)
    spec = replace(TINY, branch_tokens=(64 * 40,), experts=4, experts_active=2, unique_tokens=1_024)
    trunk = Trunk(spec, corpus, tmp_path, lambda: False)
    assert trunk.trainer.windows.tokens == 1_024
    trunk.train()
    row = json.loads((tmp_path / "runs.jsonl").read_text())
    assert row["unique_tokens"] == 1_024
    assert row["params"] == spec.params > row["active_params"]
    assert row["flops"] == 6 * row["active_params"] * row["tokens"]
    assert {"num_experts", "active_fraction"} <= set(Run.from_dict(row).extra)
    for law in ("clark", "abnar", "experts"):
        assert {variable.column for variable in FORMS[law].variables} <= set(row)


def test_more_unique_tokens_than_the_text_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="unique_tokens 50000 cannot be kept"):
        Trunk(replace(TINY, unique_tokens=50_000), load_corpus(TINY.text), tmp_path, lambda: False)
