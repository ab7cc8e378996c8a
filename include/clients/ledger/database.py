"""The ledger's database: opened, migrated, checked."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, Update, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

_CHUNK = 500  # SQLite takes 32,766 variables a statement at the most; this stays far below with any row
_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION_TABLE = {"version_table": "labelcycle_version"}

# One migration at a time, whole or not at all: SQLite would otherwise commit every statement by itself.
_ALONE = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(20260101)"}


class LedgerError(Exception):
    """The ledger cannot be used; the sentence says why and what to do."""


def open_engine(url: str) -> Engine:
    """An engine on the ledger's database; the URL is SQLAlchemy's (`postgresql+psycopg2://…`, `sqlite:///…`).

    Waits for a connection 10 s, for a lock 30 s. Raises LedgerError where the URL is none or its driver is missing.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        engine = create_engine(
            parsed, pool_pre_ping=True, connect_args={"connect_timeout": 10} if backend == "postgresql" else {}
        )
    except ModuleNotFoundError as error:
        raise LedgerError(f"the ledger's database needs the Python package {error.name}: install it") from error
    except (ArgumentError, ValueError):  # whose own words may hold a piece of the password
        raise LedgerError(
            "the ledger's URL cannot be understood: it must look like postgresql+psycopg2://user:password@host/database,"
            " with the special characters of the password percent-encoded"
        ) from None
    event.listen(engine, "connect", _prepare_sqlite if backend == "sqlite" else _prepare_postgres)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _prepare_postgres(connection: Any, _record: Any) -> None:
    connection.autocommit = True  # or the first rollback takes the setting back
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '30s'")
    connection.autocommit = False


def migrate(engine: Engine) -> None:
    """Bring the database to this release's tables; doing it again changes nothing.

    Raises LedgerError where the database does not answer, is newer than this release, or refuses.
    """
    config = _config()
    _check_known(engine, _found(engine))
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(_ALONE[engine.dialect.name])
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise LedgerError(f"the ledger's database {_where(engine)} cannot be upgraded: {_reason(error)}") from error


def require_current(engine: Engine) -> None:
    """Raise LedgerError unless the database is reachable and has this release's tables."""
    wanted, found = ScriptDirectory.from_config(_config()).get_current_head(), _found(engine)
    _check_known(engine, found)
    if found != wanted:
        raise LedgerError(
            f"the ledger's database {_where(engine)} is at version {found}, and this release needs {wanted}: "
            "run python -m include.clients.ledger upgrade"
        )


def change(connection: Connection, statement: Update, what: str) -> None:
    """Run an update of one row. Raises LedgerError, naming what there is none of, where it finds no row."""
    if connection.execute(statement).rowcount != 1:
        raise LedgerError(f"the ledger has no {what}: its records were changed by hand, or this is another ledger")


def chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    """Parts of so few that each can be named in one statement."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]


def _found(engine: Engine) -> str | None:
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection, opts=_VERSION_TABLE).get_current_revision()
    except SQLAlchemyError as error:
        raise LedgerError(f"the ledger's database {_where(engine)} does not answer: {_reason(error)}") from error


def _check_known(engine: Engine, found: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found and found not in known:
        raise LedgerError(
            f"the ledger's database {_where(engine)} is at version {found}, which this release does not know: a newer "
            "release has upgraded it; run that one"
        )


def _where(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)


def _reason(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config
