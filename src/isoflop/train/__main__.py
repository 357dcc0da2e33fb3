"""The worker: ``python -m isoflop.train SPEC.json --out DIR``.

Exit codes: 0 done (or done before), 1 failed, 2 bad input, 143 stopped with a checkpoint.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from isoflop.errors import BadInput, IsoflopError
from isoflop.train.journal import Journal, write_whole
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
    directory.mkdir(parents=True, exist_ok=True)
    with lock(directory):
        if (directory / "done.json").exists():
            return 0
        _same_spec(spec, directory)
        settle(spec.devices)
        die_with_parent()
        stop = StopRequest()
        journal = Journal(directory, spec.tokens_total)
        (directory / "error.json").unlink(missing_ok=True)
        try:
            return _train(spec, directory, stop, journal)
        except IsoflopError as error:
            kind = "bad_input" if isinstance(error, BadInput) else "failed"
            journal.mark("error.json", {"kind": kind, "message": str(error)})
            raise


def _train(spec: TrunkSpec, directory: Path, stop: StopRequest, journal: Journal) -> int:
    from isoflop.train.text import load_corpus

    corpus = load_corpus(spec.text)
    keep_compiled()
    from isoflop.train.trunk import Diverged, Stopped, Trunk

    try:
        Trunk(spec, corpus, directory, stop).train()
    except Stopped:
        return STOPPED
    except Diverged as error:
        journal.mark("error.json", {"kind": "diverged", "message": str(error)})
        print(f"error: {error}", file=sys.stderr)
        return 1
    total = spec.tokens_total
    journal.progress(step=spec.branch_steps[-1], tokens=total, loss=None, rate=0.0, phase="done", force=True)
    journal.mark("done.json", {"spec_id": spec.spec_id, "runs": sorted(journal.recorded())})
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
