"""The dial's reckoning in the browser beside the Python that reckons the same."""

from __future__ import annotations

import datetime as dt
import itertools
import json

import numpy as np
import polars as pl
import pytest
from scipy.optimize import brentq

from isoflop.capability.skill import SkillLaw
from isoflop.facts import facts
from isoflop.forecasting.averaging import fit_ensemble
from isoflop.forecasting.forecast import forecast
from isoflop.laws import find_law
from isoflop.laws.law import evaluate
from isoflop.laws.optimum import optimal_split
from isoflop.outlook.dates import parse_date
from isoflop.outlook.frontier import Frontier
from isoflop.outlook.spread import spread
from isoflop.planning.accelerators import find_accelerator
from isoflop.planning.plan_ask import Serving
from isoflop.planning.plan_law import effective_tokens, expected_loss
from isoflop.planning.plan_split import Resources, best_split
from isoflop.planning.run_cost import Terms, run_cost
from isoflop.runs.table import Runs
from isoflop.web.app import plain
from isoflop.web.dial import dial_view
from isoflop.web.dial_law import DRAWS, POWERS, errors, published_beliefs, shipped_belief

DATE = dt.date(2026, 11, 22)
USUAL = {
    "mode": "compute",
    "C": 1e24,
    "usd": 1e6,
    "basis": "rental",
    "gpus": 1000,
    "days": 30,
    "N": 7e10,
    "D": 1.4e12,
    "over": 1,
    "served": 0,
    "unique": 0,
    "chip": "H100",
    "mfu": 0,
    "law": "chinchilla_runs",
}


@pytest.fixture(scope="module")
def view():
    return dial_view(date=DATE)


@pytest.fixture(scope="module")
def dial(run_javascript, view):
    """dial(expression): with model, laws, at(changes) and read(changes) at hand."""
    extra = {"dial/forms.js": view.generated["dial/forms.js"]}
    given = f"const data = {json.dumps(plain(view.data))}; const model = makeModel(data, forms);"

    def run(expression):
        body = (
            f"(() => {{ {given} const at = (s) => ({{ ...{json.dumps(USUAL)}, ...s }});"
            f" const read = (s) => model.read(at(s)); const law = (k) => model.laws.get(k); return {expression}; }})()"
        )
        return run_javascript(
            ["dial/model.js", "dial/split.js", "dial/law.js", "dial/bill.js", "dial/forms.js"], body, extra
        )

    return run


def test_every_draw_of_the_shipped_law_is_pythons_to_one_part_in_1e9(dial) -> None:
    belief, rng = shipped_belief(), np.random.default_rng(0)
    N, D = 10 ** rng.uniform(6, 14, 12), 10 ** rng.uniform(9, 15, 12)
    points = np.stack([N, D], axis=1).tolist()
    found = np.array(dial(f"{json.dumps(points)}.map(([N, D]) => [...law('chinchilla_runs').draws(N, D)])"))
    power = np.log10(6 * N * D)
    shift, doubt = np.interp(power, POWERS, belief.shift), np.interp(power, POWERS, belief.doubt)
    rows = [evaluate(m.form, {k: v[:, None] for k, v in m.draws.items()}, {"N": N, "D": D}) for m in belief.members]
    noise = np.array([float(f"{e:.7g}") for e in errors()])
    expected = np.concatenate(rows) * np.exp(shift + noise[:, None] * doubt)
    assert found.shape == (12, DRAWS)
    assert found.T.tolist() == [pytest.approx(row, rel=1e-9) for row in expected]


def test_the_loss_of_every_law_with_repeated_tokens_is_what_a_plan_expects(dial) -> None:
    names = [belief.key for belief in published_beliefs()]
    points = [[7e9, 1.4e11, 2e10], [1e9, 5e11, 1e10], [7e10, 1.4e12, 5e12]]
    found = dial(
        f"{json.dumps(names)}.map((k) => {json.dumps(points)}.map(([N, D, U]) => Math.exp(law(k).lnFormula(N, D, U))))"
    )
    assert len(names) >= 10
    for name, losses in zip(names, found, strict=True):
        for (N, D, U), loss in zip(points, losses, strict=True):
            assert loss == pytest.approx(float(expected_loss(name).loss(N, D, min(U, D))), rel=1e-9), name


def test_a_repeated_token_is_worth_what_planning_says(dial) -> None:
    found = dial("[1e9, 1e10, 1e12].map((D) => effectiveTokens(D, 1e10, data.decay))")
    assert found == pytest.approx([float(effective_tokens(D, 1e10)) for D in (1e9, 1e10, 1e12)], rel=1e-12)


@pytest.mark.parametrize("name", [belief.key for belief in published_beliefs()])
def test_the_split_of_compute_is_that_of_each_law(dial, name) -> None:
    law, budgets = find_law(name), [1e15, 1e18, 1e21, 1e24, 1e29]
    found = np.array(dial(f"{json.dumps(budgets)}.map((C) => bestSize(law({name!r}), C))"), dtype=float)
    split = optimal_split(law.form, law.constants, budgets)
    assert found == pytest.approx(split.N_opt, rel=1e-9)
    assert np.array(budgets) / (6 * found) == pytest.approx(split.D_opt, rel=1e-9)


@pytest.mark.parametrize("name", ["muennighoff2023", "pearce2024", "besiroglu2024"])
def test_the_split_with_few_distinct_tokens_is_the_one_that_costs_least(dial, name) -> None:
    law, C, unique = expected_loss(name), 1e23, 2e10
    best = dial(f"bestSize(law({name!r}), {C}, {{ unique: {unique} }})")
    x = np.log(best) + np.linspace(-4, 4, 4001)
    losses = law.loss(np.exp(x), C / (6 * np.exp(x)), np.minimum(unique, C / (6 * np.exp(x))))
    assert float(law.loss(best, C / (6 * best), unique)) <= losses.min() * (1 + 1e-12)


def test_serving_moves_the_best_size_to_where_a_plan_puts_it(dial) -> None:
    law, C, tokens, mfu = expected_loss("besiroglu2024"), 1e24, 1e14, 0.31
    per_param = float(Serving(tokens).training_flops_per_param(mfu))
    found = dial("(({ best, serving }) => [best, serving])(read({ law: 'besiroglu2024', served: 1e14 }))")
    whole = C + per_param * found[0]
    planned = best_split(law, Resources(life_flops=whole, serving=per_param))
    assert found[1] == pytest.approx(per_param, rel=1e-12)
    assert found[0] == pytest.approx(float(planned.N), rel=1e-5)
    assert float(planned.flops) == pytest.approx(C, rel=1e-5)
    assert found[0] < float(optimal_split(law.parts[0].form, law.parts[0].constants, C).N_opt) / 3


@pytest.mark.parametrize("chip", ["H100", "TPUv4", "RTX-4090"])
def test_hours_energy_and_every_basis_of_cost_are_those_of_the_terminal(dial, chip) -> None:
    made = dial(
        f"(({{ hours, devices, seconds, energy, costs }}) => [hours, devices, seconds, energy, costs])(read({{ chip: '{chip}' }}))"
    )
    hours, devices, seconds, used, costs = made
    bill = run_cost(1e24, find_accelerator(chip), 1 if devices > 1e6 else devices, Terms(DATE.isoformat()))
    for name in ("value", "low", "high"):
        assert hours[name] == pytest.approx(getattr(bill.device_hours, name), rel=1e-9)
        assert used[name] == pytest.approx(getattr(bill.energy_kwh["server"], name), rel=1e-9)
    assert seconds * devices == pytest.approx(hours["value"] * 3600, rel=1e-12)
    lines = {line.basis: line for line in reversed(bill.costs) if line.basis != "rental" or "on-demand" in line.label}
    for cost in costs:
        line = lines[cost["key"]]
        scale = devices / bill.devices if cost["key"] == "purchase" else 1
        for name in ("value", "low", "high"):
            # the network's wear and the purchase's age are rounded nowhere; only the order of products differs
            assert cost[name] == pytest.approx(getattr(line.usd, name) * scale, rel=1e-9), (chip, cost["key"], name)


def test_money_machines_and_compute_are_one_dial(dial) -> None:
    found = dial(
        "[read({ mode: 'money', usd: 1e6 }), read({ mode: 'machines', gpus: 512, days: 10 }),"
        " read({ mode: 'money', usd: 1e8, basis: 'purchase', days: 100 })]"
        ".map((r) => [r.C, r.hours.value, r.devices, r.seconds, r.costs[0].value, r.costs[3].value])"
    )
    (_, _, _, _, rent, _), (C, hours, devices, seconds, _, _), (_, _, bought, _, _, price) = found
    assert rent == pytest.approx(1e6, rel=1e-9)
    assert (hours, devices, seconds) == pytest.approx((512 * 240, 512, 864_000))
    assert pytest.approx(512 * 240 * 3600 * 989.4e12 * 0.31, rel=1e-9) == C
    assert price <= 1e8 < price * (bought + 1) / bought


def test_the_year_of_the_frontier_is_that_of_the_outlook(dial, view) -> None:
    data = view.data["frontier"]
    frontier = Frontier(
        "training_compute",
        data["origin"],
        np.array(data["level"]),
        np.array(data["slope"]),
        data["since"],
        np.array(data["largest"]),
        0.0,
    )
    found = dial("[1e22, 1e26, 1e29].map((C) => read({ C }).years)")
    for C, years in zip((1e22, 1e26, 1e29), found, strict=True):
        for name, drawn in (("line", frontier.line_reaches(C)), ("largest", frontier.largest_reaches(C))):
            expected = spread(drawn, 0.8)
            assert [years[name][k] for k in ("low", "value", "high")] == pytest.approx(
                [expected.low, expected.middle, expected.high], rel=1e-9
            )
    assert data["now"] == parse_date("2026-11-22")


def test_scores_are_the_mean_of_the_fitted_skill_laws(dial) -> None:
    found = dial("[1e20, 1e23, 1e26].map((C) => read({ C }).scores)")
    for C, scores in zip((1e20, 1e23, 1e26), found, strict=True):
        for task in scores:
            row = facts("page_scores")[task["name"]]
            laws = [SkillLaw(form, row[form], row["chance"], 0.0, row["rows"]) for form in ("sigmoid", "logistic")]
            expected = np.mean([law(np.log10(C)) for law in laws])
            assert task["value"] == pytest.approx(expected, rel=1e-9)
            assert 0 <= task["low"] <= task["value"] <= task["high"] <= 1


def test_an_optimal_run_is_worth_its_own_compute_and_an_overtrained_one_less(dial) -> None:
    worth = dial("[read({ C: 1e24 }).worth, read({ C: 1e24, over: 10 }).worth, read({ C: 1e24, unique: 1e11 }).worth]")
    assert worth[0] == pytest.approx(1e24, rel=1e-9)
    assert worth[1] < 0.8e24
    assert worth[2] < 0.9e24


def test_a_run_is_worth_the_compute_at_which_the_best_split_has_its_loss(dial) -> None:
    law = find_law("besiroglu2024")
    found = dial(
        "[[1e16, 10], [1e20, 30], [1e25, 5], [1e28, 0.2]]"
        ".map(([C, over]) => read({ law: 'besiroglu2024', C, over })).map((r) => [r.N, r.D, r.worth])"
    )
    for N, D, worth in found:
        wanted = float(law(N=N, D=D))
        assert float(optimal_split(law.form, law.constants, worth).loss) == pytest.approx(wanted, rel=1e-12)
        assert worth < 6 * N * D


def test_overtraining_keeps_the_compute_and_multiplies_tokens_per_parameter(dial) -> None:
    plain_run, over = dial("[read({}), read({ over: 16 })].map((r) => [r.C, r.N, r.D, r.ratio])")
    assert over[0] == plain_run[0] == pytest.approx(6 * over[1] * over[2])
    assert over[3] == pytest.approx(16 * plain_run[3])


def pythons_sizes(C, *, serving=0.0):
    """N of each draw's own best split: the closed form, or where what it gains and what it costs are level."""
    sizes = []
    for member in shipped_belief().members:
        plain_split = optimal_split(member.form, member.draws, C).N_opt
        for k, start in enumerate(plain_split):
            constants = {name: values[k] for name, values in member.draws.items()}
            sizes.append(served_split(member.form, constants, C, serving, start) if serving else start)
    return np.array(sizes)


def served_split(form, constants, C, serving, start):
    """e_N = e_D (1 + sN/C) for a law of two powers a N**-p + b D**-q, whatever is wrapped around their sum."""
    power = 1 / constants.get("q", 1)
    a, p = constants["A"] ** power, constants["alpha"] * power
    b, q = constants["B"] ** power, constants.get("beta", constants["alpha"]) * power

    def gain(x):
        return np.log(p * a) - p * x - np.log(q * b) + q * (np.log(C / 6) - x) - np.log1p(serving * np.exp(x) / C)

    return np.exp(brentq(gain, np.log(start) - 30, np.log(start) + 1e-3, xtol=1e-14))


@pytest.mark.parametrize("setting", [{"C": 1e24}, {"C": 1e15}, {"C": 1e29, "over": 10}, {"C": 1e23, "served": 1e13}])
def test_parameters_and_tokens_lie_where_80_percent_of_the_draws_put_their_best_split(dial, setting) -> None:
    sizes, serving = dial(f"((r) => [r.sizes, r.serving])(read({json.dumps(setting)}))")
    best = pythons_sizes(setting["C"], serving=serving)
    N = best / np.sqrt(setting.get("over", 1))
    D = setting["C"] / (6 * N)
    assert best.shape == (DRAWS,)
    for name, drawn in {"N": N, "D": D, "ratio": D / N}.items():
        low, high = np.quantile(drawn, [0.1, 0.9])
        assert [sizes[name]["low"], sizes[name]["high"]] == pytest.approx([low, high], rel=1e-9), name
        assert low < sizes[name]["value"] < high, name


def test_the_draws_split_scarce_tokens_where_their_own_loss_is_least(dial) -> None:
    C, unique = 1e24, 5e10
    found = dial(f"[...bestSizesOfDraws(law('chinchilla_runs'), {C}, {{ unique: {unique}, from: 1e11 }})]")
    k = 0
    for member in shipped_belief().members:
        few = {name: values[:5] for name, values in member.draws.items()}
        N = np.array(found[k : k + 5])
        around = N * np.exp(np.linspace(-1, 1, 401))[:, None]
        tokens = effective_tokens(C / (6 * around), unique)
        losses = evaluate(member.form, few, {"N": around, "D": tokens})
        assert np.all(np.argmin(losses, axis=0) == 200)
        k += len(next(iter(member.draws.values())))
    assert k == len(found) == DRAWS


def test_a_dial_that_is_given_n_and_d_has_no_interval_of_them(dial) -> None:
    given, published, money = dial(
        "[{ mode: 'sizes' }, { law: 'besiroglu2024' }, { mode: 'money' }].map((s) => read(s).sizes.N)"
    )
    assert given["low"] is None
    assert published["low"] is None
    assert money["low"] < money["value"] < money["high"]


def test_the_band_widens_past_the_data_with_every_law_that_has_one(dial) -> None:
    names = [belief.key for belief in [shipped_belief(), *published_beliefs()]]
    bands = dial(
        f"{json.dumps(names)}.map((k) => model.curve(at({{ law: k }})).map((r) => [r.flops, Math.log(r.high / r.low)]))"
    )
    for name, band in zip(names, bands, strict=True):
        if band[0][1] is None:
            assert name in {"krajewski2024_dense"}
            continue
        past = [width for C, width in band if C >= 1e23]
        assert all(b >= 0.98 * a for a, b in itertools.pairwise(past)), name
        assert past[-1] > 2 * min(width for _, width in band), name


def test_the_valley_has_its_floor_at_the_best_size(dial) -> None:
    rows, best = dial("(() => { const p = model.point(at({ C: 1e25 })); return [model.valley(p), p.best]; })()")
    floor = min(rows, key=lambda row: row["loss"])
    assert floor["params"] == pytest.approx(best, rel=0.1)
    assert all(row["low"] < row["loss"] < row["high"] for row in rows)


def test_the_valley_reaches_to_where_the_dial_stands(dial) -> None:
    rows = dial("model.valley(model.point(at({ mode: 'sizes', N: 1e12, D: 1e8 })))")
    assert rows[0]["params"] < 1e12 < rows[-1]["params"]


def test_no_dial_gives_a_number_that_is_none(dial) -> None:
    found = dial(
        """(() => { const bad = []; for (const law of model.laws.keys()) for (const C of [1e15, 1e22, 1e29])
        for (const served of [0, 1e16]) for (const unique of [0, 1e9]) for (const over of [0.1, 100]) {
          const r = read({ law, C, served, unique, over });
          const all = { N: r.N, D: r.D, loss: r.loss.loss, worth: r.worth, seconds: r.seconds, stock: r.stock.value };
          for (const [k, v] of Object.entries(all)) if (!(v > 0 && Number.isFinite(v))) bad.push([law, C, served, unique, over, k, v]);
        } return bad; })()"""
    )
    assert found == []


def test_quantiles_taken_without_sorting_are_those_of_numpy(run_javascript) -> None:
    rng = np.random.default_rng(3)
    sets = [rng.normal(size=400).tolist(), [1.0] * 7, rng.integers(0, 3, 50).tolist(), [2.0]]
    shares = [0, 0.1, 0.37, 0.5, 0.9, 1]
    found = run_javascript(
        ["core/stats.js"],
        f"{json.dumps(sets)}.map((v) => {json.dumps(shares)}.map((p) => quantileInPlace(Float64Array.from(v), p)))",
    )
    assert found == [pytest.approx(np.quantile(values, shares).tolist(), rel=1e-12) for values in sets]


@pytest.mark.slow
def test_the_shipped_law_says_what_a_forecast_of_the_public_runs_says(data_dir, dial) -> None:
    table = pl.read_csv(data_dir / "runs" / "chinchilla_besiroglu" / "runs.csv").filter(pl.col("kept_240"))
    runs = Runs(table.select(params="N", tokens="D", flops=6 * pl.col("N") * pl.col("D"), loss="loss"))
    ensemble = fit_ensemble(runs)
    flops = 10.0 ** np.array([16, 18, 20, 22, 23, 24, 25, 27, 29])
    at = [best_split(expected_loss(ensemble), Resources(train_flops=c)) for c in flops]
    N, D = np.array([float(s.N) for s in at]), np.array([float(s.D) for s in at])
    made = forecast(ensemble, level=0.8, N=N, D=D)
    points = np.stack([N, D], axis=1).tolist()
    found = dial(f"{json.dumps(points)}.map(([N, D]) => law('chinchilla_runs').interval(N, D, Infinity, 0.8))")
    assert [row["loss"] for row in found] == pytest.approx(made.loss.tolist(), rel=3e-4)
    within = flops >= 1e18  # below, forms that the forecast discounts have their full say on the page
    widths = np.array([row["high"] - row["low"] for row in found]) / (made.high - made.low)
    assert np.all((widths > 0.75) & ((widths < 1.25) | ~within)), widths
