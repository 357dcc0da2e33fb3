"""The ladder fits its time, and its target lies beyond it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from isoflop.errors import SpecError
from isoflop.train.ladder import design_ladder, packed_seconds
from isoflop.train.spec import TrunkSpec
from isoflop.train.speed import Speed, fit_speed

SPEED = Speed(overhead_seconds=4.5e-6, flops_per_second=40e9, start_seconds=9.0)


@pytest.mark.parametrize(("minutes", "cores"), [(2, 2), (6, 1), (6, 2), (6, 8), (60, 2), (600, 1), (600, 8)])
def test_a_ladder_and_its_target_fit_the_time(minutes: float, cores: int) -> None:
    design = design_ladder(SPEED, 60 * minutes, cores)
    assert design.ladder_seconds + design.target_seconds <= 60 * minutes
    assert design.ladder_seconds + design.target_seconds > 0.5 * (60 * minutes - 25)


@pytest.mark.parametrize("minutes", [2, 6, 60, 600])
def test_the_target_has_at_least_four_times_the_compute_of_every_rung(minutes: float) -> None:
    design = design_ladder(SPEED, 60 * minutes)
    target = design.target.params * design.target.branch_tokens[0]
    assert all(target >= 4 * trunk.params * trunk.branch_tokens[-1] for trunk in design.trunks)


@pytest.mark.parametrize("minutes", [2, 6, 600])
def test_a_ladder_varies_size_and_tokens_and_starts_its_longest_trunk_first(minutes: float) -> None:
    design = design_ladder(SPEED, 60 * minutes)
    assert len({trunk.width for trunk in design.trunks}) >= 3
    assert all(len(trunk.branch_tokens) >= 2 for trunk in design.trunks)
    assert len({trunk.spec_id for trunk in design.trunks}) == len(design.trunks)
    seconds = [SPEED.trunk_seconds(trunk) for trunk in design.trunks]
    assert all(one >= other for one, other in pairwise(seconds))


def test_runs_of_one_ladder_read_the_same_text_in_the_same_order() -> None:
    design = design_ladder(SPEED, 360, seed=5)
    assert {trunk.data_seed for trunk in (*design.trunks, design.target)} == {5}


@pytest.mark.parametrize("seconds", [0, -5, 59, float("nan"), float("inf")])
def test_a_time_that_allows_no_ladder_is_refused(seconds: float) -> None:
    with pytest.raises(SpecError, match="Give more --minutes"):
        design_ladder(SPEED, seconds)


def test_a_slow_machine_is_told_how_long_starting_takes() -> None:
    with pytest.raises(SpecError, match="starting a process takes 200 s"):
        design_ladder(Speed(1e-4, 1e9, 200.0), 360)


def test_jobs_go_to_the_first_free_core() -> None:
    assert packed_seconds([5, 4, 3, 2], 2) == 7
    assert packed_seconds([5, 4, 3, 2], 1) == 14


def test_speed_is_the_line_through_two_widths() -> None:
    truth = Speed(3e-6, 2e10, 5.0)
    specs = [TrunkSpec(width=width) for width in (32, 128)]
    found = fit_speed([s.shape.flops_per_token for s in specs], [truth.seconds_per_token(s) for s in specs], 5.0)
    assert found.overhead_seconds == pytest.approx(truth.overhead_seconds)
    assert found.flops_per_second == pytest.approx(truth.flops_per_second)


def test_noise_cannot_make_a_speed_negative() -> None:
    assert fit_speed([1e5, 1e6], [2e-5, 1e-5], 1.0) == Speed(0.0, pytest.approx(1e11), 1.0)
    assert fit_speed([1e5, 1e6], [1e-8, 1e-5], 1.0).overhead_seconds == 0.0


def test_a_slower_machine_takes_longer_by_the_same_factor() -> None:
    speed = Speed(overhead_seconds=4e-6, flops_per_second=40e9, start_seconds=9.0)
    spec = TrunkSpec(width=64)
    assert speed.slowed(0.5).seconds_per_token(spec) == pytest.approx(2 * speed.seconds_per_token(spec))
    assert speed.slowed(0.5).start_seconds == 9.0
