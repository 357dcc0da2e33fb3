"""From one formula: value, exact gradient, JavaScript and the optimum agree with each other."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from points import typical_constants, typical_points

from isoflop.errors import LawError
from isoflop.laws import FORMS, Form, Law, form_javascript, optimal_split, published_laws
from isoflop.laws.compiled import compile_form
from isoflop.laws.form import LOSS
from isoflop.laws.law import evaluate
from isoflop.laws.optimum import has_closed_optimum

WORKING = {"offset": (0.5, 2.0), "scale": (-1.5, 0.5), "exponent": (0.1, 0.6), "real": (-0.3, 0.3)}


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.name)
def test_the_gradient_is_the_derivative_of_the_value(form: Form) -> None:
    compiled = compile_form(form)
    rng = np.random.default_rng(0)
    u, x, centres = near_zero(form, rng) if form.name not in AT_THEIR_OWN_SCALE else in_range(form, rng)
    value, *gradient = compiled.gradient(u, x, centres)
    assert np.isfinite(value).all()
    assert np.allclose(value, compiled.log_value(u, x, centres), rtol=1e-14)
    for j, slope in enumerate(gradient):
        step = np.eye(len(u))[j] * 1e-6
        up = compiled.log_value([a + s for a, s in zip(u, step, strict=True)], x, centres)
        down = compiled.log_value([a - s for a, s in zip(u, step, strict=True)], x, centres)
        assert np.broadcast_to(slope, up.shape) == pytest.approx((up - down) / 2e-6, rel=2e-7, abs=2e-7)


AT_THEIR_OWN_SCALE = {"clark", "lr_batch", "tao"}
"""Forms that are no positive number for just any constants of order one."""


def near_zero(form: Form, rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray], list[float]]:
    """Working parameters (4, 1) and centred variables (9,) of order one, with their centres."""
    u = [rng.uniform(*WORKING[p.kind], (4, 1)) for p in form.parameters]
    x = [rng.normal(0, 0.4, 9) for _ in form.inputs]
    return u, x, [0.3 * (i + 1) for i in range(len(x))]


def in_range(form: Form, rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray], list[float]]:
    """The same, around the middle of the plausible ranges."""
    logs = [np.log(values) for values in typical_points(form.variables, 9).values()]
    centres = np.array([log.mean() for log in logs])
    natural = np.array([list((typical_constants(form) | FLOOR.get(form.name, {})).values())])
    working = np.repeat(compile_form(form).to_working(natural, centres), 4, axis=0)
    working *= 1 + rng.uniform(-0.01, 0.01, working.shape)
    return (
        [working[:, i : i + 1] for i in range(working.shape[1])],
        [log - c for log, c in zip(logs, centres, strict=True)],
        list(centres),
    )


FLOOR = {"tao": {"E": 4.0}, "vocabulary": {"E": 4.0}}
"""Their normalised loss is negative, and the solver takes logarithms."""


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.name)
def test_working_parameters_give_the_same_loss_as_natural_ones(form: Form) -> None:
    compiled = compile_form(form)
    rng = np.random.default_rng(1)
    natural = np.array([list((typical_constants(form) | FLOOR.get(form.name, {})).values())])
    natural = natural * rng.uniform(0.95, 1.05, (5, natural.shape[1]))
    points = typical_points(form.variables, 7)
    logs = [np.log(values) for values in points.values()]
    centres = np.array([log.mean() for log in logs])
    working = compiled.to_working(natural, centres)
    assert compiled.to_natural(working, centres) == pytest.approx(natural, rel=1e-10)
    columns = [working[:, i : i + 1] for i in range(working.shape[1])]
    by_solver = compiled.log_value(columns, [log - c for log, c in zip(logs, centres, strict=True)], centres)
    constants = {name: natural[:, i : i + 1] for i, name in enumerate(form.symbols)}
    by_law = np.log(evaluate(form, constants, points))
    assert np.isfinite(by_law).all()
    assert by_solver == pytest.approx(by_law, rel=1e-9, abs=1e-9)


POINTS = 2000
"""A law, drawn over the usual range of its variables."""
LAWS = [*published_laws().values(), *(Law(form, typical_constants(form), name=form.name) for form in FORMS.values())]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_the_generated_javascript_agrees_with_python_to_one_part_in_1e9(law: Law) -> None:
    engine = pytest.importorskip("py_mini_racer").MiniRacer()
    points = typical_points(law.form.variables, POINTS, seed=2)
    rows = np.stack(list(points.values()), axis=1).tolist()
    own = engine.eval(f"JSON.stringify({json.dumps(rows)}.map(r => ({law.javascript})(...r)))")
    general = f"({form_javascript(law.form)})({json.dumps(dict(law.constants))}, ...r)"
    shared = engine.eval(f"JSON.stringify({json.dumps(rows)}.map(r => {general}))")
    expected = law(**points)
    assert np.isfinite(expected).all()
    assert json.loads(str(own)) == pytest.approx(expected, rel=1e-9)
    assert json.loads(str(shared)) == pytest.approx(expected, rel=1e-9)


SPLITTABLE = [
    form for form in FORMS.values() if {"N", "D"} <= set(form.inputs) and "C" not in form.inputs and form.output == LOSS
]


@pytest.mark.parametrize("form", SPLITTABLE, ids=lambda form: form.name)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_no_split_of_the_budget_beats_the_optimum(form: Form, data: st.DataObject) -> None:
    flops = 10 ** data.draw(st.floats(18, 25))
    constants = {
        p.symbol: data.draw(st.floats(max(p.low, 0.1), min(p.high, 1.0)))
        if p.kind in ("exponent", "offset") and p.high > 0.1
        else data.draw(st.floats(p.low, p.high))
        if p.kind == "real"
        else 10 ** data.draw(st.floats(np.log10(p.low), np.log10(p.high)))
        for p in form.parameters
    }
    others = {
        v.symbol: 10 ** data.draw(st.floats(np.log10(v.low), np.log10(v.high)))
        for v in form.variables
        if v.symbol not in ("N", "D")
    }
    best = optimal_split(form, constants, flops, others)
    if not np.isfinite(best.N_opt):
        return  # an optimum at the edge of the budget is not an interior one
    N = float(best.N_opt) * np.exp(np.linspace(-6, 6, 401))
    losses = evaluate(form, constants, {"N": N, "D": flops / (6 * N), **others})
    assert losses[np.isfinite(losses)].min() >= float(best.loss) * (1 - 1e-9)
    assert float(best.N_opt * best.D_opt * 6) == pytest.approx(flops)


def test_sums_of_two_monomials_have_a_closed_optimum_and_others_a_search() -> None:
    closed = {form.name for form in SPLITTABLE if has_closed_optimum(form)}
    assert closed == {"chinchilla", "chinchilla_one_exponent", "coupled", "q_family", "kaplan_nd", "rosenfeld"}
    assert has_closed_optimum(Form("exp(E) + log(1 + A/N**a + B/D**b)"))
    assert not has_closed_optimum(Form("E + A/N**a + B/D**b + G/(N*D)**g"))


def test_the_search_finds_what_the_closed_form_gives() -> None:
    constants = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37}
    same = Form("E + A/N**alpha + B/D**beta + 0*N*D/(N*D)")
    searched = Form("max(E, 0.1) + A/N**alpha + B/D**beta + min(N, D)/(1e40*(N + D))")
    assert not has_closed_optimum(searched)
    by_search = optimal_split(searched, constants, [1e20, 1e23])
    by_formula = optimal_split(same, constants, [1e20, 1e23])
    assert by_search.N_opt == pytest.approx(by_formula.N_opt, rel=1e-6)


def test_the_coupled_laws_split_does_not_depend_on_its_outer_power() -> None:
    constants = {"E": 0.5, "A": 50.0, "alpha": 0.4, "B": 100.0, "beta": 0.45}
    splits = [float(optimal_split(FORMS["coupled"], {**constants, "kappa": k}, 1e22).N_opt) for k in (0.3, 1.0, 2.0)]
    assert splits == pytest.approx([splits[0]] * 3)


def test_an_optimum_without_an_interior_is_nan_and_a_form_without_size_is_refused() -> None:
    flat = {"E": 1.0, "A": 10.0, "alpha": 0.0, "B": 10.0, "beta": 0.3}
    assert np.isnan(optimal_split(FORMS["chinchilla"], flat, 1e20).N_opt)
    with pytest.raises(LawError, match="cannot split a budget"):
        optimal_split(FORMS["kaplan_d"], {"D_c": 1e13, "alpha_D": 0.1}, 1e20)


def test_names_that_javascript_keeps_for_itself_are_written_around() -> None:
    engine = pytest.importorskip("py_mini_racer").MiniRacer()
    law = Law(Form("in + let/N**p + Math/D**new"), {"in": 1.5, "let": 300.0, "p": 0.3, "Math": 900.0, "new": 0.35})
    expected = float(law(N=1e9, D=2e10))
    assert float(engine.eval(f"({law.javascript})(1e9, 2e10)")) == pytest.approx(expected, rel=1e-12)
    general = f"({form_javascript(law.form)})({json.dumps(dict(law.constants))}, 1e9, 2e10)"
    assert float(engine.eval(general)) == pytest.approx(expected, rel=1e-12)
