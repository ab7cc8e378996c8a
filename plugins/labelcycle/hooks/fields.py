"""A connection's fields, read and checked: what a client is made of, or a sentence that says what to mend."""

import re
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from airflow.sdk import Connection
from pydantic import BaseModel, ConfigDict, ValidationError

_HTTP = ("http", "https")


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


def address_of(connection: Connection, example: str, schemes: tuple[str, ...] = ()) -> str:
    """The URL in the connection's host; a host alone is put together with its schema (https, if none) and port.

    Raises WrongConnection where there is none, where it is no URL or of none of the schemes, if any are given, or where
    it holds a password: URLs get into logs.
    """
    given = (connection.host or "").strip()
    if not given:
        raise WrongConnection(connection.conn_id, f"needs a host: {example}")
    host = given if "://" in given else f"{connection.schema or 'https'}://{given}"
    parts = _parts(connection, host, example)
    if parts.scheme in _HTTP and parts.username is not None:
        raise WrongConnection(connection.conn_id, "has a user in its host: put user and password into their own fields")
    if schemes and parts.scheme not in schemes:
        sentence = f"has a host with {parts.scheme}://, and it is {' or '.join(schemes)}: {example}"
        raise WrongConnection(connection.conn_id, sentence)
    return f"{host}:{connection.port}" if connection.port and parts.scheme in _HTTP else host


def _parts(connection: Connection, host: str, example: str) -> SplitResult:
    """The parts of a URL; one over HTTP has a host, and a port that is a number. The URL may hold a password."""
    try:
        parts = urlsplit(host)
        whole = parts.scheme not in _HTTP or (parts.hostname and parts.port != 0 and not re.search(r"\s", host))
    except ValueError:
        whole = False
    if not whole:
        raise WrongConnection(connection.conn_id, f"has a host that is no URL: give it {example}")
    return parts
