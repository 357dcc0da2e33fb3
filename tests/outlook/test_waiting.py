"""Wait or train: T* is the anchor, waiting pays past it, and what it costs moves it."""

import numpy as np
import pytest

from isoflop.errors import BadInput
from isoflop.outlook.progress import longest_run_years
from isoflop.outlook.waiting import COUNTED, flops_per_usd, wait_outlook

DRAWS = 5000
HALVING = (8.0, 8.0)


def _made(**options: object):  # type: ignore[no-untyped-def]
    usual: dict[str, object] = {"as_of": 2026.9, "run_years": 1.0, "flops": 1e27, "draws": DRAWS}
    return wait_outlook(**{**usual, **options})  # type: ignore[arg-type]


def test_the_longest_useful_run_is_one_over_the_sum_of_growth() -> None:
    made = _made()
    rates = np.log([made.growth[kind].middle for kind in COUNTED])
    assert made.longest_months.middle == pytest.approx(12 * float(longest_run_years(*rates)), rel=0.01)
    assert made.longest_months.middle == pytest.approx(4.9, abs=0.1)


def test_no_start_beats_the_best_one() -> None:
    made = _made(halving=HALVING)
    best = max(made.curve, key=lambda delay: delay.middle)
    assert best.months == pytest.approx(made.best_months.middle, abs=0.21)
    assert best.middle == pytest.approx(made.better.middle, rel=0.01)
    assert made.best_months.middle == pytest.approx(12 - made.longest_months.middle, abs=0.02)
    assert made.curve[0].middle == 1
    assert made.curve[-1].middle == 0


@pytest.mark.parametrize(("months", "pays"), [(2.0, 0.0), (4.9, 0.5), (18.0, 1.0)])
def test_waiting_pays_for_runs_longer_than_that_and_for_no_others(months: float, pays: float) -> None:
    assert _made(run_years=months / 12, draws=20_000).pays == pytest.approx(pays, abs=0.06)


def test_for_a_fixed_result_the_finish_is_soonest_where_the_derivative_vanishes() -> None:
    made = _made(halving=HALVING)
    growth = 12 / made.longest_months.middle
    starts = np.linspace(0, 1, 4001)
    finish = starts + np.exp(-growth * starts)
    assert made.soonest_months.middle == pytest.approx(12 * starts[finish.argmin()], abs=0.02)
    assert made.saved_months.middle == pytest.approx(12 * (1 - finish.min()), abs=0.02)


def test_a_month_that_costs_more_makes_longer_runs_worth_starting_and_at_last_any() -> None:
    runs = [_made(lost_a_month=share) for share in (0.0, 0.05, 0.10, 0.40)]
    months = [made.longest_months.middle for made in runs]
    assert months == sorted(months)
    assert months[-1] == np.inf
    assert [made.best_months.middle for made in runs] == sorted((m.best_months.middle for m in runs), reverse=True)
    assert runs[-1].pays == 0
    assert runs[-1].better.middle == 1


def test_the_cost_of_waiting_lowers_the_worth_and_not_the_compute() -> None:
    made = _made(lost_a_month=0.05, halving=HALVING)
    assert made.effective.middle / 1e27 > made.better.middle > 1


def test_fixed_money_waits_while_a_month_costs_less_than_it_brings() -> None:
    made = _made(flops=None, usd=1e8)
    assert made.counted == COUNTED[:2]
    even = 1 - 1 / made.bought.middle
    assert 0.08 < even < 0.14
    assert _made(flops=None, usd=1e8, lost_a_month=0.6 * even).money_pays > 0.95
    assert _made(flops=None, usd=1e8, lost_a_month=2 * even).money_pays < 0.05
    assert _made(flops=None, usd=1e8, lost_a_month=even).money_pays == pytest.approx(0.5, abs=0.03)


def test_a_dollar_buys_what_the_largest_known_run_paid_for_and_more_each_year() -> None:
    hardware = np.full(200_000, np.log(1.4))
    then, later = (np.median(flops_per_usd(year, hardware, np.random.default_rng(0))) for year in (2025.515, 2027.515))
    assert then == pytest.approx(5.0e26 / 3.88e8, rel=0.01)
    assert later / then == pytest.approx(1.4**2, rel=1e-6)


def test_starts_are_all_accounted_for() -> None:
    made = _made(run_years=0.5)
    assert sum(row.share for row in made.starts) == pytest.approx(1)
    assert made.starts[0].high == 0
    assert 1 - made.starts[0].share == pytest.approx(made.pays)


def test_small_models_wait_less_where_gains_depend_on_scale() -> None:
    small, large = (_made(flops=flops, scale_dependent=True).longest_months.middle for flops in (1e18, 1e26))
    assert small > large


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"usd": 1e8}, "one of them"),
        ({"flops": None}, "one of them"),
        ({"flops": 0.0}, "positive amount"),
        ({"run_years": -1.0}, "above 0"),
        ({"lost_a_month": 1.0}, "below 1"),
        ({"counted": ("luck",)}, "Known, each once: hardware, methods, spending"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        _made(**options)
