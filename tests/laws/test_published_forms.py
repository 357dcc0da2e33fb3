"""Worked values of the catalogue beyond size and data. Sources beside each number."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isoflop import Runs, find_law, fit
from isoflop.laws import FORMS, Law, optimal_split
from isoflop.laws.opinions import disagreement, opinions

PF_DAY = 8.64e19


@pytest.mark.parametrize(
    ("law", "variables", "value", "digits"),
    [
        # Kaplan et al. 2020, eq. 1.4 and table 6
        ("kaplan2020_critical_batch", {"L": 3.0}, 1.0691e6, 5e-5),
        ("kaplan2020_critical_batch", {"L": 4.0}, 2.717e5, 2e-4),
        ("kaplan2020_critical_batch", {"L": 2.0}, 7.371e6, 1e-4),
        ("kaplan2020_size", {"C": 10 * PF_DAY}, 6.981e9, 1e-4),
        ("kaplan2020_tokens", {"C": 10 * PF_DAY}, 3.724e10, 1e-4),
        # DeepSeek LLM 2024
        ("deepseek2024_lr", {"C": 1e20}, 9.860e-4, 1e-4),
        ("deepseek2024_batch", {"C": 1e20}, 1.0171e6, 1e-4),
        ("deepseek2024_tokens", {"C": 1e20}, 1.9045e10, 1e-4),
        ("deepseek2024_lr", {"C": 1e23}, 4.158e-4, 2e-4),
        ("deepseek2024_batch", {"C": 1e23}, 9.743e6, 1e-4),
        ("deepseek2024_tokens", {"C": 1e23}, 5.092e11, 2e-4),
        # Step Law 2025
        ("steplaw2025_lr", {"N": 1e9, "D": 1e11}, 1.6325e-3, 5e-5),
        ("steplaw2025_batch", {"D": 1e11}, 1.1077e6, 5e-5),
        # Llama 3 2024, parabolas on the digitised points: 16.1T tokens at 3.8e25 FLOP
        ("llama2024_tokens", {"C": 3.8e25}, 1.61e13, 2e-3),
        # Krajewski et al. 2024
        ("krajewski2024", {"N": 1e9, "D": 2e10, "G": 1}, 3.27613, 2e-6),
        ("krajewski2024", {"N": 1e9, "D": 2e10, "G": 4}, 3.16909, 2e-6),
        ("krajewski2024", {"N": 1e9, "D": 2e10, "G": 16}, 3.12119, 2e-6),
        ("krajewski2024_dense", {"N": 1e9, "D": 2e10}, 2.98031, 2e-6),
    ],
)
def test_a_published_law_gives_its_worked_value(
    law: str, variables: dict[str, float], value: float, digits: float
) -> None:
    assert float(find_law(law)(**variables)) == pytest.approx(value, rel=digits)


def test_gadres_optimal_tokens_per_parameter_on_redpajama_are_seven() -> None:
    law = find_law("gadre2024_redpajama")
    split = optimal_split(law.form, law.constants, 1e21)
    assert float(split.D_opt / split.N_opt) == pytest.approx(7.4, abs=0.05)


def test_gadres_law_is_chinchilla_with_one_exponent_seen_along_compute() -> None:
    one = find_law("gadre2024_c4")
    eta = one.constants["alpha"] / 2
    along = Law(
        FORMS["gadre"],
        {"E": one.constants["E"], "a": one.constants["A"] * 6**eta, "b": one.constants["B"] * 6**eta, "eta": eta},
    )
    N, D = np.array([1e8, 1e9]), np.array([3e9, 4e11])
    assert along(N=N, D=D, C=6 * N * D) == pytest.approx(one(N=N, D=D), rel=1e-12)


def test_the_q_family_holds_chinchilla_kaplan_and_the_coupled_law() -> None:
    own = {"E": 1.7, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37}
    N, D = np.array([1e8, 1e9, 7e10]), np.array([3e9, 4e11, 1e12])
    family = FORMS["q_family"]
    assert Law(family, {**own, "q": 1.0})(N=N, D=D) == pytest.approx(Law(FORMS["chinchilla"], own)(N=N, D=D))
    q = 0.4
    inner = {"A": own["A"] ** (1 / q), "alpha": own["alpha"] / q, "B": own["B"] ** (1 / q), "beta": own["beta"] / q}
    coupled = Law(FORMS["coupled"], {"E": own["E"], "kappa": q, **inner})
    assert Law(family, {**own, "q": q})(N=N, D=D) == pytest.approx(coupled(N=N, D=D), rel=1e-12)
    kaplan = find_law("kaplan2020_nd")
    a_N, a_D, N_c, D_c = (kaplan.constants[name] for name in ("alpha_N", "alpha_D", "N_c", "D_c"))
    same = {"E": 0.0, "A": N_c**a_N, "alpha": a_N, "B": D_c**a_D, "beta": a_D, "q": a_D}
    assert Law(family, same)(N=N, D=D) == pytest.approx(kaplan(N=N, D=D), rel=1e-12)


def test_counting_without_embeddings_turns_chinchilla_into_kaplans_exponent() -> None:
    """Pearce & Song 2024: 0.78 with the constants of Besiroglu et al. and 0.74 with Hoffmann et al.'s."""
    pearce = find_law("pearce2024")
    exact = {name: find_law("hoffmann2022").constants[name] for name in ("E", "A", "B", "alpha", "beta")}
    for constants, published in ((pearce.constants, 0.78), ({**exact, "gamma": 47491}, 0.74)):
        flops = np.geomspace(8.9e12, 5e20, 40)
        best = optimal_split(pearce.form, constants, flops)
        slope = np.polyfit(np.log(flops), np.log(best.N_opt), 1)[0]
        assert slope == pytest.approx(published, abs=0.01)


def clark_dense_size(law: Law, N: float, experts: float) -> float:
    """The size of the dense model with the loss of a routed one, by bisection."""
    target = float(law(N=N, K=experts))
    sizes = np.geomspace(N, N * 1e4, 200_001)
    return float(sizes[np.argmin(np.abs(law(N=sizes, K=1.0) - target))])


def test_a_routed_model_of_5m_and_128_experts_is_worth_a_dense_one_of_52m() -> None:
    """Clark et al. 2022: 55M; with the printed constants 5.18e7."""
    assert clark_dense_size(find_law("clark2022_sbase"), 5e6, 128) == pytest.approx(5.18e7, rel=2e-3)


def test_one_expert_counts_as_e_start_and_experts_stop_helping_at_the_published_size() -> None:
    law = find_law("clark2022_rlr")
    p = law.constants
    cutoff = 10 ** (-p["b"] / p["c"])
    assert cutoff == pytest.approx(85e9, rel=0.1)  # published: 85B; the refit's digits give 77B
    assert float(law(N=cutoff, K=1)) == pytest.approx(float(law(N=cutoff, K=512)), rel=1e-9)
    by_hand = 10 ** (p["a"] * 9 + (p["b"] + 9 * p["c"]) * np.log10(p["E_start"]) + p["d"])
    assert float(law(N=1e9, K=1)) == pytest.approx(by_hand, rel=1e-12)


def test_a_broken_power_law_has_its_worked_values() -> None:
    """a = 0.1, b = 10, c_0 = 0.1 and one break (0.5, 1e4, 0.2) of Caballero et al. 2023's eq. 1."""
    law = Law(FORMS["bnsl_1"], {"a": 0.1, "b": 10, "c_0": 0.1, "c_1": 0.5, "d_1": 1e4, "f_1": 0.2})
    assert law(C=[1e2, 1e4, 1e6]) == pytest.approx([6.409573, 3.814471, 0.351189], abs=6e-7)


def test_goyals_passes_have_their_worked_values() -> None:
    """a = 1, b = −0.1, tau = 3, n = 1e6 after 1, 2, 4 and 8 passes."""
    law = Law(FORMS["goyal"], {"E": 0.0, "A": 1.0, "b": 0.1, "h": 0.5 ** (1 / 3)})
    passes = np.array([1, 2, 4, 8])
    assert law(U=1e6, D=1e6 * passes) == pytest.approx([0.251189, 0.237743, 0.228437, 0.223668], abs=6e-7)


def test_repetition_turns_around_where_the_price_of_a_pass_exceeds_its_gain_and_costs_nothing_in_one_epoch() -> None:
    additive = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37}
    law = Law(FORMS["repetition"], {**additive, "G": 0.1, "q": 0.7})
    once = Law(FORMS["chinchilla"], additive)
    assert float(law(N=1e9, D=1e10, U=1e10)) == pytest.approx(float(once(N=1e9, D=1e10)), rel=1e-12)
    N, U = 3e8, 1e9
    turn = (0.37 * 2000.0 / (0.1 * (N / U) ** 0.7)) ** (1 / 0.37)
    D = U * np.geomspace(1, 1e3, 4001)
    assert U < turn < 1e3 * U
    assert D[np.argmin(law(N=N, D=D, U=U))] == pytest.approx(turn, rel=2e-3)


def test_a_price_for_repetition_extrapolates_past_thirty_epochs_better_than_a_saturating_worth(data_dir: Path) -> None:
    """The 182 runs of Muennighoff et al. 2023; the source has its two columns of tokens the wrong way round."""
    runs = pl.read_csv(data_dir / "runs" / "datablations_muennighoff" / "sld_182_runs.csv")
    N, D = runs["params"].to_numpy(), runs["unique_tokens"].to_numpy()
    U, loss = np.minimum(runs["tokens"].to_numpy(), D), runs["loss"].to_numpy()
    columns = {"params": N, "tokens": D, "unique_tokens": U, "flops": 6 * N * D, "loss": loss}
    table, few = Runs(pl.DataFrame(columns)), D / U <= 30
    missed = {}
    for name in ("repetition", "muennighoff"):
        law = fit(name, table.take(few), replicates=0).law
        missed[name] = float(np.median(np.abs(law(N=N, D=D, U=U)[~few] / loss[~few] - 1)))
    assert missed["repetition"] < 0.8 * missed["muennighoff"]


def test_the_law_of_vocabulary_meets_its_own_runs_only_in_its_own_units(data_dir: Path) -> None:
    """942 runs above 2.18e17 FLOP: the printed constants explain 97 % of the variance, without bias."""
    runs = pl.read_csv(data_dir / "runs" / "laws_benchmark" / "vocab_scaling_law" / "train.csv")
    N, V, H, loss = (
        runs[name].to_numpy()
        for name in ("non_vocab_parameters", "vocab_size", "num_characters", "unigram_normalized_loss")
    )
    width = np.select([N <= 5e7, N <= 2e8, N <= 5e8, N <= 1e9], [512, 768, 1024, 1536], 2048)
    log_V = np.log(V)
    tokens = H * (0.00639222 * log_V**2 - 0.15811069 * log_V + 1.20470122)
    kept = 6 * (N + V * width) * tokens > 2.18e17
    errors = (find_law("tao2024")(N=N, N_v=V * width, H=H, V=V) - loss)[kept]
    assert abs(errors.mean()) < 0.001
    assert 1 - (errors**2).sum() / ((loss[kept] - loss[kept].mean()) ** 2).sum() > 0.97


def test_laws_of_the_learning_rate_contradict_each_other_in_the_sign_of_data() -> None:
    given = {opinion.law.name: opinion for opinion in opinions("learning-rate", 1e9, 1e11)}
    assert given["steplaw2025_lr"].value == pytest.approx(1.6325e-3, rel=5e-5)
    assert given["steplaw2025_lr"].doubling_data == pytest.approx(2**0.307)
    assert given["bjorck2024_lr"].doubling_data == pytest.approx(2**-0.3)
    assert given["bjorck2024_lr"].value is None
    assert given["deepseek2024_lr"].doubling_data == pytest.approx(2**-0.125)
    assert "contradict" in disagreement(tuple(given.values()))
    assert disagreement(opinions("batch-size", 1e9, 1e11)) == ""


def test_along_a_chinchilla_path_step_laws_rate_falls_and_its_batch_grows() -> None:
    """N and D grow as the root of compute: the rate as C**−0.203, the batch as C**0.2855."""
    here, there = {"N": 1e9, "D": 2e10}, {"N": 1e10, "D": 2e11}
    rate, batch = find_law("steplaw2025_lr"), find_law("steplaw2025_batch")
    assert np.log10(float(rate(**there)) / float(rate(**here))) / 2 == pytest.approx(-0.203, abs=1e-3)
    assert np.log10(float(batch(D=2e11)) / float(batch(D=2e10))) / 2 == pytest.approx(0.2855, abs=1e-4)


def test_the_valleys_bottom_is_where_its_power_laws_say() -> None:
    form = FORMS["lr_batch"]
    constants = {
        "E": 1.7, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37, "g": 0.02, "k": 1.79, "p": -0.713, "q": 0.307,
        "c": 0.5, "m": 0.58, "r": 0.571, "h": 0.02,
    }  # fmt: skip
    law = Law(form, constants)
    N, D = 1e9, 1e11
    rates, batches = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e-4, 1e-2, 201), np.geomspace(1e5, 1e7, 201)))
    best = np.argmin(law(N=N, D=D, lr=rates, batch=batches))
    assert rates[best] == pytest.approx(1.6325e-3, rel=0.03)
    assert batches[best] == pytest.approx(1.1077e6, rel=0.03)
    at_four_times = rates[batches == batches.max()]
    row = law(N=N, D=D, lr=at_four_times, batch=batches.max())
    expected = 1.6325e-3 * np.sqrt(batches.max() / 1.1077e6)
    assert at_four_times[np.argmin(row)] == pytest.approx(expected, rel=0.03)
