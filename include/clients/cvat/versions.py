"""Which CVAT servers Labelcycle works with, and what others lack.

Read from the release notes of CVAT 2.73 to 2.76 and from the API schemas of 2.73 and 2.80 (as cvat-sdk carries them).
"""

import re
from dataclasses import dataclass

from include.clients.cvat.errors import CvatError

Version = tuple[int, int]
VERIFIED: Version = (2, 73)  # whose answers the client was written and recorded against; older ones do not do
BY_SCHEMA: Version = (2, 80)  # up to here the API's schema says that all calls are still there


class UnsupportedError(CvatError):
    """A CVAT that Labelcycle does not work with."""


@dataclass(frozen=True, slots=True)
class Change:
    """A version that brought something, or took something away."""

    since: Version
    brought: str = ""
    took: str = ""


CHANGES = (
    Change((2, 73), brought="webhook events of requests (`completed:request[…]`) and of what was changed (`changes`)"),
    Change((2, 73), brought="reasons of failed imports"),
    Change((2, 74), brought="quality requirements", took="quality settings of one level"),
    Change((2, 76), brought="the sender of `completed:request[…]` events"),
)


def version_of(text: str) -> Version:
    """`2.73.0` as numbers; (0, 0) for what is no version."""
    numbers = re.match(r"(\d+)\.(\d+)", text)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def lacks(version: Version, than: Version = VERIFIED) -> tuple[str, ...]:
    """What a server lacks that one of another version has."""
    older = tuple(change.brought for change in CHANGES if version < change.since <= than and change.brought)
    newer = tuple(change.took for change in CHANGES if than < change.since <= version and change.took)
    return older + newer


def remark(text: str, url: str) -> str:
    """What is to be said of a server's version: nothing of a verified one.

    Raises UnsupportedError for an older one, another major version, and what is no version.
    """
    version = version_of(text)
    missing = "; ".join(lacks(version))
    if version < VERIFIED or version[0] > VERIFIED[0]:
        older = f"; it lacks {missing}" if version[0] == VERIFIED[0] else ""
        raise UnsupportedError(
            f"CVAT at {url} is version {text}, and Labelcycle works with {_dotted(VERIFIED)} and later 2.x{older}"
        )
    if version == VERIFIED:
        return ""
    if version <= BY_SCHEMA:
        known = f"its version was not tried (verified: {_dotted(VERIFIED)}), but works as far as its schema tells"
    else:
        known = f"its version is unverified: it is newer than {_dotted(BY_SCHEMA)}, the last whose schema was looked at"
    return f"{known}; not there any more: {missing}" if missing else known


def _dotted(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
