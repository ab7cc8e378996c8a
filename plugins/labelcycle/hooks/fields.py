"""A connection's fields, read and checked: what a client is made of, or a sentence that says what to mend."""

from typing import Any, TypeVar
from urllib.parse import urlsplit

from airflow.sdk import Connection
from pydantic import BaseModel, ConfigDict, ValidationError


class WrongConnection(ValueError):
    """A connection that no client can be made of; the sentence says which and what to mend."""

    def __init__(self, conn_id: str, problem: str) -> None:
        super().__init__(f"connection {conn_id!r} {problem}")
        self.problem = problem


class Extra(BaseModel):
    """What may stand in a connection's extra. Other keys are mistakes; empty ones, as forms send them, are absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)


E = TypeVar("E", bound=Extra)


def extra_of(connection: Connection, form: type[E]) -> E:
    """The connection's extra in its form. Raises WrongConnection, naming the keys that are wrong."""
    given: dict[str, Any] = connection.extra_dejson
    try:
        return form.model_validate({key: value for key, value in given.items() if value not in (None, "")})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors())
        known = ", ".join(form.model_fields)
        raise WrongConnection(connection.conn_id, f"has a wrong extra ({wrong}): it may hold {known}") from None


def address_of(connection: Connection, example: str) -> str:
    """The URL in the connection's host; a host alone is put together with its schema (https, if none) and port.

    Raises WrongConnection where there is none, or where it holds a password: URLs get into logs.
    """
    if not connection.host:
        raise WrongConnection(connection.conn_id, f"needs a host: {example}")
    host = connection.host if "://" in connection.host else f"{connection.schema or 'https'}://{connection.host}"
    parts = urlsplit(host)
    if parts.scheme in ("http", "https") and parts.username is not None:
        raise WrongConnection(connection.conn_id, "has a user in its host: put user and password into their own fields")
    return f"{host}:{connection.port}" if connection.port and parts.scheme in ("http", "https") else host
