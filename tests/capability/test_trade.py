"""Training for inference: the published exchange, and the joint optimum."""

from __future__ import annotations

import numpy as np
import pytest

from isoflop.capability.trade import (
    Demand,
    Technique,
    best_trade,
    joint_optimum,
    search_for_training,
    technique,
    techniques,
)
from isoflop.errors import BadInput

SPANS = {
    "overtraining": (1.2, 0.7),
    "tree search": (1.6, 1.6),
    "pruning": (1.0, 1.0),
    "resampling, cheap check": (3.0, 6.0),
    "resampling, dear check": (1.0, 1.45),
}
E, A, B, ALPHA, BETA = 1.8172, 482.01, 2085.43, 0.3478, 0.3658  # Besiroglu et al. 2024, table 1


def loss(N: np.ndarray, D: np.ndarray) -> np.ndarray:
    return E + A / N**ALPHA + B / D**BETA


def optimal(flops: float) -> tuple[float, float]:
    G = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA))
    N = G * (flops / 6) ** (BETA / (ALPHA + BETA))
    return N, flops / (6 * N)


def test_spans_are_those_of_villalobos_and_atkinson() -> None:
    assert {name: (t.training, t.inference) for name, t in techniques().items()} == SPANS


def test_ten_times_the_training_stands_for_sixteen_times_the_search() -> None:
    assert float(search_for_training(10)) == pytest.approx(15.85, abs=0.005)


def test_exchanged_one_for_one_training_and_inference_cost_the_same() -> None:
    found = best_trade(Demand(1e25, 1e24), technique("tree search"))
    assert found.training == pytest.approx(found.serving)
    assert found.training == pytest.approx(np.sqrt(1e25 * 1e24))
    assert not found.at_end
    assert found.saving > 0.4


@pytest.mark.parametrize("name", SPANS)
@pytest.mark.parametrize("traffic", [1e20, 1e23, 1e26, 1e29])
def test_no_degree_of_a_technique_is_cheaper_than_the_one_chosen(name: str, traffic: float) -> None:
    demand = Demand(1e25, traffic, train_use=0.4, serve_use=0.1)
    found = best_trade(demand, technique(name))
    assert found.cost <= demand.cost(found.curve[:, 0], found.curve[:, 1]).min() * (1 + 1e-9)
    assert found.saving >= 0


def test_little_traffic_asks_for_attempts_and_much_traffic_for_training() -> None:
    few = best_trade(Demand(1e25, 1e15), technique("resampling, cheap check"))
    assert few.orders == pytest.approx(-3)
    assert few.at_end
    much = best_trade(Demand(1e25, 1e27), technique("overtraining"))
    assert 0 < much.orders <= 1.2
    assert best_trade(Demand(1e25, 1e27), technique("resampling, cheap check")).orders == 0


def test_without_attempts_the_joint_optimum_is_sardana_s() -> None:
    none = Technique("none", "", 1e-9, 1.0, True, "")
    flops, served = 5e23, 2e12
    found = joint_optimum(loss, optimal, flops, served, none, train_use=1, serve_use=1)
    target = float(loss(*map(np.asarray, optimal(flops))))
    sizes = optimal(flops)[0] * np.geomspace(0.2, 1.5, 4_000)
    tokens = (B / np.maximum(target - E - A / sizes**ALPHA, 1e-9)) ** (1 / BETA)
    costs = 6 * sizes * tokens + 2 * sizes * served
    assert found.cost == pytest.approx(costs.min(), rel=1e-5)
    assert pytest.approx(sizes[costs.argmin()], rel=0.01) == found.N
    assert found.loss == pytest.approx(target, rel=1e-6)
    assert found.cost < found.optimal


def test_attempts_and_size_together_are_never_dearer_than_size_alone() -> None:
    for served in (1e9, 1e12, 1e15):
        found = joint_optimum(loss, optimal, 1e25, served, technique("resampling, cheap check"))
        assert found.cost <= found.plain * (1 + 1e-6) <= found.optimal * (1 + 1e-6)
    assert joint_optimum(loss, optimal, 1e25, 1e9, technique("resampling, cheap check")).attempts > 1e3
    assert found.attempts == pytest.approx(1, rel=1e-3)


def test_demands_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadInput, match="train use is 40"):
        Demand(1e25, 1e24, train_use=40)
    with pytest.raises(BadInput, match="Known: overtraining"):
        technique("voting")
    with pytest.raises(BadInput, match="a choice of N and D"):
        joint_optimum(loss, optimal, 1e25, 1e12, technique("overtraining"))
