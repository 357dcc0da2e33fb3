"""How much came from compute, data and methods: shares add up, no order is preferred, published figures return."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop.errors import BadInput, LawError
from isoflop.facts import facts
from isoflop.laws import find_law
from isoflop.outlook.accounts import dollar_account, loss_account, progress_outlook, published_doubling, shapley
from isoflop.outlook.dates import decimal_years
from isoflop.outlook.effective import draw_methods, effective_flops, effective_outlook
from isoflop.outlook.growth import fit_trend
from isoflop.outlook.sampling import skewed

RNG = np.random.default_rng
DRAWS = 20_000


def test_three_numbers_are_the_quantiles_of_what_is_drawn_from_them() -> None:
    drawn = skewed((5.0, 8.0, 14.0), RNG(0), 400_000, level=0.95)
    assert np.quantile(drawn, [0.025, 0.5, 0.975]) == pytest.approx([5, 8, 14], rel=0.01)
    assert skewed((3.0, 3.0, 3.0), RNG(0), 5).tolist() == [3.0] * 5
    with pytest.raises(BadInput, match="0 < low ≤ middle ≤ high"):
        skewed((8.0, 5.0, 14.0), RNG(0), 5)


def test_shares_do_not_hang_on_the_order_and_add_up() -> None:
    worths = {"": 0.0, "a": 1.0, "b": 2.0, "c": 0.0, "ab": 6.0, "ac": 1.0, "bc": 2.0, "abc": 6.0}
    added = shapley(lambda come: np.array([worths["".join(sorted(come))]]), ("a", "b", "c"))
    assert {name: float(value[0]) for name, value in added.items()} == pytest.approx({"a": 2.5, "b": 3.5, "c": 0.0})


def test_without_a_dependence_on_scale_the_share_is_that_of_the_rates() -> None:
    made = progress_outlook(since=2012.0, to=2020.0, draws=DRAWS).compute
    methods = next(part for part in made.parts if part.name == "better methods")
    middle = np.log(2.83) / (np.log(2.83) + 0.6625 * np.log(10))
    assert methods.share.middle == pytest.approx(middle, abs=0.005)
    assert sum(part.share.middle for part in made.parts) == pytest.approx(1, abs=0.001)
    assert np.log(made.effective.middle) == pytest.approx(8 * (np.log(2.83) + 0.6625 * np.log(10)), rel=0.01)
    longer = progress_outlook(since=1995.0, to=2024.0, draws=DRAWS).compute
    assert longer.parts[1].share.middle == pytest.approx(methods.share.middle, abs=0.005)


def test_half_scaling_half_innovation_is_at_the_edge_of_the_interval() -> None:
    made = progress_outlook(draws=DRAWS).compute
    assert made.parts[1].share.middle == pytest.approx(0.405, abs=0.01)
    assert 0.48 < made.parts[1].share.high < 0.53
    assert made.half == pytest.approx(0.06, abs=0.02)


def test_if_gains_depend_on_scale_methods_brought_less_and_far_less_at_small_scale() -> None:
    plain, dependent = (progress_outlook(draws=DRAWS, scale_dependent=on).compute for on in (False, True))
    assert dependent.parts[1].share.middle < plain.parts[1].share.middle - 0.05
    assert dependent.at_small_scale.middle < dependent.parts[1].share.middle - 0.1
    assert dependent.at_small_scale.high < 0.25
    assert plain.at_small_scale == plain.parts[1].share


def test_a_faster_halving_is_a_larger_share() -> None:
    shares = [progress_outlook(halving=(m, m), draws=DRAWS).compute.parts[1].share.middle for m in (4.0, 8.0, 16.0)]
    assert shares == sorted(shares, reverse=True)
    assert progress_outlook(halving=(8.0, 8.0), draws=DRAWS).compute.a_year[1].middle == pytest.approx(2.83, abs=0.01)


def test_gundlachs_frontier_rate_gives_his_total_of_eleven_years() -> None:
    row, rates = facts("progress")["gundlach2025"], facts("unknowns")
    years = row["end"] - row["start"]
    assert rates["frontier_factor"]["middle"] ** years == pytest.approx(row["scale_dependent"], rel=0.03)
    assert rates["small_factor"]["high"] == row["small_scale_a_year"]
    assert np.log(row["scale_dependent"]) / np.log(row["total"]) == pytest.approx(0.88, abs=0.01)
    methods = draw_methods(RNG(0), DRAWS, scale_dependent=True)
    assert float(np.median(methods.gain(2.1e25, years))) == pytest.approx(row["scale_dependent"], rel=0.06)


def test_the_doubling_times_of_ho_follow_from_its_rates() -> None:
    months = published_doubling()
    assert months["size"] / 12 == pytest.approx(11.78, abs=0.005)
    assert months["data"] == pytest.approx(9.24, abs=0.005)
    assert months["compute"] == pytest.approx(8.67, abs=0.005)


def test_progress_by_scale_holds_the_published_rates_at_their_scales_and_beyond() -> None:
    made = draw_methods(RNG(0), DRAWS, scale_dependent=True)
    rows = facts("unknowns")
    for flops, name in (
        (1e15, "small_factor"),
        (1e18, "small_factor"),
        (2.1e25, "frontier_factor"),
        (1e29, "frontier_factor"),
    ):
        assert float(np.median(made.gain(flops, 1.0))) == pytest.approx(rows[name]["middle"], rel=0.01)


def test_effective_compute_doubles_in_the_halving_time_and_grows_as_its_power_of_compute() -> None:
    plain = draw_methods(RNG(0), 100, halving=(8.0, 8.0))
    assert effective_flops(1e24, 8 / 12, plain) == pytest.approx(2e24)
    assert effective_flops(1e24, -8 / 12, plain) == pytest.approx(0.5e24)
    by_scale = draw_methods(RNG(0), 100, scale_dependent=True)
    small, large = (effective_flops(flops, 4.0, by_scale) for flops in (1e20, 1e24))
    assert large / small == pytest.approx(1e4 ** (1 + 4.0 * by_scale.along))
    with pytest.raises(BadInput, match="positive amount"):
        effective_flops(-1.0, 1.0, plain)
    with pytest.raises(BadInput, match="exclude each other"):
        draw_methods(RNG(0), 100, halving=(5.0, 14.0), scale_dependent=True)


def test_a_run_against_another_is_their_compute_times_the_methods_between() -> None:
    made = effective_outlook(3.8e25, 2024.5, against_flops=3.14e23, against_date=2020.5, draws=DRAWS)
    assert made.ratio.middle == pytest.approx(made.compute_ratio * made.gained.middle, rel=0.01)
    assert made.gained.middle == pytest.approx(2 ** (4 * 12 / 8), rel=0.05)
    assert 0.4 < made.share.middle < 0.55
    same = effective_outlook(1e24, 2022.0, against_flops=1e24, against_date=2022.0, draws=1000)
    assert same.ratio.middle == 1.0


def test_with_equal_terms_size_and_data_share_the_fall_alike() -> None:
    methods = draw_methods(RNG(0), 100, halving=(1e6, 1e6))
    law = find_law("hoffmann2022_rounded")
    made = loss_account("hoffmann2022_rounded", (1e9, 1e10), (1e10, 1e11), 1.0, methods, RNG(1), 100)
    fall = {part.name: part.amount.middle for part in made.parts}
    alone = float(law(N=1e9, D=1e10) - law(N=1e10, D=1e10)), float(law(N=1e9, D=1e10) - law(N=1e9, D=1e11))
    assert (fall["parameters"], fall["tokens"]) == pytest.approx(alone, rel=1e-3)
    assert fall["better methods"] == pytest.approx(0, abs=1e-5)
    assert made.loss_last.middle == pytest.approx(float(law(N=1e10, D=1e11)), abs=1e-5)


def test_from_gpt3_to_llama3_the_loss_fell_by_data_and_methods_and_little_by_size() -> None:
    made = progress_outlook(draws=DRAWS).loss
    share = {part.name: part.share.middle for part in made.parts}
    assert sum(part.amount.middle for part in made.parts) == pytest.approx(
        made.loss_first - made.loss_last.middle, abs=2e-3
    )
    assert share["parameters"] < 0.12 < 0.35 < min(share["tokens"], share["better methods"])
    assert len(made.outside) == 3


def test_a_law_that_is_not_of_size_and_data_is_refused() -> None:
    with pytest.raises(BadInput, match="needs a law of N and D"):
        progress_outlook(law="kaplan2020_n", draws=100)
    with pytest.raises(LawError, match="hofmann"):
        progress_outlook(law="hofmann2022", draws=100)
    with pytest.raises(BadInput, match="same loss"):
        progress_outlook(first=(1e9, 1e10), last=(1e9, 1e10), halving=(1e300, 1e300), draws=100)
    with pytest.raises(BadInput, match=r"1985-01 is too far off.*from 1990 to 2050"):
        progress_outlook(since=1985.0, draws=100)
    with pytest.raises(BadInput, match="does not run forward"):
        progress_outlook(since=2024.0, to=2020.0, draws=100)


def test_gpt2s_skill_fell_600_fold_in_price_in_seven_years() -> None:
    made = dollar_account(RNG(0), DRAWS)
    assert made.usd_first == pytest.approx(43_000, rel=0.001)
    assert made.usd_last == pytest.approx(73, abs=0.1)
    assert made.factor == pytest.approx(600, rel=0.03)
    assert made.a_year == pytest.approx(2.5, abs=0.02)
    hardware, rest = made.parts
    assert hardware.share.middle + rest.share.middle == pytest.approx(1, abs=1e-3)
    assert made.by_price / 4 < hardware.amount.middle < made.by_price


@pytest.fixture(scope="module")
def frontier(data_dir: Path) -> dict[str, np.ndarray]:
    """Columns of Epoch's frontier models since 2016, with their year."""
    models = pl.read_csv(data_dir / "econ" / "epoch_notable" / "notable_ai_models_2026-01-26.csv", infer_schema=False)
    names = {
        "flops": "Training compute (FLOP)",
        "usd": "Training compute cost (2023 USD)",
        "chips": "Hardware quantity",
        "hours": "Training time (hours)",
    }
    columns = {k: models[v].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy() for k, v in names.items()}
    columns["year"] = decimal_years(models["Publication date"].to_list())
    flagged = (models["Frontier model"].str.to_lowercase() == "true").fill_null(False).to_numpy()
    kept = flagged & (columns["year"] >= 2016) & (columns["flops"] > 0)
    return {name: values[kept] for name, values in columns.items()}


@pytest.mark.parametrize("account", ["money", "machines"])
def test_the_parts_of_compute_growth_are_those_of_the_same_rows_and_multiply_to_it(
    frontier: dict[str, np.ndarray], account: str
) -> None:
    of = frontier
    parts = {
        "money": {"spending": of["usd"], "cheaper hardware": of["flops"] / of["usd"]},
        "machines": {
            "more chips": of["chips"],
            "longer runs": of["hours"],
            "faster chips": of["flops"] / of["chips"] / of["hours"],
        },
    }[account]
    kept = np.all([values > 0 for values in parts.values()], axis=0)
    whole = fit_trend(of["year"][kept], of["flops"][kept])
    logs = np.log10(np.stack([of["flops"][kept], *(values[kept] for values in parts.values())]))
    shares = _resampled_shares(of["year"][kept], logs)
    for part, (name, values) in zip(shares.T, parts.items(), strict=True):
        fact, trend = facts("growth_parts")[name], fit_trend(of["year"][kept], values[kept])
        assert (trend.factor, trend.low, trend.high) == pytest.approx(
            (fact["factor"], fact["low"], fact["high"]), rel=2e-3
        )
        assert trend.slope / whole.slope == pytest.approx(fact["share"], abs=1e-3)
        assert np.quantile(part, [0.05, 0.95]) == pytest.approx((fact["share_low"], fact["share_high"]), abs=0.012)
        assert fact["rows"] == kept.sum()
    named = [row for row in facts("growth_parts").values() if row["account"] == account]
    assert sum(row["share"] for row in named) == pytest.approx(1, abs=2e-3)
    assert np.prod([row["factor"] for row in named]) == pytest.approx(whole.factor, rel=1e-3)


def _resampled_shares(years: np.ndarray, logs: np.ndarray) -> np.ndarray:
    rng, made = RNG(0), []
    for _ in range(3000):
        rows = rng.integers(len(years), size=len(years))
        slopes = logs[:, rows] @ (years[rows] - years[rows].mean())
        made.append(slopes[1:] / slopes[0])
    return np.array(made)
