"""The table of verbs: every line is of a verb that is there, and reads whole in a terminal of 80 columns."""

from __future__ import annotations

import typer

from isoflop.cli.main import app
from isoflop.cli.verbs import SECTIONS


def test_every_verb_of_the_table_is_made_and_has_help_of_its_own() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert len(commands) == sum(map(len, SECTIONS.values()))
    for name, command in commands.items():
        assert command.name == name
        assert command.help or command.get_short_help_str(), name


def test_no_line_of_help_is_cut_and_none_ends_in_a_stop() -> None:
    for verbs in SECTIONS.values():
        for name, verb in verbs.items():
            assert len(verb.help) <= 64, name
            assert not verb.help.endswith("."), name


def test_a_module_is_loaded_when_its_verb_is_asked_for_and_not_before() -> None:
    import subprocess
    import sys

    code = (
        "import sys, typer\nfrom isoflop.cli.main import app\n"
        "group = typer.main.get_command(app)\n"
        "before = [m for m in sys.modules if m in ('isoflop.cli.fit', 'isoflop.cli.plan')]\n"
        "group.commands['fit']\n"
        "after = [m for m in sys.modules if m in ('isoflop.cli.fit', 'isoflop.cli.plan')]\n"
        "print(before, after)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[] ['isoflop.cli.fit']"
