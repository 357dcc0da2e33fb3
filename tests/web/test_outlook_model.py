"""The outlook page's arithmetic is that of ``isoflop.outlook``, on the same draws."""

from __future__ import annotations

import json

import numpy as np
import pytest

from isoflop.facts import facts
from isoflop.outlook import demand, limits, revenue, sampling, shipped, stock
from isoflop.outlook.frontier import draw_frontier
from isoflop.outlook.spread import spread
from isoflop.web.outlook import BINDING, model_facts

N = 200
LEVEL = 0.8


class Given:
    """Normal draws that are handed out in the order in which the page's model names them."""

    def __init__(self, *columns: np.ndarray) -> None:
        self.columns = list(columns)

    def standard_normal(self, size: object) -> np.ndarray:
        if isinstance(size, int) and size != N:
            return np.zeros(size)
        return self.columns.pop(0)


@pytest.fixture(scope="module")
def z():
    rng = np.random.default_rng(5)
    names = [
        *("level", "largest", "slope", "given"),
        *("shorter_by", "pages", "bytes_per_page", "quality", "repetition", "users_growth", "text_growth"),
        *("past", "used", "flops", "root"),
        *model_facts()["limits"]["drawn"],
    ]
    return {name: rng.standard_normal(N) for name in dict.fromkeys(names)}


@pytest.fixture(scope="module")
def asked(run_javascript, z):
    given = json.dumps(model_facts())
    draws = json.dumps({name: column.tolist() for name, column in z.items()})

    def ask(expression: str):
        return run_javascript(
            ["outlook/model.js"],
            f"""(() => {{ const facts = {given}; const z = {draws};
            for (const name of Object.keys(z)) z[name] = Float64Array.from(z[name]);
            const limits_ = limits; return {expression}; }})()""",
        )

    return ask


@pytest.mark.parametrize("growth", [None, (2.0, 3.5)])
@pytest.mark.parametrize("name", ["training_compute", "amortised"])
def test_values_are_reached_when_python_says(asked, z, name, growth):
    drawn = Given(z["level"], z["largest"], z["slope"], z["given"])
    made = draw_frontier(name, drawn, N, growth=growth)
    value = 1e28 if name == "training_compute" else 1e10
    found = asked(
        f"(() => {{ const made = frontier(facts.lines.{name}, z, {json.dumps(growth)});"
        f" return [lineReaches(made, {value}), largestReaches(made, {value}), lineAt(made, 2029), largestAt(made, 2029)]"
        f".map((draws) => [[...draws], spread(draws, {LEVEL})]); }})()"
    )
    theirs = [made.line_reaches(value), made.largest_reaches(value), made.line_at(2029), made.largest_at(2029)]
    for (draws, summed), mine in zip(found, theirs, strict=True):
        assert draws == pytest.approx(mine.tolist(), rel=1e-12)
        whole = spread(mine, LEVEL)
        assert [summed[k] for k in ("low", "middle", "high")] == pytest.approx(
            [whole.low, whole.middle, whole.high], rel=1e-12
        )


def test_text_runs_out_when_python_says(asked, z):
    columns = [
        z[k] for k in ("shorter_by", "pages", "bytes_per_page", "quality", "repetition", "users_growth", "text_growth")
    ]
    web = stock.web_stock(Given(*columns), N)
    theirs = demand.demands(Given(z["past"], z["used"], z["flops"], z["root"]), N, overtrained=7.0)
    found = asked(
        "(() => { const web = webStock(facts.text, z); const all = demands(facts.text, facts.lines, z, { overtrained: 7 });"
        " return [[...web.raw], [...web.effective], all.map((one) => [...meets(one, web, facts.text.year)])]; })()"
    )
    whole = web.raw  # draws that leave no bytes are drawn again there, and take the usual value here
    assert found[0] == pytest.approx(whole.tolist(), rel=1e-9)
    assert found[1] == pytest.approx(web.effective.tolist(), rel=1e-9)
    for draws, mine in zip(found[2], theirs, strict=True):
        years = [np.inf if year is None else year for year in draws]
        assert years == pytest.approx(mine.meets(web).tolist(), rel=1e-9)


@pytest.mark.parametrize("year", [2028, 2030])
def test_limits_of_a_year_and_the_one_that_binds_are_pythons(asked, z, year):
    drawn = np.column_stack([z[name] for name in model_facts()["limits"]["drawn"]])
    u = limits.draw_unknowns(Given(drawn), (N))
    found = asked(
        f"(() => {{ const u = inputs(facts.limits, z); const all = Object.fromEntries(Object.entries(limits_).map(([name, of]) =>"
        f" [name, of(u, {year}, facts.limits)])); const bound = binding(facts.limits.binding.map((name) => all[name]));"
        " return [Object.fromEntries(Object.entries(all).map(([name, draws]) => [name, [...draws]])), [...bound.smallest], [...bound.which]]; })()"
    )
    for name, limit in limits.LIMITS.items():
        assert found[0][name] == pytest.approx(limit(u, year).tolist(), rel=1e-9), name
    smallest, which = limits.binding(u, year, BINDING)
    assert found[1] == pytest.approx(smallest.tolist(), rel=1e-9)
    assert found[2] == which.tolist()


def test_sums_that_need_no_draws_are_pythons(asked):
    given = model_facts()
    rates = given["rates"]
    found = asked(
        "[requiredRevenue({ chips: 2e11, around: 1.8, margin: 0.6 }), longestRun([facts.rates.hardware, facts.rates.algorithms, facts.rates.spending]),"
        " marginOfError(7.1, 2000, 0.95), growthOf(facts.lines.amortised, facts.lines.training_compute, null)]"
    )
    assert found[0] == pytest.approx(float(revenue.required_revenue_usd(2e11, total_cost=1.8, gross_margin=0.6)))
    assert found[1] == pytest.approx(shipped.longest_runs()[-1].years, rel=1e-12)
    assert found[2] == pytest.approx(float(sampling.margin_of_error(7.1, 2000)), rel=1e-12)
    assert found[3] is None
    assert rates["spending"] == pytest.approx(10 ** facts("frontier_lines")["amortised"]["slope"])


def test_cost_grows_less_where_compute_does_and_keeps_what_hardware_gives(asked):
    low, high = asked(
        "growthOf(facts.lines.amortised, facts.lines.training_compute, 10 ** (facts.lines.training_compute.slope - 0.2))"
    )
    line = facts("frontier_lines")["amortised"]
    assert np.log10(low * high) / 2 == pytest.approx(line["slope"] - 0.2)
