"""Files that other processes read while they are written, or that a kill may cut short."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from isoflop.errors import StoreError


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader, or a survivor of a crash, sees all of it or nothing of it.

    Raises StoreError, naming the file, when the disk is full or may not be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise StoreError(
            f"{path} was not written ({error.strerror}). Free some space or change the permissions of {path.parent}, "
            f"then give the same command again."
        ) from error


class LineTail:
    """The complete lines that were added to a file since the last look; a line still being written waits.

    at_most: bytes to go back at the first look, where a file may be long and its end tells enough.
    """

    def __init__(self, path: Path, at_most: int | None = None) -> None:
        self.path = path
        self._seen = 0
        self._at_most = at_most

    def lines(self) -> list[str]:
        """New lines without their ends; none while there is no file. A file that shrank is read from its start."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                if size < self._seen:
                    self._seen = 0
                if self._at_most is not None:
                    self._seen, self._at_most = max(0, size - self._at_most), None
                file.seek(self._seen)
                complete = file.read().rpartition(b"\n")[0]
        except FileNotFoundError:
            return []
        if not complete:
            return []
        self._seen += len(complete) + 1
        return complete.decode("utf-8", errors="replace").split("\n")
