"""What a diagnosis finds: one plain sentence with numbers, what to do, and the figure that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["warning", "note", "good"]
Figure = Literal["residuals", "spread", "influence", "profiles", "directions", "support", "replicates"]

ORDER: tuple[Severity, ...] = ("warning", "note", "good")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    topic: what was looked at. severity: a warning may mislead a forecast, a note is worth knowing, good says that a
    check was made and passed. message: one sentence with its numbers. remedy: what to do; empty where nothing is to be
    done. figure: the chart that shows it. rows: of the table, from 0. numbers: those of the sentence, for programs.
    """

    topic: str
    severity: Severity
    message: str
    remedy: str
    figure: Figure
    rows: tuple[int, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)


def by_severity(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Warnings first; the order within a severity is kept."""
    return tuple(sorted(findings, key=lambda finding: ORDER.index(finding.severity)))


def percent(log_ratio: float, digits: int = 2) -> str:
    """A difference of logarithms as a signed percentage of the loss: 0.01 is ``+1 %``."""
    return f"{100 * log_ratio:+.{digits}g} %".replace("-", "−")


def named(rows: Iterable[int], names: Iterable[str], most: int = 6) -> str:
    """``row 3 (70M-2), row 9 (2B on 40B) and 4 more``; rows of the table are counted from 1, after any filter."""
    words = [f"row {row + 1} ({name})" for row, name in zip(rows, names, strict=True)]
    shown = ", ".join(words[:most])
    return f"{shown} and {len(words) - most} more" if len(words) > most else shown
