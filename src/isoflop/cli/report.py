"""``isoflop report``: a study as one page, as Markdown, or as figures."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt
from isoflop.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from isoflop.workbench.reporting import Studied, StudyReport

FORMATS = ("html", "md", "pdf", "png")
SHOWN = 200
"""Characters of the command that the manifest keeps of one option."""


def report(
    study: Annotated[
        Path, typer.Argument(metavar="STUDY", help="A study's folder, a store, or a table of runs.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PATH", help="FILE.html, FILE.md, or a folder. By default NAME-report.html."),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option("--format", metavar="F,F", help="html (default), md, pdf, png; the last two are the figures."),
    ] = None,
    named: Annotated[
        str | None, typer.Option("--study", metavar="NAME", help="Which study, where a store has several.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="C=…", help="The run to foretell: C, or two of N, D, C. 10× the largest run."),
    ] = None,
    question: Annotated[
        str, typer.Option("--question", metavar="TEXT", help="What the study is to answer, for its first lines.")
    ] = "",
    column: opt.Columns = None,
    where: opt.Where = None,
    level: opt.Level = 0.9,
    replicates: opt.Replicates = 400,
    seed: opt.Seed = 0,
    loss_unit: opt.LossUnit = None,
    bytes_per_token: opt.BytesPerToken = None,
    params_convention: opt.Convention = None,
    json: opt.Json = False,
) -> None:
    """Report a study: question, runs, law, forecast, plan, next run, caveats, methods, and how to make it again.

    Example: isoflop report ladder/ --out report.html;  isoflop report runs.csv --at C=1e22 --out r --format html,md,png
    """
    from isoflop.cli.output import print_json
    from isoflop.workbench.reporting import study_report
    from isoflop.workbench.reporting_sections import verdict

    target = _target(at)
    wanted = _formats(formats, out)
    reading = opt.Reading(column, where, loss_unit, bytes_per_token, params_convention, drop_bad=True)
    studied = _studied(study, named, reading)
    place = out or _default(studied.name, wanted)
    _refuse_place(place, wanted)
    made = study_report(
        studied, at=target, question=question, level=level, replicates=replicates, seed=seed, command=_command()
    )
    written = _write(made, place, wanted)
    if json:
        print_json(as_json(made, written))
        return
    print(verdict(made))
    for path in written:
        print(f"Wrote {path}")


def _studied(path: Path, named: str | None, reading: opt.Reading) -> Studied:
    from isoflop.workbench.reporting_source import from_place, from_table

    studied = from_place(path, named)
    if studied is not None:
        given = [name for name in ("column", "where", "loss_unit", "bytes_per_token") if getattr(reading, name)]
        if given:
            raise BadInput(
                f"--{given[0].replace('_', '-')} is for tables; {path} is a store. Write its runs as a table with "
                "`isoflop store export`, or leave the option out."
            )
    elif named is not None:
        raise BadInput(f"--study {named} names a study of a store; {path} is a table. Leave it out.")
    else:
        studied = from_table(_table(path, reading), path)
    opt.say(studied.notes)
    return studied


def _table(path: Path, reading: opt.Reading) -> Any:
    """A table whose rows may lack their loss: such runs are listed, as failed."""
    table = reading.read(path, ("params", "tokens"))
    return table if table.has("loss") else reading.read(path, ("params", "tokens", "loss"))


def _target(text: str | None) -> dict[str, float] | None:
    from isoflop.cli.points import read_point

    if text is None:
        return None
    found = read_point(text, ("N", "D", "C"))
    if len(found) == 3 or (len(found) == 1 and "C" not in found):
        raise BadInput(f"--at '{text}' gives {len(found)} of N, D and C. Give C alone, or two of them: --at N=7B,D=1T.")
    return found


def _formats(text: str | None, out: Path | None) -> tuple[str, ...]:
    """The formats asked for; those of the file's suffix where none is."""
    if text is None:
        return (out.suffix[1:],) if out is not None and out.suffix in (".html", ".md") else ("html",)
    wanted = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",")))
    for part in wanted:
        if part not in FORMATS:
            raise BadInput(
                f"--format {text}: '{part}' is not allowed. Allowed: {', '.join(FORMATS)}, several with commas between."
                f"{did_you_mean(part, FORMATS)}"
            )
    return wanted


def _default(name: str, wanted: tuple[str, ...]) -> Path:
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "study"
    return Path(f"{stem}-report.html") if wanted == ("html",) else Path(f"{stem}-report")


def _refuse_place(place: Path, wanted: tuple[str, ...]) -> None:
    """Before minutes of computing: a file for one format, a folder that can be made for several."""
    suffix = place.suffix.lower()
    if suffix in (".html", ".md"):
        if wanted != (suffix[1:],):
            raise BadInput(
                f"--out {place} is one {suffix[1:]} file, but --format asks for {', '.join(wanted)}. Name a folder."
            )
        if not place.absolute().parent.is_dir():
            raise BadInput(
                f"Cannot write {place}: the folder {place.parent} does not exist. Create it or name another."
            )
        return
    if suffix in (".pdf", ".png", ".htm", ".txt", ".svg"):
        raise BadInput(
            f"--out {place} is not allowed. Name FILE.html, FILE.md, or a folder for figures and several formats."
        )
    if place.exists() and not place.is_dir():
        raise BadInput(f"--out {place} is a file that is no report. Name FILE.html, FILE.md or a folder.")


def _write(made: StudyReport, place: Path, wanted: tuple[str, ...]) -> list[Path]:
    """The files of each format, each whole or not at all."""
    import json

    from isoflop.cli.output import plain
    from isoflop.report.page import write_report
    from isoflop.report.report_markdown import save_figures, write_markdown
    from isoflop.report.writing import write_atomically
    from isoflop.workbench.reporting_sections import report_sections, title_of, verdict

    sections = report_sections(made)
    words = {"title": title_of(made), "subtitle": verdict(made)}
    one = place.suffix.lower() in (".html", ".md")
    folder, stem = (place.parent, place.stem) if one else (place, "report")
    opt.make_folder(folder)
    written: list[Path] = []
    if "html" in wanted:
        written.append(write_report(folder / f"{stem}.html", **words, sections=sections))
    if "md" in wanted:
        pictures = save_figures(folder, sections, "png")
        written.append(write_markdown(folder / f"{stem}.md", **words, sections=sections, figures=pictures))
        written += pictures.values()
    for kind in ("png", "pdf"):
        if kind in wanted and not (kind == "png" and "md" in wanted):
            written += save_figures(folder, sections, kind).values()
    if not one:
        path = folder / "manifest.json"
        write_atomically(path, (json.dumps(plain(made.manifest), indent=2) + "\n").encode())
        written.append(path)
    return written


def _command() -> str:
    """The command as it was typed, from the verb on."""
    words = sys.argv[1:] if sys.argv[1:2] == ["report"] else ["report"]
    return " ".join(
        ["isoflop", *(word if re.fullmatch(r"[\w./=,:+-]+", word) else repr(word[:SHOWN]) for word in words)]
    )


def as_json(made: StudyReport, written: list[Path]) -> dict[str, Any]:
    """The parts as the verbs print them: fit, forecast, plan, next, diagnosis (null where missing); the averaged fits,
    their weights, caveats, missing, manifest, files."""
    from isoflop.cli import diagnose, fit, forecast, next_run, plan
    from isoflop.workbench.reporting_sections import caveats, verdict

    ensemble = made.ensemble
    return {
        "verdict": verdict(made),
        "runs": len(made.studied.runs),
        "target": made.target,
        "fit": None if made.diagnosis is None else fit.as_json(made.diagnosis.fit),
        "fits": None if ensemble is None else [fit.as_json(each) for each in ensemble.fits],
        "weights": None if ensemble is None else ensemble.weights,
        "forecast": None if made.forecast is None else forecast.as_json(made.forecast, None),
        "plan": None if made.plan is None else plan.as_json(made.plan),
        "next": None if made.next is None else next_run.as_json(made.next),
        "diagnosis": None if made.diagnosis is None else diagnose.as_json(made.diagnosis),
        "caveats": caveats(made),
        "missing": made.missing,
        "manifest": made.manifest,
        "files": [str(path) for path in written],
    }
