"""What the parser of the command line refuses, said as every other refusal: seen, allowed, what to do."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from isoflop.errors import BadInput, did_you_mean

# Typer 0.15 raises Click's errors, 0.29 its own copies of them; either is the base of what Typer exports.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]


class Verbs(TyperGroup):
    """The group of verbs; an unknown one is answered with the known ones."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        verb = args[0]
        if not verb.startswith("-") and self.get_command(ctx, verb) is None:
            known = self.list_commands(ctx)
            raise BadInput(
                f"Unknown verb '{verb}'. Known: {', '.join(known)}.{did_you_mean(verb, known)} "
                "`isoflop --help` says what each does."
            )
        return super().resolve_command(ctx, args)


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
