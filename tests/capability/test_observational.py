"""Observational laws: the published variance figures from the stored table, and its backtest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop.capability.observational import backtest_observational, family_lines, find_capabilities
from isoflop.errors import BadInput

CUTOFF = 8.4e22


@pytest.fixture(scope="module")
def table(data_dir: Path) -> pl.DataFrame:
    return pl.read_csv(data_dir / "runs/obs_scaling/base_llm_benchmark_eval.csv")


def benchmarks(table: pl.DataFrame) -> tuple[tuple[str, ...], np.ndarray]:
    names = tuple(table.columns[5:])
    return names, table.select(pl.col(names).cast(float)).to_numpy()


@pytest.mark.parametrize(
    ("models", "standardise", "first", "three"),
    [(77, True, 82.5, 96.8), (77, False, 88.7, 97.8), (148, True, 79.3, 96.0), (148, False, 85.3, 97.3)],
)
def test_the_first_component_has_the_published_share(
    table: pl.DataFrame, models: int, standardise: bool, first: float, three: float
) -> None:
    names, scores = benchmarks(table)
    found = find_capabilities(scores[:models], names, standardise=standardise)
    assert 100 * found.explained[0] == pytest.approx(first, abs=0.1)
    assert 100 * found.explained[:3].sum() == pytest.approx(three, abs=0.1)


def test_later_models_are_foretold_better_from_components_than_from_compute(table: pl.DataFrame) -> None:
    names, scores = benchmarks(table)
    flops = 1e21 * table["FLOPs (1E21)"].cast(float).to_numpy()
    errors, by_compute, naive = [], [], []
    for task, chance in {"MMLU": 0.25, "ARC-C": 0.2, "HellaSwag": 0.25, "XWinograd": 0.5, "GSM8K": 0.0}.items():
        others = tuple(name for name in names if name != task)
        keep = [names.index(name) for name in others]
        found = backtest_observational(
            scores[:77, keep], others, scores[:77, names.index(task)], flops[:77], CUTOFF, chance=chance
        )
        errors.append(found.error), by_compute.append(found.compute_error), naive.append(found.naive_error)
        if task == "MMLU":
            assert (found.train, found.test, found.unknown) == (47, 30, 11)
    assert np.mean(errors) < 6
    assert np.mean(errors) < 0.6 * np.mean(by_compute) < np.mean(naive)


def test_a_family_s_equivalent_compute_gives_back_its_own() -> None:
    flops = np.array([1e20, 1e21, 1e22, 1e23, 1e24])
    capability = 0.8 * np.log10(flops) - 17
    lines, others = family_lines(capability, flops, ["a", "a", "a", "a", "once"])
    assert others == ("once",)
    assert lines["a"].slope == pytest.approx(0.8)
    assert lines["a"].equivalent_flops(capability[4]) == pytest.approx(1e24)


def test_missing_scores_are_filled_so_that_a_single_capability_is_found_whole() -> None:
    rng = np.random.default_rng(0)
    skill, loading = rng.normal(size=30), np.array([1.0, 0.8, 1.2, 0.9])
    whole = 0.5 + 0.08 * skill[:, None] * loading
    holes = whole.copy()
    holes[rng.random(whole.shape) < 0.15] = np.nan
    holes[~np.isfinite(holes).any(axis=1), 0] = 0.5
    found = find_capabilities(holes, ("a", "b", "c", "d"))
    assert found.imputed > 5
    assert found.explained[0] == pytest.approx(1, abs=1e-6)
    assert np.corrcoef(found.scores[:, 0], skill)[0, 1] > 0.9999
    assert found.of(whole)[:, 0] == pytest.approx(found.scores[:, 0], abs=1e-4)


def test_tables_without_components_are_refused() -> None:
    scores = np.random.default_rng(1).uniform(size=(10, 3))
    with pytest.raises(BadInput, match="Divide percentages by 100"):
        find_capabilities(100 * scores, ("a", "b", "c"))
    with pytest.raises(BadInput, match="at least 8 models"):
        find_capabilities(scores[:7], ("a", "b", "c"))
    with pytest.raises(BadInput, match="Benchmark b is the same for all"):
        find_capabilities(np.column_stack([scores[:, 0], np.full(10, 0.3), scores[:, 2]]), ("a", "b", "c"))
    with pytest.raises(BadInput, match="Model in row 4 has no score"):
        find_capabilities(np.where(np.arange(10)[:, None] == 3, np.nan, scores), ("a", "b", "c"))
    with pytest.raises(BadInput, match="below the cutoff"):
        backtest_observational(scores, ("a", "b", "c"), scores[:, 0], np.full(10, 1e21), 1e20)
