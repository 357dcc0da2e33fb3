"""The half-life of utility: published values, mixtures, filters by compute, and telling the two forms apart."""

from __future__ import annotations

import numpy as np
import pytest

from isoflop.capability.repetition import Pool, error_after, quality_tradeoff
from isoflop.capability.repetition_compare import DECAYS, Repeated, fit_repeated, foretell_epochs, grown
from isoflop.errors import BadInput
from isoflop.laws.catalogue import FORMS, find_law
from isoflop.laws.law import Law

BEST, GOOD, REST = (
    Pool("best", 10e9, 0.105, 3.0),
    Pool("good", 40e9, 0.103, 4.0),
    Pool("rest", 200e9, 0.1, 6.0),
)


def test_passes_have_their_worked_values() -> None:
    """a = 1, b = −0.1, tau = 3, n = 1e6 after 1, 2, 4 and 8 passes."""
    found = error_after(Pool("web", 1e6, 0.1, 3.0), 1e6 * np.array([1, 2, 4, 8]))
    assert found == pytest.approx([0.251189, 0.237743, 0.228437, 0.223668], abs=6e-7)


def test_parts_of_passes_are_those_of_the_catalogue() -> None:
    law = Law(FORMS["goyal"], {"E": 0.2, "A": 3.0, "b": 0.3, "h": 0.5 ** (1 / 4)})
    seen = 1e8 * np.geomspace(1, 16, 40)
    assert error_after(Pool("web", 1e8, 0.3, 4.0, a=3.0, floor=0.2), seen) == pytest.approx(law(U=1e8, D=seen))


def test_pools_mixed_last_as_many_times_longer_as_there_are_pools() -> None:
    seen = 1e6 * np.array([1, 2, 4, 8])
    mixed = [Pool(name, 1e6, 0.1, 3.0) for name in "ab"]
    assert error_after(mixed, seen) == pytest.approx(error_after(Pool("long", 1e6, 0.1, 6.0), seen))
    uneven = [Pool("a", 1e6, 0.12, 3.0), Pool("b", 1e6, 0.08, 3.0)]
    assert error_after(uneven, 1e6) == pytest.approx(1e6**-0.1)


def test_the_best_filter_keeps_more_the_more_compute_there_is() -> None:
    found = quality_tradeoff([REST, GOOD, BEST], np.geomspace(1e9, 1e13, 60))
    kept = [len(one.pools) for one in found.best]
    assert kept[0] == 1
    assert kept[-1] == 3
    assert (np.diff(kept) >= 0).all()
    for seen, strict, loose in found.crossings:
        pools = {p.name: p for p in (BEST, GOOD, REST)}
        here = [float(error_after([pools[name] for name in one.pools], seen)) for one in (strict, loose)]
        assert here[0] == pytest.approx(here[1], rel=1e-5)


def test_pools_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadInput, match="without its sign"):
        error_after(Pool("web", 1e6, -0.1, 3.0), 1e6)
    with pytest.raises(BadInput, match="half_life = 0"):
        error_after(Pool("web", 1e6, 0.1, 0.0), 1e6)
    with pytest.raises(BadInput, match="at least two pools"):
        quality_tradeoff([BEST, BEST], [1e9])
    with pytest.raises(BadInput, match="positive and finite"):
        quality_tradeoff([BEST, REST], [-1e9])


def test_the_continuous_half_life_lies_between_fresh_tokens_and_none() -> None:
    assert float(grown(8.0, 1e9)) == pytest.approx(np.log(8), rel=1e-6)
    assert float(grown(1.0, 3.0)) == pytest.approx(0, abs=1e-12)
    assert 0 < float(grown(100.0, 3.0)) < np.log(100)


def made_up(decay: str, noise: float = 1e-5, seed: int = 0) -> tuple[np.ndarray, ...]:
    constants = {"E": 1.8, "A": 400.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37, "rate": 5.0}
    n, u, passes = (a.ravel() for a in np.meshgrid([1e8, 4e8, 2e9], [1e8, 1e9, 1e10], [1, 2, 4, 8, 16, 40.0]))
    loss = Repeated(decay, constants)(n, u * passes, u)  # type: ignore[arg-type]
    return n, u * passes, u, loss * np.exp(np.random.default_rng(seed).normal(0, noise, n.size))


@pytest.mark.parametrize("decay", ["amount", "exponent"])
def test_noise_of_a_tenth_of_a_percent_hides_which_form_it_is(decay: str) -> None:
    (found,) = foretell_epochs(*made_up(decay, noise=1e-3), up_to=(8.0,), excess=False)
    assert max(found.error["amount"], found.error["exponent"]) < 0.25
    assert found.error["none"] > 10 * found.error[decay]


@pytest.mark.parametrize("decay", ["amount", "exponent"])
def test_the_form_that_made_the_runs_foretells_their_later_epochs(decay: str) -> None:
    (found,) = foretell_epochs(*made_up(decay), up_to=(8.0,), excess=False)
    other = "exponent" if decay == "amount" else "amount"
    assert found.error[decay] < 0.02
    assert found.error[other] == pytest.approx(0.115, abs=0.005)  # the whole difference, in % of the loss
    assert (found.ratio < found.high < 1) if decay == "exponent" else (1 < found.low < found.ratio)


def test_the_published_constants_give_the_published_losses() -> None:
    known = find_law("muennighoff2023").constants
    law = Repeated(
        "amount",
        {**{k: known[k] for k in ("E", "A", "alpha", "B", "beta")}, "rate": known["R_D"], "excess": known["R_N"]},
    )
    found = law([6.34e9, 8.67e9], [242e9, 178e9], 25e9)
    assert found == pytest.approx([2.2256440889984477, 2.2269634075087867], rel=1e-12)


def test_columns_the_wrong_way_round_are_asked_about() -> None:
    n, d, u, loss = made_up("amount")
    with pytest.raises(BadInput, match="swapped"):
        fit_repeated(n, u, d, loss, decay="amount")
    with pytest.raises(BadInput, match="at least 20"):
        fit_repeated(n[:5], d[:5], u[:5], loss[:5], decay="amount")
    with pytest.raises(BadInput, match="more; at least"):
        foretell_epochs(n, d, u, loss, up_to=(50.0,))
    assert set(DECAYS) == {"amount", "exponent", "none"}
