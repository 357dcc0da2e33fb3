"""One JSON document or JSON Lines of a tracking tool, bounded, with what is whole of a file that was cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from isoflop.errors import RunsError
from isoflop.runs.files import LARGEST_JSON, LONGEST_LINE

MOST_CUTS = 16
"""Places of a line at which a record may start after one that was cut; each costs a parse of the rest."""


def read_document(path: Path, what: str) -> dict[str, Any]:
    """An object of a JSON file. what: such as "a trainer state". Raises RunsError for anything else."""
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise RunsError(
                f"{path} has {path.stat().st_size >> 20} MiB; {what} of at most {LARGEST_JSON >> 20} MiB is read. "
                "Export its history as JSON Lines."
            )
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise RunsError(f"Cannot read {path}: {error.strerror}. Give a file that this user may read.") from error
    except (ValueError, RecursionError) as error:
        raise RunsError(
            f"{path} is not {what}: {_short(error)}. A file that was cut while written shows this; give an earlier one."
        ) from error
    if not isinstance(document, dict):
        raise RunsError(f"{path} is not {what}: it holds a {type(document).__name__}. Give the file the tool wrote.")
    return document


def read_lines(path: Path, notes: list[str]) -> Iterator[dict[str, Any]]:
    """The objects of JSON Lines. A last line without its end is left out, and of a line in which a kill cut one record
    and a restart wrote the next the second is kept; both are said in notes.

    Raises RunsError for any other line that is no object, for one above LONGEST_LINE, and for what is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            number = 0
            while line := file.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE:
                    raise RunsError(
                        f"{path}, line {number}: longer than {LONGEST_LINE} characters. Log one record a line."
                    )
                record = _record(path, line, number, notes)
                if record is not None:
                    yield record
    except UnicodeDecodeError as error:
        raise RunsError(f"{path} is not UTF-8 text: {error}. Give JSON Lines in UTF-8.") from error
    except OSError as error:
        raise RunsError(f"Cannot read {path}: {error.strerror}. Give a file that this user may read.") from error


def _record(path: Path, line: str, number: int, notes: list[str]) -> dict[str, Any] | None:
    if not line.strip():
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        if not line.endswith("\n"):
            notes.append(f"{path.name} is cut in line {number}: the lines before it are used.")
            return None
        if (record := _after_a_cut(line)) is not None:
            notes.append(f"{path.name}, line {number}: a record was cut and another follows: the whole one is used.")
            return record
        raise RunsError(
            f"{path}, line {number}: not JSON ({_short(error)}). Every line is one object, such as "
            '{"step": 100, "loss": 3.1}. Correct or remove the line.'
        ) from error
    if not isinstance(record, dict):
        raise RunsError(f"{path}, line {number}: {line[:40].strip()} is no JSON object. Write one object a line.")
    return record


def _after_a_cut(line: str) -> dict[str, Any] | None:
    """The first whole object that ends a line, at one of its first MOST_CUTS possible starts."""
    place = 0
    for _ in range(MOST_CUTS):
        place = line.find('{"', place + 1)
        if place < 0:
            return None
        try:
            found = json.loads(line[place:])
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else None
    return None


def _short(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error)
