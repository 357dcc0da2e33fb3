"""Formulas as the dial's page has them, beside the Python that they come from."""

from __future__ import annotations

import json

import numpy as np
import pytest

from isoflop.laws.catalogue import FORMS
from isoflop.laws.form import Form
from isoflop.laws.law import evaluate
from isoflop.web.dial_forms import forms_javascript
from isoflop.web.dial_law import published_beliefs, shipped_belief, usable

KNOWN = {m.form.name: dict(m.constants) for b in [shipped_belief(), *published_beliefs()] for m in b.members}
WRITTEN = (
    Form("E + exp(-k*log(N)) + B/D**beta", "exponential"),
    Form("E + max(A/N**alpha, B/D**beta)", "largest"),
    Form("E - g*log10(N*D) + sqrt(B/D)", "logarithmic"),
    Form("E + A/N**(alpha + s*log(D)) + B/D", "power_that_moves"),
    Form("E*(1 + A/(N + D))*min(U, D)**-p", "product"),
)
AT = np.array([[1e6, 3e8, 2e8], [7e9, 1.4e11, 2e10], [3e11, 9e12, 5e13], [2e8, 5e12, 1e10]])
FIRST = {"E": 1.7, "A": 400.0, "B": 900.0, "alpha": 0.33, "beta": 0.29, "g": 0.01, "k": 0.2, "s": 1e-3, "p": 0.01}
KNOWN["farseer"] = {
    "a_1": -0.1,
    "alpha": 0.1,
    "b_1": -0.5,
    "a_2": -0.5,
    "beta": 0.1,
    "b_2": 8.0,
    "a_3": -0.05,
    "gamma": 0.1,
    "b_3": 0.8,
}


def constants_of(form):
    return {name: KNOWN.get(form.name, FIRST).get(name, FIRST.get(name, 0.4)) for name in form.symbols}


def in_python(form, N, D, U):
    given = {name: value for name, value in {"N": N, "D": D, "U": U}.items() if name in form.inputs}
    return evaluate(form, constants_of(form), given)


FOUND = [form for form in FORMS.values() if usable(form)]


@pytest.mark.parametrize("form", [*FOUND, *WRITTEN], ids=lambda form: form.name)
@pytest.mark.parametrize("fresh", [False, True])
def test_values_and_slopes_of_a_form_are_those_of_its_formula(run_javascript, form, fresh) -> None:
    found = run_javascript(
        ["dial/forms.js"],
        f"""(() => {{ const form = forms[{form.name!r}], c = Float64Array.from(form.constants({json.dumps(constants_of(form))}));
        return {AT.tolist()}.map(([N, D, U]) => {{ const u = {"D" if fresh else "U"}, value = new Float64Array(2), all = new Float64Array(3);
          form.fill(c, 1, N, D, u, value, 1); form.slopes(c, 0, N, D, u, {str(fresh).lower()}, all); return [value[1], ...all]; }}); }})()""",
        {"dial/forms.js": forms_javascript([form])},
    )
    h = 1e-4
    for (N, D, U), (filled, value, by_size, by_data) in zip(AT, found, strict=True):
        U = D if fresh else U
        moved = np.exp(np.array([2, 1, -1, -2]) * h)
        weights = np.array([-1, 8, -8, 1]) / (12 * h)
        expected = float(in_python(form, N, D, U))
        assert (filled, value) == pytest.approx((expected, expected), rel=1e-13)
        slopes = (
            in_python(form, N * moved, D, U) @ weights,
            in_python(form, N, D * moved, U * moved if fresh else U) @ weights,
        )
        assert (by_size, by_data) == pytest.approx(slopes, rel=1e-6, abs=1e-9 * expected)


def test_rows_of_constants_are_read_one_after_the_other(run_javascript) -> None:
    form, first = FORMS["chinchilla"], constants_of(FORMS["chinchilla"])
    laws = [first, {**first, "E": 1.0}, {**first, "alpha": 0.5}]
    found = run_javascript(
        ["dial/forms.js"],
        f"""(() => {{ const form = forms.chinchilla, out = new Float64Array(5);
        form.fill(Float64Array.from({json.dumps(laws)}.flatMap(form.constants)), 3, 1e9, 2e10, 2e10, out, 1); return [...out]; }})()""",
        {"dial/forms.js": forms_javascript([form, form])},
    )
    expected = [float(evaluate(form, law, {"N": 1e9, "D": 2e10})) for law in laws]
    assert found[1:4] == pytest.approx(expected, rel=1e-13)
    assert found[0] == found[4] == 0
