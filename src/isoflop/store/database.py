"""Transactions on a store, whichever database holds it, and the way from an empty or older store to today's.

SQLite: one writer at a time, by waiting at the start (see ``isoflop.store.sqlite``). PostgreSQL: statements that are
atomic by themselves at READ COMMITTED; a reading transaction sees one state (REPEATABLE READ); making and upgrading
tables is guarded by an advisory lock.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sqlalchemy as sa

from isoflop import __version__
from isoflop.errors import StoreError
from isoflop.store import sqlite
from isoflop.store.address import Address
from isoflop.store.schema import MIGRATIONS, RECORDS, SCHEMA_VERSION, Migration, about, metadata
from isoflop.store.troubles import database_trouble, is_passing

BUSY_SECONDS = 60.0
"""How long a writer waits for others; docs/store.md has what 64 of them waited at most."""
MIGRATION_LOCK = 0x69736F666C6F70  # "isoflop"


@dataclass(frozen=True, slots=True)
class Database:
    """An engine and where it leads. busy_seconds: how long to wait for others."""

    address: Address
    engine: sa.Engine
    busy_seconds: float
    _joint: threading.local = field(default_factory=threading.local, repr=False, compare=False)

    @contextmanager
    def writing(self, lost: str) -> Iterator[sa.Connection]:
        """A transaction that owns the right to write; ``lost`` says what did not happen if it fails.

        Within ``together`` it is the one that this thread has already.
        """
        if (joint := getattr(self._joint, "connection", None)) is not None:
            with _explained(self.address, lost):
                yield joint
            return
        with _explained(self.address, lost), self._connected(writes=True) as connection, connection.begin():
            yield connection

    @contextmanager
    def together(self, lost: str) -> Iterator[None]:
        """Make the writes of this thread one transaction: all are recorded at its end, or none."""
        before = getattr(self._joint, "connection", None)
        with self.writing(lost) as connection:
            self._joint.connection = connection
            try:
                yield
            finally:
                self._joint.connection = before

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the store throughout."""
        lost = f"The store {self.address.shown} was not read"
        with _explained(self.address, lost), self._connected(writes=False) as connection, connection.begin():
            yield connection

    def _connected(self, *, writes: bool) -> sa.Connection:
        """A connection, waiting while what prevents one passes by itself."""
        deadline = time.monotonic() + self.busy_seconds
        while True:
            try:
                connection = self.engine.connect()
                break
            except (sa.exc.OperationalError, sqlite3.OperationalError) as error:
                if not is_passing(str(error)) or time.monotonic() > deadline:
                    raise
                time.sleep(random.uniform(0.01, 0.1))
        if self.address.kind == "sqlite":
            return connection.execution_options(**{sqlite.WRITES: writes})
        return connection.execution_options(isolation_level="READ COMMITTED" if writes else "REPEATABLE READ")


def open_database(address: Address, busy_seconds: float = BUSY_SECONDS, *, upgrade: bool = True) -> Database:
    """Open a store, making or upgrading it where needed, or leaving it as it is without ``upgrade``.

    Raises StoreError for what is no store, a store from a newer isoflop, a disk that is full or read-only, a server
    that does not answer.
    """
    if address.path is not None:
        sqlite.refuse_what_is_no_store(address.path)
        engine = sqlite.engine_of(address.path, busy_seconds)
    else:
        assert address.url is not None
        engine = _postgresql_engine(address.url, busy_seconds)
    database = Database(address, engine, busy_seconds)
    try:
        if upgrade:
            _open_or_upgrade(database)
    except BaseException:
        engine.dispose()
        raise
    return database


def _postgresql_engine(url: sa.URL, busy_seconds: float) -> sa.Engine:
    engine = sa.create_engine(
        url,
        connect_args={"connect_timeout": max(2, round(busy_seconds))},
        pool_pre_ping=True,  # a server that was started anew is no reason to fail
        pool_timeout=busy_seconds,
        hide_parameters=True,
    )

    @sa.event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        connection.cursor_factory = _binary_cursor()
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = '{max(1, round(busy_seconds * 1000))}ms'")
        cursor.execute("SET synchronous_commit = 'on'")
        cursor.close()
        connection.commit()

    return engine


@cache
def _binary_cursor() -> type[Any]:
    """Results as the server's own bytes: writing and reading 10,000 numbers as text takes longer than finding them."""
    import psycopg

    class BinaryCursor(psycopg.Cursor[Any]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.format = psycopg.pq.Format.BINARY

    return BinaryCursor


def _open_or_upgrade(database: Database) -> None:
    """Look first: a store of today's version is opened without waiting for those who write to it."""
    address = database.address
    with database.reading() as connection:
        if version_found(connection, address) == SCHEMA_VERSION:
            return
    with database.writing(f"The store {address.shown} was not opened") as connection:
        if address.kind == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        bring_up_to_date(connection, address)


def bring_up_to_date(
    connection: sa.Connection,
    address: Address,
    version: int = SCHEMA_VERSION,
    migrations: Mapping[int, Migration] = MIGRATIONS,
) -> None:
    """Make the tables of an empty store, or take an older one step by step to ``version``, all or nothing.

    An older SQLite file is copied beside itself first, as ``study.sqlite.v1.backup``.
    """
    found = version_found(connection, address, newest=version)
    if found == 0:
        metadata.create_all(connection)
    elif found < version and address.path is not None:
        sqlite.back_up(address.path, found)
    for step in range(found + 1, version + 1) if found else ():
        migrations[step](connection)
    if found < version:
        connection.execute(about.delete())
        facts = {"version": str(version), "written_by": __version__}
        connection.execute(about.insert(), [{"key": key, "value": value} for key, value in facts.items()])


def version_found(connection: sa.Connection, address: Address, newest: int = SCHEMA_VERSION) -> int:
    """The version of the tables, 0 where there are none. Raises StoreError for another program's, or a newer one."""
    tables = sa.inspect(connection).get_table_names()
    if about.name in tables:
        facts = {row.key: row.value for row in connection.execute(sa.select(about))}
        if int(facts["version"]) > newest:
            raise StoreError(_newer(address, facts, newest))
        return int(facts["version"])
    if address.kind == "postgresql":
        tables = [name for name in tables if name in {table.name for table in RECORDS}]
    if tables:
        raise StoreError(_of_another_program(address, tables))
    return 0


def _newer(address: Address, facts: Mapping[str, str], newest: int) -> str:
    return (
        f"The store {address.shown} has version {facts['version']} and was last written by isoflop "
        f"{facts.get('written_by', 'of an unknown version')}. This is isoflop {__version__}, which reads versions up "
        f"to {newest}. Upgrade it with: pip install --upgrade isoflop. Or work in another store."
    )


def _of_another_program(address: Address, tables: list[str]) -> str:
    shown = ", ".join(tables[:5])
    if address.kind == "sqlite":
        return (
            f"{address.shown} is a SQLite database, but not of isoflop: it has the tables {shown}. Name another file."
        )
    return (
        f"{address.shown} has tables {shown} of another program, whose names a store needs. Give the store a schema of "
        "its own (CREATE SCHEMA isoflop, then ?options=-csearch_path%3Disoflop at the end of the URL) or a database."
    )


@contextmanager
def _explained(address: Address, lost: str) -> Iterator[None]:
    try:
        yield
    except (sa.exc.DBAPIError, sa.exc.TimeoutError, sqlite3.Error) as error:  # SQLAlchemy does not wrap what a listener
        said = address.without_secrets(str(getattr(error, "orig", None) or error))  # of "connect" raises
        raise StoreError(f"{lost}: {database_trouble(address.shown, said)}") from None
