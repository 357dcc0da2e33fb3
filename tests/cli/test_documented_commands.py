"""Every command that the pages show exists, with the options shown; nothing is run."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from isoflop.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"(?:^(?: {4}|\t)[^\n]*\n)+", re.MULTILINE)
CONTINUED = re.compile(r"\\\n\s*|\n\s+(?=\[--|--)")
LINE = re.compile(r"^\s*(?:\$ )?(isoflop [^\n]+)", re.MULTILINE)
PROMPTED = re.compile(r"^\s*\$ (isoflop [^\n]+)", re.MULTILINE)
INLINE = re.compile(r"`(isoflop\s[^`]+)`")
OPTION = re.compile(r"--[a-z][a-z-]*")
OF_EVERY_COMMAND = {"--help"}


def commands(text: str) -> Iterator[str]:
    """The commands of blocks, a line each, and those inside sentences. Beside prompts, other lines are answers."""
    for block in FENCE.findall(text):
        yield from (PROMPTED if PROMPTED.search(block) else LINE).findall(CONTINUED.sub(" ", block))
    sentences = FENCE.sub("\n", text)
    for block in INDENTED.findall(sentences):
        yield from LINE.findall(CONTINUED.sub(" ", block))
    yield from (" ".join(each.split()) for each in INLINE.findall(INDENTED.sub("\n", sentences)))


@functools.cache
def command_of(path: tuple[str, ...]) -> Any:
    """The parser's command of verbs: of none, the whole; None where there is none."""
    if not path:
        return typer.main.get_command(app)
    group = command_of(path[:-1])
    return group.get_command(typer.Context(group), path[-1]) if path[-1] in verbs_of(group) else None


def verbs_of(group: Any) -> list[str]:
    return group.list_commands(typer.Context(group)) if hasattr(group, "list_commands") else []


def complaints(command: str) -> list[str]:
    """What the parser would not know in it. `outlook compute | cost` names verbs of one group."""
    words = shlex.split(re.split(r"\s#\s", command)[0].replace("'", ""))[1:]
    path: tuple[str, ...] = ()
    while words and verbs_of(command_of(path)) and not words[0].startswith(("-", "[")):
        path = (*path, words.pop(0))
        if command_of(path) is None:
            return [f"no verb {path[-1]}; known: {', '.join(verbs_of(command_of(path[:-1])))}"]
    if words[:1] == ["|"]:
        return [f"no verb {word}" for word in words if word.isalpha() and command_of((*path[:-1], word)) is None]
    options = {name for parameter in command_of(path).params for name in (*parameter.opts, *parameter.secondary_opts)}
    shown = {found for word in words if re.match(r"\[?--", word) for found in OPTION.findall(word)}
    return [f"no option {each}" for each in sorted(shown - options - OF_EVERY_COMMAND)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_the_page_exists_with_its_options(page: Path) -> None:
    found = list(dict.fromkeys(commands(page.read_text(encoding="utf-8"))))
    assert {each: wrong for each in found if (wrong := complaints(each))} == {}


def test_the_pages_show_hundreds_of_commands() -> None:
    assert sum(len(set(commands(page.read_text(encoding="utf-8")))) for page in PAGES) > 200


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("isoflop plam --budget 1M", "no verb plam"),
        ("isoflop outlook datum", "no verb datum"),
        ("isoflop outlook compute | cots [--json]", "no verb cots"),
        ("isoflop plan [--bugdet '$1M']", "no option --bugdet"),
        ("isoflop capability fit TABLE --x flops --skore MMLU", "no option --skore"),
    ],
)
def test_a_command_that_does_not_exist_is_seen(command: str, said: str) -> None:
    assert said in complaints(command)[0]
