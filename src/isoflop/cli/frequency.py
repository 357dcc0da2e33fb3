"""``isoflop capability frequency``: how often a concept must be seen, and how much of the long tail is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt
from isoflop.errors import BadInput

if TYPE_CHECKING:
    from isoflop.capability.frequency import Exposure, FrequencyLaw
    from isoflop.capability.frequency_compare import NeedBySize, Shapes
    from isoflop.capability.long_tail import Frequencies, Known
    from isoflop.runs.tabular import Table

MOST_GROUPS = 40


@dataclass(frozen=True, slots=True)
class Group:
    """One size, or the whole table. law: of the shape that is best over all groups. need: count for the wanted accuracy
    with its interval."""

    name: str
    exposure: Exposure
    shapes: Shapes
    law: FrequencyLaw
    need: tuple[float, float, float] | None
    known: tuple[Known, ...]


def frequency(
    table: opt.TableFile,
    count: Annotated[str, typer.Option("--count", metavar="COLUMN", help="How often the concept of a row was seen.")],
    score: Annotated[
        str, typer.Option("--score", metavar="COLUMN", help="Share of right answers, 0 or 1 for one; or their number.")
    ],
    trials: Annotated[
        str | None, typer.Option("--trials", metavar="COLUMN", help="Of how many answers --score is the number.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="COLUMN", help="A law for each value, such as the model's size.")
    ] = None,
    chance: opt.Chance = 0.0,
    ceiling: Annotated[
        str, typer.Option("--ceiling", metavar="U", help="Score of full knowledge, or 'fit' to find it.")
    ] = "1",
    accuracy: Annotated[
        float | None,
        typer.Option(
            "--accuracy",
            metavar="A",
            help="Wanted accuracy, half of the way by default.",
            parser=opt.number_within("--accuracy", 0, 1, "It is a share: 0.5."),
        ),
    ] = None,
    zipf: Annotated[
        str | None,
        typer.Option("--zipf", metavar="S,K,T", help="The long tail: Zipf exponent, concepts, mentions: 1.1,1M,1B."),
    ] = None,
    tail: Annotated[
        Path | None, typer.Option("--tail", metavar="TABLE", help="Or a table with --count, one row a concept.")
    ] = None,
    times: Annotated[
        str, typer.Option("--times", metavar="X,X", help="Multiples of the data for the long tail.")
    ] = "1,10,100",
    percent: opt.Percent = False,
    where: opt.Where = None,
    level: opt.Level = 0.9,
    seed: opt.Seed = 0,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """How the score rises with how often a concept was seen: the count it takes, and the long tail.

    Example: isoflop capability frequency answers.csv --count seen --score right --by params --zipf 1.1,1M,1B
    """
    from isoflop.capability.frequency_compare import best_shape
    from isoflop.runs.tabular import read_table

    rows = read_table(table, where=where)
    opt.say(rows.notes)
    met = _frequencies(zipf, tail, count)
    asked = _Asked(count, score, trials, chance, _ceiling(ceiling), accuracy, percent, level, seed)
    factors = _factors(times) if met is not None else ()
    fitted = [(name, *_fitted(name, part, asked)) for name, part in _parts(rows, by)]
    shape = best_shape([shapes for _, _, shapes in fitted])
    groups = [_group(*one, shape, asked, met, factors) for one in fitted]
    opt.say(f"{one.name}: {note}" if by else note for one in groups for note in one.law.notes)
    size = _need_by_size(groups, by, asked)
    wrote = _draw(figures, groups, by, asked, met)
    if json:
        from isoflop.cli.output import print_json

        data = [_as_json(one, asked.wanted) for one in groups]
        print_json({"laws": data, "by_size": _size_json(size), "level": level, "figures": wrote})
        return
    _show(groups, by, asked, size)


@dataclass(frozen=True, slots=True)
class _Asked:
    count: str
    score: str
    trials: str | None
    chance: float
    ceiling: float | None
    accuracy: float | None
    percent: bool
    level: float
    seed: int

    @property
    def wanted(self) -> float:
        """The accuracy asked for, or half of the way."""
        return (self.chance + (self.ceiling or 1.0)) / 2 if self.accuracy is None else self.accuracy


def _ceiling(text: str) -> float | None:
    if text == "fit":
        return None
    parse = opt.number_within("--ceiling", 0, 1, "Write 'fit' to have it found.")
    return parse(text)


def _factors(text: str) -> list[float]:
    from isoflop.units import parse_count

    return sorted({parse_count(part, "--times") for part in text.split(",")})


def _frequencies(zipf: str | None, tail: Path | None, count: str) -> Frequencies | None:
    if zipf is not None and tail is not None:
        raise BadInput("The frequencies of concepts come from --zipf or from --tail. Give one of the two.")
    if tail is not None:
        from isoflop.capability.long_tail import counted
        from isoflop.runs.tabular import read_table

        return counted(read_table(tail).numbers(count))
    if zipf is None:
        return None
    from isoflop.capability.long_tail import zipf as zipf_frequencies
    from isoflop.units import parse_count

    parts = zipf.split(",")
    if len(parts) != 3:
        raise BadInput(f"--zipf {zipf} has {len(parts)} parts. Write exponent, concepts and mentions: 1.1,1M,1B.")
    exponent, concepts, mentions = (parse_count(part.strip(), "--zipf") for part in parts)
    return zipf_frequencies(exponent, concepts, mentions)


def _parts(table: Table, by: str | None) -> list[tuple[str, Table]]:
    if by is None:
        return [("all", table)]
    labels = table.labels(by)
    names = list(dict.fromkeys(labels.tolist()))
    try:
        names.sort(key=float)
    except ValueError:
        names.sort()
    if len(names) > MOST_GROUPS:
        raise BadInput(f"--by {by} has {len(names)} values; at most {MOST_GROUPS} are allowed. Name a coarser column.")
    return [(name, table.take(labels == name)) for name in names]


def _fitted(name: str, part: Table, asked: _Asked) -> tuple[Exposure, Shapes]:
    from isoflop.capability.exposure import exposure
    from isoflop.capability.frequency_compare import compare_shapes

    trials = part.numbers(asked.trials) if asked.trials else None
    try:
        seen = exposure(part.numbers(asked.count), part.numbers(asked.score), trials, percent=asked.percent)
        shapes = compare_shapes(seen, chance=asked.chance, ceiling=asked.ceiling, seed=asked.seed)
    except BadInput as error:
        raise BadInput(f"{name}: {error}" if name != "all" else str(error)) from None
    return seen, shapes


def _group(
    name: str,
    seen: Exposure,
    shapes: Shapes,
    shape: str,
    asked: _Asked,
    met: Frequencies | None,
    factors: Sequence[float],
) -> Group:
    from isoflop.capability.long_tail import known_share

    law = shapes.laws[shape]
    reached = law.chance < asked.wanted < law.ceiling
    if not reached and asked.ceiling is not None:
        law.needed(asked.wanted)  # says why it cannot be
    need = law.needed(asked.wanted, asked.level) if reached else None
    known = known_share(law, met, factors, level=asked.level) if met is not None else ()
    return Group(name, seen, shapes, law, need, known)


def _need_by_size(groups: list[Group], by: str | None, asked: _Asked) -> NeedBySize | None:
    from isoflop.capability.frequency_compare import LEAST_SIZES, need_by_size

    met = [one for one in groups if one.need is not None]
    try:
        sizes = [float(one.name) for one in met] if by else []
    except ValueError:
        return None
    if len(sizes) < LEAST_SIZES or min(sizes) <= 0:
        return None
    return need_by_size(sizes, [one.law for one in met], asked.wanted, level=asked.level)


def _draw(
    folder: Path | None, groups: list[Group], by: str | None, asked: _Asked, met: Frequencies | None
) -> list[str]:
    if folder is None:
        return []
    import numpy as np

    from isoflop.capability.long_tail import known_share
    from isoflop.cli.figures import write_charts
    from isoflop.report.capability_frequency import frequency_chart, tail_chart

    parts = {one.name: (one.exposure, one.law) for one in groups}
    title = f"Times seen ({asked.count})"
    charts = {
        "frequency": frequency_chart(parts, by=by, count=title, level=asked.level, title=_title(groups, by, asked))
    }
    if met is not None and len(groups[0].known) > 1:
        first, last = groups[-1].known[0], groups[-1].known[-1]
        share = f"{first.concepts:.0%} of the concepts to {last.concepts:.0%}"
        said = f"From {share} with {last.times / first.times:g}× the data"
        along = np.geomspace(first.times, last.times, 31).tolist()
        known = {one.name: known_share(one.law, met, along, level=asked.level) for one in groups}
        charts["long-tail"] = tail_chart(known, by=by, title=said)
    return write_charts(folder, charts)


def _title(groups: list[Group], by: str | None, asked: _Asked) -> str:
    from isoflop.cli.output import number

    first, last = groups[0], groups[-1]
    if last.need is None or first.need is None:
        return f"Right answers rise with {asked.count}"
    said = f"{asked.wanted:.0%} right takes {number(last.need[0], 2)} times seen"
    if len(groups) == 1:
        return said
    return f"{said} at {by} = {_size(last.name)}, {number(first.need[0], 2)} at {_size(first.name)}"


def _size(name: str) -> str:
    from isoflop.units import format_count

    try:
        return format_count(float(name))
    except ValueError:
        return name


def _as_json(one: Group, wanted: float) -> dict[str, Any]:
    need = None if one.need is None else dict(zip(("count", "low", "high"), one.need, strict=True))
    return {
        "group": one.name,
        "shape": one.law.shape,
        "middle": one.law.middle,
        "rise": one.law.rise,
        "chance": one.law.chance,
        "ceiling": one.law.ceiling,
        "dispersion": one.law.dispersion,
        "needed": {"accuracy": wanted, **(need or {})} if need else None,
        "held_out_log_likelihood": one.shapes.held_out,
        "ahead_error_points": {**one.shapes.ahead, "naive": one.shapes.naive},
        "counts": [one.exposure.count[0], one.exposure.count[-1]],
        "answers": one.exposure.asked.sum(),
        "unseen": dict(zip(("right", "asked"), one.exposure.unseen, strict=True)),
        "long_tail": one.known,
        "notes": one.law.notes,
    }


def _size_json(size: NeedBySize | None) -> dict[str, float] | None:
    if size is None:
        return None
    fields = ("exponent", "low", "high", "per_doubling", "foretold", "found")
    return {name: getattr(size, name) for name in fields}


def _show(groups: list[Group], by: str | None, asked: _Asked, size: NeedBySize | None) -> None:
    from isoflop.cli.output import number, print_table, span

    rows = []
    for one in groups:
        ahead = one.shapes.ahead
        need = ["–", "–"] if one.need is None else [number(one.need[0], 3), span(*one.need[1:], 3)]
        errors = [number(ahead[name], 3) for name in ("line", "sigmoid")] + [number(one.shapes.naive, 3)]
        rows.append([_size(one.name), *need, number(one.law.rise, 3), *errors])
    header = [by or "", f"seen for {asked.wanted:.0%}>", f"{asked.level:.0%} interval>", "10 to 90 %>"]
    header += ["line>", "sigmoid>", "naive>"]
    held = {name: sum(one.shapes.held_out[name] for one in groups) for name in ("line", "sigmoid")}
    margin = abs(held["line"] - held["sigmoid"])
    said = (
        f"The shape is a {groups[0].law.shape} in ln({asked.count}), likelier than the other by {margin:.1f} in "
        "held-out log-likelihood. 10 to 90 %: the factor of counts between."
    )
    notes = [
        said,
        "line, sigmoid: mean error, in points, of frequent concepts foretold from rarer ones; naive: the last share.",
    ]
    if size is not None:
        notes.append(_said_size(size, by or ""))
    print_table(f"How often {asked.count} must be for {asked.score}", header, rows, notes)
    if groups[0].known:
        print()
        _show_tail(groups, by)


def _said_size(size: NeedBySize, by: str) -> str:
    from isoflop.cli.output import number

    low, high = (100 * (2**end - 1) for end in (size.low, size.high))
    said = f"Twice the {by}: {100 * size.per_doubling:+.0f} % seen [{low:+.0f}, {high:+.0f}]"
    if size.foretold == size.foretold:
        said += f"; the largest foretold from the others {number(size.foretold, 3)}, found {number(size.found, 3)}"
    return f"{said}."


def _show_tail(groups: list[Group], by: str | None) -> None:
    from isoflop.cli.output import print_table, times

    rows = [
        [_size(one.name), times(k.times), f"{k.concepts:.1%}", f"[{k.low:.1%}, {k.high:.1%}]", f"{k.mentions:.1%}"]
        for one in groups
        for k in one.known
    ]
    header = [by or "", "data>", "concepts known>", "interval>", "mentions known>"]
    print_table("The long tail", header, rows, ["mentions: concepts weighed by how often they occur."])
