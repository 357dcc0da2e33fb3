"""Old stores open, and the tables do not change without a new version."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from isoflop.store import open_store
from isoflop.store.database import bring_up_to_date, writing
from isoflop.store.schema import MIGRATIONS, SCHEMA_VERSION

FROZEN = sorted((Path(__file__).parent / "frozen").glob("v*.sql"))


def thaw(dump: Path, path: Path) -> Path:
    raw = sqlite3.connect(path)
    raw.executescript(dump.read_text())
    raw.close()
    return path


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    raw = sqlite3.connect(path)
    names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    columns = {name: raw.execute(f"PRAGMA table_info({name})").fetchall() for name in names}
    raw.close()
    return columns


def test_every_version_has_a_frozen_store_and_a_step_from_the_one_before():
    assert [dump.stem for dump in FROZEN] == [f"v{version}" for version in range(1, SCHEMA_VERSION + 1)]
    assert sorted(MIGRATIONS) == list(range(2, SCHEMA_VERSION + 1))


@pytest.mark.parametrize("dump", FROZEN, ids=lambda dump: dump.stem)
def test_a_frozen_store_opens_with_all_that_was_in_it(dump, tmp_path):
    with open_store(thaw(dump, tmp_path / "old.sqlite")) as store:
        runs = store.runs("ladder")
        assert runs.column("run_id").tolist() == ["small", "large"]
        assert runs.loss.tolist() == [1.7320508075688772, 1.4142135623730951]
        assert runs.column("note").tolist() == ["first", None]
        assert store.runs("ladder", diverged=True).column("run_id").tolist() == ["small", "large", "lost"]
        (forecast,) = store.forecasts("ladder")
        assert forecast.content == {"loss": 1.25, "low": 1.0, "high": 1.5}
        assert forecast.used_runs == ("large", "small")
        assert forecast.made_at == "2025-01-02T03:04:05.000006+00:00"
        assert [score.content for score in store.scores("ladder")] == [{"held": True}]


@pytest.mark.parametrize("dump", FROZEN, ids=lambda dump: dump.stem)
def test_an_upgraded_store_has_the_tables_of_a_fresh_one(dump, tmp_path):
    open_store(old := thaw(dump, tmp_path / "old.sqlite")).close()
    open_store(fresh := tmp_path / "fresh.sqlite").close()
    assert tables(old) == tables(fresh)


def test_a_step_that_fails_leaves_the_store_at_its_version_with_its_tables(tmp_path):
    path = thaw(FROZEN[0], tmp_path / "s.sqlite")
    before = tables(path)

    def half(connection: sa.Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN colour TEXT")
        raise RuntimeError("the power went")

    with open_store(path) as store:
        with pytest.raises(RuntimeError), writing(store._engine, path, "nothing") as connection:
            bring_up_to_date(connection, path, version=SCHEMA_VERSION + 1, migrations={SCHEMA_VERSION + 1: half})
        assert tables(path) == before


def test_steps_are_taken_in_order_and_only_once(tmp_path):
    taken: list[int] = []
    steps = {version: lambda _, version=version: taken.append(version) for version in range(2, 5)}
    path = thaw(FROZEN[0], tmp_path / "s.sqlite")
    with open_store(path) as store:
        for _ in range(2):
            with writing(store._engine, path, "nothing") as connection:
                bring_up_to_date(connection, path, version=4, migrations=steps)
    assert taken == [version for version in range(2, 5) if version > SCHEMA_VERSION]
