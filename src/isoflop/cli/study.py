"""``isoflop study``: experiments that ship, with what they found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt

if TYPE_CHECKING:
    from isoflop.workbench.studies import Card
    from isoflop.workbench.studies.finding import Finding, Material


def study(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A study; none lists them.")] = None,
    run: Annotated[bool, typer.Option("--run", help="Train its runs here; else those that ship are read.")] = False,
    scale: Annotated[str, typer.Option("--scale", help="With --run: cpu (minutes) or gpu (hours).")] = "cpu",
    on: Annotated[str, typer.Option("--on", help="With --run: local, ray or slurm.")] = "local",
    folder: Annotated[
        Path, typer.Option("--folder", metavar="DIR", help="With --run: where it is trained and goes on.")
    ] = Path("isoflop-studies"),
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="Write the page of results, one HTML file.")
    ] = None,
    figures: opt.Figures = None,
    json: opt.Json = False,
) -> None:
    """Answer a question with an experiment: isoFLOP curves, shapes, repeated data, emergence and more.

    Each study is a ladder of small models, a question, and what was published about it. Without --run it is judged
    from the runs that ship with isoflop; with --run its campaign is trained, which the same command continues.
    """
    if name is None:
        _list(json)
        return
    from isoflop.workbench.studies import find_study

    card = find_study(name)
    material = _material(card, run, scale, on, folder)
    finding = card.judge.judge(material)
    written = _write(card, material, finding, page or (folder / f"{name}.html" if run else None), figures)
    _show(card, material, finding, written, json)


def _list(as_json: bool) -> None:
    from isoflop.cli.output import print_json, print_table
    from isoflop.workbench.studies import CARDS

    if as_json:
        names = ("name", "title", "question", "design", "claim", "source")
        print_json([{name: getattr(card, name) for name in names} for card in CARDS.values()])
        return
    print_table(
        "Studies",
        ["Name", "Question"],
        [[card.name, card.question] for card in CARDS.values()],
        ["`isoflop study NAME` shows what the shipped runs say; `--run` trains them anew."],
    )


def _material(card: Card, run: bool, scale: str, on: str, folder: Path) -> Material:
    from isoflop.workbench.studies.training import from_sample, train

    if not run:
        return from_sample(card)
    from isoflop.cli.campaign_screen import watching

    with watching(card.title) as look:
        return train(card, folder, scale=scale, on=on, on_progress=look)  # type: ignore[arg-type]  # train names the allowed


def _write(card: Card, material: Material, finding: Finding, page: Path | None, figures: Path | None) -> dict[str, str]:
    """The files that were asked for, by what they are; charts are drawn only for them."""
    if page is None and figures is None:
        return {}
    from isoflop.report.figures import save
    from isoflop.workbench.studies.page import write_page

    charts, written = card.judge.charts(finding), {}
    if page is not None:
        written["page"] = str(write_page(page, card, material, finding, charts))
    if figures is not None:
        opt.make_folder(figures)
        written |= {name: str(save(chart, figures / f"{name}.png")) for name, chart in charts.items()}
    return written


def _show(card: Card, material: Material, finding: Finding, written: dict[str, str], as_json: bool) -> None:
    from isoflop.cli.output import print_json, print_table
    from isoflop.workbench.studies.page import interval, shown

    if as_json:
        print_json(_answer(card, material, finding, written))
        return
    print_table(
        f"{card.title}: {card.question}",
        ["Measured", "Value>", f"{finding.level:.0%} interval>"],
        [[measure.name, shown(measure), interval(measure) or "–"] for measure in finding.measures],
        [
            finding.answer,
            f"Published: {card.claim} ({card.source})",
            f"This study {finding.verdict}. {finding.because}",
            *(f"Not shown: {line}" for line in finding.shows_not),
            *finding.notes,
            material.made,
            *(f"Written: {path}" for path in written.values()),
        ],
    )


def _answer(card: Card, material: Material, finding: Finding, written: dict[str, str]) -> dict[str, Any]:
    return {
        "study": card.name,
        "question": card.question,
        "claim": card.claim,
        "source": card.source,
        "answer": finding.answer,
        "verdict": finding.verdict,
        "because": finding.because,
        "level": finding.level,
        "measures": finding.measures,
        "table": list(finding.table.rows),
        "shows_not": finding.shows_not,
        "notes": finding.notes,
        "n_runs": len(material.runs),
        "made": material.made,
        "written": written,
    }
