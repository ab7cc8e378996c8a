"""The CVAT connection."""

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook, Connection

if TYPE_CHECKING:  # cvat-sdk takes most of a second to import: DAG files never pay for it
    from include.clients.cvat import CvatAccess, CvatClient


class CvatHook(BaseHook):
    """CVAT by an Airflow connection.

    Host: the server's URL. Login and password: a user; or no login, and a personal access token as the password.
    Extra: `organization` (its slug), `verify_tls` (true by default).
    """

    conn_name_attr = "cvat_conn_id"
    default_conn_name = "cvat_default"
    conn_type = "cvat"
    hook_name = "CVAT"

    def __init__(self, cvat_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.cvat_conn_id = cvat_conn_id

    def get_conn(self) -> "CvatClient":
        """A client of the connection's server; the caller closes it."""
        from include.clients.cvat import CvatClient

        return CvatClient(self.access())

    def access(self) -> "CvatAccess":
        """Where the server is and who asks, read from the connection."""
        return access_of(self.get_connection(self.cvat_conn_id))

    async def aaccess(self) -> "CvatAccess":
        """The same, for triggers."""
        return access_of(await self.aget_connection(self.cvat_conn_id))


def access_of(connection: Connection) -> "CvatAccess":
    """A connection's fields as the client wants them. Raises ValueError where there is no host or password."""
    from include.clients.cvat import CvatAccess

    if not connection.host or not connection.password:
        raise ValueError(
            f"connection {connection.conn_id!r} needs a host (CVAT's URL) and a password (a personal access token, or "
            "the password of its login)"
        )
    host = connection.host if "://" in connection.host else f"{connection.schema or 'https'}://{connection.host}"
    extra = connection.extra_dejson
    return CvatAccess(
        url=f"{host}:{connection.port}" if connection.port else host,
        token=None if connection.login else connection.password,
        username=connection.login or None,
        password=connection.password if connection.login else None,
        organization=extra.get("organization", ""),
        verify_tls=bool(extra.get("verify_tls", True)),
    )
