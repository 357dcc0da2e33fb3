"""``isoflop``: every verb is parsed here and carried out by one function of the library.

Heavy packages are imported inside the verbs, so that ``isoflop --help`` answers at once.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from isoflop.cli import allocate, check, demo, fit, forecast, laws
from isoflop.errors import IsoflopError

app = typer.Typer(
    name="isoflop",
    help="The workbench for neural scaling laws: measure, predict, allocate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("fit")(fit.fit)
app.command("forecast")(forecast.forecast)
app.command("allocate")(allocate.allocate)
app.command("laws")(laws.laws)
app.command("check")(check.check)


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


def main() -> None:
    """Run the command line. Exit code 0: done; 1: it could not be done; 2: bad use; 130: interrupted."""
    try:
        app()
    except IsoflopError as error:
        print(f"isoflop: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("isoflop: interrupted; the same command goes on where this one stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has left; there is nobody to tell
        sys.exit(1)
