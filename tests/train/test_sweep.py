"""A sweep names each setting once, goes on round the lowest run, and its runs give a law."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import TINY

from isoflop.errors import SpecError
from isoflop.fitting.sweep_law import sweep_law
from isoflop.runs import Run, Runs
from isoflop.train.sweep import refined_specs, spaced, sweep_specs
from isoflop.train.text import load_corpus


def row(lr: float, loss: float, batch: int = 4, width: int = 16) -> dict[str, Any]:
    return {"width": width, "tokens": 6_400, "lr": lr, "batch_tokens": 16 * batch, "loss": loss}


def test_every_setting_is_one_trunk_with_a_branch_for_each_amount_of_data() -> None:
    specs = sweep_specs(TINY, widths=(16, 32), tokens=(6_400, 3_000), lrs=(1e-3, 2e-3), batches=(2, 4), seeds=(0, 1))
    assert len({spec.spec_id for spec in specs}) == 16
    assert {spec.branch_tokens for spec in specs} == {(2_976, 6_400), (2_944, 6_400)}
    assert [spec.params for spec in specs] == sorted((spec.params for spec in specs), reverse=True)


def test_a_sweep_without_rates_is_refused() -> None:
    with pytest.raises(SpecError, match="without lrs"):
        sweep_specs(TINY, widths=(16,), tokens=(6_400,), lrs=())


def test_rates_are_spaced_by_a_ratio() -> None:
    assert spaced(1e-3, 8e-3) == (1e-3, 2e-3, 4e-3, 8e-3)
    with pytest.raises(SpecError, match="0 < low"):
        spaced(1e-3, 1e-4)


def test_a_lowest_run_at_the_edge_asks_for_the_rate_beyond_it() -> None:
    specs = refined_specs(TINY, [row(1e-3, 2.0), row(2e-3, 1.9), row(4e-3, 1.8)])
    assert [spec.lr for spec in specs] == [8e-3]
    specs = refined_specs(TINY, [row(1e-3, 1.7), row(2e-3, 1.9), row(4e-3, float("nan"))])
    assert [spec.lr for spec in specs] == [5e-4]


def test_a_lowest_run_inside_asks_for_the_middles_beside_it() -> None:
    specs = refined_specs(TINY, [row(1e-3, 2.0), row(2e-3, 1.7), row(4e-3, 1.8), row(2e-3, 1.9, batch=8)])
    assert [(spec.lr, spec.batch) for spec in specs] == [(1.41e-3, 4), (2.83e-3, 4), (2e-3, 2)]


def test_refining_a_known_bowl_ends_at_its_bottom() -> None:
    best, rows = 3.1e-3, [row(lr, np.log(lr / 3.1e-3) ** 2) for lr in (1e-3, 1.6e-2)]
    for _ in range(30):
        specs = refined_specs(TINY, rows)
        if not specs:
            break
        rows += [row(spec.lr, np.log(spec.lr / best) ** 2) for spec in specs]
    assert not specs
    assert min(rows, key=lambda r: r["loss"])["lr"] == pytest.approx(best, rel=0.12)
    assert len(rows) < 20


def test_rows_that_are_no_runs_of_a_sweep_are_refused() -> None:
    with pytest.raises(SpecError, match="lacks lr"):
        refined_specs(TINY, [{"width": 16, "tokens": 10, "batch_tokens": 4, "loss": 1.0}])


@pytest.mark.slow
def test_a_small_real_sweep_has_a_best_rate_inside_it(tmp_path: Path) -> None:
    from isoflop.train.trunk import Trunk

    corpus = load_corpus(TINY.text)
    rows = []
    recipe = replace(TINY, validation_windows=256)
    specs = sweep_specs(recipe, widths=(16, 32), tokens=(25_600,), lrs=spaced(1e-3, 6.4e-2))
    for spec in specs:
        folder = tmp_path / spec.spec_id
        folder.mkdir()
        Trunk(spec, corpus, folder, lambda: False).train()
        rows += [json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()]
    found = sweep_law(Runs.from_runs([Run.from_dict(row) for row in rows]), reach=100)
    assert all(1e-3 < cell.lr < 6.4e-2 for cell in found.cells.used)
    assert len(found.cells.used) == 2
