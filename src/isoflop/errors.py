"""Every exception that isoflop raises on purpose.

    IsoflopError
    ├── BadInput               what the caller gave cannot be used            (exit code 2)
    │   ├── QuantityError      a quantity such as "2.6B tokens" does not parse
    │   ├── RunsError          a table of runs cannot be read or lacks something
    │   ├── FormulaError       a formula is malformed or names what it may not
    │   ├── LawError           a law or a form is unknown or asked outside its variables
    │   ├── SpecError          a training specification contradicts itself
    │   ├── ArchitectureError  a model's shape contradicts itself, or its config.json cannot be read
    │   ├── ExecutorError      a place to run jobs is unknown, or is asked for what it does not have
    │   ├── InfeasiblePlan     no run meets all that was asked of a plan
    │   └── TextError          a training text cannot be read or is too small
    └── Failure                the request was fine, the world was not        (exit code 1)
        ├── FitFailure         no start of the solver reached a finite objective
        ├── TrainingFailure    a training process stopped without its result
        ├── StoreError         the store cannot be opened, read or written
        ├── LedgerBroken       a line of the ledger of forecasts was changed, removed or moved
        └── MissingExtra       an optional part of isoflop is not installed

A message has three parts, in this order: what was seen, what is allowed, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class IsoflopError(Exception):
    """Root of every deliberate error; its text is written for the person who typed the command."""

    exit_code = 1


class BadInput(IsoflopError):
    """What the caller gave cannot be used; nothing was changed."""

    exit_code = 2


class QuantityError(BadInput):
    """A quantity such as ``2.6B tokens`` or ``$1M`` does not parse."""


class RunsError(BadInput):
    """A table of runs cannot be read, or lacks what the question needs."""


class FormulaError(BadInput):
    """A formula is malformed or uses a name or operator outside the whitelist."""

    def __init__(self, message: str, formula: str, position: int) -> None:
        self.formula = formula
        self.position = position
        super().__init__(f"{message}\n  {formula}\n  {' ' * position}^ position {position + 1}")


class LawError(BadInput):
    """A law or form is unknown, or is asked for something its variables do not allow."""


class SpecError(BadInput):
    """A training specification contradicts itself."""


class ArchitectureError(BadInput):
    """A model's shape contradicts itself, or its config.json cannot be read."""


class ExecutorError(BadInput):
    """A place to run jobs is unknown, or is asked for what it does not have."""


class InfeasiblePlan(BadInput):
    """No run meets all that was asked. conflict: the fewest demands that exclude each other; nearest: what would do."""

    def __init__(self, message: str, conflict: tuple[str, ...] = (), nearest: tuple[str, ...] = ()) -> None:
        self.conflict = conflict
        self.nearest = nearest
        super().__init__(" ".join((message, *nearest)))


class TextError(BadInput):
    """A training text cannot be read or is too small."""


class Failure(IsoflopError):
    """The request was fine; carrying it out was not possible."""


class FitFailure(Failure):
    """No start of the solver reached a finite objective."""


class TrainingFailure(Failure):
    """A training process stopped without its result."""


class StoreError(Failure):
    """The store of runs cannot be opened, read or written."""


class LedgerBroken(Failure):
    """A line of the ledger of forecasts was changed, removed, inserted or moved since it was written."""


class MissingExtra(Failure):
    """An optional part of isoflop is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} is not installed. It comes with the extra '{extra}'. "
            f'Install it with: pip install "isoflop[{extra}]"'
        )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` Did you mean 'flops'?`` for the closest known word, or nothing."""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f" Did you mean '{folded[close[0]]}'?" if close else ""
