"""The worker: ``python -m isoflop.train SPEC.json --out DIR``.

A run over several processes is this command once for each of them (processes.py says how each learns its place); all
share the folder.

Exit codes: 0 done (or done before), 1 failed, 2 bad input, 143 stopped with a checkpoint.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path

from isoflop.errors import BadInput, IsoflopError
from isoflop.train.journal import Journal, write_whole
from isoflop.train.processes import Place, find_place, join
from isoflop.train.spec import TrunkSpec, read_spec
from isoflop.train.worker import StopRequest, die_with_parent, keep_compiled, lock, settle

STOPPED = 143


def main(argv: list[str] | None = None) -> int:
    """Train one spec in one folder; say on stderr and in DIR/error.json why not."""
    parser = argparse.ArgumentParser(prog="python -m isoflop.train", description="Train one trunk and its branches.")
    parser.add_argument("spec", type=Path, help="JSON file of a TrunkSpec")
    parser.add_argument("--out", type=Path, required=True, help="folder for progress, runs and checkpoint")
    arguments = parser.parse_args(argv)
    try:
        return _work(read_spec(arguments.spec), arguments.out)
    except IsoflopError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def _work(spec: TrunkSpec, directory: Path) -> int:
    place = find_place(spec)
    directory.mkdir(parents=True, exist_ok=True)
    with lock(directory) if place.leads else contextlib.nullcontext():
        if (directory / "done.json").exists():
            return 0
        if place.leads:
            _same_spec(spec, directory)
        journal = Journal(directory, spec.tokens_total, writes=place.leads)
        if place.leads:
            (directory / "error.json").unlink(missing_ok=True)
        try:
            settle(place.devices(spec))
            die_with_parent()
            return _train(spec, directory, StopRequest(), journal, place)
        except IsoflopError as error:
            kind = "bad_input" if isinstance(error, BadInput) else "failed"
            journal.mark("error.json", {"kind": kind, "message": str(error)})
            raise


def _train(spec: TrunkSpec, directory: Path, stop: StopRequest, journal: Journal, place: Place) -> int:
    from isoflop.train.text import load_corpus

    corpus = load_corpus(spec.text)
    for note in corpus.notes:
        print(f"note: {note}", file=sys.stderr)
    keep_compiled()
    join(place)
    stop.listen()
    from isoflop.train.trunk import Diverged, Stopped, Trunk

    try:
        used = Trunk(spec, corpus, directory, stop, place).train()
    except Stopped:
        return STOPPED
    except Diverged as error:
        journal.mark("error.json", {"kind": "diverged", "message": str(error)})
        print(f"error: {error}", file=sys.stderr)
        return 1
    total = spec.tokens_total
    journal.progress(step=spec.branch_steps[-1], tokens=total, loss=None, rate=0.0, phase="done", force=True)
    journal.mark("done.json", {"spec_id": spec.spec_id, "runs": sorted(journal.recorded()), **used})
    return 0


def _same_spec(spec: TrunkSpec, directory: Path) -> None:
    """Write DIR/spec.json, or refuse a folder that holds another spec's training."""
    path = directory / "spec.json"
    if path.exists() and json.loads(path.read_text()) != json.loads(spec.to_json()):
        raise BadInput(
            f"{directory} holds the training of another specification ({read_spec(path).spec_id}, not {spec.spec_id}). "
            f"Give another folder to --out."
        )
    write_whole(path, spec.to_json() + "\n")


if __name__ == "__main__":
    sys.exit(main())
