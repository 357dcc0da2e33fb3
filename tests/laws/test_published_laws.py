"""Published laws give their published values. Sources beside each number."""

import numpy as np
import pytest

from isoflop import find_law, published_laws
from isoflop.errors import LawError
from isoflop.laws import optimal_split


def optimum(law: str, flops: float, **others: float) -> tuple[float, float, float]:
    found = find_law(law)
    split = optimal_split(found.form, found.constants, flops, others)
    return float(split.N_opt), float(split.D_opt), float(split.loss)


@pytest.mark.parametrize(
    ("law", "variables", "value"),
    [
        # Kaplan et al. 2020, the closed forms at round arguments
        ("kaplan2020_n", {"N": 1e8}, 2.82996),
        ("kaplan2020_n", {"N": 1e9}, 2.37564),
        ("kaplan2020_n", {"N": 1e10}, 1.99425),
        ("kaplan2020_d", {"D": 1e9}, 2.81564),
        ("kaplan2020_d", {"D": 2.2e10}, 2.09917),
        ("kaplan2020_d", {"D": 3e11}, 1.63776),
        ("kaplan2020_c", {"C": 8.64e19}, 2.65808),
        ("kaplan2020_c", {"C": 8.64e20}, 2.36902),
        ("kaplan2020_c", {"C": 3640 * 8.64e19}, 1.76406),
        ("kaplan2020_nd", {"N": 1e9, "D": 2.2e10}, 2.36932),
        ("kaplan2020_nd", {"N": 1.5e9, "D": 2.2e10}, 2.31255),
        # Chinchilla's own run, 70B parameters on 1.4T tokens, under three sets of constants
        ("hoffmann2022_rounded", {"N": 70e9, "D": 1.4e12}, 1.93665),
        ("hoffmann2022", {"N": 70e9, "D": 1.4e12}, 1.92085),
        ("besiroglu2024", {"N": 70e9, "D": 1.4e12}, 1.97388),
        ("hoffmann2022_rounded", {"N": 280e9, "D": 3e11}, 1.99326),
        ("hoffmann2022", {"N": 8e9, "D": 15e12}, 1.94362),
        ("besiroglu2024", {"N": 405e9, "D": 15.6e12}, 1.89259),
    ],
)
def test_a_published_law_gives_its_loss_to_five_decimals(law: str, variables: dict[str, float], value: float) -> None:
    assert float(find_law(law)(**variables)) == pytest.approx(value, abs=5.1e-6)


def test_muennighoff_reproduces_its_repository_to_every_digit() -> None:
    losses = find_law("muennighoff2023")(N=[6.34e9, 8.67e9], D=[242e9, 178e9], U=25e9)
    assert losses == pytest.approx([2.2256440889984477, 2.2269634075087867], rel=1e-15)


def test_muennighoff_optimum_is_the_published_one() -> None:
    N, D, loss = optimum("muennighoff2023", 1e22, U=25e9)
    assert loss == pytest.approx(2.222129, abs=1e-6)
    assert pytest.approx(7.03e9, rel=2e-3) == N
    assert pytest.approx(2.372e11, rel=2e-3) == D


def test_muennighoff_effective_data_decay_with_epochs() -> None:
    """D'/D at 2 to 40 epochs, read off the data term of a model small enough that its size is never in excess."""
    law = find_law("muennighoff2023")
    E, A, alpha, B, beta = (law.constants[name] for name in ("E", "A", "alpha", "B", "beta"))
    N, unique, epochs = 1e6, 1e10, np.array([2, 4, 8, 16, 40])
    data_term = law(N=N, D=unique * epochs, U=unique) - E - A / N**alpha
    effective = (B / data_term) ** (1 / beta)
    assert effective / (unique * epochs) == pytest.approx([0.9841, 0.9314, 0.8280, 0.6614, 0.3792], abs=6e-5)


@pytest.mark.parametrize(
    ("law", "flops", "N", "D", "loss"),
    [
        ("hoffmann2022_rounded", 1e21, 1.8242e9, 9.1363e10, 2.328883),
        ("hoffmann2022_rounded", 5.76e23, 3.2190e10, 2.9823e12, 1.930748),
        ("hoffmann2022_rounded", 1e24, 4.1297e10, 4.0358e12, 1.911195),
        ("hoffmann2022", 1e21, 2.2170e9, 7.5178e10, 2.295491),
        ("hoffmann2022", 5.76e23, 4.0361e10, 2.3785e12, 1.918412),
        ("hoffmann2022", 3.8e25, 2.7324e11, 2.3179e13, 1.811011),
        ("besiroglu2024", 1e18, 8.0532e7, 2.0696e9, 3.490492),
        ("besiroglu2024", 1e21, 2.7785e9, 5.9985e10, 2.305529),
        ("besiroglu2024", 5.76e23, 7.2249e10, 1.3287e12, 1.974441),
        ("besiroglu2024", 5.88e23, 7.3016e10, 1.3422e12, 1.973864),
        ("besiroglu2024", 1e24, 9.5861e10, 1.7386e12, 1.959712),
        ("besiroglu2024", 3.8e25, 6.1867e11, 1.0237e13, 1.891707),
        ("besiroglu2024", 1e26, 1.0159e12, 1.6405e13, 1.879902),
    ],
)
def test_the_frontier_of_a_published_law_has_its_printed_digits(
    law: str, flops: float, N: float, D: float, loss: float
) -> None:
    found = optimum(law, flops)
    assert found[0] == pytest.approx(N, rel=5e-5)
    assert found[1] == pytest.approx(D, rel=5e-5)
    assert found[2] == pytest.approx(loss, abs=6e-7)


def test_rounding_two_exponents_moves_tokens_per_parameter_by_half() -> None:
    rounded, exact = optimum("hoffmann2022_rounded", 5.76e23), optimum("hoffmann2022", 5.76e23)
    assert rounded[1] / rounded[0] == pytest.approx(92.65, abs=0.01)
    assert exact[1] / exact[0] == pytest.approx(58.93, abs=0.01)


def test_kaplans_sets_are_three_and_differ() -> None:
    laws = published_laws()
    sizes = {laws[name].constants["N_c"] for name in ("kaplan2020_n", "kaplan2020_nd", "kaplan2020_ns")}
    assert len(sizes) == 3


def test_an_unknown_law_gets_a_suggestion() -> None:
    with pytest.raises(LawError, match="Did you mean 'besiroglu2024'"):
        find_law("besiroglu2023")
