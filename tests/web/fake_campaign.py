"""A campaign that trains nothing: its folder, and runs that land in it as a coordinator lets them."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path

from isoflop.runs.run import Run
from isoflop.store import open_store
from isoflop.workbench.ladder import Ladder
from isoflop.workbench.ladder_notes import Place, write_notes
from isoflop.workbench.study import open_study
from isoflop.workbench.trunk import Trunk

NASTY = '<img src=x onerror="alert(1)">'


def loss_at(N: float, D: float) -> float:
    """A law with a little that it leaves over."""
    return (1.7 + 400 / N**0.34 + 410 / D**0.28) * (1 + 0.002 * math.sin(7 * math.log(N * D)))


class FakeCampaign:
    """rungs sizes with two runs each; ``land`` ends one, ``train`` lets one be seen in training."""

    def __init__(self, folder: Path, rungs: int = 6, name: str = "fake") -> None:
        self.folder, self.name = folder, name
        self.trunks = [_trunk(i) for i in range(rungs)]
        study = open_study(folder)
        self.store = study.store_path
        ladder = Ladder(name=name, folder=folder, store=str(self.store), recipe={}, trunks=tuple(self.trunks))
        write_notes(study, ladder, self.trunks, Place("local", 2, True), str(self.store))
        with open_store(self.store) as store:
            for trunk in self.trunks:
                for run_id, tokens in trunk.branches.items():
                    store.plan_run(run_id, {"name": trunk.name, "params": trunk.params, "tokens": tokens}, name)

    @property
    def run_ids(self) -> list[str]:
        return [run_id for trunk in self.trunks for run_id in trunk.branches]

    def land(self, *run_ids: str) -> None:
        """Runs end."""
        with open_store(self.store) as store:
            for trunk in self.trunks:
                for run_id, tokens in trunk.branches.items():
                    if run_id in run_ids:
                        store.record_run(self._run(trunk, run_id, tokens), self.name)
                        points = [tokens * i / 40 for i in range(1, 41)]
                        values = [loss_at(trunk.params, point) + 0.1 for point in points]
                        store.record_points(run_id, range(40), values, tokens=points, study=self.name)
                        store.set_state(run_id, "done", study=self.name)

    def train(self, run_id: str, share: float) -> None:
        """A run is seen in training."""
        trunk = next(trunk for trunk in self.trunks if run_id in trunk.branches)
        folder = self.folder / "trunks" / trunk.spec_id
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        with (folder / "progress.jsonl").open("a") as file:
            for i in range(12):
                tokens = trunk.branches[run_id] * share * (i + 1) / 12
                line = {
                    "time": now + i,
                    "step": i + 1,
                    "tokens": tokens,
                    "train_loss": loss_at(trunk.params, tokens) + 0.1,
                }
                line |= {"tokens_total": trunk.tokens_total, "tokens_per_second": 1e6, "phase": "trunk", "lr": 1e-3}
                file.write(json.dumps(line) + "\n")
        (folder / "log.txt").write_text(f"step 1\n{NASTY} in a log\n")
        with open_store(self.store) as store:
            store.begin_attempt(run_id, self.name)

    def _run(self, trunk: Trunk, run_id: str, tokens: float) -> Run:
        return Run(
            params=trunk.params, tokens=tokens, loss=loss_at(trunk.params, tokens), run_id=run_id, trunk=trunk.spec_id
        )


def _trunk(i: int) -> Trunk:
    N, spec_id = 1e6 * 2**i, f"trunk-{i}"
    return Trunk(
        name=f"rung {i} {NASTY}" if i == 1 else f"rung {i}",
        spec_id=spec_id,
        spec=json.dumps({"spec_id": spec_id}),
        params=N,
        branches={f"{spec_id}-{b}": N * 20 * b for b in (1, 2)},
        tokens_total=N * 40,
        command=(sys.executable, "-c", "pass"),
    )
