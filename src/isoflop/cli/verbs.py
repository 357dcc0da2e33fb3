"""The verbs by what they are for, each with its line of help; the module of a verb is loaded when the verb is used.

Reading the options of all verbs takes longer than most answers, and ``isoflop --help`` needs none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from isoflop.errors import BadInput, did_you_mean


@dataclass(frozen=True, slots=True)
class Verb:
    """home: "module:attribute" within ``isoflop.cli``; a function, or a Typer application for a verb of verbs."""

    home: str
    help: str


SECTIONS: dict[str, dict[str, Verb]] = {
    "Measure": {
        "demo": Verb("demo:demo", "Forecast a run before it is trained, then train it and see"),
        "ladder": Verb("ladder_group:ladder", "Lay out a ladder of runs, train it anywhere, look at it"),
        "study": Verb("study:study", "Answer a question with an experiment that ships"),
        "import": Verb("import_:import_runs", "Import runs from the logs of any trainer"),
        "check": Verb("check:check", "Report what looks wrong in a table of runs"),
        "store": Verb("store:app", "Look into a store of runs, copy all of it out and back"),
    },
    "Predict": {
        "fit": Verb("fit:fit", "Fit a law to runs: constants, intervals, how far to trust it"),
        "forecast": Verb("forecast:forecast", "Forecast losses with prediction intervals"),
        "backtest": Verb("backtest:backtest", "Forecast a table's dearer runs from its cheaper ones"),
        "compare": Verb("compare:compare", "Say which of two recipes will be better at a target"),
        "ledger": Verb("ledger:ledger", "Show the track record of recorded forecasts, or score one"),
        "watch": Verb("watch:watch", "Say whether a run in flight is on track"),
        "diagnose": Verb("diagnose:diagnose", "Say whether to trust a law on these runs"),
        "approach": Verb("approach:approach", "How N and D grow with compute, as Hoffmann et al. do it"),
        "laws": Verb("laws:laws", "List forms and published laws, or show one in full"),
    },
    "Allocate": {
        "plan": Verb("plan:plan", "Plan a run for any budget: size, tokens, layout, cost"),
        "allocate": Verb("allocate:allocate", "Split compute between parameters and tokens"),
        "next": Verb("next_run:next_run", "Choose the next runs to train, and what they are worth"),
        "count": Verb("count:count", "Count a model's parameters and FLOP by every convention"),
        "cost": Verb("cost:cost", "Price a run: hours, days, dollars on every basis, energy"),
    },
    "Judge": {
        "decide": Verb("decide:decide", "Weigh compute, algorithms and data for a budget"),
        "outlook": Verb("outlook:outlook", "Where it leads: growth, cost, data, limits, progress"),
        "capability": Verb("capability:app", "What loss buys in skill; whether a jump is real"),
        "inference": Verb("inference:app", "Thinking longer: pass@k, its forecast, its price"),
    },
    "Show": {
        "page": Verb("page:page", "Write the pages as one file: the dial, decisions, lessons"),
        "serve": Verb("serve:serve", "Show the pages and a live study in the browser"),
        "report": Verb("report:report", "Write a study up: HTML, Markdown, figures, manifest"),
    },
}


class Lazily(MutableMapping[str, Any]):
    """The commands by name; one is made when it is first asked for."""

    def __init__(self) -> None:
        self._verbs = {name: verb for section in SECTIONS.values() for name, verb in section.items()}
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _command(name, self._verbs[name])
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._verbs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._verbs)

    def __len__(self) -> int:
        return len(self._verbs)

    def __contains__(self, name: object) -> bool:
        return name in self._verbs


def _command(name: str, verb: Verb) -> Any:
    module, attribute = verb.home.split(":")
    found = getattr(import_module(f"isoflop.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        made: Any = typer.main.get_group(found)
    else:
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name)(found)
        made = typer.main.get_command(alone)
    made.name = name
    return made


class Verbs(TyperGroup):
    """The group of verbs; an unknown one is answered with the known ones."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = Lazily()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """All verbs, as the help shows them."""
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """The verbs under what they are for."""
        widest = max(map(len, self.commands))
        for title, verbs in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(widest), verb.help) for name, verb in verbs.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of a verb; BadInput for one that does not exist."""
        verb = args[0]
        if not verb.startswith("-") and verb not in self.commands:
            known = self.list_commands(ctx)
            raise BadInput(
                f"Unknown verb '{verb}'. Known: {', '.join(known)}.{did_you_mean(verb, known)} "
                "`isoflop --help` says what each does."
            )
        return super().resolve_command(ctx, args)
