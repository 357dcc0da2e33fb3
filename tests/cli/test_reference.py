"""docs/cli.md says what the command does today."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
AGAIN = "docs/cli.md is older than the command line. Write it again: python docs/make_cli_reference.py"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_cli_reference", DOCS / "make_cli_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words_and_numbers(text: str) -> tuple[list[str], list[float]]:
    """The text without layout, which follows the digits; and the numbers, whose last digits follow the machine."""
    numbers = [float(match.replace(",", "")) for match in NUMBER.findall(text)]
    return re.sub(r"[─\s]+", " ", NUMBER.sub("#", text)).split(), numbers


@pytest.mark.long
def test_the_page_is_what_the_generator_writes_today(generator: ModuleType) -> None:
    written = words_and_numbers((DOCS / "cli.md").read_text(encoding="utf-8"))
    today = words_and_numbers(generator.page())
    assert written[0] == today[0], AGAIN
    assert written[1] == pytest.approx(today[1], rel=2e-3), AGAIN


def test_the_page_has_every_verb_and_every_option(generator: ModuleType) -> None:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    for verb, command in generator._commands().items():
        section = text.partition(f"\n## {verb}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert f"`{parameter.opts[0]}" in section, f"{verb} {parameter.opts[0]}: {AGAIN}"
