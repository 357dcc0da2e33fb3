"""What a study's runs teach, kept on disk: it takes up to a minute to work out, and a server that starts again has it.

A file for each state of the runs, ``.isoflop/answers/HASH.json`` in the study's folder, or in the user's cache where
that folder may not be written or there is none. The hash is of the runs that the answers depend on and of isoflop's
version. Files are written under another name and then renamed, so that several servers may write at once; the oldest
go; one that is damaged, or not of these runs and this version, is as if it were not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import isoflop
from isoflop.errors import BadInput, Failure
from isoflop.report.writing import write_atomically
from isoflop.web.app import plain
from isoflop.web.study_analysis import STEPS
from isoflop.web.study_source import Source

BESIDE = Path(".isoflop/answers")
CACHE_VARIABLE = "ISOFLOP_ANSWERS"
KEPT = 32
"""Files of a folder: the newest stay."""
MOST_BYTES = 8 << 20
"""Of a file that is read."""
ABANDONED = 3600.0
"""Seconds after which a file that was never renamed is taken for that of a killed process."""

Steps = Mapping[str, Any]


def cache_folder() -> Path:
    """Where the user's own answers are kept: ISOFLOP_ANSWERS, or isoflop/answers in the user's cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "isoflop" / "answers"
    return Path(os.environ.get(CACHE_VARIABLE) or default)


def read_answers(source: Source, digest: str) -> dict[str, Any]:
    """The steps that are kept for these runs, none where nothing is. digest: of the runs, as ``digest_of`` has it."""
    for folder in _folders(source):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            return _read(folder / _name(digest), digest)
    return {}


def keep_answers(source: Source, digest: str, steps: Steps) -> Path | None:
    """Keep further steps of these runs; the file, or None where nothing may be written or nothing of the source is
    kept."""
    text = json.dumps(plain(read_answers(source, digest) | dict(steps)), allow_nan=False, separators=(",", ":"))
    content = {"isoflop": isoflop.__version__, "of": digest, "sha256": _hash(text), "steps": json.loads(text)}
    for folder in _folders(source):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / _name(digest), json.dumps(content, separators=(",", ":")).encode())
        except (OSError, BadInput, Failure):
            continue
        _tidy(folder)
        return folder / _name(digest)
    return None


def _folders(source: Source) -> Iterator[Path]:
    if not source.kept:
        return
    folder = source.folder_of_study()
    if folder is not None:
        yield folder / BESIDE
    with contextlib.suppress(RuntimeError):  # a user without a home
        yield cache_folder()


def _name(digest: str) -> str:
    return f"{_hash(f'{digest} {isoflop.__version__}')[:24]}.json"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path, digest: str) -> dict[str, Any]:
    """Raises OSError, ValueError, KeyError or TypeError for what is not there, damaged or of something else."""
    with path.open("rb") as file:
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise ValueError("too large")
    content = json.loads(raw)
    steps = content["steps"]
    text = json.dumps(steps, allow_nan=False, separators=(",", ":"))
    if (content["isoflop"], content["of"], content["sha256"]) != (isoflop.__version__, digest, _hash(text)):
        raise ValueError("damaged, or of other runs")
    if not all(name in STEPS and isinstance(answer, dict) for name, answer in steps.items()):
        raise ValueError("of another form")
    return dict(steps)


def _tidy(folder: Path) -> None:
    """Let the oldest files go, and what killed processes left; another server may do the same at this moment."""
    found = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            age = time.time() - path.stat().st_mtime
            if path.suffix == ".json":
                found.append((age, path))
            elif path.suffix == ".part" and age > ABANDONED:
                path.unlink()
    for _, path in sorted(found)[KEPT:]:
        with contextlib.suppress(OSError):
            path.unlink()
