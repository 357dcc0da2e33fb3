"""The cards of ``isoflop laws`` for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isoflop.cli.output import number, print_table
from isoflop.laws.catalogue import COMPUTED, FORMS, TOPICS, published_laws
from isoflop.laws.catalogue.computed import Computed
from isoflop.laws.form import LOSS, Form, Parameter
from isoflop.laws.law import Law
from isoflop.laws.opinions import Opinion, disagreement
from isoflop.laws.validity import outside
from isoflop.units import format_count


def catalogue() -> None:
    """Every form and law, grouped by topic."""
    for topic, about in TOPICS.items():
        _list_topic(f"{topic}: {about}", topic)
        print()
    print_table(
        f"{len(FORMS)} forms, {len(published_laws())} published laws",
        ["", ""],
        [],
        ["`isoflop laws NAME` shows a form, a law or a topic in full; `isoflop laws learning-rate` compares its laws."],
    )


def topic_card(topic: str, asked: Mapping[str, tuple[Opinion, ...]]) -> None:
    """A topic with its forms and laws, and what its laws say where they answer for N and D."""
    _list_topic(f"{topic}: {TOPICS[topic]}", topic)
    if any(asked.values()):
        print()
        _compared(asked)


def _list_topic(title: str, topic: str) -> None:
    laws = [law for law in published_laws().values() if law.form.topic == topic]
    rows = [[form.name, form.formula] for form in FORMS.values() if form.topic == topic]
    rows += [[law.name, law.formula] for law in COMPUTED.values() if law.topic == topic]
    names = ", ".join(law.name for law in laws)
    print_table(title, ["form", "formula…"], rows, [f"Published: {names}."] if laws else [])


def _compared(asked: Mapping[str, tuple[Opinion, ...]]) -> None:
    """One row a law, one column a point; how the answer changes is that of the first point."""
    first = next(iter(asked.values()))
    rows = [
        [
            changes.law.name,
            *(_said(given[i]) for given in asked.values()),
            f"×{changes.doubling_size:.2f}",
            f"×{changes.doubling_data:.2f}",
        ]
        for i, changes in enumerate(first)
    ]
    header = ["law", *(f"{text.replace(',D=', ' D=')}>" for text in asked), "2N>", "2D>"]
    print_table("What the published laws say, with C = 6ND", header, rows, _remarks(asked))


def _said(opinion: Opinion) -> str:
    if opinion.value is None:
        return "–"
    unit = opinion.law.form.output.unit
    value = format_count(opinion.value) if unit else number(opinion.value, 3)
    return f"{value}{'*' if opinion.beyond else ' '}"


def _remarks(asked: Mapping[str, tuple[Opinion, ...]]) -> list[str]:
    first = next(iter(asked.values()))
    everything = [opinion for given in asked.values() for opinion in given]
    said = disagreement(first)
    return [
        "2N, 2D: what doubling size or data alone does to the answer.",
        *(
            ["–: the law carries a value tuned at one length to another."]
            if any(o.value is None for o in first)
            else []
        ),
        *(["*: outside the data of the law."] if any(o.beyond for o in everything) else []),
        *([f"{said} Tune a small run of your own recipe."] if said else []),
    ]


def form_card(form: Form) -> None:
    """One form: formula, purpose, parameters, columns, published laws and an example."""
    published = [law.name for law in published_laws().values() if law.form.name == form.name]
    print_table(
        f"{form.name}: {form.title}",
        ["parameter", "plausible>", "unit", "meaning"],
        [[p.symbol, f"{number(p.low)} to {number(p.high)}", p.unit, p.meaning] for p in form.parameters],
        [
            f"Formula: {form.output.symbol} = {form.formula}",
            f"Gives: {form.output.meaning}{f', in {form.output.unit}' if form.output.unit else ''}",
            f"Source: {form.source}",
            f"Use it for: {form.about}",
            f"Not for: {form.when_not}",
            *(["Published constants: " + ", ".join(published)] if published else []),
            *(f"Needs column {v.column}: {v.symbol}, {_with_unit(v.meaning, v.unit)}" for v in form.variables),
            f"Example: {_example(form)}",
        ],
    )


def _with_unit(meaning: str, unit: str) -> str:
    return f"{meaning} ({unit})" if unit and unit not in meaning else meaning


def _example(form: Form) -> str:
    target = "" if form.output == LOSS else f" --target-column {form.output.column}"
    return f"isoflop fit runs.csv --form {form.name}{target}"


def law_card(law: Law, values: list[dict[str, Any]]) -> None:
    """One published law: constants, source, the data it comes from, cautions, code, and its values where asked."""
    declared: dict[str, Parameter] = {parameter.symbol: parameter for parameter in law.form.parameters}
    unit = f", in {law.loss_unit}" if law.loss_unit else ""
    print_table(
        f"{law.name}: {law.title}",
        ["constant", "value>", "unit", "meaning"],
        [[name, f"{v:.10g}", declared[name].unit, declared[name].meaning] for name, v in law.constants.items()],
        [
            f"Formula: {law.form.output.symbol} = {law.form.formula}{unit}, N counted as {law.params_convention}",
            f"Form: {law.form.name}. {law.form.about}",
            f"Source: {law.source}",
            f"Data: {_data(law)}",
            *([f"Caution: {law.caution}"] if law.caution else []),
            *(line for value in values for line in _value_lines(law, value)),
            f"LaTeX: {law.latex}",
            f"JavaScript: {law.javascript}",
        ],
    )


def _data(law: Law) -> str:
    ranges = ", ".join(
        f"{name} {format_count(low)} to {format_count(high)}" for name, (low, high) in law.validity.items()
    )
    return "; ".join(part for part in (law.data, ranges or "ranges not stated") if part)


def _value_lines(law: Law, value: dict[str, Any]) -> list[str]:
    point = value["variables"]
    where = ", ".join(f"{name} = {format_count(amount)}" for name, amount in point.items())
    unit = f" {law.loss_unit}" if law.loss_unit else ""
    doubts = [f"Doubt: {beyond}." for beyond in outside(law, **point)]
    return [f"At {where}: {law.form.output.symbol} = {value['value']:.6g}{unit}", *doubts]


def computed_card(law: Computed) -> None:
    """A law that is a function."""
    room, _, function = law.where.rpartition(".")
    print_table(
        f"{law.name}: {law.title}",
        ["", ""],
        [],
        [
            f"Formula: L = {law.formula}",
            f"Source: {law.source}",
            f"Use it for: {law.about}",
            f"Not for: {law.when_not}",
            f"In Python: from {room} import {function}",
        ],
    )
