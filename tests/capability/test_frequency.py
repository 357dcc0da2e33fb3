"""How accuracy rises with frequency: recovery, intervals that hold, what a size needs, and the long tail."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from isoflop.capability.exposure import exposure
from isoflop.capability.frequency import Exposure, FrequencyLaw, fit_frequency
from isoflop.capability.frequency_compare import best_shape, compare_shapes, need_by_size
from isoflop.capability.long_tail import counted, known_share, zipf
from isoflop.errors import BadInput
from isoflop.samples import load_scores

COUNTS = np.geomspace(1, 1000, 12)
CHANCE = 1 / 32


def sigmoid(count: np.ndarray, middle: float, rise: float, top: float = 1.0) -> np.ndarray:
    way = np.log(count / middle) / np.log(rise)
    return CHANCE + (top - CHANCE) / (1 + np.exp(-2 * np.log(9) * way))


def answers(seed: int, middle: float = 30.0, rise: float = 10.0, top: float = 1.0, asked: int = 40) -> Exposure:
    right = np.random.default_rng(seed).binomial(asked, sigmoid(COUNTS, middle, rise, top))
    return exposure(COUNTS, right, np.full(12, asked))


def test_a_known_rise_is_recovered_with_its_ceiling() -> None:
    law = fit_frequency(answers(0, asked=20_000), chance=CHANCE)
    assert law.middle == pytest.approx(30, rel=0.02)
    assert law.rise == pytest.approx(10, rel=0.05)
    low_top = fit_frequency(answers(0, top=0.7, asked=20_000), chance=CHANCE, ceiling=None)
    assert low_top.ceiling == pytest.approx(0.7, abs=0.04)


def test_intervals_of_the_needed_count_hold() -> None:
    truth = 30 * 10 ** (np.log((0.5 - CHANCE) / 0.5) / (2 * np.log(9)))
    held = 0
    for seed in range(40):
        _, low, high = fit_frequency(answers(seed), chance=CHANCE).needed(0.5)
        held += low <= truth <= high
    assert 31 <= held <= 40


def test_scatter_beyond_chance_widens_the_interval() -> None:
    steady = answers(1)
    right = np.clip(steady.right + 6 * np.tile([1, -1], 6), 0, 40)
    law = fit_frequency(exposure(COUNTS, right, steady.asked), chance=CHANCE)
    plain = fit_frequency(steady, chance=CHANCE)
    assert law.dispersion > 2
    assert np.log(law.needed(0.5)[2] / law.needed(0.5)[1]) > 1.3 * np.log(plain.needed(0.5)[2] / plain.needed(0.5)[1])
    assert "scatter" in law.notes[0]


def test_each_shape_is_told_from_the_other_by_what_was_held_out() -> None:
    line = np.clip(0.5 + 0.8 * np.log(COUNTS / 30) / np.log(10), CHANCE, 1)
    bent = exposure(COUNTS, np.random.default_rng(0).binomial(2_000, line), np.full(12, 2_000))
    assert best_shape([compare_shapes(bent)]) == "line"
    assert best_shape([compare_shapes(answers(0, asked=2_000), chance=CHANCE)]) == "sigmoid"


def test_the_shipped_facts_are_known_sooner_by_larger_models_and_rise_as_an_s() -> None:
    scores = load_scores("facts").filter(pl.col("D") == 999936.0)
    shapes = {}
    for (size,), own in scores.group_by("N", maintain_order=True):
        shapes[float(size)] = compare_shapes(exposure(own["level"], own["exact"]), chance=CHANCE)
    assert best_shape(list(shapes.values())) == "sigmoid"
    for one in shapes.values():
        assert min(one.ahead.values()) < one.naive
    size = need_by_size(list(shapes), [one.laws["sigmoid"] for one in shapes.values()], 0.5)
    assert size.per_doubling == pytest.approx(-0.4, abs=0.05)
    assert size.low < size.exponent < size.high < 0


def test_a_sharp_rise_over_zipf_s_tail_has_its_closed_form() -> None:
    """(T/(H c))^(1/s) concepts are known."""
    law = FrequencyLaw("sigmoid", 100.0, 1.0001, 0.0, 1.0, np.tile([np.log(100.0), 1e-4, 1.0], (20, 1)), 0.0, 1.0, ())
    concepts, mentions = 1e6, 1e7
    for s in (0.8, 1.0, 1.3):
        harmonic = float(np.sum(np.arange(1, concepts + 1) ** -s))
        once, tenfold = known_share(law, zipf(s, concepts, mentions), (1.0, 10.0))
        assert once.concepts == pytest.approx((mentions / harmonic / 100) ** (1 / s) / concepts, rel=0.02)
        assert tenfold.concepts / once.concepts == pytest.approx(10 ** (1 / s), rel=0.02)


def test_more_data_never_make_less_known_and_mentions_are_known_before_concepts() -> None:
    law = fit_frequency(answers(2), chance=CHANCE)
    for met in (zipf(1.1, 1e5, 1e6), counted([0, 0, 1, 3, 10, 400])):
        along = known_share(law, met, (0.1, 1.0, 10.0, 100.0))
        assert (np.diff([k.concepts for k in along]) >= 0).all()
        assert all(k.low <= k.concepts <= k.high for k in along)
        assert all(k.mentions >= k.concepts for k in along)


def test_concepts_never_seen_are_kept_apart_and_doubted_when_they_are_known() -> None:
    seen = exposure(np.append(COUNTS, 0.0), np.append(answers(0).right, 20.0), np.full(13, 40))
    assert seen.unseen == (20.0, 40.0)
    assert len(seen.count) == 12
    assert any("never seen are right in 50%" in note for note in fit_frequency(seen, chance=CHANCE).notes)


def test_a_rise_that_was_not_reached_is_said_to_be_a_guess() -> None:
    law = fit_frequency(answers(0, middle=30_000), chance=CHANCE)
    assert "outside of those seen" in law.notes[0]
    assert law.needed(0.5)[2] / law.needed(0.5)[1] > 5


def test_thousands_of_counts_become_bins_without_moving_the_law() -> None:
    rng = np.random.default_rng(3)
    count = np.exp(rng.uniform(0, np.log(1000), 6_000))
    seen = exposure(count, rng.random(6_000) < sigmoid(count, 30, 10))
    assert len(seen.count) <= 64
    assert seen.asked.sum() == 6_000
    assert fit_frequency(seen, chance=CHANCE).middle == pytest.approx(30, rel=0.12)


def test_what_cannot_be_is_refused_with_what_was_seen() -> None:
    with pytest.raises(BadInput, match="41 of 40"):
        exposure(COUNTS, [41] * 12, [40] * 12)
    with pytest.raises(BadInput, match="-3"):
        exposure([1, 2, -3], [0, 1, 1])
    with pytest.raises(BadInput, match="--percent"):
        exposure(COUNTS, np.linspace(0, 95, 12))
    with pytest.raises(BadInput, match="3 different counts"):
        fit_frequency(exposure([5, 5, 5], [0, 1, 1]))
    with pytest.raises(BadInput, match="3 different counts"):
        fit_frequency(exposure([0, 0, 0], [0, 1, 1]))
    with pytest.raises(BadInput, match="never met"):
        fit_frequency(answers(0), chance=CHANCE).needed(0.01)
    with pytest.raises(BadInput, match="at least 3 sizes"):
        need_by_size([1e6], [fit_frequency(answers(0))], 0.5)
    with pytest.raises(BadInput, match="0 or more"):
        counted([1, -2])
    with pytest.raises(BadInput, match="Zipf exponent"):
        zipf(0, 10, 10)
