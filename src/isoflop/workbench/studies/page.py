"""A study's results as one HTML page, and as Markdown with figures for the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from isoflop.report.figures import Chart, save
from isoflop.report.page import Section, write_report
from isoflop.report.tables import Table, to_markdown
from isoflop.workbench.studies.catalogue import Card
from isoflop.workbench.studies.finding import Finding, Material, Measure


def write_page(path: Path, card: Card, material: Material, finding: Finding, charts: Mapping[str, Chart]) -> Path:
    """The page. Raises BadInput when the folder does not exist and Failure when the file cannot be written."""
    return write_report(
        path, title=card.title, subtitle=finding.answer, sections=_sections(card, material, finding, charts)
    )


def write_markdown(folder: Path, card: Card, material: Material, finding: Finding, charts: Mapping[str, Chart]) -> Path:
    """FOLDER/NAME.md, its figures in FOLDER/figures."""
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name, chart in charts.items():
        save(chart, folder / "figures" / f"{name}.png")
    path = folder / f"{card.name}.md"
    path.write_text(markdown(card, material, finding, charts), encoding="utf-8")
    return path


def markdown(card: Card, material: Material, finding: Finding, charts: Mapping[str, Chart]) -> str:
    """The same text for a reader of the repository."""
    pictures = "\n\n".join(f"![{card.title}](figures/{name}.png)" for name in charts)
    parts = [
        f"# {card.title}",
        (
            f"    isoflop study {card.name}          # from the runs that ship with isoflop\n"
            f"    isoflop study {card.name} --run    # trains them anew"
        ),
        f"**{card.question}**",
        f"{card.design} {material.made}",
        "## Result",
        finding.answer,
        pictures,
        to_markdown(measures_table(finding)).rstrip(),
        "## Beside what was published",
        f"{card.claim} ({card.source}.)",
        f"This study **{finding.verdict}**. {finding.because}",
        "## What it does not show",
        _bullets(finding.shows_not),
        *(["## Remarks", _bullets(finding.notes)] if finding.notes else []),
        "## The runs",
        to_markdown(finding.table).rstrip(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def measures_table(finding: Finding) -> Table:
    """What was measured, with intervals."""
    rows = [{"name": m.name, "value": shown(m), "interval": interval(m)} for m in finding.measures]
    return Table(rows, titles={"name": "Measured", "value": "Value", "interval": f"{finding.level:.0%} interval"})


def shown(measure: Measure) -> str:
    """``0.492``, ``4.76 %``, ``2.4117 nats``."""
    return f"{_number(measure.value, measure)}{' ' if measure.unit else ''}{measure.unit}"


def interval(measure: Measure) -> str | None:
    """``[0.45, 0.598]`` or None."""
    if measure.low is None or measure.high is None:
        return None
    return f"[{_number(measure.low, measure)}, {_number(measure.high, measure)}]"


def _number(value: float, measure: Measure) -> str:
    """Losses to four decimals, all else to three digits."""
    return f"{value:.4f}" if measure.unit == "nats" else f"{value:.3g}"


def _sections(card: Card, material: Material, finding: Finding, charts: Mapping[str, Chart]) -> list[Section]:
    first, *others = charts.values()
    return [
        Section(heading="The question", prose=card.question),
        Section(heading="What was done", prose=f"{card.design}\n\n{material.made}"),
        Section(heading="Result", prose=finding.answer, chart=first),
        *(Section(heading=f"Result, figure {i}", chart=chart) for i, chart in enumerate(others, start=2)),
        Section(heading="Measured", table=measures_table(finding)),
        Section(
            heading="Beside what was published",
            prose=f"{card.claim} ({card.source}.)\n\nThis study **{finding.verdict}**. {finding.because}",
        ),
        Section(heading="What it does not show", prose=_bullets(finding.shows_not)),
        *([Section(heading="Remarks", prose=_bullets(finding.notes))] if finding.notes else []),
        Section(heading="The runs", table=finding.table),
    ]


def _bullets(lines: tuple[str, ...]) -> str:
    return "\n".join(f"- {line}" for line in lines)
