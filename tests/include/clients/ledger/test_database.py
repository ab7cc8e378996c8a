"""The ledger's database: its migrations make the tables of tables.py, and what is wrong with it is said."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError, StatementError

from include.clients.ledger import Ledger, LedgerError, migrate, open_engine, require_current
from include.clients.ledger.__main__ import main
from include.clients.ledger.tables import metadata
from tests.include.clients.ledger.records import NOW, PROJECT, add, plan

ROOT = Path(__file__).parents[4]


@pytest.fixture
def engine(empty_url: str) -> Iterator[Engine]:
    engine = open_engine(empty_url)
    yield engine
    engine.dispose()


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        options = {"version_table": "labelcycle_version", "compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def test_the_migrations_make_the_tables_as_they_are_described(engine: Engine) -> None:
    migrate(engine)
    require_current(engine)
    assert differences(engine) == []
    assert {*inspect(engine).get_table_names()} == {*metadata.tables, "labelcycle_version"}


def test_checks_are_migrated_too(engine: Engine) -> None:  # alembic does not compare them
    migrate(engine)
    described = {check.name for check in metadata.tables["images"].constraints if str(check.name).startswith("ck_")}
    assert len(described) == 5
    assert {check["name"] for check in inspect(engine).get_check_constraints("images")} == described


def test_a_second_migration_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    add(Ledger(engine), "a")
    migrate(engine)
    assert Ledger(engine).images.counts(PROJECT) == {("waiting", None): 1}


def test_the_way_back_leaves_nothing(engine: Engine) -> None:
    migrate(engine)
    config = Config()
    config.set_main_option("script_location", str(ROOT / "include/clients/ledger/migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["labelcycle_version"]


def test_a_migration_that_fails_leaves_nothing_half_made(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE releases (tag INTEGER)"))  # in the way of a late step
    with pytest.raises(LedgerError, match=r"cannot be upgraded: .*releases.* already exists"):
        migrate(engine)
    assert inspect(engine).get_table_names() == ["releases"]


def test_a_database_without_tables_is_told_with_the_cure(engine: Engine) -> None:
    with pytest.raises(LedgerError, match=r"at version None, .* needs 0\d\d\d: run python -m include\.clients\.ledger"):
        require_current(engine)


def test_a_newer_database_is_left_alone(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE labelcycle_version SET version_num = '9999'"))
    for call in (require_current, migrate):
        with pytest.raises(LedgerError, match=r"version 9999, which this release does not know: a newer release"):
            call(engine)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nowhere/at/all/ledger.db",
        "postgresql+psycopg2://user:hunter2@127.0.0.1:1/ledger",
        "postgresql+psycopg2://user:hunter2@no-such-host.invalid/ledger",
    ],
)
def test_a_database_that_does_not_answer(url: str) -> None:
    engine = open_engine(url)
    for call in (require_current, migrate):
        with pytest.raises(LedgerError, match=r"does not answer: \S") as caught:
            call(engine)
        assert "hunter2" not in str(caught.value)
        assert "\n" not in str(caught.value)
    engine.dispose()


@pytest.mark.parametrize(
    "url", ["hunter2", "", "postgresql://user:hun:ter2@host:hunter2/ledger", "nosql://user:hunter2@host/ledger"]
)
def test_a_url_that_is_none_is_not_repeated(url: str) -> None:
    with pytest.raises(LedgerError, match="the ledger's URL cannot be understood") as caught:
        open_engine(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_driver_that_is_not_installed_is_named() -> None:
    with pytest.raises(LedgerError, match=r"needs the Python package pg8000: install it"):
        open_engine("postgresql+pg8000://user:hunter2@host/ledger")


def upgrade(url: str) -> "subprocess.Popen[bytes]":
    line = [sys.executable, "-m", "include.clients.ledger", "upgrade"]
    return subprocess.Popen(line, cwd=ROOT, env=os.environ | {"LABELCYCLE_LEDGER_URL": url}, stderr=subprocess.PIPE)


def test_two_upgrades_at_once_make_one(empty_url: str, engine: Engine) -> None:
    processes = [upgrade(empty_url) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    require_current(engine)
    assert differences(engine) == []


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "set LABELCYCLE_LEDGER_URL"),
        ("sqlite:///ledger.db", "at version None"),
        ("sqlite:////nowhere/at/all/ledger.db", "does not answer"),
    ],
)
def test_the_command_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELCYCLE_LEDGER_URL", url)
    monkeypatch.setattr(sys, "argv", ["ledger", "check"])
    with pytest.raises(SystemExit, match=sentence):
        main()


def test_moments_need_a_zone_and_come_back_in_utc(ledger: Ledger) -> None:
    there = datetime.fromisoformat("2026-03-01T13:00:00+01:00")
    ledger.releases.pin("birds-v1.0.0", PROJECT, "d", "s3://l/pin", there)
    (release,) = ledger.releases.all(PROJECT)
    assert release.pinned_at == NOW
    assert release.pinned_at.isoformat() == "2026-03-01T12:00:00+00:00"
    with pytest.raises(StatementError, match="without a time zone"):
        ledger.releases.pin("birds-v1.0.1", PROJECT, "d", "s3://l/pin", datetime(2026, 3, 1))


@pytest.mark.parametrize(
    "change",
    [
        "state = 'batched'",
        "state = 'lost'",
        "state = 'quarantined'",
        f"batch_id = '{PROJECT}-1'",
        f"batch_id = '{PROJECT}-1', frame = 0, state = 'batched'",  # the frame of another image
        "current = false",
        "width = null",
        "uri = 's3://b/in/b'",  # where there is one already
    ],
)
def test_the_database_itself_refuses_what_must_not_be(ledger: Ledger, change: str) -> None:
    a, b, c = add(ledger, "a", "b", "c")
    plan(ledger, "1", [c])
    with pytest.raises(IntegrityError), ledger.engine.begin() as connection:
        connection.execute(text(f"UPDATE images SET {change} WHERE id = :id"), {"id": a})
    assert ledger.images.counts(PROJECT) == {("waiting", None): 2, ("batched", None): 1}
    assert b in ledger.images.get(PROJECT, [b], current=True)
