"""The ledger on real databases: SQLite files, and PostgreSQL where LEDGER_TEST_POSTGRES_URL names one."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url, text

from include.clients.ledger import Ledger, migrate, open_engine

POSTGRES = os.environ.get("LEDGER_TEST_POSTGRES_URL")


@pytest.fixture(params=["sqlite", *(["postgresql"] if POSTGRES else [])])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    assert POSTGRES
    schema = f"test_{uuid4().hex}"
    server = open_engine(POSTGRES)
    with server.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    url = make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={schema}"})
    yield url.render_as_string(hide_password=False)
    with server.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    server.dispose()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with tables, for tests to copy."""
    path = tmp_path_factory.mktemp("migrated") / "ledger.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def ledger(empty_url: str, migrated: Path) -> Iterator[Ledger]:
    """A ledger with tables and nothing in them."""
    engine = open_engine(empty_url)
    if engine.dialect.name == "sqlite":
        shutil.copy(migrated, str(engine.url.database))
    else:
        migrate(engine)
    yield Ledger(engine)
    engine.dispose()
