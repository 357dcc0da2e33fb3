"""Limits, stock, latency and the longest run: each does what its words say, at the edges too."""

from collections.abc import Callable

import numpy as np
import pytest

from isoflop.errors import BadInput
from isoflop.facts import facts
from isoflop.outlook import latency, limits, stock
from isoflop.outlook.progress import continuous, longest_run_years
from isoflop.outlook.sampling import lognormal, margin_of_error

RNG = np.random.default_rng


def test_a_lognormal_has_the_bounds_it_was_given() -> None:
    for level in (0.8, 0.95):
        draws = lognormal(2, 50, RNG(0), 400_000, level=level)
        assert np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]) == pytest.approx([2, 50], rel=0.02)
    with pytest.raises(BadInput, match="0 < low < high"):
        lognormal(3, 2, RNG(0), 10)


def test_four_times_the_sample_halves_the_margin() -> None:
    assert float(margin_of_error(7, 8000)) == pytest.approx(float(margin_of_error(7, 2000)) / 2)


def test_the_stock_meets_its_use_in_the_crossing_year() -> None:
    year = float(stock.crossing_year(300e12, 1.07, 8e12, 2.3))
    assert 8e12 * 2.3 ** (year - 2024) == pytest.approx(300e12 * 1.07 ** (year - 2024))


def test_text_limits_compute_to_some_10_to_the_28_flop() -> None:
    assert float(stock.compute_of_tokens(3e14)) == pytest.approx(2.7e28)
    assert float(stock.tokens_of_compute(2.7e28)) == pytest.approx(3e14)
    assert float(stock.tokens_of_compute(1e25, overtraining=4)) == pytest.approx(
        2 * float(stock.tokens_of_compute(1e25))
    )


def test_the_same_seed_gives_the_same_web() -> None:
    assert np.array_equal(stock.web_stock(RNG(5), 1000).raw, stock.web_stock(RNG(5), 1000).raw)
    assert (stock.web_stock(RNG(5), 100_000).raw > 0).all()


def test_later_years_allow_larger_runs() -> None:
    u = limits.draw_unknowns(RNG(0), 20_000)
    for limit in (limits.power_limit, limits.campus_limit, limits.chips_limit, limits.data_limit):
        assert np.median(limit(u, 2031)) > np.median(limit(u, 2028))


def test_slower_layers_and_shorter_runs_leave_smaller_models() -> None:
    months = 2.33e7
    models = latency.largest_params(np.array([months, months, months / 3]), np.array([1e-4, 4e-4, 1e-4]), 6e7)
    assert models[0] > models[2] > models[1]
    steps = 20 * models[0] / 6e7
    assert steps * float(latency.layers(models[0])) * 1e-4 == pytest.approx(months)


def test_the_80_layers_of_chinchilla_are_on_the_line_at_every_exponent() -> None:
    assert float(latency.layers(7e10)) == pytest.approx(80, rel=0.08)
    assert latency.layers(7e10, [0.21, 0.33]) == pytest.approx(float(latency.layers(7e10)))
    assert latency.layers(1e14, 0.33) > latency.layers(1e14) > latency.layers(1e14, 0.21)


def test_the_time_of_the_run_at_the_wall_is_all_used() -> None:
    months, speed, batch = 1.56e7, 7.5e14, 6e7
    flops = float(latency.wall_flops(months, speed, batch))
    params = np.sqrt(flops / 120)
    layer = latency.exchange_seconds(flops / (months * speed), batch)
    assert float(layer * latency.layers(params)) * 20 * params / batch == pytest.approx(months, rel=1e-6)


def test_a_few_chips_exchange_within_a_node_and_many_wait_for_each_other() -> None:
    within = 4 * (6.8e-6 + 2 * 3 * 0.6e-6)
    assert float(latency.exchange_seconds(8, 6e7)) == pytest.approx(within)
    assert float(latency.exchange_seconds(64 * 6e7 / 330, 6e7)) == pytest.approx(within)
    assert float(latency.exchange_seconds(256 * 6e7 / 330, 6e7)) == pytest.approx(within + 4 * 2 * 5e-6)


def test_faster_chips_larger_batches_and_longer_runs_move_the_wall_out() -> None:
    known = float(latency.wall_flops(1.56e7, 7.5e14, 6e7))
    for months, speed, batch in ((2 * 1.56e7, 7.5e14, 6e7), (1.56e7, 7.5e15, 6e7), (1.56e7, 7.5e14, 6e8)):
        assert float(latency.wall_flops(months, speed, batch)) > known


@pytest.fixture(scope="module")
def walls() -> Callable[..., np.ndarray]:
    """The latency limit of 2030 when the batch grows with size from a size at which it is that of today."""
    u, drawn = limits.draw_unknowns(RNG(0), 20_000), 0.36 + 0.05 / 1.2816 * RNG(1).standard_normal(20_000)
    speed = u["chip_peak"] * u["training_utilisation"] * u["chip_speed_growth"] ** 6

    def wall(batch_at: float, *, known: bool) -> np.ndarray:
        batch = 6e7 if known else u["batch_tokens"]
        flops = latency.wall_flops(
            u["run_seconds"], speed, batch, layer_exponent=u["layer_exponent"], batch_exponent=drawn, batch_at=batch_at
        )
        return np.quantile(flops, [0.1, 0.9])

    return wall


def test_the_headline_of_the_latency_wall_follows_for_some_sizes_if_the_batch_is_known(walls) -> None:  # type: ignore[no-untyped-def]
    row = facts("limits2030_published")["latency, batch growing with size"]
    for size, holds in ((1e14, False), (1.7e14, True), (3e14, True), (6e14, True), (1e15, False)):
        off = np.abs(np.log10(walls(size, known=True) / [row["low"], row["high"]])).max()
        assert (off < 0.3) == holds, size


def test_and_for_no_size_if_the_batch_is_as_uncertain_as_published(walls) -> None:  # type: ignore[no-untyped-def]
    row = facts("limits2030_published")["latency, batch growing with size"]
    for size in (4e11, 1e13, 4e14, 4e15):
        low, high = walls(size, known=False)
        assert np.log10(high / low) > np.log10(row["high"] / row["low"]) + 1


def test_faster_progress_makes_for_shorter_runs() -> None:
    assert float(longest_run_years(continuous(np.e))) == pytest.approx(1.0)
    assert longest_run_years(0.3, 0.5) < longest_run_years(0.3)
