"""An isoFLOP study on real code, 1e15 to 1e17 FLOP, its largest run forecast before it is trained.

    python benchmarks/gpu/isoflop_study.py --folder FOLDER [--text PATH] [--at-once 4] [--smoke]

The text is code: a .jsonl, .txt or folder given by --text, or else every Python source of the libraries installed here
(hundreds of megabytes where PyTorch and JAX are), read byte by byte. One process a width trains all budgets of that
width as branches of one trunk; several widths share the GPU. From the runs below the largest budget the best size there
is foretold, and its loss with an interval; both are written to FOLDER/forecast.json before that run starts, and the
error to FOLDER/score.json after it. FOLDER/runs.jsonl holds all runs. The same command goes on where it was cut. About
2.5e17 FLOP in all: 20 minutes at 200 TFLOP/s. --smoke: tiny budgets on whatever JAX runs on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from device import MEMORY_SHARE, reason_to_skip, start

from isoflop.forecasting.forecast import forecast
from isoflop.runs.run import Run
from isoflop.runs.table import Runs
from isoflop.train.spec import TextSource, TrunkSpec
from isoflop.train.text import load_corpus

FEWEST, MOST = 3.0, 400.0
"""Bytes a parameter between which a budget is trained at a width: an order of magnitude on each side of the optimum of
byte-level ladders (33 to 47 on the default text)."""
EPOCHS = 4.0
"""A text is read at most so often: up to there repeats count nearly as new text (Muennighoff et al. 2023,
arXiv:2305.16264)."""
LARGEST_FILE = 400_000


@dataclass(frozen=True, slots=True)
class Plan:
    """budgets: FLOP, the last of them foretold. widths: of the models, all of ``recipe``'s depth."""

    budgets: tuple[float, ...]
    widths: tuple[int, ...]
    recipe: TrunkSpec

    def trunks(self, available: int) -> list[TrunkSpec]:
        """One spec a width with all budgets but the last as branches; ``available`` distinct tokens."""
        found = []
        for width in self.widths:
            tokens = [self.tokens(width, budget) for budget in self.budgets[:-1]]
            fits = tuple(int(D) for D in tokens if self._fits(width, D, available))
            if fits:
                found.append(self.spec(width, fits))
        return found

    def spec(self, width: int, tokens: tuple[int, ...]) -> TrunkSpec:
        """The recipe at a width, with branches at so many tokens."""
        return replace(self.recipe, width=width, branch_tokens=tokens)

    def tokens(self, width: int, budget: float) -> float:
        """D of a budget at a width: C / 6N."""
        return budget / (6 * self.params(width))

    def params(self, width: int) -> int:
        """N at a width, embeddings included."""
        return self.spec(width, self.recipe.branch_tokens).params

    def _fits(self, width: int, tokens: float, available: int) -> bool:
        return FEWEST <= tokens / self.params(width) <= MOST and tokens <= EPOCHS * available


def study(text: TextSource, smoke: bool) -> Plan:
    """The plan for this text."""
    corpus = load_corpus(text)
    if smoke:
        recipe = TrunkSpec(
            depth=1, head_dim=8, context=16, batch=8, branch_tokens=(4096,), warmup_tokens=512, validation_windows=64
        )
        return Plan((2e8, 4e8, 8e8, 1.6e9), (8, 16, 24), replace(recipe, vocab=corpus.vocab, text=text))
    recipe = TrunkSpec(
        depth=6,
        head_dim=64,
        context=512,
        batch=64,
        branch_tokens=(1 << 26,),
        warmup_tokens=1 << 21,
        validation_windows=2048,
        precision="bf16",
        vocab=corpus.vocab,
        text=text,
    )
    return Plan((1e15, 3e15, 1e16, 3e16, 1e17), (128, 192, 256, 384, 512, 640, 768), recipe)


def write_code(path: Path, folders: Sequence[Path], most_bytes: int = 1_500_000_000) -> TextSource:
    """Every Python source below the folders, one document a line of JSON; files above LARGEST_FILE are tables."""
    if not path.exists():
        total, partial = 0, path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as out:
            for source in sorted(file for folder in folders for file in folder.rglob("*.py")):
                if total < most_bytes and 200 < source.stat().st_size < LARGEST_FILE:
                    words = source.read_text(encoding="utf-8", errors="ignore")
                    total += out.write(json.dumps({"text": words}) + "\n")
        partial.rename(path)
    return TextSource(kind="file", path=str(path), stream=True)


def train(specs: Sequence[TrunkSpec], folder: Path, at_once: int) -> list[dict[str, Any]]:
    """Train these specs, the longest first, so many at once; rows of all their runs. A finished one is not repeated."""
    waiting = sorted(specs, key=lambda spec: -spec.params * spec.tokens_total)
    running: list[subprocess.Popen[str]] = []
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append(_worker(waiting.pop(0), folder, MEMORY_SHARE / at_once))
        if running.pop(0).wait():
            for process in running:
                process.terminate()
            raise SystemExit(f"A run failed: see {folder}/*/error.json. The same command goes on.")
    rows = [(folder / spec.spec_id / "runs.jsonl").read_text().splitlines() for spec in specs]
    return [json.loads(line) for lines in rows for line in lines]


def _worker(spec: TrunkSpec, folder: Path, share: float) -> subprocess.Popen[str]:
    home = folder / spec.spec_id
    home.mkdir(parents=True, exist_ok=True)
    path = home.with_suffix(".json")
    path.write_text(spec.to_json())
    print(f"training w{spec.width}: {[f'{D:.3g}' for D in spec.branch_tokens]} tokens", flush=True)
    return start("train_one.py", str(path), "--out", str(home), share=share)


def foretell(rows: Sequence[dict[str, Any]], plan: Plan, folder: Path) -> TrunkSpec:
    """The largest budget's best width by the runs so far; its forecast is on record when this returns."""
    path, budget = folder / "forecast.json", plan.budgets[-1]
    if path.exists():
        saved = json.loads(path.read_text())
        return plan.spec(saved["width"], (saved["tokens"],))
    runs = Runs.from_runs([Run.from_dict(row) for row in rows])
    by_width = {width: (float(plan.params(width)), plan.tokens(width, budget)) for width in plan.widths}
    made = forecast(runs, N=[N for N, _ in by_width.values()], D=[D for _, D in by_width.values()])
    best = int(made.loss.argmin())
    width = plan.widths[best]
    spec = plan.spec(width, (int(by_width[width][1]),))
    record = {
        "width": width,
        "params": spec.params,
        "tokens": spec.branch_tokens[0],
        "loss": float(made.loss[best]),
        "low": float(made.low[best]),
        "high": float(made.high[best]),
        "level": made.level,
        "extrapolation": float(made.extrapolation[best]),
        "run_id": spec.run_id(0),
        "from_runs": len(rows),
    }
    path.write_text(json.dumps(record, indent=2) + "\n")
    print(f"foretold at {budget:.3g} FLOP: w{width}, {record['loss']:.4f} [{record['low']:.4f}, {record['high']:.4f}]")
    return spec


def main() -> int:
    """Plan, train, foretell, train the largest, score; 0 without a GPU."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path("isoflop-gpu-study"))
    parser.add_argument("--text", type=Path)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--smoke", action="store_true")
    arguments = parser.parse_args()
    if not arguments.smoke and (reason := reason_to_skip()):
        print(f"skipped: {reason}")
        return 0
    folder: Path = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    libraries = [Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("stdlib"))]
    if arguments.smoke:
        text = TextSource(kind="markov", states=16, order=1, zipf=1.5, length=40_000)
    elif arguments.text:
        text = TextSource(kind="file", path=str(arguments.text.resolve()), stream=True)
    else:
        text = write_code(folder / "code.jsonl", libraries)
    plan = study(text, arguments.smoke)
    rows = train(plan.trunks(len(load_corpus(text).train)), folder, 1 if arguments.smoke else arguments.at_once)
    target = foretell(rows, plan, folder)
    rows += train([target], folder, 1)
    (folder / "runs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said, measured = json.loads((folder / "forecast.json").read_text()), rows[-1]["loss"]
    score = {"loss": measured, "error": said["loss"] / measured - 1, "inside": said["low"] <= measured <= said["high"]}
    (folder / "score.json").write_text(json.dumps(score) + "\n")
    print(f"{len(rows)} runs; measured {measured:.4f}, error {score['error']:+.2%}, inside {score['inside']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
