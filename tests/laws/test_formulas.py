"""A formula string is a form; hostile or malformed text is refused with the position of the fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop.errors import FormulaError, LawError
from isoflop.laws import FORMS, Form, Law, find_form, form_latex, optimal_split
from isoflop.laws.algebra import to_sympy
from isoflop.laws.expression import parse
from isoflop.laws.printing import latex_symbol, to_latex


@pytest.mark.parametrize(
    ("formula", "position"),
    [
        ("", 0),
        ("E + A/N**", 9),
        ("E + A/N**alpha +", 16),
        ("E + (A/N**alpha", 15),
        ("E + A/N**alpha)", 14),
        ("E + foo(N)", 4),
        ("__import__('os').system('ls')", 0),
        ("E + N.__class__", 5),
        ("E; import os", 1),
        ("E + A[0]", 5),
        ("E + 'A'", 4),
        ("lambda: N", 6),
        ("E + A/N**alpha # comment", 15),
        ("E + log(N, D)", 4),
        ("E + A/X**beta + B/D**beta", 6),
        ("E + 1e999*N", 4),
        ("E + A\\N", 5),
        ("E + A**√N", 7),
    ],
)
def test_malformed_or_hostile_text_is_refused_where_the_fault_is(formula: str, position: int) -> None:
    with pytest.raises(FormulaError) as caught:
        Form(formula)
    assert caught.value.position == position
    assert f"position {position + 1}" in str(caught.value)


def test_a_power_tower_is_refused_and_not_computed() -> None:
    with pytest.raises(FormulaError, match="not a finite real number"):
        to_sympy(Form("E + A/N**alpha + 9**9**9**9"))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(FormulaError, match="nests deeper"):
        Form("(" * 400 + "N" + ")" * 400)
    with pytest.raises(FormulaError, match="nests deeper"):
        Form("-" * 900 + "N")


def test_a_very_long_formula_is_refused() -> None:
    with pytest.raises(FormulaError, match="at most 1000"):
        Form("N + " * 1000 + "N")


@given(st.text(max_size=60))
def test_any_text_is_either_a_formula_or_a_formula_error(text: str) -> None:
    position = 0
    try:
        parse(text)
    except FormulaError as error:
        position = error.position
    assert 0 <= position <= len(text)


def test_a_mistyped_variable_gets_a_suggestion_of_those_known() -> None:
    with pytest.raises(FormulaError, match="Known variables: N, D, C, U"):
        Form("E + A/X**alpha")
    with pytest.raises(FormulaError, match="no variable"):
        Form("E + A")


def test_an_unknown_form_name_gets_a_suggestion() -> None:
    with pytest.raises(LawError, match="Did you mean 'chinchilla'"):
        find_form("chinchila")


def test_a_formula_string_infers_how_each_parameter_behaves() -> None:
    kinds = {p.symbol: p.kind for p in Form("E + (A/N**alpha + B/D**beta)**kappa").parameters}
    assert kinds == {
        "E": "offset", "A": "scale", "alpha": "exponent", "B": "scale", "beta": "exponent", "kappa": "exponent",
    }  # fmt: skip
    assert {p.symbol: p.kind for p in Form("(N_c/N)**a").parameters} == {"N_c": "scale", "a": "exponent"}
    assert {p.symbol: p.kind for p in Form("b + a*log(N)").parameters} == {"b": "offset", "a": "real"}
    assert {p.symbol: p.kind for p in Form("exp(a*N**g + b)").parameters} == {"a": "real", "g": "real", "b": "real"}


def test_a_caret_is_a_power_and_spaces_do_not_matter() -> None:
    assert to_latex(parse("E+A/N^alpha")) == to_latex(parse(" E +  A / N ** alpha "))


def test_minus_binds_weaker_than_power_and_powers_bind_to_the_right() -> None:
    assert to_latex(parse("-N**2")) == "-N^{2}"
    assert to_latex(parse("N**a**b")) == "N^{a^{b}}"
    assert to_latex(parse("(N**a)**b")) == r"\left(N^{a}\right)^{b}"
    assert to_latex(parse("A - (B - D)")) == r"A - \left(B - D\right)"


def test_the_law_is_typeset_as_the_paper_has_it() -> None:
    assert form_latex(FORMS["chinchilla"]) == r"L(N, D) = E + \frac{A}{N^{\alpha}} + \frac{B}{D^{\beta}}"
    assert latex_symbol("alpha_N") == r"\alpha_{N}"
    assert latex_symbol("N_c") == "N_{c}"
    assert latex_symbol("kappa") == r"\kappa"


def test_a_decimal_logarithm_is_the_natural_one_over_ln_ten() -> None:
    by_ten = Law(Form("10**(a*log10(N) + b)"), {"a": -0.08, "b": 1.1})
    by_e = Law(Form("exp(log(10)*(a*log(N)/log(10) + b))"), {"a": -0.08, "b": 1.1})
    assert float(by_ten(N=3e8)) == pytest.approx(float(by_e(N=3e8)), rel=1e-14)
    assert float(by_ten(N=1e10)) == pytest.approx(10 ** (-0.8 + 1.1), rel=1e-14)
    assert r"\log_{10}\left(N\right)" in by_ten.latex
    assert "Math.log10(N)" in by_ten.javascript
    with pytest.raises(FormulaError, match="log10 takes 1 argument"):
        Form("a*log10(N, D)")


def test_a_form_of_something_else_than_the_loss_says_so_and_splits_no_budget() -> None:
    form = FORMS["lr_size_data"]
    assert form_latex(form) == r"\eta(N, D) = k \, N^{p} \, D^{q}"
    assert form.output.column == "lr"
    with pytest.raises(LawError, match="gives best peak learning rate, not a loss"):
        optimal_split(form, {"k": 1, "p": -0.7, "q": 0.3}, 1e20)


def test_a_law_needs_exactly_its_constants_and_its_variables() -> None:
    form = FORMS["chinchilla"]
    with pytest.raises(LawError, match="missing: beta"):
        Law(form, {"E": 1, "A": 1, "alpha": 1, "B": 1})
    law = Law(form, {"E": 1, "A": 1, "alpha": 1, "B": 1, "beta": 1})
    with pytest.raises(LawError, match="also needs D"):
        law(N=1e9)
    with pytest.raises(LawError, match="Unknown variable 'T'"):
        law(N=1e9, D=1e9, T=1)
    with pytest.raises(LawError, match="N = -1 is not allowed"):
        law(N=-1.0, D=1e9)
