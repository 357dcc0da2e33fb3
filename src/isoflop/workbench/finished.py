"""The result of a demonstration that ran to its end. Light to import, so that a finished one answers at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from isoflop.errors import StoreError

RESULT = "result.json"


def finished_result(folder: Path) -> dict[str, Any] | None:
    """The result of a demonstration that ran to its end in ``folder``, or None."""
    try:
        result: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{folder / RESULT} cannot be read: {error}. Delete it; the same command writes it anew."
        ) from error
    return result
