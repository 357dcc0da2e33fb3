"""``isoflop``: a verb is parsed and carried out by one function of the library.

Verbs are in ``isoflop.cli.verbs``; each is loaded when it is used, and heavy packages inside it, so that
``isoflop --help`` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from isoflop.cli.usage import UsageError, explained
from isoflop.cli.verbs import Verbs
from isoflop.errors import IsoflopError

INTERRUPTED = 130  # 128 + SIGINT, as shells count

app = typer.Typer(
    name="isoflop",
    help="The workbench for neural scaling laws: measure, predict, allocate.",
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from isoflop import __version__

        typer.echo(f"isoflop {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """The workbench for neural scaling laws: measure, predict, allocate."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit. Code 0: done; 1: it could not be done; 2: bad use; 130: interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without α shows ? rather than a traceback
    sys.exit(_code(arguments))


def _code(arguments: Sequence[str] | None) -> int:
    try:
        code = app(arguments, prog_name="isoflop", standalone_mode=False) or 0
        sys.stdout.flush()  # a full disk shows here, while it can still be told
    except IsoflopError as error:
        return _refuse(str(error), error.exit_code)
    except UsageError as error:
        return _refuse(explained(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        return _leave_quietly()
    except OSError as error:
        return _refuse(f"The system refused: {error}. Mend that and give the same command again.", 1)
    if code == INTERRUPTED:
        print("isoflop: interrupted. The same command goes on where training stopped.", file=sys.stderr)
    return int(code)


def _refuse(message: str, code: int) -> int:
    from isoflop.cli.output import wrapped

    whole_help = message.startswith("Usage:")
    print(message if whole_help else wrapped(f"isoflop: {message}", sys.stderr), file=sys.stderr)
    return code


def _leave_quietly() -> int:
    """The reader of our output has left: nobody is told, and Python's own flush at exit must not complain either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
