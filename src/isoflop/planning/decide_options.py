"""Options for a budget and the unknowns that they hang on: intervals with their sources, and what money changes.

    unknown("quality_gain")                 -> Unknown: low, middle, high, whether measured, published or assumed
    options(("compute", "quality"))         -> Options by name; all that need no asking by default
    relevant(chosen, …)                     -> the unknowns on which these options can depend

Both live in facts/options.toml and facts/unknowns.toml; a person's own file changes rows and adds some.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtri

from isoflop.errors import BadInput, did_you_mean
from isoflop.facts import Fact, facts
from isoflop.planning.accelerators import Accelerator
from isoflop.planning.prices import any_rent
from isoflop.planning.utilisation import whole_run_utilisation
from isoflop.units import format_count

Array = NDArray[np.float64]

Effect = Literal["flops", "progress", "data_gain", "unique_tokens", "inference", "compute_gain"]
Progress = Literal["halving", "scale_dependent"]
EFFECTS: tuple[str, ...] = get_args(Effect)
PROGRESS: tuple[str, ...] = get_args(Progress)
KINDS = ("measured", "published", "assumed", "given")
ONE = {"months": "month", "orders": "order", "passes": "pass"}
"""Units of which there is one."""
TAIL = 0.01
"""An interval that is judged says nothing of what is rarer than this; draws stop at these quantiles (chosen)."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A quantity that is not known: low, middle and high are quantiles at ``level`` and the median.

    kind: measured, published, assumed or given. how: what would settle it. scale: log or share. seen: values to draw
    from instead, such as prices.
    """

    name: str
    what: str
    unit: str
    low: float
    middle: float
    high: float
    level: float
    kind: str
    how: str
    source: str
    scale: str = "log"
    seen: tuple[float, ...] = ()

    def quantile(self, u: ArrayLike) -> Array:
        """Values below which a share u lies, any shape: straight in ln, or in the log-odds, between the three given."""
        share = np.clip(np.asarray(u, dtype=float), TAIL, 1 - TAIL)
        if self.seen:
            return np.asarray(np.quantile(self.seen, share))
        if self.low == self.high:
            return np.full(share.shape, self.middle)
        to, back = (logit, expit) if self.scale == "share" else (np.log, np.exp)
        low, middle, high = (float(to(value)) for value in (self.low, self.middle, self.high))
        z = ndtri(share) / ndtri((1 + self.level) / 2)
        return np.asarray(back(middle + np.where(z < 0, middle - low, high - middle) * z))

    def said(self, value: float) -> str:
        """A value of it in words: $250k, 0.25 months, 1.5 times."""
        if self.unit == "$":
            return f"${format_count(value)}"
        number = format_count(value)
        return f"{number} {ONE.get(self.unit, self.unit) if number == '1' else self.unit}".rstrip()

    def known(self, value: float) -> Unknown:
        """The same once it is known. Raises BadInput for a value that it cannot have."""
        if not (0 < value < (1 if self.scale == "share" else np.inf)):
            allowed = "between 0 and 1" if self.scale == "share" else "positive"
            raise BadInput(f"{self.name} = {value:g} is not possible: {self.what} must be {allowed}.")
        return replace(self, low=value, middle=value, high=value, kind="given", source="given", seen=())


@dataclass(frozen=True, slots=True)
class Grade:
    """Tokens at hand of one quality. share: of all of them. worth: of one, over the average of all; passes: in which
    they wear out, in the sense of the law of repetition in use, or None for its own."""

    name: str
    share: float
    worth: float
    passes: float | None


@dataclass(frozen=True, slots=True)
class Option:
    """One way to spend the budget. effect: what the money changes, see facts/options.toml.

    grades: of a data_gain, the tokens at hand by quality, best first; none where NAME_gain and NAME_keep say it.
    """

    name: str
    label: str
    what: str
    effect: str
    source: str
    grades: tuple[Grade, ...] = ()


def options(names: Sequence[str] | None = None, overrides: Path | None = None) -> tuple[Option, ...]:
    """Options by name, or all that need no asking. Raises BadInput for an unknown name or effect."""
    rows = facts("options", overrides)
    for name in names or ():
        if name not in rows:
            raise BadInput(f"Unknown option '{name}'. Known: {', '.join(rows)}.{did_you_mean(name, rows)}")
    wanted = names if names is not None else [name for name, row in rows.items() if not row["asked"]]
    return tuple(_option(rows[name]) for name in dict.fromkeys(wanted))


def _option(row: Fact) -> Option:
    if row["effect"] not in EFFECTS:
        raise BadInput(
            f"The option '{row['name']}' has the effect '{row['effect']}'. Known: {', '.join(EFFECTS)}."
            f"{did_you_mean(str(row['effect']), EFFECTS)}"
        )
    return Option(row["name"], row["label"], row["what"], row["effect"], row["source"], _grades(row))


_POOL = '{ name = "best", tokens = 1e11, worth = 1.5, passes = 4 }'
"""A pool as it is written."""


def _grades(row: Fact) -> tuple[Grade, ...]:
    """The pools of a row, tokens as shares and worth over the average, best first."""
    pools = row.get("pools", [])
    if not pools:
        return ()
    name = row["name"]
    if row["effect"] != "data_gain" or len(pools) < 2:
        raise BadInput(
            f"The option '{name}' has {len(pools)} pools and the effect '{row['effect']}'. A table of pools goes with "
            f"data_gain and has at least two rows such as {_POOL}."
        )
    for pool in pools:
        _refuse_pool(name, pool)
    pools = sorted(pools, key=lambda pool: -pool["worth"])
    tokens = sum(pool["tokens"] for pool in pools)
    mean = sum(pool["tokens"] * pool["worth"] for pool in pools) / tokens
    return tuple(Grade(p["name"], p["tokens"] / tokens, p["worth"] / mean, p.get("passes")) for p in pools)


def _refuse_pool(option: str, pool: object) -> None:
    known = {"name", "tokens", "worth", "passes"}
    needed = known - {"passes"}
    if not isinstance(pool, Mapping) or not needed <= set(pool) <= known:
        seen = ", ".join(pool) if isinstance(pool, Mapping) else str(pool)
        raise BadInput(f"A pool of '{option}' has {seen}. Needed are name, tokens and worth; passes may be: {_POOL}.")
    for key in known - {"name"}:
        value = pool.get(key, 1.0)
        if not (isinstance(value, (int, float)) and 0 < value < np.inf):
            raise BadInput(f"The pool '{pool['name']}' of '{option}' has {key} = {value!r}. It must be positive.")


def unknown(name: str, overrides: Path | None = None) -> Unknown:
    """An unknown of the table by name. Raises BadInput where it is missing or its numbers are not in order."""
    rows = facts("unknowns", overrides)
    if name not in rows:
        raise BadInput(
            f"No unknown '{name}' is given. Known: {', '.join(rows)}.{did_you_mean(name, rows)} An option of your own "
            "with a gain needs NAME_gain and NAME_half_usd under [[unknowns]]."
        )
    row = rows[name]
    numbers = [float(row[key]) for key in ("low", "middle", "high")]
    top = 1.0 if row["scale"] == "share" else np.inf
    if not (0 < numbers[0] <= numbers[1] <= numbers[2] < top and 0 < row["level"] < 1 and row["kind"] in KINDS):
        raise BadInput(
            f"The unknown '{name}' has low, middle, high = {', '.join(f'{n:g}' for n in numbers)}, level "
            f"{row['level']:g} and kind '{row['kind']}'. They must rise from above 0"
            f"{' to below 1' if top == 1 else ''}, the level lies between 0 and 1, and the kind is one of "
            f"{', '.join(KINDS)}."
        )
    low, middle, high = numbers
    return Unknown(
        name=name,
        what=row["what"],
        unit=row["unit"],
        low=low,
        middle=middle,
        high=high,
        level=float(row["level"]),
        kind=row["kind"],
        how=row["how"],
        source=row["source"],
        scale=row["scale"],
    )


def relevant(
    chosen: Sequence[Option],
    chip: Accelerator,
    *,
    priced: bool,
    limited: bool,
    progress: str = "halving",
    repeats: str = "decay",
    date: str,
    overrides: Path | None = None,
) -> tuple[Unknown, ...]:
    """The unknowns on which these options can depend, without the law. priced: whether the baseline is in dollars.

    limited: whether the distinct tokens are. Raises BadInput for a chip without a known rent.
    """
    effects = {option.effect for option in chosen}
    names: list[str] = []
    for option in chosen:
        if option.grades:
            names.append(f"{option.name}_half_usd")
            if not limited:
                raise BadInput(
                    f"The pools of '{option.name}' say how the tokens at hand differ, and how many there are is not "
                    "said. Give them, all pools together: --tokens-available 300B."
                )
        elif option.effect in ("data_gain", "compute_gain"):
            names += [f"{option.name}_gain", f"{option.name}_half_usd"]
            if limited and option.effect == "data_gain" and f"{option.name}_keep" in facts("unknowns", overrides):
                names.append(f"{option.name}_keep")
    if "progress" in effects:
        names += ["staff_year_usd", "months_per_staff_year", "team_exponent"]
        names += ["frontier_factor", "small_factor"] if progress == "scale_dependent" else []
        names += ["data_share"] if limited else []
    if limited:
        names.append("half_life_passes" if repeats == "half_life" else "repeat_value")
    if "unique_tokens" in effects and limited:
        names.append("token_usd_per_billion")
    if "inference" in effects:
        names += ["inference_exchange", "inference_bill"]
    found = [unknown(name, overrides) for name in names]
    if "progress" in effects and progress == "halving":
        found.insert(0, halving_months(overrides))
    if priced or effects & {"flops", "inference"}:
        found = [*market(chip, date, overrides), *found]
    return tuple(found)


def market(chip: Accelerator, date: str, overrides: Path | None = None) -> tuple[Unknown, Unknown]:
    """Rent of a chip-hour, among the prices of the last year known, and utilisation, as published runs had it."""
    rent = any_rent(chip, date, overrides)
    if rent is None:
        rented = dict.fromkeys(
            row["accelerator"] for row in facts("prices", overrides).values() if row["kind"] == "rent"
        )
        raise BadInput(f"No rent of {chip.name} is known up to {date}; known are those of {', '.join(rented)}.")
    used = whole_run_utilisation(chip, overrides=overrides)
    low, middle, high = map(float, used.quantile([0.1, 0.5, 0.9]))
    return (
        Unknown(
            name="rent_usd",
            what=f"rent of an hour of one {chip.name}, {rent.first} to {rent.as_of}",
            unit="$",
            low=rent.low,
            middle=rent.middle,
            high=rent.high,
            level=1.0,
            kind="measured",
            how="ask for two quotes for the weeks that you need",
            source=rent.source,
            seen=rent.seen,
        ),
        Unknown(
            name="mfu",
            what="utilisation of the whole run, failures and idle hours included",
            unit="",
            low=low,
            middle=middle,
            high=high,
            level=0.8,
            kind="measured",
            how="run your trainer for an hour on the cluster that you would rent; a whole run keeps about 0.9 of that",
            source=used.source,
            scale="share",
        ),
    )


def halving_months(overrides: Path | None = None) -> Unknown:
    """Months in which the compute for a given loss halves, from the growth of algorithms among the facts."""
    row = facts("growth", overrides)["algorithms"]
    months = [12 * float(np.log(2) / np.log(row[key])) for key in ("high", "factor", "low")]
    return Unknown(
        name="halving_months",
        what="months in which the field halves the compute for a given loss",
        unit="months",
        low=months[0],
        middle=months[1],
        high=months[2],
        level=float(row["level"]),
        kind="published",
        how="no measurement of yours settles it; months_per_staff_year can be measured in its place",
        source=row["source"],
    )


def delivered(drift: float) -> Unknown:
    """What comes of a fall that a law promises beyond its runs. drift: standard deviation, a share of the fall."""
    reach = float(np.exp(ndtri(0.9) * drift))
    return Unknown(
        name="delivered",
        what="what comes of a fall of the loss that the law promises beyond its runs, over the promise",
        unit="times",
        low=1 / reach,
        middle=1.0,
        high=reach,
        level=0.8,
        kind="measured",
        how="isoflop backtest shows what laws of your own runs delivered",
        source=f"backtests beyond the data: standard deviation {drift:.0%} of the fall (facts/calibration.toml)",
    )


def settle(found: Sequence[Unknown], known: Mapping[str, float]) -> tuple[Unknown, ...]:
    """Unknowns with those that are given a value set to it. Raises BadInput for a name that none has."""
    names = [each.name for each in found]
    for name in known:
        if name not in names:
            raise BadInput(
                f"Nothing here hangs on '{name}'. This decision hangs on: {', '.join(names)}."
                f"{did_you_mean(name, names)}"
            )
    return tuple(each.known(known[each.name]) if each.name in known else each for each in found)
