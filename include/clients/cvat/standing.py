"""How an account stands with a CVAT server: asked before work is given to it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from include.clients.cvat.errors import ForbiddenError
from include.clients.cvat.records import About, CvatAccess, User
from include.clients.cvat.versions import remark
from include.clients.cvat.wire import Page, Wire

_SOON = timedelta(days=14)


class ReadOnlyError(ForbiddenError):
    """A personal access token that may only read: CVAT makes it so unless told otherwise."""


class AccessToken(msgspec.Struct, frozen=True):
    """A personal access token, as CVAT describes it to its bearer."""

    read_only: bool
    expiry_date: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A server that can be worked with: its version, the user's name, when the token ends (aware), if it does, and what
    is to be said of the version."""

    url: str
    version: str
    username: str
    expires: datetime | None = None
    remark: str = ""

    def sentence(self, now: datetime) -> str:
        """For people; it warns from 14 days before the token ends."""
        words = f"CVAT {self.version} at {self.url} answers to {self.username}"
        words += f"; {self.remark}" if self.remark else ""
        if self.expires is None:
            return words
        ending = f"its token expires on {self.expires.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return f"{words}; {ending}" + (": make a new one now" if self.expires - now < _SOON else "")


def standing(access: CvatAccess) -> Standing:
    """Ask the server who it is and what this account may do; nothing is changed.

    Raises the client's CvatErrors (NotFoundError for an organization that does not exist, ForbiddenError for one that
    the user is no member of), UnsupportedError for an older server or another major version, and ReadOnlyError.
    """
    wire = Wire(access)
    try:
        version = wire.get("/api/server/about", About).version
        said = remark(version, wire.url)
        username = wire.get("/api/users/self", User).username
        if access.organization:
            _enter(wire, access.organization, username)
        token = wire.get("/api/auth/access_tokens/self", AccessToken) if access.token else None
    finally:
        wire.close()
    if token and token.read_only:
        raise ReadOnlyError(f"the token of {username} for CVAT at {wire.url} may only read")
    return Standing(wire.url, version, username, token.expiry_date if token else None, said)


def _enter(wire: Wire, organization: str, username: str) -> None:
    """What concerns only the server and the user is answered outside an organization too: so ask for its projects."""
    try:
        wire.call("GET", "/api/projects", Page, query={"page_size": "1"})
    except ForbiddenError as error:
        raise ForbiddenError(f"{username} may not work in the organization {organization!r}: {error}") from error
