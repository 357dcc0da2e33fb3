"""What the parser of the command line refuses, said as every other refusal: seen, allowed, what to do."""

from __future__ import annotations

from typing import Any

import typer

from isoflop.errors import did_you_mean

# Typer 0.15 raises Click's errors, 0.29 its own copies of them; either is the base of what Typer exports.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]


def explained(error: Any) -> str:
    """The message for an error of the parser."""
    context = error.ctx
    command = context.command_path if context else "isoflop"
    kind = type(error).__name__
    if kind == "NoArgsIsHelpError":
        return str(error.format_message())
    if kind == "NoSuchOption":
        return _unknown_option(error.option_name, command, context)
    if kind == "MissingParameter" and error.param is not None:
        needed = error.param.metavar or error.param.name
        return f"`{command}` needs {needed}: {getattr(error.param, 'help', '')} `{command} --help` shows an example."
    said = error.format_message().rstrip(".")
    return f"{said}. `{command} --help` lists what is allowed."


def _unknown_option(option: str, command: str, context: Any) -> str:
    known = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
    return (
        f"`{command}` has no option {option}. Known: {', '.join([*known, '--help'])}."
        f"{did_you_mean(option, [*known, '--help'])} `{command} --help` says what each does."
    )
