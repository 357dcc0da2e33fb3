"""Lessons as files: what a TOML file may say, and what is said of one that says something else.

A lesson has an id, a title, a summary, minutes and blocks; a block is a text, a figure or an exercise. docs/lessons.md
says how to write one.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from isoflop.errors import BadInput, did_you_mean
from isoflop.web.lesson_text import filled, number_named

_ID = re.compile(r"[a-z][a-z0-9-]*")
_GAP = re.compile(r"\[\[(.+?)\]\]")
LONGEST_BYTES = 200_000
TEXT, FIGURE = "text", "figure"
EXERCISES = ("choice", "fill", "match", "order", "number", "predict", "write")
Numbers = Mapping[str, float | str]
Figures = Mapping[str, Sequence[str]]
"""Names of figures, each with the settings it has."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson: its id, its place in the order, and what the page gets."""

    id: str
    order: float
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a file one is, for what an error says; and what is known there."""

    file: str
    lesson: str = ""
    block: str = ""
    numbers: Numbers = field(default_factory=dict)
    figures: Figures = field(default_factory=dict)

    def refusal(self, field: str, said: str) -> BadInput:
        lesson = f", lesson '{self.lesson}'" if self.lesson else ""
        block = f", {self.block}" if self.block else ""
        return BadInput(f"{self.file}{lesson}{block}, field '{field}': {said}")


def read_lesson(file: Path | Traversable, numbers: Numbers, figures: Figures) -> Lesson:
    """A lesson with every number filled in. numbers: known by name. figures: those a page can draw.

    Raises BadInput naming the file, the lesson, the block and the field of whatever cannot be used.
    """
    table = _table(file)
    place = _Place(file.name)
    lesson_id = _field(table, "id", str, place)
    if not _ID.fullmatch(lesson_id):
        raise place.refusal("id", f"'{lesson_id}' is not allowed. Write small letters, digits and dashes: power-laws.")
    place = _Place(file.name, lesson_id, numbers=numbers, figures=figures)
    _only(table, ("id", "order", "title", "minutes", "summary", "values", "blocks"), place)
    place = replace(place, numbers={**numbers, **_own_numbers(table, place)})
    blocks = _field(table, "blocks", list, place)
    read = [_block(block, replace(place, block=f"block {i}")) for i, block in enumerate(blocks, 1)]
    _check_ids(read, place)
    data = {
        "id": lesson_id,
        "title": _text(table, "title", place),
        "minutes": _field(table, "minutes", int, place),
        "summary": _text(table, "summary", place),
        "blocks": read,
    }
    return Lesson(lesson_id, float(_field(table, "order", (int, float), place, otherwise=1000)), data)


def _table(file: Path | Traversable) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            content = opened.read(LONGEST_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}. Name a folder of TOML files.") from error
    if len(content) > LONGEST_BYTES:
        raise BadInput(f"{file.name} is longer than {LONGEST_BYTES:,} bytes. A lesson takes minutes; split it.")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file.name} is no TOML: {error}. Mend it there.") from error


def _own_numbers(table: Mapping[str, Any], place: _Place) -> dict[str, float | str]:
    own: dict[str, float | str] = _field(table, "values", dict, place, otherwise={})
    for name, value in own.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise place.refusal("values", f"{name} is {value!r}. Allowed: numbers and texts.")
    return own


def _check_ids(blocks: Sequence[Mapping[str, Any]], place: _Place) -> None:
    """Exercises have ids of their own; what waits for one names one above it."""
    seen: list[str] = []
    for number, block in enumerate(blocks, 1):
        own = replace(place, block=f"block {number}")
        after = block.get("after")
        if after is not None and after not in seen:
            raise own.refusal("after", f"no exercise '{after}' above. Known: {', '.join(seen) or 'none'}.")
        if "id" in block:
            if block["id"] in seen:
                raise own.refusal("id", f"'{block['id']}' is taken by an exercise above. Choose another.")
            seen.append(block["id"])


def _block(block: Any, place: _Place) -> dict[str, Any]:
    if not isinstance(block, dict):
        raise place.refusal("blocks", f"{block!r} is no table. Start each block with [[blocks]].")
    kind = _field(block, "type", str, place)
    if kind not in _READERS:
        raise place.refusal(
            "type", f"unknown type '{kind}'. Known: {', '.join(_READERS)}.{did_you_mean(kind, _READERS)}"
        )
    place = replace(place, block=f"{place.block} ({kind})")
    allowed, read = _READERS[kind]
    exercise = kind in EXERCISES
    _only(block, ("type", *(("id", "question", "hint") if exercise else ()), *allowed), place)
    made: dict[str, Any] = {"type": kind}
    if exercise:
        made["id"] = _field(block, "id", str, place)
        made["question"] = _text(block, "question", place)
        if "hint" in block:
            made["hint"] = _text(block, "hint", place)
    return {**made, **read(block, place)}


def _read_text(block: dict[str, Any], place: _Place) -> dict[str, Any]:
    parts = re.split(r"\n[ \t]*\n", _text(block, "text", place).strip())
    made: dict[str, Any] = {"paragraphs": [_paragraph(part) for part in parts]}
    if "heading" in block:
        made["heading"] = _text(block, "heading", place)
    return made


def _paragraph(part: str) -> Any:
    """A text, or the items of a list."""
    lines = [line.strip() for line in part.splitlines()]
    if all(line.startswith("- ") for line in lines):
        return [line[2:] for line in lines]
    return " ".join(lines)


def _read_figure(block: dict[str, Any], place: _Place) -> dict[str, Any]:
    name = _field(block, "name", str, place)
    if name not in place.figures:
        raise place.refusal(
            "name", f"unknown figure '{name}'. Known: {', '.join(place.figures)}.{did_you_mean(name, place.figures)}"
        )
    given = _field(block, "with", dict, place, otherwise={})
    _only(given, place.figures[name], place, inside="with")
    made: dict[str, Any] = {"name": name, "with": {key: _number(given, key, place) for key in given}}
    if "after" in block:
        made["after"] = _field(block, "after", str, place)
    if "caption" in block:
        made["caption"] = _text(block, "caption", place)
    return made


def _read_choice(block: dict[str, Any], place: _Place) -> dict[str, Any]:
    options = _tables(block, "options", place, least=2)
    made = []
    for option in options:
        _only(option, ("text", "why", "right"), place, inside="options")
        made.append(
            {
                "text": _text(option, "text", place),
                "why": _text(option, "why", place),
                "right": bool(_field(option, "right", bool, place, otherwise=False)),
            }
        )
    right = sum(option["right"] is True for option in made)
    if right != 1:
        raise place.refusal("options", f"{right} are right; exactly one has right = true.")
    return {"options": made}


def _read_fill(block: dict[str, Any], place: _Place) -> dict[str, Any]:
    text = _text(block, "text", place)
    parts: list[Any] = []
    at = 0
    for match in _GAP.finditer(text):
        words = [word.strip() for word in match[1].split("|")]
        if len(words) < 2 or len(set(words)) < len(words):
            raise place.refusal(
                "text", f"the gap [[{match[1]}]] needs different words, the right one first: [[a|b|c]]."
            )
        parts += [text[at : match.start()], {"right": words[0], "words": sorted(words, key=str.casefold)}]
        at = match.end()
    if not at:
        raise place.refusal("text", "no gap. Write one as [[right word|another|another]].")
    return {"parts": [*parts, text[at:]], **_why(block, place)}


def _read_match(block: dict[str, Any], place: _Place) -> dict[str, Any]:
    pairs = []
    for pair in _tables(block, "pairs", place, least=2):
        _only(pair, ("term", "definition"), place, inside="pairs")
        pairs.append({name: _text(pair, name, place) for name in ("term", "definition")})
    for name in ("term", "definition"):
        if len({pair[name] for pair in pairs}) < len(pairs):
            raise place.refusal("pairs", f"two pairs have the same {name}. Each has to be told apart.")
    return {"pairs": pairs, **_why(block, place)}


def _read_order(block: dict[str, Any], place: _Place) -> dict[str, Any]:
    items = _texts(block, "items", place, least=2)
    if len(set(items)) < len(items):
        raise place.refusal("items", "two items are the same. Each has to be told apart.")
    ends: dict[str, str] = {name: _text(block, name, place) for name in ("first", "last") if name in block}
    return {"items": items, **ends, **_why(block, place)}


def _read_number(block: dict[str, Any], place: _Place) -> dict[str, Any]:
    answer = _number(block, "answer", place)
    within = _number(block, "within", place)
    if answer == 0 or not 0 < within <= 10:
        raise place.refusal("within", f"answer {answer:g} within {within:g}: give a share above 0, such as 0.05.")
    also = _field(block, "also", dict, place, otherwise={})
    bad = [name for name, factor in also.items() if not isinstance(factor, int | float) or not factor > 0]
    if bad:
        raise place.refusal("also", f"{bad[0]} = {also[bad[0]]!r}: give what one of that unit is in the answer's unit.")
    return {
        "answer": answer,
        "within": within,
        "unit": _field(block, "unit", str, place, otherwise=""),
        "also": also,
        **_why(block, place),
    }


def _read_predict(block: dict[str, Any], place: _Place) -> dict[str, Any]:
    return {
        "answer": _number(block, "answer", place),
        "unit": _field(block, "unit", str, place, otherwise=""),
        **_why(block, place),
    }


def _read_write(block: dict[str, Any], place: _Place) -> dict[str, Any]:
    return {
        "least_words": _field(block, "least_words", int, place, otherwise=15),
        "points": _texts(block, "points", place, least=1),
        **({"example": _text(block, "example", place)} if "example" in block else {}),
    }


def _why(block: dict[str, Any], place: _Place) -> dict[str, str]:
    return {"why": _text(block, "why", place)}


_Reader = Callable[[dict[str, Any], _Place], dict[str, Any]]
_READERS: dict[str, tuple[tuple[str, ...], _Reader]] = {
    TEXT: (("text", "heading"), _read_text),
    FIGURE: (("name", "with", "after", "caption"), _read_figure),
    "choice": (("options",), _read_choice),
    "fill": (("text", "why"), _read_fill),
    "match": (("pairs", "why"), _read_match),
    "order": (("items", "first", "last", "why"), _read_order),
    "number": (("answer", "within", "unit", "also", "why"), _read_number),
    "predict": (("answer", "unit", "why"), _read_predict),
    "write": (("least_words", "points", "example"), _read_write),
}


def _only(table: Mapping[str, Any], allowed: Sequence[str], place: _Place, inside: str = "") -> None:
    for name in table:
        if name not in allowed:
            where = f" of {inside}" if inside else ""
            raise place.refusal(
                name, f"unknown{where}. Known: {', '.join(allowed) or 'none'}.{did_you_mean(name, allowed)}"
            )


_NAMES = {str: "a text", int: "a whole number", list: "a list", dict: "a table", bool: "true or false"}


def _field(table: Mapping[str, Any], name: str, kind: Any, place: _Place, otherwise: Any = None) -> Any:
    if name not in table:
        if otherwise is None:
            raise place.refusal(name, "missing. Add it.")
        return otherwise
    value = table[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise place.refusal(name, f"{value!r} is not allowed: it must be {_NAMES.get(kind, 'a number')}.")
    if value == "":
        raise place.refusal(name, "empty. Say something there, or leave it out.")
    return value


def _text(table: Mapping[str, Any], name: str, place: _Place) -> str:
    return _filled(_field(table, name, str, place), name, place)


def _filled(text: str, name: str, place: _Place) -> str:
    try:
        return filled(text, place.numbers)
    except BadInput as error:
        raise place.refusal(name, str(error)) from None


def _number(table: Mapping[str, Any], name: str, place: _Place) -> float:
    value = _field(table, name, (int, float, str), place)
    try:
        found = number_named(value, place.numbers) if isinstance(value, str) else float(value)
    except BadInput as error:
        raise place.refusal(name, str(error)) from None
    if not math.isfinite(found):
        raise place.refusal(name, f"{found} is not allowed: it must be finite.")
    return found


def _tables(table: Mapping[str, Any], name: str, place: _Place, *, least: int) -> list[dict[str, Any]]:
    value: list[dict[str, Any]] = _field(table, name, list, place)
    if len(value) < least or not all(isinstance(item, dict) for item in value):
        raise place.refusal(name, f"{len(value)} given; at least {least} tables are needed.")
    return value


def _texts(table: Mapping[str, Any], name: str, place: _Place, *, least: int) -> list[str]:
    value = _field(table, name, list, place)
    if len(value) < least or not all(isinstance(item, str) and item for item in value):
        raise place.refusal(name, f"{len(value)} given; at least {least} texts are needed.")
    return [_filled(item, name, place) for item in value]
