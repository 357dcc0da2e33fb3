"""What the log of an external trainer shows: how far it is, its losses in nats a token, and how it ended.

The log is read by the importers of ``isoflop.runs.importers``, whole at every look: so a log that a restart appended
to, a checkpoint's history that was written anew, and a run that is imported by hand are all read alike. Where a
restart went back, what it logged again replaces what was there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from isoflop.errors import RunsError, SpecError, TrainingFailure, did_you_mean

if TYPE_CHECKING:
    from isoflop.runs.importers.choosing import Asked, Chosen
    from isoflop.runs.importers.contract import Array, Logged
    from isoflop.runs.importers.ending import Ending

OUTPUT = "log.txt"
"""What the command prints, in the folder of its run."""
FILES = "files"
"""The folder for the command's own files, in the folder of its run."""
SAME_BATCH = 1e-3
"""Relative difference of tokens a step, by the rung and by the log, that is rounding (chosen)."""


class Unreadable(TrainingFailure):
    """The log shows losses, but more of it will not say what they are or how many tokens they took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReading:
    """How a trainer's log is read.

    profile: one of ``isoflop.runs.importers.KINDS``, or ``regex``. ``log`` tries all text logs that are known. regex: a
    pattern with named groups (step or tokens; loss, train_loss or val_loss; lr). path: of the log, a file or folder
    below the command's own files; without it the output for text logs, and those files for all else.
    loss, tokens, step, lr: names of logged quantities, where their own names don't tell. loss_unit: nats, bits (a
    token) or bits_per_byte; nats unless the log says otherwise. last: share of the tokens, at the end, over which a
    training loss is smoothed.

    Raises SpecError for an unknown profile, and for a regex that cannot be read or lacks its groups.
    """

    profile: str = "log"
    regex: str | None = None
    path: str | None = None
    loss: str | None = None
    tokens: str | None = None
    step: str | None = None
    lr: str | None = None
    loss_unit: str | None = None
    bytes_per_token: float | None = None
    last: float | None = None

    def __post_init__(self) -> None:
        _check_profile(self)
        _check_numbers(self)

    @classmethod
    def of(cls, log: str | Mapping[str, Any]) -> Self:
        """From the name of a profile, or a table of these fields. Raises SpecError for an unknown key."""
        table = {"profile": log} if isinstance(log, str) else dict(log)
        names = [item.name for item in fields(cls)]
        for key in table:
            if key not in names:
                raise SpecError(
                    f"Unknown key {key!r} in the log of an external trainer. Known: {', '.join(names)}."
                    f"{did_you_mean(key, names)}"
                )
        if table.get("regex") is not None:
            table.setdefault("profile", "regex")
        return cls(**table | {"profile": str(table.get("profile", "log")).casefold()})

    def table(self) -> dict[str, Any]:
        """The fields that are given, as ``of`` takes them."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def source(self, directory: Path) -> Path:
        """Where the log lies in the folder of a run."""
        files = directory / FILES
        if self.path is not None:
            return files / self.path
        printed = self.profile in _text_profiles()
        if self.profile == "jsonl":
            printed = not any(files.glob("*.jsonl")) and not any(files.glob("*.ndjson"))
        return directory / OUTPUT if printed else files

    @property
    def tells_tokens(self) -> bool:
        """Whether a log of this profile may say by itself how many tokens a step takes."""
        from isoflop.runs.importers.logs import PROFILES, own_profile

        if self.regex is not None:
            return own_profile(self.regex).tells_tokens
        return self.profile not in PROFILES or PROFILES[self.profile].tells_tokens


@dataclass(frozen=True, eq=False, slots=True)
class Course:
    """A run as its log shows it.

    step, tokens: where training stands. loss: latest of the training text, else held-out; nats a token, None where it
    is no number. lr: latest. gap: tokens between two lines of the log. points: of the whole log, repeated ones too.
    lost: how many of the latest losses in a row are no numbers. end: how the loss named ``loss_name`` ended, in nats a
    token; ``end.at`` is its share of ``tokens``. batch_tokens: tokens a step, where known.
    """

    step: float
    tokens: float
    loss: float | None
    lr: float | None
    peak_lr: float | None
    gap: float
    points: int
    lost: int
    end: Ending
    loss_name: str
    held_out: bool
    params: float | None
    batch_tokens: float | None
    notes: tuple[str, ...]


def look(
    reading: LogReading, directory: Path, *, params: float, params_convention: str, batch_tokens: float | None
) -> Course:
    """The course of a run so far.

    Raises RunsError where the log shows no loss, or none yet; Unreadable where it shows one of which the tokens or the
    unit stay unknown, or where its tokens a step contradict ``batch_tokens``.
    """
    from isoflop.runs.importers.attempts import one_run
    from isoflop.runs.importers.choosing import Asked, OpenQuestions, choose
    from isoflop.runs.importers.ending import SHARE
    from isoflop.runs.importers.importing import read_logged

    source = reading.source(directory)
    kind = None if reading.profile == "regex" else reading.profile
    run = one_run(read_logged(source, kind=kind, regex=reading.regex)[1], source)
    run = replace(run, known={"loss_unit": "nats"} | dict(run.known))
    asked = Asked(
        loss=reading.loss,
        tokens=reading.tokens,
        step=reading.step,
        lr=reading.lr,
        params=params,
        tokens_per_step=batch_tokens,
        loss_unit=reading.loss_unit,
        bytes_per_token=reading.bytes_per_token,
        params_convention=params_convention,
        share=SHARE if reading.last is None else reading.last,
    )
    try:
        chosen = choose((run,), asked, str(source))
    except OpenQuestions as error:
        raise Unreadable(f"{error}\n{_AS_KEYS}") from error
    _refuse_other_batch(run, chosen, batch_tokens, source)
    return _course(run, chosen, asked, source)


_AS_KEYS = (
    "For an external trainer these options are keys of the recipe's log table (loss, tokens, step, loss_unit, "
    "bytes_per_token), and --tokens-per-step is the field batch_tokens of its rungs."
)


def _course(run: Logged, chosen: Chosen, asked: Asked, source: Path) -> Course:
    import numpy as np

    from isoflop.runs.importers.choosing import PARAMS, fact_of
    from isoflop.runs.importers.ending import ending
    from isoflop.runs.importers.tally import in_order, nats_of, tokens_of

    tokens = tokens_of(run, chosen)
    at, values = in_order(run.series[chosen.curve], tokens)
    if not len(at):
        raise RunsError(f"{source} shows '{chosen.curve}', but at no number of tokens. Log the step or the tokens.")
    gap = float(np.median(np.diff(at))) if len(at) > 1 else 0.0
    seen, losses = in_order(run.series[chosen.loss], tokens)
    kept = seen <= at[-1] + gap  # evaluations of an attempt that a restart threw away are no end of this one
    seen, losses = seen[kept], losses[kept]
    reached = float(max(at[-1], seen[-1] if len(seen) else 0.0))
    rates = in_order(run.series[chosen.lr], tokens)[1] if chosen.lr else None
    end = ending(
        seen, losses * _nats(chosen.loss_unit, run, asked), reached, rates, held_out=chosen.held_out, share=asked.share
    )
    latest = float(values[-1]) * nats_of(chosen.curve_unit, run, asked)
    return Course(
        step=float(run.series[chosen.curve].steps[-1]),
        tokens=reached,
        loss=latest if np.isfinite(latest) else None,
        lr=_last(rates),
        peak_lr=float(np.nanmax(rates)) if _last(rates) is not None and rates is not None else None,
        gap=gap,
        points=len(run.series[chosen.curve]),
        lost=_lost(values),
        end=end,
        loss_name=chosen.loss,
        held_out=chosen.held_out,
        params=fact_of(run, PARAMS),
        batch_tokens=chosen.tokens_per_step.get(run.name),
        notes=(*run.notes, *chosen.notes),
    )


def _nats(unit: str, run: Logged, asked: Asked) -> float:
    from isoflop.runs.importers.tally import nats_of

    factor = nats_of(unit, run, asked)
    if factor != factor:
        raise Unreadable(
            "The loss is in bits per byte, and nothing says how many bytes a token has. Give bytes_per_token in the "
            "recipe's log table, or take another loss with loss = 'train_loss'."
        )
    return factor


def _refuse_other_batch(run: Logged, chosen: Chosen, batch_tokens: float | None, source: Path) -> None:
    """A ladder whose D is counted with another batch than its trainer used would be wrong by that factor, silently."""
    from isoflop.runs.importers.choosing import TOKENS_PER_STEP, fact_of

    logged = fact_of(run, TOKENS_PER_STEP)
    if chosen.tokens or batch_tokens is None or logged is None:
        return
    if abs(logged - batch_tokens) > SAME_BATCH * batch_tokens:
        raise Unreadable(
            f"The rung says batch_tokens = {batch_tokens:,.0f}, but {source} says {logged:,.0f} tokens a step. Correct "
            "batch_tokens, or pass it to the command so that it trains with it."
        )


def _last(rates: Array | None) -> float | None:
    import numpy as np

    return float(rates[-1]) if rates is not None and len(rates) and np.isfinite(rates[-1]) else None


def _lost(values: Array) -> int:
    import numpy as np

    finite = np.flatnonzero(np.isfinite(values))
    return len(values) if not len(finite) else int(len(values) - 1 - finite[-1])


def _text_profiles() -> set[str]:
    from isoflop.runs.importers.logs import PROFILES

    return {"log", "regex", *PROFILES}


def _check_profile(reading: LogReading) -> None:
    from isoflop.runs.importers.importing import KINDS
    from isoflop.runs.importers.logs import own_profile

    known = [*KINDS, "regex"]
    if reading.profile not in known:
        raise SpecError(
            f"Unknown log profile '{reading.profile}'. Known: {', '.join(known)}."
            f"{did_you_mean(reading.profile, known)} Give one of them, or a table with a regex."
        )
    if (reading.profile == "regex") != (reading.regex is not None):
        raise SpecError(
            f"A log of profile '{reading.profile}' {'lacks its' if reading.regex is None else 'has a'} regex. A regex "
            "belongs to the profile 'regex', and to no other. Give "
            "log = { regex = 'step (?P<step>\\d+) loss (?P<loss>[\\d.]+)' }."
        )
    if reading.regex is not None:
        try:
            own_profile(reading.regex, "regex =")
        except RunsError as error:
            raise SpecError(str(error)) from None


def _check_numbers(reading: LogReading) -> None:
    from isoflop.runs.reading import LOSS_UNITS

    if reading.loss_unit not in (None, *LOSS_UNITS):
        raise SpecError(
            f"Unknown loss_unit '{reading.loss_unit}'. Known: {', '.join(LOSS_UNITS)}."
            f"{did_you_mean(str(reading.loss_unit), LOSS_UNITS)}"
        )
    if reading.last is not None and not 0 < reading.last <= 1:
        raise SpecError(f"last = {reading.last} is no share of the tokens. Allowed: above 0 and up to 1, such as 0.05.")
    if reading.bytes_per_token is not None and not reading.bytes_per_token > 0:
        raise SpecError(f"bytes_per_token = {reading.bytes_per_token}. Allowed: a number above 0, such as 4.2.")
    if reading.path is not None and (Path(reading.path).is_absolute() or ".." in Path(reading.path).parts):
        raise SpecError(
            f"The log's path '{reading.path}' leaves the folder of the run. Give one below {{dir}}, and let the "
            "command write its log there."
        )
