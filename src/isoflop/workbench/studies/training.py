"""From a card to what it is judged by: the shipped table, or runs trained now."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from isoflop.errors import BadInput, Failure
from isoflop.units import format_flops
from isoflop.workbench.studies.catalogue import SCALES, Card, Scale
from isoflop.workbench.studies.finding import Material
from isoflop.workbench.studies.scores import read_scores

if TYPE_CHECKING:
    from isoflop.train.spec import TextSource
    from isoflop.workbench.progress import CampaignProgress


def from_sample(card: Card) -> Material:
    """The runs that ship with isoflop, made by this study at CPU scale."""
    from isoflop.samples import has_scores, load_sample, load_scores, sample_about

    about = sample_about(card.name)
    return Material(
        runs=load_sample(card.name),
        text=campaign_text(card.campaign("cpu")),
        scores=load_scores(card.name) if has_scores(card.name) else None,
        made=(
            f"{about.runs} runs, {format_flops(about.flops)}, made {about.made} by `{about.command}` with isoflop "
            f"{about.version} on {about.machine}. {about.note}"
        ).strip(),
    )


def train(
    card: Card,
    folder: Path,
    *,
    scale: Scale = "cpu",
    on: str = "local",
    on_progress: Callable[[CampaignProgress], None] | None = None,
) -> Material:
    """Train what is missing of a study in FOLDER/NAME/ and give back all of its runs; the same call goes on.

    The campaign's file is copied to FOLDER/NAME.toml, where it may be changed: rungs added, a place to run configured.
    on: local, ray or slurm.

    Raises BadInput for an unknown scale, Failure where the folder cannot be written, and what ``run_ladder`` raises.
    """
    if scale not in SCALES:
        raise BadInput(f"No scale '{scale}'. Known: {', '.join(SCALES)}.")
    from isoflop.workbench.ladder_file import read_ladder
    from isoflop.workbench.ladder_run import run_ladder

    path = copy_campaign(card, folder, scale)
    ladder = read_ladder(path)
    runs = run_ladder(ladder, on=on, on_progress=on_progress)
    return Material(
        runs=runs,
        text=campaign_text(path),
        scores=read_scores(ladder.folder / "trunks" / trunk.spec_id for trunk in ladder.trunks),
        made=f"{len(runs)} runs of {path}, trained {'on this machine' if on == 'local' else f'through {on}'}.",
    )


def copy_campaign(card: Card, folder: Path, scale: Scale) -> Path:
    """FOLDER/NAME.toml; one that is there already is kept, since it may have been changed."""
    path = folder / f"{card.name}.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            shutil.copyfile(card.campaign(scale), path)
    except OSError as error:
        raise Failure(f"Cannot write {path}: {error.strerror}. Name another folder with --folder.") from error
    return path


def campaign_text(path: Path) -> TextSource:
    """The text that a campaign trains on."""
    from isoflop.train.spec import TextSource

    recipe = tomllib.loads(path.read_text(encoding="utf-8")).get("recipe", {})
    return TextSource(**recipe.get("text", {}))
