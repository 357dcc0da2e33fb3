"""The table ``[design]``: rungs by a rule instead of by hand.

    widths, tokens              a grid: every width to every D; or tokens_per_param for D as multiples of N
    widths, flops               isoFLOP groups: every width at D = C/6N for each C
    target_flops                the rungs that leave a target's forecast the least variance (``isoflop ladder design``)
    time                        as many rungs as this machine trains in that time, at its measured speed

All but the last follow from the file alone. The last is measured once and kept in the study's folder.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from isoflop.counting import FLOPS_PER_PARAM_TOKEN
from isoflop.errors import IsoflopError, SpecError
from isoflop.units import format_count, parse_duration, parse_flops
from isoflop.workbench.files import write_atomically
from isoflop.workbench.ladder import Rung
from isoflop.workbench.ladder_recipe import EmbeddedRecipe, Recipe
from isoflop.workbench.ladder_tables import Table, at_least_one, count, several, whole

DESIGNS = "designs.json"
KEYS = (
    *("widths", "tokens", "tokens_per_param", "flops", "within", "seeds"),
    *("target_flops", "share", "budget", "most", "noise", "time"),
)


def design_rungs(table: Table, recipe: Recipe, folder: Path) -> tuple[list[Rung], list[str]]:
    """The rungs of a design and what a reader should know of them. folder: of the study.

    Raises SpecError for keys that do not go together, and where a design leaves no rung.
    """
    if "time" in table:
        return _in_time(table, recipe, folder)
    if "target_flops" in table:
        return _for_target(table, recipe)
    widths = table.take("widths", several(at_least_one), ())
    if not widths:
        raise table.refuse(
            'a design has widths (with tokens, tokens_per_param or flops), target_flops, or time = "10 min".'
        )
    seeds = table.take("seeds", several(whole), (0,))
    tokens_of = _tokens_rule(table)
    table.finish()
    rungs, left_out = [], []
    for width in widths:
        empty = Rung({"width": width}, (), seeds, title=table.title)
        tokens = tokens_of(recipe.params(empty))
        rungs += [Rung({"width": width}, tokens, seeds, title=f"{table.title}, width {width}")] if tokens else []
        left_out += [] if tokens else [str(width)]
    if not rungs:
        raise table.refuse("no width has a D within the bounds. Widen 'within', or choose other flops.")
    return rungs, [f"Widths {', '.join(left_out)} have no D within the bounds and are left out."] if left_out else []


def _tokens_rule(table: Table) -> Callable[[float], tuple[float, ...]]:
    """N -> D of each run, by whichever of three keys is given."""
    given = [key for key in ("tokens", "tokens_per_param", "flops") if key in table]
    if len(given) != 1:
        raise table.refuse(
            f"{' and '.join(given) or 'none of them'} given. Give one of tokens, tokens_per_param and flops."
        )
    low, high = table.take("within", _bounds, (0.0, math.inf))
    if given == ["tokens"]:
        tokens = table.take("tokens", several(count), ())
        return lambda N: tuple(D for D in tokens if low <= D / N <= high)
    if given == ["tokens_per_param"]:
        ratios = table.take("tokens_per_param", several(count), ())
        return lambda N: tuple(ratio * N for ratio in ratios if low <= ratio <= high)
    flops = table.take("flops", several(_flops), ())
    return lambda N: tuple(
        C / (FLOPS_PER_PARAM_TOKEN * N) for C in sorted(flops) if low <= C / (FLOPS_PER_PARAM_TOKEN * N**2) <= high
    )


def _for_target(table: Table, recipe: Recipe) -> tuple[list[Rung], list[str]]:
    """The planner's rungs, each at the width whose N is nearest."""
    from isoflop.planning.design import design_ladder

    target = table.take("target_flops", _flops, 0.0)
    options = {name: table.take(name, read, None) for name, read in _TARGET_OPTIONS.items()}
    table.finish()
    try:
        made = design_ladder({"C": target}, **{name: value for name, value in options.items() if value is not None})
    except IsoflopError as error:
        raise table.refuse(str(error)) from None
    grouped: dict[tuple[int, int], set[float]] = defaultdict(set)
    for rung in made.rungs:
        width = nearest_width(recipe, rung.params, table.title)
        grouped[width, rung.seed].add(rung.flops / (FLOPS_PER_PARAM_TOKEN * _params(recipe, width, table.title)))
    rungs = [
        Rung({"width": width}, tuple(sorted(tokens)), (seed,), title=f"{table.title}, width {width}")
        for (width, seed), tokens in sorted(grouped.items())
    ]
    where = f"N = {format_count(made.params)}, D = {format_count(made.tokens)}"
    note = f"Designed for a target of {where}; each rung keeps its compute at the width whose N is nearest."
    return rungs, [note, *made.notes]


def nearest_width(recipe: Recipe, params: float, title: str) -> int:
    """The width, a multiple of the recipe's head_dim, whose N is nearest to ``params`` in its logarithm."""
    step = recipe.base.head_dim if isinstance(recipe, EmbeddedRecipe) else 1
    high = 1
    while _params(recipe, high * step, title) < params and high < 1 << 20:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _params(recipe, middle * step, title) < params else (low, middle)
    candidates = [width * step for width in (low, high) if width]
    return min(candidates, key=lambda width: abs(math.log(_params(recipe, width, title) / params)))


def _params(recipe: Recipe, width: int, title: str) -> float:
    return recipe.params(Rung({"width": width}, (), title=title))


def _in_time(table: Table, recipe: Recipe, folder: Path) -> tuple[list[Rung], list[str]]:
    """The trainer's own ladder for a time, designed once: the speed of a machine is never measured the same twice."""
    seconds = table.take("time", lambda _where, value: parse_duration(value), 0.0)
    seeds = table.take("seeds", several(whole), (0,))
    table.finish()
    if not isinstance(recipe, EmbeddedRecipe):
        raise table.refuse("time is only for the embedded trainer, whose speed isoflop can measure. Give widths.")
    ask = json.dumps({"time": seconds, "seed": seeds[0], "recipe": recipe.frozen()}, sort_keys=True)
    kept = _kept(folder)
    if ask not in kept:
        kept[ask] = _measured_design(recipe, seconds, seeds[0])
        write_atomically(folder / DESIGNS, json.dumps(kept, indent=1) + "\n")
    rungs = [
        Rung({"width": width}, tuple(tokens), (seed,), title=f"{table.title}, width {width}")
        for width, tokens, seed in kept[ask]
    ]
    return rungs, ["Designed for the speed of the machine where it was first read; kept in the study's folder."]


def _measured_design(recipe: EmbeddedRecipe, seconds: float, seed: int) -> list[tuple[int, list[int], int]]:
    from isoflop.execute import available_cores
    from isoflop.train.ladder import design_ladder
    from isoflop.train.speed import measure_speed

    cores = available_cores()
    speed = measure_speed(recipe.base, cores)
    design = design_ladder(speed, seconds, len(cores), seed, recipe.base)
    return [(spec.width, list(spec.branch_tokens), spec.seed) for spec in design.trunks]


def _kept(folder: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads((folder / DESIGNS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise SpecError(
            f"{folder / DESIGNS} is not JSON ({error}). Delete it: the ladder is then designed anew."
        ) from None
    return kept


def _flops(where: str, value: Any) -> float:
    try:
        flops = parse_flops(value)
    except IsoflopError as error:
        raise SpecError(f"{where}: {error}") from None
    return count(where, flops)


def _bounds(where: str, value: Any) -> tuple[float, float]:
    if not (isinstance(value, list) and len(value) == 2):
        raise SpecError(f"{where} is {value!r}. Write the least and the most tokens per parameter, as in [2, 200].")
    low, high = (count(where, item) for item in value)
    if low > high:
        raise SpecError(f"{where} is {value!r}. Allowed: the lower bound first.")
    return low, high


_TARGET_OPTIONS: dict[str, Callable[[str, Any], Any]] = {
    "share": count,
    "budget": _flops,
    "most": at_least_one,
    "noise": count,
}
