"""The ledger's database."""

from airflow.sdk import BaseHook, Connection
from sqlalchemy import URL

from include.clients.ledger import Ledger, open_engine, require_current

_DRIVERS = {"postgres": "postgresql+psycopg2", "postgresql": "postgresql+psycopg2", "sqlite": "sqlite"}


class LedgerHook(BaseHook):
    """The ledger by an Airflow connection of type `postgres`, or `sqlite` with the file as its host."""

    def __init__(self, conn_id: str) -> None:
        super().__init__()
        self.conn_id = conn_id

    def get_conn(self) -> Ledger:
        """The ledger, checked to be reachable and of this release; the caller disposes of its engine."""
        engine = open_engine(url_of(self.get_connection(self.conn_id)).render_as_string(hide_password=False))
        require_current(engine)
        return Ledger(engine)


def url_of(connection: Connection) -> URL:
    """SQLAlchemy's URL of a connection. Raises ValueError for a type of database that the ledger does not run on."""
    driver = _DRIVERS.get(connection.conn_type or "")
    if driver is None:
        raise ValueError(
            f"connection {connection.conn_id!r} is of type {connection.conn_type!r}: the ledger runs on postgres, "
            "and on sqlite for trials"
        )
    if driver == "sqlite":
        return URL.create(driver, database=connection.host)
    return URL.create(
        driver, connection.login, connection.password, connection.host, connection.port, connection.schema
    )
