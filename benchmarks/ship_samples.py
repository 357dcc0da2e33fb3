"""Turn finished studies into the run tables that ship with isoflop.

    isoflop study isoflop --run --folder studies       # and so on for each study
    python benchmarks/ship_samples.py --folder studies --machine "2 x86-64 cores"
    python docs/studies/make_pages.py

Writes NAME.csv, NAME-scores.parquet and samples.toml into src/isoflop/samples, without the columns that say how busy
the machine was.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from isoflop import __version__
from isoflop.runs.table import Runs
from isoflop.runs.writing import write_runs
from isoflop.store import open_store
from isoflop.workbench.ladder import Ladder
from isoflop.workbench.ladder_file import read_ladder
from isoflop.workbench.studies import CARDS
from isoflop.workbench.studies.scores import read_scores

SAMPLES = Path(__file__).parents[1] / "src" / "isoflop" / "samples"
BUSY = ("wall_seconds", "tokens_per_second")


def ship(folder: Path, name: str) -> dict[str, str | int | float]:
    """Write one sample and give back what is known about it."""
    ladder = read_ladder(folder / f"{name}.toml")
    wanted = [run_id for trunk in ladder.trunks for run_id in trunk.branches]
    with open_store(ladder.store) as store:
        frame = store.runs(ladder.name).frame
    if missing := set(wanted) - set(frame["run_id"] if len(frame) else []):
        raise SystemExit(f"{name}: {len(missing)} of {len(wanted)} runs are missing. Finish the study first.")
    frame = frame.filter(pl.col("run_id").is_in(wanted)).sort("params", "tokens", "run_id")
    kept = [column for column in frame.columns if column not in BUSY]
    write_runs(Runs(frame.select(kept), flops_convention="stated"), SAMPLES / f"{name}.csv")
    _ship_scores(ladder, name)
    return {
        "command": f"isoflop study {name} --run",
        "made": datetime.now(UTC).date().isoformat(),
        "version": __version__,
        "runs": len(frame),
        "flops": sum(6.0 * trunk.params * trunk.tokens_total for trunk in ladder.trunks),
    }


def _ship_scores(ladder: Ladder, name: str) -> None:
    scores = read_scores(ladder.folder / "trunks" / trunk.spec_id for trunk in ladder.trunks)
    if scores is not None:
        ordered = scores.sort("N", "D", "task", "level", "item")
        ordered.write_parquet(SAMPLES / f"{name}-scores.parquet", compression="zstd", compression_level=19)


def main() -> None:
    """Ship every study that is finished in the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("isoflop-studies"))
    parser.add_argument("--machine", required=True)
    options = parser.parse_args()
    lines = ["# Written by benchmarks/ship_samples.py: how each table of this folder was made.", ""]
    for name in CARDS:
        if (options.folder / f"{name}.toml").exists():
            about = ship(options.folder, name) | {"machine": options.machine}
            lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in about.items()), ""]
            print(name, about["runs"], "runs")
    (SAMPLES / "samples.toml").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
