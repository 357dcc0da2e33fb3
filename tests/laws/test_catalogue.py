"""Every form of the catalogue is complete, sane in the middle of its own ranges, and found again by a fit."""

import numpy as np
import pytest
from points import ABOVE_ZERO, typical_constants, typical_points, typical_runs

from isoflop import fit
from isoflop.errors import LawError
from isoflop.laws import FORMS, Form, find_form, form_latex
from isoflop.laws.catalogue import COMPUTED, TOPICS, published_laws
from isoflop.laws.catalogue.vocabulary import UNIGRAM_LOSS
from isoflop.laws.form import LOSS
from isoflop.laws.law import evaluate

EVERY = pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.name)
NOT_IDENTIFIED = {"farseer", "bnsl_3"}
"""Forms whose constants trade off: their losses come back, their constants need not."""


@EVERY
def test_every_form_says_what_it_is_what_it_is_for_and_what_its_parameters_mean(form: Form) -> None:
    assert form.topic in TOPICS
    assert all((form.title, form.source, form.about, form.when_not))
    assert form.about.endswith(".")
    assert form.when_not.endswith(".")
    for parameter in form.parameters:
        assert parameter.meaning, parameter.symbol
        assert parameter.low < parameter.high
    for variable in form.variables:
        assert 0 < variable.low < variable.high
        assert variable.meaning
        assert variable.column
    assert form_latex(form).count("{") == form_latex(form).count("}")


OUTPUTS = {LOSS: (0.0, 12.0), UNIGRAM_LOSS: (-7.0, 3.0)}


@EVERY
def test_the_plausible_ranges_hold_a_plausible_output(form: Form) -> None:
    """With scales in the middle and exponents at the middle of their range or of its logarithm."""
    low, high = OUTPUTS.get(form.output, (form.output.low / 100, form.output.high * 100))
    geometric = typical_constants(form)
    arithmetic = geometric | {p.symbol: 0.5 * (p.low + p.high) for p in form.parameters if p.kind == "exponent"}
    points = typical_points(form.variables, 500)
    spans = [np.quantile(evaluate(form, constants, points), [0.05, 0.95]) for constants in (geometric, arithmetic)]
    assert any(low < bottom <= top < high for bottom, top in spans), spans


@EVERY
def test_every_form_recovers_its_own_noise_free_data(form: Form) -> None:
    truth = typical_constants(form)
    if form.output == UNIGRAM_LOSS:
        truth["E"] += ABOVE_ZERO
    fitted = fit(form, typical_runs(form, truth), replicates=0, starts=48)
    assert np.abs(fitted.residuals).max() < 1e-5
    if form.name not in NOT_IDENTIFIED:
        assert fitted.law.constants == pytest.approx(truth, rel=1e-5, abs=1e-9)


def test_every_published_law_says_where_it_comes_from_and_is_sane_inside_its_own_data() -> None:
    for law in published_laws().values():
        assert "arXiv" in law.source or "model card" in law.source
        assert law.caution.endswith(".")
        assert law.data
        points = typical_points(law.form.variables, 200)
        for name, (low, high) in law.validity.items():
            assert 0 < low < high
            if name in points:
                points[name] = np.clip(points[name], low, high)
        value = law(**points)
        assert np.isfinite(value).all()
        if law.form.output == LOSS:
            assert value.min() > 0.4
            assert np.median(value) < 12


def test_members_of_a_counted_family_are_built_by_name() -> None:
    assert len(find_form("mixture_7").variables) == 7
    assert find_form("bnsl_2_d").inputs == ("D",)
    assert find_form("bnsl_4").symbols.count("d_4") == 1
    assert find_form("mixture_5") is FORMS["mixture_5"]
    for name in ("mixture_1", "mixture_0", "mixture_99", "bnsl_7", "mixture_3_d"):
        with pytest.raises(LawError, match="Unknown form"):
            find_form(name)


def test_a_law_that_is_a_function_is_where_its_card_says() -> None:
    from importlib import import_module

    for law in COMPUTED.values():
        room, _, function = law.where.rpartition(".")
        assert callable(getattr(import_module(room), function))
        assert law.topic in TOPICS
        assert law.name not in FORMS


def test_no_constant_that_could_not_be_verified_is_shipped() -> None:
    bare = {"farseer", "low_precision", "quantised", "distillation", "parscale", "progress", "repetition", "bounded"}
    assert not bare & {law.form.name for law in published_laws().values()}
