"""Text logs by profile: which lines tell the loss at which step, written as regular expressions with named groups.

Groups ``step`` and ``tokens`` say where a line stands; every other group is a quantity of that name. A line without
either stands at the last step seen. Patterns of FACTS tell what a log says once: params, tokens_per_step, max_steps;
``batch`` and ``context`` multiply to tokens a step. The formats were read in the trainers' sources, named at each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from isoflop.errors import RunsError
from isoflop.runs.importers.contract import Logged, Points, State, printable

NUMBER = r"[+-]?(?:(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf)"
LONGEST = 4096
"""Characters of a line that are looked at; a trainer's line of numbers has a few hundred."""
FIRST_LINES = 5
"""Lines of a log that an error shows."""
SURE = 100
"""Lines that fit a profile after which no other is tried."""
LARGEST_LOG = 4 << 30
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class LogProfile:
    """How a trainer writes its log. example: a line as it writes them. known: what need not be asked, by option."""

    name: str
    lines: tuple[re.Pattern[str], ...]
    example: str
    facts: tuple[re.Pattern[str], ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def tells_tokens(self) -> bool:
        """Whether a whole log by this profile says how many tokens were seen, by itself or a step."""
        groups = {group for pattern in (*self.lines, *self.facts) for group in pattern.groupindex}
        return bool(groups & {"tokens", "tokens_per_step", "batch"})


def _compiled(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern.replace("NUM", NUMBER), re.IGNORECASE) for pattern in patterns)


PROFILES: dict[str, LogProfile] = {
    profile.name: profile
    for profile in (
        LogProfile(
            "nanogpt",  # github.com/karpathy/nanoGPT train.py, model.py
            _compiled(
                r"\bstep (?P<step>\d+): train loss (?P<estimated_train_loss>NUM), val loss (?P<val_loss>NUM)",
                r"\biter (?P<step>\d+): loss (?P<train_loss>NUM), time",
            ),
            "step 2000: train loss 3.1042, val loss 3.1199",
            _compiled(
                r"num decayed parameter tensors: \d+, with (?P<params_decayed>NUM) parameters",
                r"num non-decayed parameter tensors: \d+, with (?P<params_others>NUM) parameters",
                r"tokens per iteration will be: (?P<tokens_per_step>NUM)",
            ),
            {"loss_unit": "nats", "params_convention": "total"},
            ("The parameters are those that nanoGPT's optimiser holds, learned positions among them.",),
        ),
        LogProfile(
            "nanochat",  # github.com/karpathy/nanochat scripts/base_train.py
            _compiled(
                r"\bstep (?P<step>\d+) \| Validation bpb: (?P<val_bpb>NUM)",
                r"\bstep (?P<step>\d+)(?:/\d+)? \([\d.]+%\) \| loss: (?P<train_loss>NUM)(?:.*?\| lrm: (?P<lrm>NUM))?",
            ),
            "step 00100/21400 (0.47%) | loss: 5.921034 | lrm: 1.00 | dt: 1230.12ms | tok/sec: 426,218 | mfu: 45.10",
            _compiled(
                r"^total\s+: (?P<params>NUM)\s*$",
                r"^Number of parameters: (?P<params>NUM)",
                r"Total batch size (?P<tokens_per_step>NUM)\b",
                r"number of iterations.*: (?P<max_steps>NUM)\s*$",
            ),
            {"loss_unit": "nats", "params_convention": "total"},
            ("nanochat logs a running mean of the training loss (0.9 of it is the past); its held-out one is in bpb.",),
        ),
        LogProfile(
            "litgpt",  # github.com/Lightning-AI/litgpt litgpt/pretrain.py
            _compiled(
                r"\bEpoch \d+ \| iter \d+ step (?P<step>\d+) \| loss train: (?P<train_loss>NUM)",
                r"\biter \d+: val loss (?P<val_loss>NUM), val time",
                r"\bFinal evaluation \| val loss: (?P<val_loss>NUM)",
            ),
            "Epoch 1 | iter 400 step 100 | loss train: 5.921, val: n/a | iter time: 360.50 ms (step)",
            _compiled(r"Total parameters: (?P<params>NUM)"),
            {"loss_unit": "nats", "params_convention": "total"},
            ("litgpt's steps are optimiser steps; its iterations are micro-batches and not used.",),
        ),
        LogProfile(
            "torchtitan",  # github.com/pytorch/torchtitan torchtitan/components/metrics.py, train.py
            _compiled(
                r"validate step:\s*(?P<step>\d+)\s+loss:\s*(?P<val_loss>NUM)",
                r"(?<!validate )step:\s*(?P<step>\d+)\s+loss:\s*(?P<train_loss>NUM)\s+grad_norm",
            ),
            "[titan] INFO - step: 10  loss:  6.4391  grad_norm:  1.2087  memory:  1.02GiB(1.29%)  tps: 41,002",
            _compiled(
                r"size: (?P<params>NUM) total parameters",
                r"(?P<tokens_per_step>NUM) tokens per train step.*?total steps (?P<max_steps>\d+)",
                r"global batch size (?P<batch>\d+).*?sequence length (?P<context>\d+), total steps (?P<max_steps>\d+)",
            ),
            {"loss_unit": "nats", "params_convention": "total"},
        ),
    )
}


def own_profile(pattern: str, option: str = "--regex") -> LogProfile:
    """A profile of the reader's own regular expression. option: where it was given, for an error's words.

    Raises RunsError for one that cannot be read, or that has no group ``loss``, or neither ``step`` nor ``tokens``.
    """
    wanted = rf"Write, for example, {option} 'step (?P<step>\d+) loss (?P<loss>[\d.]+)'."
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise RunsError(f"Cannot read {option} '{pattern}': {error}. {wanted}") from error
    groups = set(compiled.groupindex)
    if not any("loss" in group or "bpb" in group for group in groups) or not groups & {"step", "tokens"}:
        raise RunsError(
            f"{option} '{pattern}' has the named groups {', '.join(sorted(groups)) or 'none'}. It needs one for the "
            f"loss (loss, train_loss or val_loss) and step or tokens; lr is welcome. {wanted}"
        )
    return LogProfile("regex", (compiled,), pattern)


def read_logs(source: Path, profile: LogProfile | None = None) -> tuple[Logged, ...]:
    """The run of a log, or a run a file of a folder of logs (.log, .txt, .out). profile: by itself the one that finds
    most. Raises RunsError for a log that never shows a loss, naming what was looked for and what stands there."""
    files = _files(source) if source.is_dir() else [source]
    return tuple(_best(file, [profile] if profile else list(PROFILES.values())) for file in files)


def _files(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.iterdir() if path.suffix in (".log", ".txt", ".out") and path.is_file())
    if not files:
        raise RunsError(f"No log lies in {folder}: no .log, .txt or .out file. Name the log itself.")
    return files


def _best(file: Path, profiles: Sequence[LogProfile]) -> Logged:
    readers = [_Reader(file, profile) for profile in profiles]
    first: list[str] = []
    for line in text_lines(file):
        if len(first) < FIRST_LINES and line.strip():
            first.append(printable(line.strip()[:120]))
        for reader in readers:
            reader.take(line)
        if len(readers) > 1 and (sure := [reader for reader in readers if reader.found >= SURE]):
            readers = sure[:1]
    best = max(readers, key=lambda reader: reader.found)
    if not best.found:
        looked = "\n".join(f"  {profile.name}: {profile.example}" for profile in profiles)
        seen = "\n".join(f"  {line}" for line in first) or "  (nothing: it is empty)"
        raise RunsError(
            f"{file} never shows a loss that is known. Its first lines:\n{seen}\nLooked for, such as:\n{looked}\n"
            r"Give your own with --regex 'step (?P<step>\d+) loss (?P<loss>[\d.]+)'."
        )
    return best.logged()


def text_lines(file: Path) -> Iterator[str]:
    """Lines of a log without colours; a carriage return ends a line too, since progress is written over itself.

    Raises RunsError for a binary file, one above LARGEST_LOG and one that cannot be read.
    """
    try:
        if file.stat().st_size > LARGEST_LOG:
            raise RunsError(
                f"{file} has {file.stat().st_size >> 30} GiB. At most {LARGEST_LOG >> 30} are read: cut it."
            )
        with file.open("rb") as start:
            if b"\0" in start.read(8192):
                raise RunsError(f"{file} is binary, not a text log. Name its kind with --kind, or give the text log.")
        with file.open(encoding="utf-8", errors="replace") as stream:
            while line := stream.readline(LONGEST):
                yield _COLOUR.sub("", line)
    except OSError as error:
        raise RunsError(f"Cannot read {file}: {error.strerror}. Give a file that this user may read.") from error


class _Reader:
    """One profile at work on one log."""

    def __init__(self, file: Path, profile: LogProfile) -> None:
        self.found = 0
        self._file = file
        self._profile = profile
        self._points = Points(str(file))
        self._facts: dict[str, object] = {}
        self._step = 0.0

    def take(self, line: str) -> None:
        """Look for a point or a fact in a line; the first pattern that fits takes it."""
        for pattern in self._profile.lines:
            if match := pattern.search(line):
                groups = {
                    name: number for name, text in match.groupdict().items() if (number := _number(text)) is not None
                }
                self._step = groups.pop("step", groups.get("tokens", self._step))
                self._points.add_record(self._step, groups)
                self.found += 1
                return
        for pattern in self._profile.facts:
            if match := pattern.search(line):
                self._learn(match.groupdict())

    def _learn(self, groups: Mapping[str, str | None]) -> None:
        for name, text in groups.items():
            number = _number(text)
            if number is not None:
                self._facts[name] = number
        if {"params_decayed", "params_others"} <= self._facts.keys():
            self._facts["params"] = float(str(self._facts["params_decayed"])) + float(str(self._facts["params_others"]))
        if "batch" in groups:
            self._facts["tokens_per_step"] = float(str(self._facts["batch"])) * float(str(self._facts["context"]))

    def logged(self) -> Logged:
        """The run as far as the log tells."""
        series = self._points.series()
        planned = self._facts.get("max_steps")
        state: State = "unknown"
        if isinstance(planned, float):
            state = "finished" if self._step >= 0.98 * planned else "unfinished"
        name = (
            self._file.stem if self._file.stem not in ("log", "train", "output") else self._file.resolve().parent.name
        )
        known = dict(self._profile.known)
        return Logged(name, series, self._facts, state, known, notes=self._profile.notes)


def _number(text: str | None) -> float | None:
    """``1,234``, ``29.94M``, ``nan`` as a number."""
    if text is None:
        return None
    scale = {"k": 1e3, "m": 1e6, "b": 1e9}.get(text[-1:].lower(), 1.0)
    try:
        return float(text.replace(",", "").rstrip("kKmMbB")) * scale
    except ValueError:
        return None
