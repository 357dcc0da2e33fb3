"""Studies of an hour: do the demonstration's forecast and the interval for E hold as often as they say?

Run by `make test-slow`. Set ISOFLOP_STUDIES to a folder to keep the runs and to go on after an interruption.
"""

import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import demo_study
import entropy_study
import interval_study


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    return Path(os.environ.get("ISOFLOP_STUDIES", tmp_path))


@pytest.mark.slow
def test_the_demos_interval_holds_seven_times_in_eight_and_its_median_error_is_below_1_5_percent(studies: Path) -> None:
    rows = demo_study.run_study(studies / "demo", 8, 6.0, demo_study.NOMINAL)
    found = demo_study.summary(rows)
    assert found["held"] >= 7
    assert found["median_abs_error"] <= 0.015
    assert found["widest_half_width"] <= 0.06


@pytest.mark.slow
def test_the_interval_for_e_holds_a_known_entropy_rate_in_sixteen_of_twenty_sources(studies: Path) -> None:
    rows = entropy_study.run_study(studies / "entropy", 20)
    assert sum(row["average_holds"] for row in rows) >= 16


@pytest.mark.slow
def test_intervals_on_made_up_ladders_hold_within_a_few_points_of_what_they_say() -> None:
    rows = [row for seed in range(1000) for row in interval_study.one_ladder(seed)]
    for where, within in (("in range", 0.035), ("10 times", 0.10), ("100 times", 0.10)):
        for level in (0.5, 0.8, 0.9, 0.95):
            held = sum(row["held"][f"{level:g}"] for row in rows if row["where"] == where) / 1000
            assert abs(held - level) < within, (where, level, held)
