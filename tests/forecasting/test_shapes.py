"""The library of shapes: every one is a formula that compiles, fits its own data back, and is offered where it fits."""

import numpy as np
import pytest

from isoflop.fitting.objectives import OBJECTIVES
from isoflop.forecasting.trials import Response, fit_table
from isoflop.laws.catalogue.tabular import FORMS, shapes
from isoflop.laws.compiled import compile_form
from isoflop.laws.form import Form
from isoflop.laws.law import form_javascript, form_latex
from isoflop.laws.roles import parts_of

TABLES = {
    "size and data": ("params", "tokens"),
    "experts": ("num_experts", "dense_params"),
    "streams": ("num_params", "parallel_size"),
    "vocabulary": ("params", "vocab_size", "num_characters"),
    "repeats": ("params", "tokens", "unique_tokens"),
    "mixture": ("share_a", "share_b", "share_c"),
    "rate and batch": ("params", "tokens", "lr", "bsz"),
    "unknown": ("temperature",),
}


@pytest.mark.parametrize("table", TABLES)
def test_every_shape_is_a_formula_with_each_variable_in_it(table: str) -> None:
    parts = parts_of(TABLES[table])
    offered = shapes(parts)
    assert offered
    assert [shape.size for shape in offered] == sorted(shape.size for shape in offered)
    for shape in offered:
        form = shape.form(parts)
        assert set(form.symbols) == {p.symbol for p in form.parameters}
        assert len(form.parameters) == shape.size, shape.name
        if not shape.name.startswith("share of") or "others" in shape.name:
            assert set(form.inputs) == {part.symbol for part in parts}, shape.name


def test_a_shape_shared_by_groups_has_an_offset_and_a_factor_for_each() -> None:
    parts = parts_of(("params", "tokens"))
    form = shapes(parts)[0].shared_form(parts, ("in_1", "in_2", "in_3"))
    assert {"E_in_1", "E_in_2", "E_in_3", "f_in_2", "f_in_3"} <= set(form.symbols)
    assert "f_in_1" not in form.symbols


@pytest.mark.parametrize("form", FORMS, ids=[form.name for form in FORMS])
def test_a_listed_form_can_be_printed_and_says_when_not_to_use_it(form: Form) -> None:
    assert "lr" not in form.inputs or "bsz" in form.inputs
    assert form.when_not
    assert form.about
    assert compile_form(form).linear
    assert form_latex(form).startswith("L(")
    assert "=>" in form_javascript(form)


def test_walls_around_the_best_rate_are_found_from_noise_free_runs() -> None:
    """The optimum rate of 3·(u lr^-a b^.5 + v lr^c b^-.5) follows from the two walls; the fit must put it there."""
    rate, batch = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e-4, 1e-1, 9), np.geomspace(16, 1024, 5)))
    loss = 2.0 + 1e-4 * batch**0.5 / rate + 8.0 * rate / batch**0.5
    parts = parts_of(("lr", "bsz"))
    shape = next(s for s in shapes(parts) if s.name == "2 walls")
    fitted = fit_table(shape.form(parts), {"lr": rate, "bsz": batch}, Response.of(loss), OBJECTIVES["log_huber"])
    fine = np.geomspace(1e-4, 1e-1, 2001)
    best = fine[np.argmin(fitted.predict({"lr": fine, "bsz": np.full(2001, 64.0)})[0])]
    assert best == pytest.approx(np.sqrt(1e-4 * 64 / 8), rel=0.05)


def test_zeros_of_a_share_do_not_disturb_the_fit_of_the_others() -> None:
    share = np.array([0.0, 0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0])
    loss = 1.5 + 0.2 / (share + 0.05) ** 0.6
    parts = parts_of(("share_a",))
    form = next(s for s in shapes(parts) if s.name == "share of r1").form(parts)
    constants = fit_table(form, {"r1": share}, Response.of(loss), OBJECTIVES["log_huber"]).constants
    assert constants["E"] == pytest.approx(1.5, rel=0.02)
    assert constants["s"] == pytest.approx(0.05, rel=0.05)


def test_a_fold_is_fitted_without_its_held_out_rows() -> None:
    size = np.geomspace(1e7, 1e10, 12)
    loss = 2 + 50 / size**0.2
    kept = size < 1e9
    wrong = np.where(kept, loss, 50.0)
    parts = parts_of(("params",))
    form = shapes(parts)[0].form(parts)
    objective = OBJECTIVES["log_huber"]
    right, spoilt = (fit_table(form, {"N": size}, Response.of(y), objective, (kept,)).folds[0] for y in (loss, wrong))
    problem = fit_table(form, {"N": size}, Response.of(loss), objective)
    assert problem.predict({"N": size}, spoilt[None]) == pytest.approx(
        problem.predict({"N": size}, right[None]), rel=1e-3
    )
