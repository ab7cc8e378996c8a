"""The ledger's database: opened, migrated, leased."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, delete, event, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from include.clients.ledger import tables

_MIGRATIONS = Path(__file__).parent / "migrations"


class LedgerError(Exception):
    """The ledger cannot be used; the sentence says why and what to do."""


class LeaseTakenError(LedgerError):
    """Another run is writing."""


def open_engine(url: str) -> Engine:
    """An engine on the ledger's database; the URL is SQLAlchemy's (`postgresql+psycopg2://…`, `sqlite:///…`)."""
    engine = create_engine(url, pool_pre_ping=True)
    if make_url(url).get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def migrate(engine: Engine) -> None:
    """Bring the database to this release's tables; doing it again changes nothing."""
    config = _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def require_current(engine: Engine) -> None:
    """Raise LedgerError unless the database is reachable and has this release's tables."""
    where = engine.url.render_as_string(hide_password=True)
    wanted = ScriptDirectory.from_config(_config()).get_current_head()
    try:
        with engine.connect() as connection:
            options = {"version_table": "labelcycle_version"}
            found = MigrationContext.configure(connection, opts=options).get_current_revision()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise LedgerError(f"the ledger's database {where} does not answer: {reason}") from error
    if found != wanted:
        raise LedgerError(
            f"the ledger's database {where} is at version {found}, and this release needs {wanted}: "
            "run python -m include.clients.ledger upgrade"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


class Leases:
    """Named locks that end by themselves: they keep writers of a project or a repository apart."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def hold(self, name: str, holder: str, lasts: timedelta) -> Iterator[None]:
        """Hold a lease while the block runs. The same holder may take it again: a retry goes on where it was killed.

        Raises LeaseTakenError where somebody else holds it.
        """
        self._take(name, holder, lasts)
        try:
            yield
        finally:
            with self._engine.begin() as connection:
                mine = (tables.leases.c.name == name) & (tables.leases.c.holder == holder)
                connection.execute(delete(tables.leases).where(mine))

    def _take(self, name: str, holder: str, lasts: timedelta) -> None:
        now = datetime.now(UTC)
        row = {"holder": holder, "expires_at": now + lasts}
        free = (tables.leases.c.expires_at < now) | (tables.leases.c.holder == holder)
        with self._engine.begin() as connection:
            taken = connection.execute(update(tables.leases).where(tables.leases.c.name == name, free).values(row))
            if taken.rowcount:
                return
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(tables.leases).values(name=name, **row))
        except IntegrityError as error:
            raise LeaseTakenError(self._who(name)) from error

    def _who(self, name: str) -> str:
        with self._engine.connect() as connection:
            row = connection.execute(select(tables.leases).where(tables.leases.c.name == name)).first()
        if row is None:
            return f"the lease {name!r} was held by another run a moment ago: run again"
        return f"the lease {name!r} is held by {row.holder} until {row.expires_at:%H:%M:%S} UTC: run again then"
