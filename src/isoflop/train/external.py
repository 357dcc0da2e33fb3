"""A run by any trainer: a command template, the values of a rung, and the log that tells how it went.

``python -m isoflop.train.external SPEC.json --out DIR`` runs one such spec in one folder and leaves there what every
worker leaves (``isoflop.workbench.trunk``): progress.jsonl, runs.jsonl, done.json or error.json. The command's own
files belong into ``{dir}``, the folder ``files`` below; what it prints is in log.txt.

Importing this module loads neither JAX nor the importers.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from isoflop.errors import SpecError, did_you_mean
from isoflop.runs.run import RUN_FIELDS
from isoflop.train.external_template import Value, fields_of, fill, fill_all, refuse_unknown, split

OWN_FIELDS = ("tokens", "params", "seed", "recipe", "dir", "python", "steps", "resume", "checkpoint")
"""Fields of a template that every spec has; the names of values must be others."""
UNTRAINED = ("log", "partial", "grace", "cwd")
"""Fields that say how a run is read and held, and move no loss: a corrected log profile is the same training."""
BOOKKEEPING = ("batch_tokens", "bytes_per_token", "unique_tokens", "flops")
"""Values that are used whether the command sees them or not."""
OF_A_RUN: Mapping[str, tuple[type, ...]] = {
    "depth": (int,), "width": (int,), "lr": (int, float), "batch_tokens": (int, float), "unique_tokens": (int, float),
    "bytes_per_token": (int, float), "flops": (int, float), "schedule": (str,),
}  # fmt: skip
"""Values that become fields of the run, and their kinds; every other value is a column of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalSpec:
    """One run of a command.

    command: a template (text, split as a shell would, or a list of arguments); fields are ``{width}`` and so on for
    values, and OWN_FIELDS. tokens: training tokens D. params: N, counted by params_convention. values: the rung's own
    fields; batch_tokens among them is tokens a step, and gives ``{steps}``. env: environment of the command, templates
    too. log: the name of a profile or a table (``external_log.LogReading``).
    checkpoint: a pattern below ``{dir}`` of the trainer's checkpoints, such as ``ckpt*.pt``; with it ``{checkpoint}``
    is the newest one, or nothing, and ``{resume}`` the second word of ``resume`` where there is one, else the first.
    An argument that is one field whose value is empty is left out.
    partial: keep a run that ended early, with the tokens it reached. grace: seconds from SIGTERM to SIGKILL.
    cwd: where the command runs; the worker's own folder if empty.

    Raises SpecError for an unknown field of the template, a value that shadows an own field, a log whose profile is
    unknown or that cannot tell tokens without batch_tokens, and numbers out of range.
    """

    command: str | Sequence[str]
    tokens: int
    params: float
    values: Mapping[str, Value] = field(default_factory=dict)
    seed: int = 0
    recipe: str = "external"
    env: Mapping[str, str] = field(default_factory=dict)
    log: str | Mapping[str, Any] = "log"
    checkpoint: str = ""
    resume: Sequence[str] = ("false", "true")
    params_convention: str = "total"
    partial: bool = False
    grace: float = 20.0
    cwd: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "command", split(self.command))
        object.__setattr__(self, "resume", tuple(self.resume))
        _check_numbers(self)
        _check_values(self)
        refuse_unknown(self._texts, self._known, _wanting(self))
        fill_all(self.argv_template, self._filled("DIR", ""))  # a format that does not fit its value is refused here
        _check_log(self)

    @property
    def argv_template(self) -> tuple[str, ...]:
        """The arguments of the command, unfilled."""
        return tuple(self.command)

    @property
    def batch_tokens(self) -> float | None:
        """Tokens a step, where the rung says it."""
        value = self.values.get("batch_tokens")
        return None if value is None else float(value)

    @property
    def steps(self) -> int | None:
        """The fewest steps that read all tokens, where the rung gives batch_tokens."""
        return None if self.batch_tokens is None else math.ceil(self.tokens / self.batch_tokens)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the command is not told, and so cannot obey."""
        used = {*fields_of(self._texts)}
        silent = [name for name in self.values if name not in used and name not in BOOKKEEPING]
        notes = [f"'{name}' is given, but the command never sees it: it has no {{{name}}}." for name in silent]
        if not used & {"tokens", "steps"}:
            notes.append("The command is not told how long to train: it has neither {tokens} nor {steps}.")
        if "seed" not in used:
            notes.append("The command is not told its seed: it has no {seed}, so seeds are no replicates.")
        if "dir" not in used:
            notes.append("The command has no {dir}: runs that write into one folder overwrite each other.")
        return tuple(notes)

    @property
    def spec_id(self) -> str:
        """Twelve hex digits of the SHA-256 of what moves the loss: every field but UNTRAINED."""
        return _digest({name: value for name, value in _written(self).items() if name not in UNTRAINED})

    @property
    def run_id(self) -> str:
        """The identity of the run's row: the training, and which loss of its log is taken."""
        told = {name: value for name, value in _written(self).items() if name not in ("grace", "cwd")}
        recipe = re.sub(r"[^A-Za-z0-9.-]+", "-", self.recipe).strip("-")[:40] or "external"
        return f"{recipe}-{self.tokens}-{_digest(told)}"

    def argv(self, files: Path) -> tuple[str, ...]:
        """The command as it is run. files: the folder of its own files, in which a checkpoint is looked for."""
        return fill_all(self.argv_template, self._filled(str(files), self.found_checkpoint(files)))

    def environment(self, files: Path) -> dict[str, str]:
        """The environment that the command gets on top of the worker's."""
        values = self._filled(str(files), self.found_checkpoint(files))
        return {name: fill(text, values) for name, text in self.env.items()}

    def found_checkpoint(self, files: Path) -> str:
        """The newest of the trainer's checkpoints, or nothing."""
        found = sorted(files.glob(self.checkpoint), key=lambda path: path.stat().st_mtime) if self.checkpoint else []
        return str(found[-1]) if found else ""

    def to_json(self) -> str:
        """Canonical JSON of the fields that are not at their default."""
        return json.dumps(_written(self), sort_keys=True)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from plain values. Raises SpecError for an unknown or missing key."""
        known = [item.name for item in fields(cls)]
        for key in data:
            if key not in known:
                raise SpecError(
                    f"Unknown key {key!r} in the spec of an external run. Known: {', '.join(known)}."
                    f"{did_you_mean(key, known)} A rung's own fields belong into values."
                )
        needed = [item.name for item in fields(cls) if item.default is MISSING and item.default_factory is MISSING]
        if missing := [name for name in needed if name not in data]:
            raise SpecError(f"The spec of an external run lacks {', '.join(missing)}. It has {', '.join(data)}.")
        return cls(**data)

    @property
    def _known(self) -> set[str]:
        return {*self.values, *OWN_FIELDS} - {*_wanting(self)}

    @property
    def _texts(self) -> tuple[str, ...]:
        return (*self.argv_template, *self.env.values())

    def _filled(self, files: str, checkpoint: str) -> dict[str, Value]:
        own: dict[str, Value] = {
            "tokens": self.tokens,
            "params": self.params,
            "seed": self.seed,
            "recipe": self.recipe,
            "dir": files,
            "python": sys.executable,
            "steps": self.steps or 0,
            "checkpoint": checkpoint,
            "resume": self.resume[bool(checkpoint)],
        }
        return {**self.values, **own}


def read_external(path: Path) -> ExternalSpec:
    """Read a spec file. Raises SpecError when it cannot be read or contradicts itself."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpecError(f"Cannot read the spec {path}: {error}. Write it with ExternalSpec.to_json().") from None
    if not isinstance(data, dict):
        raise SpecError(f"{path} holds a {type(data).__name__}. A spec is a JSON object; write it with to_json().")
    return ExternalSpec.from_dict(data)


def _written(spec: ExternalSpec) -> dict[str, Any]:
    """The fields that are not at their default, as JSON would give them back."""
    defaults = {
        item.name: item.default_factory() if item.default_factory is not MISSING else item.default
        for item in fields(spec)
    }
    return {name: _plain(value) for name, value in asdict(spec).items() if value != defaults[name]}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _wanting(spec: ExternalSpec) -> dict[str, str]:
    """Own fields that this spec has no value for, and what would give them one."""
    wanting = {}
    if spec.batch_tokens is None:
        wanting["steps"] = "batch_tokens, the tokens of one step"
    if not spec.checkpoint:
        pattern = "checkpoint, a pattern of the trainer's checkpoints below {dir} such as 'ckpt*.pt'"
        wanting |= {"resume": pattern, "checkpoint": pattern}
    return wanting


def _check_numbers(spec: ExternalSpec) -> None:
    for name in ("tokens", "params", "grace"):
        given = getattr(spec, name)
        if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 < given < math.inf:
            raise SpecError(f"{name} = {given!r} cannot be. Allowed: a number above 0. Give one.")
    if spec.tokens != int(spec.tokens):
        raise SpecError(f"tokens = {spec.tokens!r} cannot be trained. Allowed: a whole number. Round it.")
    for name, kind in (("tokens", int), ("params", float), ("grace", float)):  # 1e6 and 1000000 are one spec
        object.__setattr__(spec, name, kind(getattr(spec, name)))
    if len(spec.resume) != 2 or not all(isinstance(word, str) for word in spec.resume):
        raise SpecError(f"resume = {list(spec.resume)!r}. Allowed: two words, for a fresh start and for a resumed one.")


def _check_values(spec: ExternalSpec) -> None:
    taken = {*OWN_FIELDS, *RUN_FIELDS} - {*OF_A_RUN}
    for name, value in spec.values.items():
        if name in taken or not name.isidentifier():
            raise SpecError(
                f"A rung's field cannot be named '{name}'. Allowed: names of letters, digits and _, but not "
                f"{', '.join(sorted(taken))}, which every run has. Rename it."
            )
        if isinstance(value, bool) or not isinstance(value, OF_A_RUN.get(name, (object,))):
            _refuse_kind(name, value)
        if not isinstance(value, (str, int, float)):
            raise SpecError(f"{name} = {value!r} is no text, number or boolean. A command's argument is one of these.")
    if spec.batch_tokens is not None and not 0 < spec.batch_tokens < math.inf:
        raise SpecError(f"batch_tokens = {spec.batch_tokens:g} cannot be. Allowed: tokens a step, a number above 0.")


def _refuse_kind(name: str, value: object) -> None:
    if name in OF_A_RUN:
        kinds = " or ".join({int: "a whole number", float: "a number", str: "text"}[kind] for kind in OF_A_RUN[name])
        raise SpecError(f"{name} = {value!r} becomes a field of the run. Allowed: {kinds}. Write it so, or rename it.")


def _check_log(spec: ExternalSpec) -> None:
    from isoflop.train.external_log import LogReading

    reading = LogReading.of(spec.log)
    if spec.batch_tokens is None and reading.tokens is None and not reading.tells_tokens:
        raise SpecError(
            f"A log of profile '{reading.profile}' counts steps and no tokens. Give batch_tokens, the tokens of one "
            "step, among the fields of the rung."
        )


if __name__ == "__main__":
    from isoflop.train.external_worker import main

    sys.exit(main())
