"""Compute, cost, data and limits from shipped facts: fits return them, published figures hold, dials turn."""

import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop.errors import BadInput
from isoflop.facts import facts
from isoflop.outlook.accounts import progress_outlook
from isoflop.outlook.answers import LimitsOutlook
from isoflop.outlook.dates import decimal_years
from isoflop.outlook.demand import undertrained_plateau, worth_of_passes
from isoflop.outlook.limits import correlations, draw_unknowns
from isoflop.outlook.piecewise import fit_bent
from isoflop.outlook.series import Series, made_series, running_frontier, within
from isoflop.outlook.shipped import compute_outlook, cost_outlook, data_outlook, limits_outlook, longest_runs
from isoflop.outlook.trend import measure_growth

FLOPS = "Training compute (FLOP)"
COSTS = {
    "amortised": "Training compute cost (2023 USD)",
    "rented": "Training compute cost (cloud)",
    "bought": "Training compute cost (upfront)",
}


@pytest.fixture(scope="module")
def models(data_dir: Path) -> pl.DataFrame:
    """Epoch's notable models."""
    path = data_dir / "econ" / "epoch_notable" / "notable_ai_models_2026-01-26.csv"
    return pl.read_csv(path, infer_schema=False)


def _numbers(models: pl.DataFrame, column: str) -> np.ndarray:
    return models[column].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()


def _series(models: pl.DataFrame, column: str, *, frontier: bool) -> Series:
    values, years = _numbers(models, column), decimal_years(models["Publication date"].to_list())
    kept = np.isfinite(years) & (values > 0)
    if frontier:
        kept &= (models["Frontier model"].str.to_lowercase() == "true").fill_null(False).to_numpy()
    return made_series(years[kept], values[kept], column)


def test_training_compute_grew_by_4_64_a_year_between_2010_and_2024(models: pl.DataFrame) -> None:
    whole = _series(models, FLOPS, frontier=False)
    made = measure_growth(within(running_frontier(whole, 5), 2010, 2024.4), top=5, whole=whole)
    assert made.overall.factor == pytest.approx(4.64, abs=0.02)
    assert made.resampled == pytest.approx((4.41, 4.87), abs=0.03)
    assert made.held.low > 4.5
    assert made.bends.breaks == ()
    assert all(score.trend < min(score.last_value, score.last_growth) for score in made.tried.scores)


def test_the_rise_of_deep_learning_is_found_as_a_break(models: pl.DataFrame) -> None:
    made = measure_growth(running_frontier(_series(models, FLOPS, frontier=False), 5))
    last = made.bends.breaks[-1]
    assert last.low < 2010 < last.high
    assert made.stretches[-1].factor > 2 * made.stretches[-2].factor


def test_run_costs_tripled_a_year_to_2025_and_grew_less_to_2024(models: pl.DataFrame) -> None:
    series = _series(models, COSTS["amortised"], frontier=True)
    until_2024 = measure_growth(within(series, 2016, 2024.4))
    assert until_2024.overall.factor == pytest.approx(2.61, abs=0.03)
    assert until_2024.resampled == pytest.approx((2.22, 3.25), abs=0.15)
    until_2025 = measure_growth(within(series, 2016, None), breaks=0)
    assert until_2025.overall.factor == pytest.approx(2.97, abs=0.05)
    assert until_2025.resampled == pytest.approx((2.59, 3.42), abs=0.06)


@pytest.mark.parametrize("name", ["training_compute", "amortised", "rented", "bought"])
def test_every_shipped_line_is_what_its_table_gives(models: pl.DataFrame, name: str) -> None:
    fact, state = facts("frontier_lines")[name], facts("frontier_state")[name]
    if name == "training_compute":
        series = within(running_frontier(_series(models, FLOPS, frontier=False), 5), 2010, None)
    else:
        series = within(_series(models, COSTS[name], frontier=True), 2016, None)
    _is_the_fact(series, fact)
    assert state["value"] == pytest.approx(series.values.max(), rel=0.01)


def test_the_line_of_training_text_is_what_its_table_gives(data_dir: Path) -> None:
    text = pl.read_csv(data_dir / "econ" / "epoch_data_stock" / "data" / "dataset_sizes.csv")
    text = text.filter((pl.col("category") == "Language") & (pl.col("dataset") > 0))
    years = decimal_years(text["date"].to_list())
    _is_the_fact(made_series(years, text["dataset"].to_numpy()), facts("frontier_lines")["training_text"])


def _is_the_fact(series: Series, fact: dict[str, float]) -> None:
    bent = fit_bent(series)
    errors = np.sqrt(np.diag(bent.covariance))
    found = (bent.origin, 10 ** bent.coefficients[0], errors[0], bent.coefficients[1], errors[1], bent.sd_log10)
    names = ("origin", "value", "value_se", "slope", "slope_se", "scatter")
    assert np.allclose(found, [fact[key] for key in names], rtol=0.003)
    assert fact["rows"] == len(series)


def test_few_organisations_have_paid_for_large_runs(models: pl.DataFrame) -> None:
    costs, names = _numbers(models, COSTS["amortised"]), models["Organization"].to_numpy()
    for row in facts("who_can_pay").values():
        paid = {str(name).split(",")[0] for name in names[costs >= row["usd"]]}
        assert len(paid) == row["organisations"]


@pytest.mark.slow
def test_a_hundred_thousand_draws_take_less_than_a_second() -> None:
    for verb in (compute_outlook, cost_outlook, data_outlook, limits_outlook, progress_outlook):
        verb(draws=1000)
        began = time.process_time()
        verb(draws=100_000)
        assert time.process_time() - began < 1.0, verb.__name__


def test_the_largest_run_is_years_ahead_of_the_typical_one_and_dates_agree_with_growth() -> None:
    made = compute_outlook(as_of=2026.0)
    for first, then in zip(made.compute.crossings[:-1], made.compute.crossings[1:], strict=True):
        assert first.largest.middle < first.typical.middle
        step = 1 / np.log10(made.compute.growth.factor)
        assert then.typical.middle - first.typical.middle == pytest.approx(step, abs=0.02)
        assert then.typical.high - then.typical.low >= first.typical.high - first.typical.low


def test_slower_growth_is_a_dial_that_moves_every_date() -> None:
    plain, slow = compute_outlook(as_of=2026.0), compute_outlook(as_of=2026.0, growth=(2.0, 3.0))
    for a, b in zip(plain.compute.crossings, slow.compute.crossings, strict=True):
        assert b.typical.middle > a.typical.middle
        assert b.largest.middle > a.largest.middle
    assert slow.compute.crossings[-1].largest.middle > 2033
    with pytest.raises(BadInput, match="above 1"):
        compute_outlook(growth=(0.5, 0.9))


def test_ten_billion_dollars_means_three_different_years() -> None:
    made = cost_outlook(as_of=2026.0)
    ten = {basis.name: basis.crossings[1].largest.middle for basis in made.bases}
    assert ten["bought"] < 2026 < ten["rented"] < ten["amortised"]
    assert ten["amortised"] - ten["bought"] > 2


def test_the_revenue_gap_is_four_dials() -> None:
    gap = cost_outlook(as_of=2026.0).gap
    assert gap.required_usd == pytest.approx(600e9)
    assert gap.gap_usd == pytest.approx(500e9)
    other = cost_outlook(as_of=2026.0, chips_usd=75e9, known_usd=0.0, gross_margin=0.75, total_cost=1.0).gap
    assert other.gap_usd == pytest.approx(300e9)


def test_the_stock_and_its_crossing_have_their_published_years() -> None:
    made = data_outlook()
    assert made.effective.middle == pytest.approx(322e12, rel=0.02)
    assert (made.effective.low, made.effective.high) == pytest.approx((85e12, 1274e12), rel=0.03)
    assert made.span == pytest.approx((2026.2, 2031.3), abs=0.35)
    for scenario, middle in zip(made.scenarios, (2029.1, 2029.0, 2027.9), strict=True):
        assert scenario.meets.middle == pytest.approx(middle, abs=0.1)


def test_more_over_training_meets_the_wall_sooner() -> None:
    assert data_outlook(overtrained=20).scenarios[2].meets.middle < data_outlook().scenarios[2].meets.middle - 0.5


def test_what_repeats_and_more_parameters_are_worth_is_what_their_laws_say() -> None:
    assert worth_of_passes(1) == 1
    assert 3.6 < worth_of_passes(4) < 4
    assert worth_of_passes(1e6) == pytest.approx(16.4, abs=0.02)
    assert undertrained_plateau(3e14, A=514, alpha=0.35, B=2115.2, beta=0.37) == pytest.approx(3e30, rel=0.05)


@pytest.fixture(scope="module")
def of_2030() -> LimitsOutlook:
    return limits_outlook()


def test_the_limits_of_2030_are_within_a_third_of_an_order_of_the_published_ones(of_2030: LimitsOutlook) -> None:
    for limit in of_2030.limits:
        assert limit.off_by < 0.3, limit.name


def test_the_latency_wall_is_within_half_an_order_of_the_headline_that_lets_the_batch_grow(
    of_2030: LimitsOutlook,
) -> None:
    found = next(limit.flops for limit in of_2030.limits if limit.name == "latency")
    headline = facts("limits2030_published")["latency, batch growing with size"]
    assert abs(np.log10(found.low / headline["low"])) < 0.3
    assert abs(np.log10(found.high / headline["high"])) < 0.5


def test_inputs_are_correlated_as_published() -> None:
    drawn = draw_unknowns(np.random.default_rng(0), 50_000)
    for link in facts("limits2030_links").values():
        ranks = [np.argsort(np.argsort(drawn[link[end]])) for end in ("a", "b")]
        assert np.corrcoef(*ranks)[0, 1] == pytest.approx(link["spearman"], abs=0.02)
    names = [name for name, row in facts("limits2030").items() if "p10" in row]
    assert np.linalg.eigvalsh(correlations(names))[0] > 0


def test_the_shares_of_what_binds_are_all_there_is(of_2030: LimitsOutlook) -> None:
    assert sum(limit.binds or 0 for limit in of_2030.limits) == pytest.approx(1)
    assert 0 < of_2030.trend_allowed < 1


def test_with_all_progress_counted_a_run_is_worth_five_months() -> None:
    runs = {run.counted: 12 * run.years for run in longest_runs()}
    assert runs["hardware + algorithms + spending"] == pytest.approx(4.9, abs=0.1)
    assert runs["hardware"] > runs["hardware + algorithms"] > runs["hardware + algorithms + spending"]
