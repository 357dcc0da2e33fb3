"""``isoflop laws``: the catalogue, and the card of one law or form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt

if TYPE_CHECKING:
    from isoflop.laws.form import Form
    from isoflop.laws.law import Law


def laws(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show the card of one law or form.", show_default=False)
    ] = None,
    json: opt.Json = False,
) -> None:
    """List the forms and published laws, or show one in full."""
    from isoflop.cli.output import print_json
    from isoflop.errors import LawError, did_you_mean
    from isoflop.laws.catalogue import FORMS, published_laws

    published = published_laws()
    if name is None:
        if json:
            forms = {key: form_json(form) for key, form in FORMS.items()}
            print_json({"forms": forms, "laws": {key: law_json(law) for key, law in published.items()}})
        else:
            _list(FORMS, published)
        return
    if name not in FORMS and name not in published:
        known = (*FORMS, *published)
        raise LawError(f"Unknown law or form '{name}'. Known: {', '.join(known)}.{did_you_mean(name, known)}")
    if json:
        print_json(form_json(FORMS[name]) if name in FORMS else law_json(published[name]))
    elif name in FORMS:
        _form_card(FORMS[name], [law for law in published.values() if law.form.name == name])
    else:
        _law_card(published[name])


def form_json(form: Form) -> dict[str, Any]:
    """A form as JSON."""
    from isoflop.laws.law import form_latex

    return {
        "name": form.name,
        "formula": form.formula,
        "latex": form_latex(form),
        "variables": form.variables,
        "parameters": form.parameters,
        "title": form.title,
        "source": form.source,
        "about": form.about,
        "when_not": form.when_not,
    }


def law_json(law: Law) -> dict[str, Any]:
    """A published law as JSON; constants in base units (parameters, tokens, FLOP, nats per token)."""
    return {
        "name": law.name,
        "form": law.form.name,
        "formula": law.form.formula,
        "constants": law.constants,
        "title": law.title,
        "source": law.source,
        "params_convention": law.params_convention,
        "loss_unit": law.loss_unit,
        "caution": law.caution,
        "latex": law.latex,
        "javascript": law.javascript,
    }


def _list(forms: dict[str, Form], published: dict[str, Law]) -> None:
    from isoflop.cli.output import print_table

    print_table("Forms, to be fitted", ["name", "formula…"], [[form.name, form.formula] for form in forms.values()])
    print()
    rows = [[law.name, law.form.name, law.source.split(", arXiv")[0]] for law in published.values()]
    print_table(
        "Published laws, with their constants",
        ["name", "form", "source"],
        rows,
        ["`isoflop laws NAME` shows one in full."],
    )


def _form_card(form: Form, published: list[Law]) -> None:
    from isoflop.cli.output import number, print_table

    print_table(
        f"{form.name}: {form.title}",
        ["parameter", "kind", "plausible>", "meaning"],
        [[p.symbol, p.kind, f"{number(p.low)} to {number(p.high)}", p.meaning] for p in form.parameters],
        [
            f"Formula: L = {form.formula}",
            "Variables: " + "; ".join(f"{v.symbol} = {v.meaning} (column {v.column})" for v in form.variables),
            f"Source: {form.source}",
            f"Use it for: {form.about}",
            f"Not for: {form.when_not}",
            *([f"Published constants: {', '.join(law.name for law in published)}"] if published else []),
        ],
    )


def _law_card(law: Law) -> None:
    from isoflop.cli.output import print_table

    meaning = {parameter.symbol: (parameter.meaning, parameter.unit) for parameter in law.form.parameters}
    print_table(
        f"{law.name}: {law.title}",
        ["constant", "value>", "unit", "meaning"],
        [[name, f"{value:.10g}", meaning[name][1], meaning[name][0]] for name, value in law.constants.items()],
        [
            f"Formula: L = {law.form.formula}, in {law.loss_unit}, N counted as {law.params_convention}",
            f"Source: {law.source}",
            *([f"Caution: {law.caution}"] if law.caution else []),
            f"LaTeX: {law.latex}",
            f"JavaScript: {law.javascript}",
        ],
    )
