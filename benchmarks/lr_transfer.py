"""Does the best learning rate stay where it is as the width grows? By the transfer rule, and without it.

    python benchmarks/lr_transfer.py [--tokens 131072] [--widths 32 64 128] [--out runs.jsonl]

Trains a sweep of the rate at each width by either parametrisation (36 small runs, about 3 CPU-minutes), one after
another on one core, and prints the losses, the best rate of each width and the law through them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from isoflop.train.worker import keep_compiled, settle

PARAMETRISATIONS = ("mup", "standard")


def train(specs: Sequence[Any], corpus: Any, out: Path) -> list[dict[str, Any]]:
    """A row for each of ``specs``, which differ in their rate alone: one compiled program does all of them."""
    from isoflop.train.loop import Trainer
    from isoflop.train.windows import held_out_windows

    spec = specs[0]
    trainer, rows = Trainer(spec, corpus.train), []
    windows = held_out_windows(corpus.validation, spec.context, spec.validation_windows)
    for trainer.spec in specs:
        state = trainer.start()
        for first, last, branch in ((0, spec.fork_steps[0], None), (spec.fork_steps[0], spec.branch_steps[0], 0)):
            for step in range(first, last, trainer.most_steps):
                state, _ = trainer.advance(state, step, min(trainer.most_steps, last - step), branch)
        loss = float(trainer.window_losses(state["weights"], windows).mean())
        row = {"params": spec.params, "tokens": spec.branch_tokens[0], "loss": loss, "lr": trainer.spec.lr}
        row |= {"width": spec.width, "batch_tokens": spec.batch_tokens, "parametrisation": spec.parametrisation}
        rows.append(row)
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Losses by width and rate, the best rate of each width, and the law of it."""
    from isoflop.errors import IsoflopError
    from isoflop.fitting.sweep_law import sweep_law
    from isoflop.runs import Run, Runs

    rates = sorted({row["lr"] for row in rows})
    print("width  " + "  ".join(f"{rate:8.2g}" for rate in rates))
    for width in sorted({row["width"] for row in rows}):
        found = {row["lr"]: row["loss"] for row in rows if row["width"] == width}
        print(f"{width:5d}  " + "  ".join(f"{found[rate]:8.4f}" if rate in found else " " * 8 for rate in rates))
    try:
        sweep = sweep_law(Runs.from_runs([Run.from_dict(row) for row in rows]))
    except IsoflopError as error:
        print(error)
        return
    for cell in sweep.cells.used:
        print(f"N = {cell.params:8.0f}: best rate {cell.lr:.2e} (standard error {cell.covariance[0, 0] ** 0.5:.0%})")
    by_size = sweep_law(Runs.from_runs([Run.from_dict(row) for row in rows]), kind="params").lr
    exponent = by_size.exponents["N"]
    print(
        f"chosen: {sweep.lr.formula}; exponent in N {exponent.value:+.2f} [{exponent.low:+.2f}, {exponent.high:+.2f}]"
    )
    print("\n".join(sweep.notes))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=131_072)
    parser.add_argument("--widths", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--out", type=Path, default=Path("lr_transfer.jsonl"))
    arguments = parser.parse_args()
    settle(1)
    keep_compiled()
    from isoflop.train.spec import TrunkSpec
    from isoflop.train.sweep import spaced, sweep_specs
    from isoflop.train.text import load_corpus

    recipe = TrunkSpec(warmup_tokens=arguments.tokens // 16)
    corpus = load_corpus(recipe.text)
    for name in PARAMETRISATIONS:
        print(f"{name}, D = {arguments.tokens}")
        rows = []
        for width in arguments.widths:
            rule, tokens = replace(recipe, parametrisation=name), (arguments.tokens,)
            specs = sweep_specs(rule, widths=(width,), tokens=tokens, lrs=spaced(1e-3, 3.2e-2))
            rows += train(specs, corpus, arguments.out)
        show(rows)


if __name__ == "__main__":
    main()
