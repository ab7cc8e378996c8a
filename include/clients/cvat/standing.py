"""How an account stands with a CVAT server: asked before work is given to it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from include.clients.cvat.errors import CvatError, ForbiddenError
from include.clients.cvat.records import About, CvatAccess, User
from include.clients.cvat.wire import Wire

OLDEST = (2, 73)  # whose answers the client was written and recorded against
_SOON = timedelta(days=14)


class UnsupportedError(CvatError):
    """A CVAT that Labelcycle does not work with."""


class ReadOnlyError(ForbiddenError):
    """A personal access token that may only read: CVAT makes it so unless told otherwise."""


class AccessToken(msgspec.Struct, frozen=True):
    """A personal access token, as CVAT describes it to its bearer."""

    read_only: bool
    expiry_date: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A server that can be worked with: its version, the user's name, and when the token ends (aware), if it does."""

    url: str
    version: str
    username: str
    expires: datetime | None = None

    def sentence(self, now: datetime) -> str:
        """For people; it warns from 14 days before the token ends."""
        words = f"CVAT {self.version} at {self.url} answers to {self.username}"
        if self.expires is None:
            return words
        ending = f"its token expires on {self.expires.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return f"{words}; {ending}" + (": make a new one now" if self.expires - now < _SOON else "")


def standing(access: CvatAccess) -> Standing:
    """Ask the server who it is and what this account may do; nothing is changed.

    Raises the client's CvatErrors, UnsupportedError for an older server or another major version, and ReadOnlyError.
    """
    wire = Wire(access)
    try:
        version = wire.get("/api/server/about", About).version
        _check_version(version, wire.url)
        username = wire.get("/api/users/self", User).username
        token = wire.get("/api/auth/access_tokens/self", AccessToken) if access.token else None
    finally:
        wire.close()
    if token and token.read_only:
        raise ReadOnlyError(f"the token of {username} for CVAT at {wire.url} may only read")
    return Standing(wire.url, version, username, token.expiry_date if token else None)


def _check_version(version: str, url: str) -> None:
    numbers = re.match(r"(\d+)\.(\d+)", version)
    found = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    if found < OLDEST or found[0] > OLDEST[0]:
        raise UnsupportedError(f"CVAT at {url} is version {version}, and Labelcycle works with 2.73 and later 2.x")
