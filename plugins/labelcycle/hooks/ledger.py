"""The ledger's database."""

from typing import TYPE_CHECKING, Literal

from airflow.sdk import BaseHook, Connection
from pydantic import ConfigDict

from labelcycle.hooks.failures import tested
from labelcycle.hooks.fields import Extra, WrongConnection, extra_of

if TYPE_CHECKING:
    from sqlalchemy import URL

    from include.clients.ledger import Ledger

_TYPES = ("labelcycle_ledger", "postgres", "postgresql", "sqlite")


class LedgerExtra(Extra):
    """libpq's sslmode. Other keys are let be: a connection of type `postgres` has its own."""

    model_config = ConfigDict(extra="ignore")

    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = None


class LedgerHook(BaseHook):
    """The ledger by an Airflow connection of type `labelcycle_ledger`, or of Airflow's own `postgres` or `sqlite`.

    A host that is an absolute path is a SQLite file; any other is PostgreSQL's, with the schema as its database.
    """

    conn_name_attr = "ledger_conn_id"
    default_conn_name = "labelcycle_ledger"
    conn_type = "labelcycle_ledger"
    hook_name = "Labelcycle ledger"

    def __init__(self, ledger_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.ledger_conn_id = ledger_conn_id

    def get_conn(self) -> "Ledger":
        """The ledger, checked to be reachable and of this release; the caller disposes of its engine."""
        from include.clients.ledger import Ledger, open_engine, require_current

        engine = open_engine(self.url().render_as_string(hide_password=False))
        try:
            require_current(engine)
        except BaseException:
            engine.dispose()
            raise
        return Ledger(engine)

    def url(self) -> "URL":
        """SQLAlchemy's URL of the connection."""
        return url_of(self.get_connection(self.ledger_conn_id))

    def test_connection(self) -> tuple[bool, str]:
        """Airflow's Test: whether the database answers, and has this release's tables."""
        return tested(self._look)

    def _look(self) -> str:
        ledger = self.get_conn()
        ledger.engine.dispose()
        return f"{ledger.engine.url.render_as_string(hide_password=True)} has this release's tables"


def url_of(connection: Connection) -> "URL":
    """SQLAlchemy's URL of a connection. Raises WrongConnection for a type that the ledger does not run on."""
    from sqlalchemy import URL

    if connection.conn_type not in _TYPES:
        types = "labelcycle_ledger (or postgres, or sqlite for trials)"
        raise WrongConnection(connection.conn_id, f"is of type {connection.conn_type!r}: the ledger needs {types}")
    if not connection.host:
        raise WrongConnection(connection.conn_id, "needs a host: PostgreSQL's, or the absolute path of a SQLite file")
    if connection.conn_type == "sqlite" or connection.host.startswith("/"):
        return URL.create("sqlite", database=connection.host)
    sslmode = extra_of(connection, LedgerExtra).sslmode
    return URL.create(
        "postgresql+psycopg2",
        connection.login,
        connection.password,
        connection.host,
        connection.port,
        connection.schema,
        {"sslmode": sslmode} if sslmode else {},
    )
