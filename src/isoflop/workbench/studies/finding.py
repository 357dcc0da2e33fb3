"""What a study found, as a value: the answer with its interval, how it stands to what was published, what it leaves
open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from isoflop.report.tables import Table
from isoflop.runs.table import Runs

if TYPE_CHECKING:
    from isoflop.train.spec import TextSource

Verdict = Literal["agrees", "disagrees", "partly agrees", "undecided"]


@dataclass(frozen=True, slots=True)
class Material:
    """What a study is judged by. runs: its table. scores: every answer of every model, of a study that asks; see
    ``isoflop.samples.load_scores``. text: what was trained on. made: how it came about, in a sentence."""

    runs: Runs
    text: TextSource
    scores: pl.DataFrame | None = None
    made: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measured quantity with its interval, None where there is none. unit: empty for a pure number."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """answer: the result in a sentence or two. verdict, because: how it stands to the published claim, and by what
    measure. level: of the intervals. table: the figures behind it. shows_not: limits, one a sentence. drawn: frames for
    the charts of the study."""

    answer: str
    verdict: Verdict
    because: str
    measures: tuple[Measure, ...]
    table: Table
    shows_not: tuple[str, ...]
    level: float = 0.9
    notes: tuple[str, ...] = ()
    drawn: Mapping[str, Any] = field(default_factory=dict)
