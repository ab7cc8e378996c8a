"""The ledger's leases: named locks that end by themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from include.clients.ledger.database import LedgerError
from include.clients.ledger.tables import leases


class LeaseTakenError(LedgerError):
    """Another run is writing."""


class Leases:
    """Named locks that keep writers of a project or a repository apart."""

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
                mine = (leases.c.name == name) & (leases.c.holder == holder)
                connection.execute(delete(leases).where(mine))

    def claim(self, name: str, holder: str, lasts: timedelta) -> bool:
        """Take a lease, or take it for longer, and let it end by itself; False where somebody else holds it.

        What has ended is forgotten: nobody else would ever ask for it.
        """
        with self._engine.begin() as connection:
            connection.execute(delete(leases).where(leases.c.expires_at <= datetime.now(UTC)))
        try:
            self._take(name, holder, lasts)
        except LeaseTakenError:
            return False
        return True

    def _take(self, name: str, holder: str, lasts: timedelta) -> None:
        now = datetime.now(UTC)
        row = {"holder": holder, "expires_at": now + lasts}
        free = (leases.c.expires_at <= now) | (leases.c.holder == holder)
        with self._engine.begin() as connection:
            if connection.execute(update(leases).where(leases.c.name == name, free).values(row)).rowcount:
                return
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(leases).values(name=name, **row))
        except IntegrityError as error:
            raise LeaseTakenError(self._who(name)) from error

    def _who(self, name: str) -> str:
        with self._engine.connect() as connection:
            row = connection.execute(select(leases).where(leases.c.name == name)).first()
        if row is None:
            return f"the lease {name!r} was held by another run a moment ago: run again"
        return f"the lease {name!r} is held by {row.holder} until {row.expires_at:%H:%M:%S} UTC: run again then"
