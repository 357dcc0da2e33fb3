"""``isoflop``: every verb is parsed here and carried out by one function of the library.

Heavy packages are imported inside the verbs, so that ``isoflop --help`` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from isoflop.cli import (
    allocate,
    approach,
    backtest,
    capability,
    check,
    compare,
    cost,
    count,
    decide,
    demo,
    design,
    diagnose,
    fit,
    forecast,
    import_,
    inference,
    laws,
    ledger,
    next_run,
    outlook,
    plan,
    store,
    study,
    watch,
)
from isoflop.cli import (
    ladder as ladder_verbs,
)
from isoflop.cli.usage import UsageError, Verbs, explained
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
app.command("demo")(demo.demo)
app.command("fit")(fit.fit)
app.command("forecast")(forecast.forecast)
app.command("allocate")(allocate.allocate)
app.command("count")(count.count)
app.command("cost")(cost.cost)
app.command("backtest")(backtest.backtest)
app.command("compare")(compare.compare)
app.command("ledger")(ledger.ledger)
app.command("watch")(watch.watch)
app.command("diagnose")(diagnose.diagnose)
app.command("approach")(approach.approach)
app.command("next")(next_run.next_run)
app.command("plan")(plan.plan)
app.command("decide")(decide.decide)
app.command("laws")(laws.laws)
app.command("check")(check.check)
app.command("import")(import_.import_runs)
app.command("study")(study.study)
ladder = typer.Typer(
    name="ladder", help="Lay out a ladder of runs, train it, look at it.", no_args_is_help=True, rich_markup_mode=None
)
ladder.command("design")(design.design)
ladder.command("run")(ladder_verbs.run)
ladder.command("status")(ladder_verbs.status)
ladder.command("logs")(ladder_verbs.logs)
app.add_typer(ladder)
app.add_typer(outlook.outlook)
app.add_typer(store.app)
app.add_typer(capability.app)
app.add_typer(inference.app)


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
