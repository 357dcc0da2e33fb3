"""The one loader of published facts: TOML tables beside this file, one array of tables a file."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from isoflop.errors import BadInput, did_you_mean

Fact = Mapping[str, Any]
"""One row: whatever the table holds, and always ``name`` and ``source``."""


@functools.cache
def facts(table: str) -> dict[str, Fact]:
    """All rows of a table by name, in the file's order. Raises BadInput for an unknown table.

    A row without a name, a source, or with a name used before is a defect of the file and raises ValueError.
    """
    folder = resources.files(__package__ or "isoflop.facts")
    known = sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    if table not in known:
        raise BadInput(f"No table of facts '{table}'. Known: {', '.join(known)}.{did_you_mean(table, known)}")
    rows = tomllib.loads((folder / f"{table}.toml").read_text(encoding="utf-8"))[table]
    named: dict[str, Fact] = {}
    for row in rows:
        if "name" not in row or "source" not in row or row["name"] in named:
            raise ValueError(f"facts/{table}.toml: a row needs its own name and a source: {row}")
        named[row["name"]] = row
    return named
