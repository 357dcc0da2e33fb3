"""The sections of a report as Markdown, with its figures in files beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from isoflop.errors import BadInput
from isoflop.report.figures import save
from isoflop.report.page import Section
from isoflop.report.tables import to_markdown
from isoflop.report.writing import write_atomically

FIGURES = "figures"
_SPECIAL = re.compile(r"([\\_\[\]|~#<>])")


def figure_name(section: Section) -> str:
    """The stem of a section's figure: its heading in small letters and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", section.heading.lower()).strip("-")


def save_figures(folder: Path, sections: Sequence[Section], kind: str) -> dict[str, Path]:
    """Write every chart as ``figures/NAME.kind`` and give the paths by name. kind: png, pdf or svg.

    Raises BadInput for a folder that cannot be made, and what ``save`` raises.
    """
    charts = {figure_name(section): section.chart for section in sections if section.chart is not None}
    place = folder / FIGURES
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"Cannot make the folder {place}: {error.strerror}. Name one that can be made.") from error
    return {name: save(chart, place / f"{name}.{kind}") for name, chart in charts.items()}


def write_markdown(
    path: Path, *, title: str, subtitle: str, sections: Sequence[Section], figures: Mapping[str, Path]
) -> Path:
    """Write the report as one Markdown file and return its path. figures: by name, as ``save_figures`` gives them."""
    write_atomically(path, markdown(title=title, subtitle=subtitle, sections=sections, figures=figures).encode())
    return path


def markdown(*, title: str, subtitle: str, sections: Sequence[Section], figures: Mapping[str, Path]) -> str:
    """The report as Markdown text; what came from outside is escaped, as it is on a page."""
    parts = [f"# {_escaped(title)}", _escaped(subtitle)]
    for section in sections:
        parts += [f"## {_escaped(section.heading)}", _prose(section.prose)]
        name = figure_name(section)
        if section.chart is not None and name in figures:
            parts.append(f"![{_escaped(section.heading)}]({FIGURES}/{figures[name].name})")
        if section.table is not None:
            parts.append(to_markdown(section.table).strip())
        parts.append(_escaped(section.caption))
    return "\n\n".join(part for part in parts if part) + "\n"


def _prose(text: str) -> str:
    """Prose keeps its **bold**, `code` and lists; all else is escaped."""
    pieces = re.split(r"(`[^`]+`)", text)
    return "".join(piece if piece.startswith("`") else _escaped(piece) for piece in pieces).strip()


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
