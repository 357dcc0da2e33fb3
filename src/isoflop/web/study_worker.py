"""A process of its own for what takes seconds or reads what a stranger sent: ``python -m isoflop.web.study_worker``.

It reads one job as JSON from its input and writes one JSON object a line. It has less of the machine than the server:
lower priority, a bound on memory and on time, so that neither a heavy table nor a crafted file stops the pages.

    {"job": "analyse", "columns", "flying", "references", "steps"}   ->  {"step", "answer"} for each step
    {"job": "read", "path", "name"}                                  ->  {"columns", "notes"}
    whatever was refused                                             ->  {"error"}
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from isoflop.errors import BadInput, IsoflopError

MOST_MEMORY = 6 << 30
"""Bytes of addresses; Polars maps 1.5 GiB before it reads anything."""
MOST_SECONDS = {"read": 60, "analyse": 1800}
MOST_ROWS, MOST_COLUMNS = 20_000, 200
"""Of an uploaded table."""
KINDS = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json")
LABELS = ("name", "label", "recipe", "status", "tokens_per_second")


def main() -> None:
    """Do the one job that the input holds."""
    job = json.load(sys.stdin)
    limit(MOST_SECONDS[job["job"]])
    try:
        for line in _do(job):
            _say(line)
    except IsoflopError as error:
        _say({"error": str(error)})
    except MemoryError:
        _say({"error": "The table needs more memory than a table of runs may take. Send fewer rows or columns."})
    except Exception as error:  # of a library, on bytes that were made to break it
        _say({"error": f"The table cannot be read ({type(error).__name__}). Write it as CSV."})


def limit(seconds: int) -> None:
    """Bound this process in memory and time, and let others go first."""
    with contextlib.suppress(OSError, ValueError):
        os.nice(5)
    for what, most in ((resource.RLIMIT_AS, MOST_MEMORY), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))


def _do(job: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if job["job"] == "read":
        yield read_table(Path(job["path"]), job["name"])
        return
    from isoflop.web.study_analysis import analyse, runs_of

    flying = [(f["name"], f["params"], f["tokens"], _curve(f)) for f in job["flying"]]
    for step, answer in analyse(runs_of(job["columns"]), flying, _references(job), steps=job["steps"]):
        yield {"step": step, "answer": answer}


def _curve(told: Mapping[str, Any]) -> Any:
    import numpy as np

    from isoflop.runs.curves import make_curve

    lr = None if told["lr"] is None else np.array(told["lr"], dtype=float)
    return make_curve(np.array(told["at"], dtype=float), np.array(told["loss"], dtype=float), lr, name=told["name"])


def _references(job: Mapping[str, Any]) -> list[Any]:
    from isoflop.forecasting.watch import Reference

    return [Reference(_curve(told), told["params"], told["tokens"]) for told in job["references"]]


def read_table(path: Path, name: str) -> dict[str, Any]:
    """An uploaded table as columns. Raises BadInput for what is no table of runs, too much, or no strict JSON."""
    from isoflop.runs.reading import read_runs
    from isoflop.web.security import unpacked
    from isoflop.web.study_analysis import columns_of

    plain = path.with_name(f"table{suffix_of(name)}")
    plain.write_bytes(unpacked(path.read_bytes()))
    path.unlink()
    try:
        _refuse_large_or_loose(plain)
        runs = read_runs(plain, drop_bad=True)
    except BadInput as error:
        raise BadInput(str(error).replace(str(plain), name)) from None
    if len(runs) > MOST_ROWS:
        raise BadInput(f"The table has {len(runs)} runs. Allowed: {MOST_ROWS}. Send fewer.")
    frame = runs.frame
    labels = {own: frame[own].to_list() for own in LABELS if own in frame.columns}
    return {"columns": columns_of(runs) | labels, "notes": [note.replace(str(plain), name) for note in runs.notes]}


def suffix_of(name: str) -> str:
    """The kind of a table by its name, ``.gz`` apart. Raises BadInput for another kind."""
    suffix = Path(name.lower().removesuffix(".gz")).suffix
    if suffix not in KINDS:
        raise BadInput(f"'{name[-60:]}' names no table that is read. Allowed: {', '.join(KINDS)}, each also as .gz.")
    return suffix


def _refuse_large_or_loose(path: Path) -> None:
    """Look at what can be known before the table is loaded."""
    from isoflop.runs.files import look_at
    from isoflop.web.security import read_json

    if path.suffix == ".parquet":
        import polars as pl

        try:
            lazy = pl.scan_parquet(path)
            rows, columns = int(lazy.select(pl.len()).collect().item()), len(lazy.collect_schema())
        except (pl.exceptions.PolarsError, OSError):
            raise BadInput(f"{path} is no Parquet file that can be read. Write it again, or as CSV.") from None
        if rows > MOST_ROWS or columns > MOST_COLUMNS:
            raise BadInput(f"The table has {rows} rows and {columns} columns. Allowed: {MOST_ROWS} and {MOST_COLUMNS}.")
        return
    with path.open("rb") as file:
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    if path.suffix != ".json" and lines > MOST_ROWS + 1:
        raise BadInput(f"The table has {lines} lines. Allowed: {MOST_ROWS}. Send fewer.")
    if path.suffix == ".json":
        read_json(path.read_bytes())
    elif path.suffix in (".jsonl", ".ndjson"):
        for line in path.read_bytes().splitlines():
            if line.strip():
                read_json(line)
    elif len(header := look_at(path).header) > MOST_COLUMNS:
        raise BadInput(f"The table has {len(header)} columns. Allowed: {MOST_COLUMNS}. Send fewer.")


def _say(line: Mapping[str, Any]) -> None:
    from isoflop.web.app import plain

    sys.stdout.write(json.dumps(plain(line), allow_nan=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
