"""A file is either the old one or the whole new one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from isoflop.errors import BadInput, Failure

_MODE = 0o644  # mkstemp makes files private; a report is meant to be read


def write_atomically(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content`` in one step; on failure the old file stays and no fragment is left.

    Raises BadInput if the folder does not exist or ``path`` is a folder, and Failure if the system refuses the write.
    """
    if not path.parent.is_dir():
        raise BadInput(f"Cannot write {path}: the folder {path.parent} does not exist. Create it or name another.")
    if path.is_dir():
        raise BadInput(f"Cannot write {path}: it is a folder. Name a file in it, such as {path / 'report.html'}.")
    try:
        _replace(path, content)
    except OSError as error:
        raise Failure(
            f"Cannot write {path} ({len(content) / 1e6:.2f} MB): {error.strerror}. "
            f"Free some space or name a file you may write; the previous file, if any, is unchanged."
        ) from error


def _replace(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _MODE)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
