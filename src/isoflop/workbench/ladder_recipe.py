"""What all rungs share: the recipe of the embedded trainer, or the command of another one; and the trunks of both."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from isoflop.errors import IsoflopError, SpecError
from isoflop.units import format_count
from isoflop.workbench.formula import evaluate_formula
from isoflop.workbench.ladder import Rung
from isoflop.workbench.ladder_tables import Table, count, refuse_key, text, whole
from isoflop.workbench.trunk import EXTERNAL_TRAINER, Trunk, trunk_of

if TYPE_CHECKING:
    from isoflop.train.external import ExternalSpec
    from isoflop.train.spec import TextSource, TrunkSpec

OF_A_RUNG = ("width", "branch_tokens", "seed")
"""Fields of a spec that are not the recipe's."""
EXTERNAL_OPTIONS = ("env", "log", "checkpoint", "resume", "params_convention", "partial", "grace")
BASE_STEPS = 1_000
"""Length of the run that stands for the recipe; only its shape and rates are looked at."""


class Recipe(Protocol):
    """What rungs are made with. settings: names that a rung may set."""

    @property
    def settings(self) -> tuple[str, ...]: ...

    def frozen(self) -> dict[str, Any]:
        """The recipe as flat keys, without what is a rung's."""
        ...

    def params(self, rung: Rung) -> float:
        """N of a rung."""
        ...

    def trunks(self, rung: Rung) -> list[Trunk]:
        """The training processes of a rung."""
        ...

    def notes(self, rungs: Sequence[Rung]) -> list[str]:
        """What a reader should know."""
        ...


@dataclass(frozen=True, slots=True)
class EmbeddedRecipe:
    """A recipe of the embedded trainer. vocabulary: of a text, where the recipe does not state it."""

    base: TrunkSpec
    vocabulary: Callable[[TextSource], int] | None
    folder: Path

    @property
    def settings(self) -> tuple[str, ...]:
        """All fields of a spec but those that the rung's own keys stand for."""
        return tuple(f.name for f in fields(self.base) if f.name not in ("branch_tokens", "seed", "recipe"))

    def frozen(self) -> dict[str, Any]:
        """The fields of the spec, those of its text as ``text.kind`` and so on."""
        values = json.loads(self.base.to_json())
        source = values.pop("text")
        flat = {name: value for name, value in values.items() if name not in OF_A_RUNG}
        return flat | {f"text.{name}": value for name, value in source.items()}

    def params(self, rung: Rung) -> float:
        """N by the spec of the rung."""
        return float(self.spec(rung, seed=0, tokens=None).params)

    def spec(self, rung: Rung, *, seed: int, tokens: tuple[float, ...] | None) -> TrunkSpec:
        """The spec of one seed; tokens None for the recipe's own stand-in. Raises SpecError, naming the rung."""
        values = read_fields(type(self.base), rung.settings, rung.title, self.base, self.folder)
        if self.vocabulary and "vocab" not in values and "text" in values:
            values["vocab"] = self.vocabulary(values["text"])
        batch = values.get("batch", self.base.batch) * values.get("context", self.base.context)
        ends = (BASE_STEPS,) if tokens is None else sorted({int(D) // batch for D in tokens})
        try:
            return replace(self.base, **values, seed=seed, branch_tokens=tuple(end * batch for end in ends))
        except IsoflopError as error:
            raise SpecError(f"{rung.title}: {error}") from None

    def trunks(self, rung: Rung) -> list[Trunk]:
        """One for each seed, with a branch for each D."""
        specs = (self.spec(rung, seed=seed, tokens=rung.tokens) for seed in rung.seeds)
        return [trunk_of(spec, name=named(rung.settings, spec.seed)) for spec in specs]

    def notes(self, rungs: Sequence[Rung]) -> list[str]:  # noqa: ARG002 - as the protocol has it
        """Nothing: our own trainer hears all that it is told."""
        return []


@dataclass(frozen=True, slots=True)
class ExternalRecipe:
    """A recipe that is a command template. values: fields that rungs may override. options: of ``ExternalSpec``."""

    command: Any
    values: Mapping[str, Any]
    options: Mapping[str, Any]
    formula: float | str | None

    @property
    def settings(self) -> tuple[str, ...]:
        """Any name: the template says which it uses."""
        return ()

    def frozen(self) -> dict[str, Any]:
        """The command, its options and the fields that all rungs share."""
        from isoflop.train.external import UNTRAINED

        shared = {f"values.{name}": value for name, value in self.values.items()}
        options = {name: value for name, value in self.options.items() if name not in UNTRAINED}
        return {"command": self.command, **options, **shared, "params": self.formula}

    def params(self, rung: Rung) -> float:
        """N as stated, or by the formula in the rung's fields. Raises SpecError where there is neither."""
        stated = rung.params if rung.params is not None else self.formula
        if stated is None:
            raise SpecError(
                f"{rung.title} has no params, and isoflop cannot count those of a trainer that is not its own. Give N, "
                'or a formula in the fields of the rung, as in params = "12*depth*width**2", there or in [recipe].'
            )
        N = (
            evaluate_formula(stated, {**self.values, **rung.settings}, rung.title)
            if isinstance(stated, str)
            else stated
        )
        if not (math.isfinite(N) and N > 0):
            raise SpecError(f"{rung.title}: params is {N:g}. Allowed: a number above 0. Mend the formula.")
        return float(N)

    def trunks(self, rung: Rung) -> list[Trunk]:
        """One for each seed and D: another trainer's runs share nothing."""
        runs = [(seed, D) for seed in rung.seeds for D in rung.tokens]
        return [_external_trunk(self.spec(rung, seed, D), self._name(rung, seed, D)) for seed, D in runs]

    def spec(self, rung: Rung, seed: int, tokens: float) -> ExternalSpec:
        """The spec of one run. Raises SpecError, naming the rung, where the template cannot be filled."""
        from isoflop.train.external import ExternalSpec

        N, values = self.params(rung), {**self.values, **rung.settings}
        try:
            return ExternalSpec(
                command=self.command, values=values, tokens=round(tokens), params=N, seed=seed, **self.options
            )
        except IsoflopError as error:
            raise SpecError(f"{rung.title}: {error}") from None

    def notes(self, rungs: Sequence[Rung]) -> list[str]:
        """What the command is not told."""
        specs = (self.spec(rung, rung.seeds[0], rung.tokens[0]) for rung in rungs)
        return list(dict.fromkeys(note for spec in specs for note in spec.notes))

    @staticmethod
    def _name(rung: Rung, seed: int, tokens: float) -> str:
        return named({**rung.settings, "tokens": format_count(tokens)}, seed)


def _external_trunk(spec: ExternalSpec, name: str) -> Trunk:
    return Trunk(
        name=name,
        spec_id=spec.spec_id,
        spec=spec.to_json(),
        params=float(spec.params),
        branches={spec.run_id: float(spec.tokens)},
        tokens_total=float(spec.tokens),
        command=EXTERNAL_TRAINER,
    )


def named(settings: Mapping[str, Any], seed: int) -> str:
    """``width 64, lr 0.008, seed 1``; a text or another table is not spelled out, and seed 0 goes without saying."""
    told = [f"{name} {value}" for name, value in settings.items() if not isinstance(value, Mapping)]
    told += [
        f"{name} {'/'.join(map(str, value.values()))}" for name, value in settings.items() if isinstance(value, Mapping)
    ]
    return ", ".join([*told, *([f"seed {seed}"] if seed or not told else [])])


def read_recipe(table: Table, folder: Path, known_vocab: Callable[[TextSource], int | None]) -> Recipe:
    """The recipe in a file. folder: that the file is in. known_vocab: where it was looked up before."""
    if "command" in table:
        return _external(table, folder)
    from isoflop.train.spec import TrunkSpec

    name = table.take("name", text, "default")
    given = table.rest()
    for key in given:
        if key in OF_A_RUNG:
            raise table.refuse(f"{key} is a rung's. Give width, tokens and seeds in [[rungs]] or [design].")
    values = read_fields(TrunkSpec, given, table.title, None, folder)
    head_dim, batch, context = (values.get(key, getattr(TrunkSpec(), key)) for key in ("head_dim", "batch", "context"))
    stand_in = {"width": head_dim, "branch_tokens": (BASE_STEPS * batch * context,), "recipe": name}
    try:
        base = TrunkSpec(**{**values, **stand_in})
        if "vocab" in values:
            return EmbeddedRecipe(base, None, folder)
        vocabulary = _vocabulary(known_vocab)
        return EmbeddedRecipe(replace(base, vocab=vocabulary(base.text)), vocabulary, folder)
    except IsoflopError as error:
        if isinstance(error, SpecError):
            raise table.refuse(str(error)) from None
        raise


def _vocabulary(known: Callable[[TextSource], int | None]) -> Callable[[TextSource], int]:
    @cache
    def look_up(source: TextSource) -> int:
        from isoflop.train.text import load_corpus

        found = known(source)
        return load_corpus(source).vocab if found is None else found

    return look_up


def _external(table: Table, folder: Path) -> ExternalRecipe:
    """The command runs in the folder of the file, unless ``cwd`` is another: ``python train.py`` finds its script."""
    options: dict[str, Any] = {"recipe": table.take("name", text, "external")}
    options["cwd"] = str((folder / table.take("cwd", text, ".")).resolve())
    command = table.take("command", _as_it_is, None)
    for key in EXTERNAL_OPTIONS:
        if key in table:
            options[key] = table.take(key, _as_it_is, None)
    formula = table.take("params", number_or_formula, None)
    return ExternalRecipe(command, table.rest(), options, formula)


def _as_it_is(_where: str, value: Any) -> Any:
    return value


def number_or_formula(where: str, value: Any) -> float | str:
    """``12.5M``, 1e7, or a formula such as ``12*depth*width**2``."""
    if isinstance(value, str) and any(letter in value for letter in "*+/("):
        return value
    return count(where, value)


def read_fields(cls: type[Any], given: Mapping[str, Any], title: str, base: Any, folder: Path) -> dict[str, Any]:
    """Values for fields of a spec, each of the type of its field. Raises SpecError for unknown keys and wrong types."""
    kinds = {f.name: str(f.type) for f in fields(cls)}
    values = {}
    for name, value in given.items():
        refuse_key(name, [key for key in kinds if key != "recipe"], title)
        where = f"{name} in {title}"
        if name == "text":
            values[name] = _text_source(value, title, base, folder)
        else:
            values[name] = _typed(where, value, kinds[name])
    return values


def _text_source(given: Any, title: str, base: Any, folder: Path) -> TextSource:
    from isoflop.train.spec import TextSource

    title = f"the text of {title}" if "rungs" in title else title.replace("[recipe]", "[recipe.text]")
    values = read_fields(TextSource, Table(title, given).rest(), title, None, folder)
    for name in ("path", "tokenizer"):
        if isinstance(path := values.get(name), str) and (folder / path).exists():
            values[name] = str((folder / path).resolve())  # workers run in folders of their own
    try:
        return replace(base.text, **values) if base is not None else TextSource(**values)
    except IsoflopError as error:
        raise SpecError(f"{title}: {error}") from None


def _typed(where: str, value: Any, kind: str) -> Any:
    if "tuple" in kind and isinstance(value, list):
        return tuple(value)
    if "int" in kind.split(" | "):
        return whole(where, value)
    if "float" in kind.split(" | "):
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise SpecError(f"{where} is {value!r}. Write a number.")
        return count(where, value) if isinstance(value, str) else float(value)
    if "bool" in kind.split(" | "):
        if not isinstance(value, bool):
            raise SpecError(f"{where} is {value!r}. Write true or false.")
        return value
    return text(where, value)
