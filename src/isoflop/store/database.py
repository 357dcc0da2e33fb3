"""A SQLite file as a place where nothing is lost, and its failures in words.

One coordinator writes; readers may look on. WAL lets them, ``BEGIN IMMEDIATE`` makes a writer wait its turn at the
start of a transaction (where waiting is safe) and not in the middle of one, and ``synchronous=FULL`` makes a commit
survive a power cut (sqlite.org/wal.html, sqlite.org/lang_transaction.html).
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from isoflop import __version__
from isoflop.errors import StoreError
from isoflop.store.schema import MIGRATIONS, SCHEMA_VERSION, Migration, about, metadata

BUSY_SECONDS = 30.0
SQLITE_MAGIC = b"SQLite format 3\x00"
_WRITES = "isoflop_writes"


def open_engine(path: Path, busy_seconds: float = BUSY_SECONDS) -> sa.Engine:
    """Open the store in ``path``, making or upgrading it where needed.

    Raises StoreError for a folder, a file that is no store, a store from a newer isoflop, a file system that is full or
    read-only.
    """
    _refuse_what_is_no_store(path)
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": busy_seconds, "check_same_thread": False}
    )
    sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)
    try:
        with writing(engine, path, f"The store {path} was not opened") as connection:
            bring_up_to_date(connection, path)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: sa.Engine, path: Path, lost: str) -> Iterator[sa.Connection]:
    """A transaction that owns the right to write; ``lost`` says what did not happen if it fails."""
    with (
        _explained(path, lost),
        engine.connect().execution_options(**{_WRITES: True}) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def reading(engine: sa.Engine, path: Path) -> Iterator[sa.Connection]:
    """A transaction that sees one state of the store throughout."""
    with _explained(path, f"The store {path} was not read"), engine.connect() as connection, connection.begin():
        yield connection


def bring_up_to_date(
    connection: sa.Connection,
    path: Path,
    version: int = SCHEMA_VERSION,
    migrations: Mapping[int, Migration] = MIGRATIONS,
) -> None:
    """Make the tables of an empty file, or take an older store step by step to ``version``, all or nothing."""
    found = _version_found(connection, path)
    if found > version:
        raise StoreError(
            f"The store {path} has version {found} and was last written by isoflop {_written_by(connection)}. This is "
            f"isoflop {__version__}, which reads versions up to {version}. Upgrade it with: pip install --upgrade "
            f"isoflop. Or work in another folder."
        )
    if found == 0:
        metadata.create_all(connection)
    for step in range(found + 1, version + 1) if found else ():
        migrations[step](connection)
    if found < version:
        connection.execute(about.delete())
        facts = {"version": str(version), "written_by": __version__}
        connection.execute(about.insert(), [{"key": key, "value": value} for key, value in facts.items()])


def _version_found(connection: sa.Connection, path: Path) -> int:
    tables = sa.inspect(connection).get_table_names()
    if not tables:
        return 0
    if about.name not in tables:
        shown = ", ".join(tables[:5])
        raise StoreError(
            f"{path} is a SQLite database, but not of isoflop: it has the tables {shown}. Name another file."
        )
    return int(connection.execute(sa.select(about.c.value).where(about.c.key == "version")).scalar_one())


def _written_by(connection: sa.Connection) -> str:
    return str(
        connection.execute(sa.select(about.c.value).where(about.c.key == "written_by")).scalar()
        or "of an unknown version"
    )


def _refuse_what_is_no_store(path: Path) -> None:
    try:
        if path.is_dir():
            raise StoreError(
                f"{path} is a folder, and a store is a file. Name a file in it, such as {path / 'study.sqlite'}."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        head = path.open("rb").read(len(SQLITE_MAGIC)) if path.exists() else b""
    except OSError as error:
        raise StoreError(_os_trouble(path, f"The store {path} was not opened", error)) from error
    if head and head != SQLITE_MAGIC:
        raise StoreError(
            f"{path} is not a store: it begins with {head!r}, and a store is a SQLite file. Name another file, or move "
            f"this one away to begin a new store."
        )


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the transactions are ours: see _begin
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _explained(path: Path, lost: str) -> Iterator[None]:
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error) as error:  # the second comes from _set_up, which SQLAlchemy does not wrap
        raise StoreError(f"{lost}: {_database_trouble(path, str(getattr(error, 'orig', error)))}") from error
    except OSError as error:
        raise StoreError(_os_trouble(path, lost, error)) from error


_SAFE = "All that was recorded before is safe."
_TROUBLES = {
    ("disk is full",): f"the disk that holds it is full. {_SAFE} Free some space, then give the same command again.",
    ("disk i/o",): f"its disk failed, as it does when it is full. {_SAFE} Check it, then give the same command again.",
    ("locked",): f"another program is writing to it. {_SAFE} Close that program, then give the same command again.",
    (
        "malformed",
        "not a database",
    ): "it is damaged. Restore a copy, or move it away: the same command then records the "
    "runs again from the folders where they were trained.",
    ("readonly",): "it may not be written. Change its permissions, or work in another folder.",
    ("unable to open",): "it cannot be opened. Check that its folder exists and may be written.",
}


def _database_trouble(path: Path, said: str) -> str:
    known = (remedy for signs, remedy in _TROUBLES.items() if any(sign in said.lower() for sign in signs))
    return f"SQLite says '{said}' of {path}" + "".join(f": {remedy}" for remedy in known)


def _os_trouble(path: Path, lost: str, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"{lost}: the disk that holds {path} is full. Free some space, then give the same command again."
    return f"{lost}: {error.strerror or error}. Check that {path.parent} exists and may be written."
