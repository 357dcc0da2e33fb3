"""LADDER.toml: a ladder as people write it. ``docs/campaigns.md`` has every key; unknown ones are refused by name."""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoflop.errors import BadInput, IsoflopError, SpecError
from isoflop.execute import EXECUTORS, Resources
from isoflop.units import parse_duration, parse_money
from isoflop.workbench.ladder import Ladder, Price, Rung
from isoflop.workbench.ladder_design import KEYS, design_rungs
from isoflop.workbench.ladder_recipe import EmbeddedRecipe, Recipe, number_or_formula, read_recipe
from isoflop.workbench.ladder_tables import Table, at_least_one, count, refuse_key, several, text, whole
from isoflop.workbench.places import STORE_FILE
from isoflop.workbench.study import Study
from isoflop.workbench.trunk import Trunk, trunk_of

if TYPE_CHECKING:
    from isoflop.train.spec import TextSource

TABLES = ("ladder", "recipe", "rungs", "design", "executor", "resources", "price")
MEGABYTES = 2.0**20


def read_ladder(path: Path | str) -> Ladder:
    """Read a ladder file.

    Raises SpecError, naming table and key, for what it does not know or cannot train; TextError for a text that cannot
    be read (its vocabulary is looked up unless the recipe states it or an earlier start of the ladder found it).
    """
    path = Path(path)
    tables = _parsed(path)
    for name in tables:
        refuse_key(name, TABLES, path.name)
    head = Table(f"[ladder] of {path.name}", tables.get("ladder", {}))
    name = head.take("name", text, path.stem)
    folder = (path.parent / head.take("folder", text, path.stem)).absolute()
    store = head.take("store", text, "")
    attempts = head.take("attempts", at_least_one, 2)
    head.finish()
    recipe_table = Table(f"[recipe] of {path.name}", tables.get("recipe", {}))
    recipe = read_recipe(recipe_table, path.parent.absolute(), _known_vocabulary(folder))
    rungs, notes = _rungs(tables, recipe, folder, path.name)
    resources = _resources(Table(f"[resources] of {path.name}", tables.get("resources", {})))
    return Ladder(
        name=name,
        folder=folder,
        store=_store_place(store, path.parent) if store else str(folder / STORE_FILE),
        recipe=recipe.frozen(),
        trunks=largest_first(merged([trunk for rung in rungs for trunk in recipe.trunks(rung)])),
        attempts=attempts,
        executors=_executors(tables.get("executor", {}), path.name),
        resources=resources,
        price=_price(Table(f"[price] of {path.name}", tables.get("price", {}))),
        notes=(*notes, *recipe.notes(rungs)),
    )


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"Cannot read the ladder {path}: {error}. Give the path of a TOML file.") from None
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{path} is not TOML: {error}. Mend that place; docs/campaigns.md has an example.") from None


def _rungs(tables: Mapping[str, Any], recipe: Recipe, folder: Path, file: str) -> tuple[list[Rung], list[str]]:
    by_hand = tables.get("rungs", [])
    if not isinstance(by_hand, list):
        raise SpecError(f"rungs of {file} is one table. Write each rung under a heading [[rungs]], with two brackets.")
    rungs = [
        _rung(Table(f"[[rungs]] number {i} of {file}", values), recipe) for i, values in enumerate(by_hand, start=1)
    ]
    notes: list[str] = []
    if "design" in tables:
        designed, notes = design_rungs(Table(f"[design] of {file}", tables["design"], KEYS), recipe, folder)
        rungs = [*designed, *rungs]
    if not rungs:
        raise SpecError(f"{file} has no rungs. Write some under [[rungs]], or a table [design]; see docs/campaigns.md.")
    return rungs, notes


def _rung(table: Table, recipe: Recipe) -> Rung:
    tokens = table.take("tokens", several(count), ())
    ratios = table.take("tokens_per_param", several(count), ())
    seeds = table.take("seeds", several(whole), (0,))
    params = table.take("params", number_or_formula, None)
    settings = table.rest()
    for name in settings if recipe.settings else ():
        refuse_key(name, ("tokens", "tokens_per_param", "seeds", *recipe.settings), table.title)
    if params is not None and isinstance(recipe, EmbeddedRecipe):
        raise table.refuse("params is only for another trainer; N of the embedded one follows from width and depth.")
    if bool(tokens) == bool(ratios):
        raise table.refuse('give tokens, such as ["0.5M", "1M"], or tokens_per_param, one of the two.')
    rung = Rung(settings, tokens, seeds, params, table.title)
    return replace(rung, tokens=tuple(ratio * recipe.params(rung) for ratio in ratios)) if ratios else rung


def merged(trunks: Sequence[Trunk]) -> list[Trunk]:
    """Trunks that are one but for their branches, as one with all of them; others as they are, each once."""
    families: dict[str, list[Trunk]] = defaultdict(list)
    for trunk in trunks:
        families[family(trunk)].append(trunk)
    return [members[0] if len(members) == 1 else _joined(members) for members in families.values()]


def family(trunk: Trunk) -> str:
    """What trunks share that differ in their branches only."""
    spec = json.loads(trunk.spec)
    spec.pop("branch_tokens", None)
    return json.dumps([trunk.command, spec], sort_keys=True)


def with_branches(trunk: Trunk, tokens: Sequence[float]) -> Trunk:
    """The trunk of the same spec that has these branches."""
    from isoflop.train.spec import TrunkSpec

    ends = tuple(sorted({int(D) for D in tokens}))
    return trunk_of(replace(TrunkSpec.from_json(trunk.spec), branch_tokens=ends), name=trunk.name)


def _joined(members: Sequence[Trunk]) -> Trunk:
    ends = {D for trunk in members for D in trunk.branches.values()}
    same = ends == set(members[0].branches.values())
    return members[0] if same else with_branches(members[0], list(ends))


def largest_first(trunks: Sequence[Trunk]) -> tuple[Trunk, ...]:
    """The order in which places are filled best: long ones do not end up alone (Graham 1969, doi:10.1137/0117039)."""
    return tuple(sorted(trunks, key=lambda trunk: trunk.flops(trunk.tokens_total), reverse=True))


def _store_place(store: str, folder: Path) -> str:
    return store if "://" in store else str((folder / store).absolute())


def _executors(given: Any, file: str) -> dict[str, Mapping[str, Any]]:
    places = Table(f"[executor] of {file}", given).rest()
    for name, options in places.items():
        refuse_key(name, EXECUTORS, f"[executor] of {file}")
        Table(f"[executor.{name}] of {file}", options)
    return places


def _resources(table: Table) -> Resources:
    resources = Resources(
        cpus=table.take("cpus", at_least_one, None),
        gpus=table.take("gpus", whole, 0),
        memory_mb=table.take("memory", _megabytes, None),
        seconds=table.take("time", _seconds, None),
    )
    table.finish()
    return resources


def _price(table: Table) -> Price | None:
    """Dollars for an hour of a device: as stated, or what an accelerator rents for."""
    stated = table.take("usd_per_device_hour", _dollars, None)
    name = table.take("accelerator", text, None)
    table.finish()
    if stated is not None and name is not None:
        raise table.refuse("give usd_per_device_hour or accelerator, one of the two.")
    if stated is not None:
        return Price(stated, "as the ladder file says")
    return None if name is None else _rent(name)


def _rent(name: str) -> Price:
    from isoflop.planning.accelerators import find_accelerator
    from isoflop.planning.hardware import LATEST
    from isoflop.planning.prices import any_rent

    chip = find_accelerator(name)
    quote = any_rent(chip, LATEST)
    if quote is None:
        raise SpecError(f"No rent of {chip.name} is known. Give usd_per_device_hour in [price] instead.")
    return Price(quote.middle, f"rents of {chip.name} from {quote.first} to {quote.as_of}: {quote.source}")


def _dollars(where: str, value: Any) -> float:
    try:
        return count(where, parse_money(value) if isinstance(value, str) else value)
    except IsoflopError as error:
        raise SpecError(f"{where}: {error}") from None


def _seconds(where: str, value: Any) -> float:
    try:
        return count(where, parse_duration(value))
    except IsoflopError as error:
        raise SpecError(f"{where}: {error}") from None


def _megabytes(where: str, value: Any) -> int:
    """``"8G"`` and ``"8 GB"`` are 8e9 bytes; a bare number is of MiB, as Slurm has it."""
    if isinstance(value, str):
        return max(1, round(count(where, value.removesuffix("B").strip()) / MEGABYTES))
    return at_least_one(where, value)


def _known_vocabulary(folder: Path) -> Callable[[TextSource], int | None]:
    """The vocabulary of a text where the study froze a recipe with the same text: no need to read the text again."""

    def look_up(source: TextSource) -> int | None:
        frozen = (Study(folder).plan() or {}).get("recipe", {})
        known = {name.removeprefix("text."): value for name, value in frozen.items() if name.startswith("text.")}
        try:
            same = bool(known) and type(source)(**known) == source
        except (TypeError, BadInput):
            return None
        return int(frozen["vocab"]) if same and "vocab" in frozen else None

    return look_up
