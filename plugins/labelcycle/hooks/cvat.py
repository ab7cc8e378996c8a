"""The CVAT connection."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook, Connection

from labelcycle.hooks.failures import tested
from labelcycle.hooks.fields import Extra, WrongConnection, address_of, extra_of

if TYPE_CHECKING:  # cvat-sdk takes most of a second to import: DAG files never pay for it
    from include.clients.cvat import CvatAccess, CvatClient


class CvatExtra(Extra):
    """The organization's slug, and whether the server's certificate is checked."""

    organization: str = ""
    verify_tls: bool = True


class CvatHook(BaseHook):
    """CVAT by an Airflow connection.

    Host: the server's URL. Login and password: a user; or no login, and a personal access token as the password.
    Extra: CvatExtra.
    """

    conn_name_attr = "cvat_conn_id"
    default_conn_name = "cvat_default"
    conn_type = "cvat"
    hook_name = "CVAT"

    def __init__(self, cvat_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.cvat_conn_id = cvat_conn_id

    def get_conn(self) -> "CvatClient":
        """The process's client of the connection's server, which stays open until the process ends.

        Raises CvatErrors where the server refuses the account, and UnsupportedError for one that is too old.
        """
        from include.clients.cvat.shared import shared_client

        return shared_client(self.access())

    def access(self) -> "CvatAccess":
        """Where the server is and who asks, read from the connection."""
        return access_of(self.get_connection(self.cvat_conn_id))

    async def aaccess(self) -> "CvatAccess":
        """The same, for triggers."""
        return access_of(await self.aget_connection(self.cvat_conn_id))

    def test_connection(self) -> tuple[bool, str]:
        """Airflow's Test: the server's version, and whether this account may write and for how long."""
        from include.clients.cvat.standing import standing

        return tested(lambda: standing(self.access()).sentence(datetime.now(UTC)))


def access_of(connection: Connection) -> "CvatAccess":
    """A connection's fields as the client wants them. Raises WrongConnection."""
    from include.clients.cvat.records import CvatAccess, WrongAccess

    url = address_of(connection, "CVAT's URL, as in https://cvat.example.com", ("http", "https"))
    token = "" if connection.login else (connection.password or "").strip()  # a secret's file ends with a line break
    if not (token or (connection.login and connection.password)):
        sentence = "needs a password: a personal access token, or the password of its login"
        raise WrongConnection(connection.conn_id, sentence)
    extra = extra_of(connection, CvatExtra)
    try:
        return CvatAccess(
            url=url,
            token=token or None,
            username=connection.login or None,
            password=connection.password if connection.login else None,
            organization=extra.organization.strip(),
            verify_tls=extra.verify_tls,
        )
    except WrongAccess as error:
        raise WrongConnection(connection.conn_id, str(error)) from None
