"""Laws of a whole schedule have their published values, and say that decay pays."""

import numpy as np
import pytest

from isoflop.errors import LawError
from isoflop.laws.schedules import (
    annealing_loss,
    constant,
    cosine,
    multi_power_loss,
    schedule_constants,
    stable_decay,
)

STEPS, PEAK, FINAL = 24_000, 3e-4, 3e-5
WARMUP = 0.5 * PEAK * 2_160
LUO = schedule_constants("luo2025_400m")
SCHEDULES = {
    "constant": constant(STEPS, PEAK),
    "cosine": cosine(STEPS, PEAK, FINAL),
    "wsd": stable_decay(STEPS, PEAK, FINAL, 4_000, "exp"),
}


@pytest.mark.parametrize(("name", "loss"), [("constant", 2.65016), ("cosine", 2.58812), ("wsd", 2.53138)])
def test_the_multi_power_law_has_its_worked_values_at_400m(name: str, loss: float) -> None:
    assert float(multi_power_loss(SCHEDULES[name], LUO, warmup_area=WARMUP)) == pytest.approx(loss, abs=1.5e-5)


def test_the_loss_of_a_finished_schedule_does_not_depend_on_how_much_of_the_curve_is_asked_for() -> None:
    at = np.array([1, 20_000, 20_001, 24_000])
    curve = multi_power_loss(SCHEDULES["wsd"], LUO, warmup_area=WARMUP, at=at)
    alone = [float(multi_power_loss(SCHEDULES["wsd"][:t], LUO, warmup_area=WARMUP)) for t in at]
    assert curve == pytest.approx(alone, rel=1e-12)
    assert curve[-1] == pytest.approx(float(multi_power_loss(SCHEDULES["wsd"], LUO, warmup_area=WARMUP)))


def test_before_its_decay_a_schedule_is_as_good_as_a_constant_rate() -> None:
    at = [20_000]
    assert multi_power_loss(SCHEDULES["wsd"], LUO, at=at) == pytest.approx(
        multi_power_loss(SCHEDULES["constant"], LUO, at=at), rel=1e-12
    )


def test_the_annealing_law_is_the_double_sum_it_is_published_as() -> None:
    rates = np.array([4.0, 4.0, 3.0, 2.5, 1.0, 1.0]) * 1e-4
    decay, C = 0.9, 0.7
    falls = np.concatenate([[0.0], rates[:-1] - rates[1:]])
    by_hand = [
        2.0
        + 0.5 * rates[: t + 1].sum() ** -0.4
        - C * sum(falls[k] * decay ** (i - k) for i in range(t + 1) for k in range(i + 1))
        for t in range(len(rates))
    ]
    assert annealing_loss(rates, L_0=2.0, A=0.5, alpha=0.4, C=C, decay=decay) == pytest.approx(by_hand, rel=1e-12)


def test_both_laws_rank_constant_above_cosine_above_decay_at_the_end() -> None:
    by_annealing = [annealing_loss(lr, L_0=2.4, A=0.5, alpha=0.5, C=0.5, decay=0.999)[-1] for lr in SCHEDULES.values()]
    by_multi_power = [float(multi_power_loss(lr, LUO, warmup_area=WARMUP)) for lr in SCHEDULES.values()]
    assert by_annealing[0] > by_annealing[1]
    assert by_multi_power == sorted(by_multi_power, reverse=True)


@pytest.mark.parametrize("shape", ["linear", "sqrt", "exp"])
def test_a_decay_is_constant_then_falls_to_its_last_rate(shape: str) -> None:
    rates = stable_decay(100, 1e-3, 1e-5, 20, shape)  # type: ignore[arg-type]
    assert np.all(rates[:80] == 1e-3)
    assert np.all(np.diff(rates[79:]) < 0)
    assert rates[-1] == pytest.approx(1e-5)


def test_impossible_schedules_are_refused() -> None:
    with pytest.raises(LawError, match="one positive learning rate a step"):
        annealing_loss([0.0, 1e-3], L_0=2, A=1, alpha=0.5, C=1)
    with pytest.raises(LawError, match="must lie between 0 and 1"):
        annealing_loss([1e-3], L_0=2, A=1, alpha=0.5, C=1, decay=1.0)
    with pytest.raises(LawError, match="the schedule has 1 to 3"):
        multi_power_loss([1e-3] * 3, LUO, at=[4])
    with pytest.raises(LawError, match="1 to all of the steps"):
        stable_decay(10, 1e-3, 1e-5, 11)
    with pytest.raises(LawError, match="Did you mean 'luo2025_400m'"):
        schedule_constants("luo2025_400")
