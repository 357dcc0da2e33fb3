"""Watching: no false alarms beyond the stated rate, and real trouble is told soon."""

import functools

import numpy as np
import polars as pl
import pytest

from isoflop import Runs, find_law
from isoflop.errors import BadInput, RunsError
from isoflop.forecasting.sequential import change_evidence, deviation, level_evidence
from isoflop.forecasting.watch import Reference, Watch, watch
from isoflop.forecasting.watch_finished import watch_finished
from isoflop.forecasting.watch_schedule import Schedule, logged, parse_schedule
from isoflop.runs.curves import Curve, make_curve

TRUTH = find_law("besiroglu2024")
N, D = 2e9, 8e10
WSD = Schedule("wsd", decay=0.2)


@functools.cache
def ladder(noise: float = 0.003, seed: int = 0) -> Runs:
    sizes, tokens = (a.ravel() for a in np.meshgrid(np.geomspace(3e7, 1e9, 5), np.geomspace(1e9, 4e10, 5)))
    loss = TRUTH(N=sizes, D=tokens) * np.exp(np.random.default_rng(seed).normal(0, noise, len(sizes)))
    when = [f"2026-01-{i + 1:02d}" for i in range(len(sizes))]
    return Runs(
        pl.DataFrame({"params": sizes, "tokens": tokens, "loss": loss, "flops": 6 * sizes * tokens, "when": when})
    )


def flight(seed: int, size: float = N, total: float = D, *, correlation: float = 0.5) -> np.ndarray:
    """Tokens and losses of a run with a decay over its last fifth, 5.5 % above the law before it."""
    tokens = np.linspace(total / 400, total, 400)
    shocks = np.random.default_rng(seed).normal(0, 0.004, 450)
    for i in range(1, 450):
        shocks[i] += correlation * shocks[i - 1]
    above = 0.055 * (1 - WSD.annealed(tokens, total))
    return np.stack([tokens, TRUTH(N=size, D=tokens) * np.exp(above + shocks[50:])])


def judged(loss_factor: np.ndarray | float = 1.0, *, until: float = 1.0, seed: int = 0) -> Watch:
    tokens, loss = flight(seed)
    curve = make_curve(tokens, loss * loss_factor).until(until * D)
    return watch(curve, ladder(), N=N, D=D, schedule=WSD)


@pytest.mark.long
def test_a_run_that_follows_its_law_is_on_track_at_every_look() -> None:
    for until in (0.3, 0.7, 1.0):
        seen = judged(until=until)
        assert seen.status == "on track", seen.sentence
        assert seen.deviation.low - 0.005 < 0 < seen.deviation.high + 0.005, seen.sentence
    assert seen.updated.high - seen.updated.low <= seen.forecast.high - seen.forecast.low


def test_a_curve_beyond_the_planned_tokens_is_refused() -> None:
    curve = make_curve(np.linspace(1e9, 3e10, 100), np.linspace(4.0, 3.0, 100))
    with pytest.raises(BadInput, match=r"reaches 30B tokens and the run is planned for 20B"):
        watch(curve, ladder(), N=1e9, D=2e10)


def test_the_first_tenth_is_too_early() -> None:
    seen = judged(until=0.12)
    assert seen.status == "too early"
    assert "too early" in seen.sentence


@pytest.mark.long
def test_a_run_that_heads_for_a_worse_loss_than_the_forecast_allows_is_behind() -> None:
    seen = judged(1.12, until=0.7)
    assert seen.status == "behind"
    assert seen.deviation.value > 0.05
    assert judged(0.88, until=0.9).status == "ahead"


def test_a_jump_that_stays_is_broken_soon_after_it_came() -> None:
    jump = np.where(np.arange(400) >= 200, 1.05, 1.0)
    seen = judged(jump, until=0.65)
    assert seen.status == "broken"
    assert seen.since is not None
    assert 0.5 * D < seen.since < 0.6 * D


def test_a_spike_that_comes_back_is_named_and_not_broken() -> None:
    factor = np.ones(400)
    factor[230:232] = 1.4
    seen = judged(factor, until=0.9)
    assert seen.status == "on track"
    assert [finding.kind for finding in seen.findings] == ["spike"]


def test_a_loss_that_became_nan_is_broken() -> None:
    factor = np.ones(400)
    factor[300:] = np.nan
    tokens, loss = flight(0)
    assert watch(make_curve(tokens, loss * factor), ladder(), N=N, D=D, schedule=WSD).status == "broken"


def test_curves_of_the_ladder_teach_the_shift_and_the_annealing() -> None:
    """The logged loss lies 4 % below the held-out one; without references that would pass for a good run."""

    def logs(size: float, total: float, seed: int) -> Curve:
        tokens, loss = flight(seed, size, total)
        return make_curve(tokens, 0.96 * loss, 1 - WSD.annealed(tokens, total))

    known = [Reference(logs(n, d, i), n, d) for i, (n, d) in enumerate([(3e8, 2e10), (5e8, 3e10), (1e9, 4e10)])]
    own = logs(N, D, 9).until(0.7 * D)
    seen = watch(own, ladder(), N=N, D=D, references=known)
    assert seen.course.references == 3
    assert seen.course.shift == pytest.approx(np.log(0.96), abs=0.01)
    assert seen.course.annealing == pytest.approx(0.055, abs=0.015)
    assert seen.status == "on track"
    assert seen.deviation.low < 0 < seen.deviation.high


@pytest.mark.parametrize(("correlation", "tails"), [(0.0, 0), (0.6, 0), (0.3, 3)])
def test_false_alarms_over_a_whole_run_are_at_most_as_many_as_stated(correlation: float, tails: int) -> None:
    """Thirty runs of forty blocks with noise alone and an alarm at odds of 20: more than three ring in 6 of 100
    tests even if the rate were exactly one in twenty."""
    done = np.linspace(0.1, 1, 40)
    design = np.stack([np.ones(40), np.log(done), np.clip((done - 0.8) / 0.2, 0, 1)], axis=1)
    rang = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        shocks = rng.standard_t(tails, 60) if tails else rng.standard_normal(60)
        for i in range(1, 60):
            shocks[i] += correlation * shocks[i - 1]
        rang += change_evidence(shocks[20:], design, 40).max() >= np.log(20)
    assert rang <= 3


def test_the_evidence_for_a_change_does_not_depend_on_level_slope_or_scale() -> None:
    done = np.linspace(0.1, 1, 20)
    design = np.stack([np.ones(20), np.log(done)], axis=1)
    r = np.random.default_rng(0).normal(0, 1, 20) + 8 * (np.arange(20) >= 12)
    plain = change_evidence(r, design, 40)
    moved = change_evidence(1e-3 * r, design, 40)
    assert plain[-1] > 1
    assert moved == pytest.approx(plain, abs=1e-6)


def test_e_values_of_a_level_have_a_mean_of_one_under_the_forecast() -> None:
    """The property that Ville's inequality needs: the mean under u ~ N(0, s²) with noise of the estimate is one."""
    spread, variance = 0.01, 0.003**2
    total = np.hypot(spread, 0.003)
    u = np.linspace(-0.5, 0.5, 20_001)
    density = -0.5 * (u / total) ** 2 - np.log(total * np.sqrt(2 * np.pi))
    for side in (0, 1):
        evidence = np.array([level_evidence(float(x), variance, spread)[side] for x in u])
        assert np.exp(density + evidence).sum() * (u[1] - u[0]) == pytest.approx(1.0, abs=1e-6)
    assert level_evidence(0.05, variance, spread)[0] > np.log(80)
    assert level_evidence(-0.05, variance, spread)[1] > np.log(80)


def test_what_the_schedule_may_add_is_not_held_against_the_run() -> None:
    """Where the annealing is still to come, its doubt stays in the deviation; afterwards it is gone."""
    flat, half = np.full((20, 1), 0.02), np.concatenate([np.full((10, 1), 0.02), np.zeros((10, 1))])
    assert np.sqrt(deviation(np.zeros(20), flat, 0.002, 0.0)[1]) > 0.019
    assert np.sqrt(deviation(np.zeros(20), half, 0.002, 0.0)[1]) < 0.001


def test_schedules_say_how_much_is_annealed() -> None:
    assert parse_schedule("wsd-0.25").annealed([0.5, 0.75, 0.875, 1.0], 1.0) == pytest.approx([0, 0, 0.5, 1])
    assert parse_schedule("cosine").annealed([0.0, 0.5, 1.0], 1.0) == pytest.approx([0, 0.5, 1])
    assert parse_schedule("cosine-0.1").annealed([1.0], 1.0) == pytest.approx([0.9])
    assert parse_schedule("constant").annealed([1.0], 1.0) == pytest.approx([0])
    for bad in ("wsd-0", "sawtooth", "constant-0.5"):
        with pytest.raises(BadInput, match="Unknown schedule"):
            parse_schedule(bad)
    begin, share = logged(np.arange(1.0, 7), np.array([0.5, 1.0, 1.0, 0.5, 0.25, 0.0]))
    assert begin == 2
    assert share == pytest.approx([0, 0, 0, 0.5, 0.75, 1])


@pytest.mark.long
def test_finished_runs_on_the_law_are_not_said_to_fall_off_it_and_others_are() -> None:
    (largest,) = watch_finished(ladder())
    assert largest.verdict == "on the law"
    assert largest.excess.low < 0 < largest.excess.high
    worse = ladder()
    top = np.isin(np.arange(len(worse)), largest.rows)
    frame = worse.frame.with_columns(loss=pl.Series(np.where(top, 1.06 * worse.loss, worse.loss)))
    (largest,) = watch_finished(Runs(frame))
    assert largest.verdict == "falls off"
    assert largest.excess.value == pytest.approx(0.06, abs=0.02)
    assert largest.detectable < 0.06
    assert "would have been found" in largest.sentence


@pytest.mark.long
def test_the_newest_runs_are_found_by_their_dates_and_share_the_alarm() -> None:
    largest, newest = watch_finished(ladder(), newest_by="when", share=0.1)
    assert newest.rows == (23, 24)
    assert largest.threshold == newest.threshold == 0.025
    with pytest.raises(RunsError, match="only 3 are left"):
        watch_finished(ladder().take(np.arange(5)), share=0.4)
