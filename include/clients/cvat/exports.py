"""Exports: annotations, with or without their images, in any of CVAT's formats."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path

import msgspec

from include.clients.cvat.downloads import Downloaded, download
from include.clients.cvat.errors import ConflictError, InvalidError
from include.clients.cvat.records import Submitted
from include.clients.cvat.wire import Wire


class Kind(StrEnum):
    """What can be exported; projects and tasks can also be backed up, tasks and jobs take annotations."""

    PROJECT = "project"
    TASK = "task"
    JOB = "job"


@dataclass(frozen=True, slots=True)
class Target:
    """A project, task or job."""

    kind: Kind
    id: int

    @property
    def path(self) -> str:
        """Its address in CVAT's API."""
        return f"/api/{self.kind}s/{self.id}"

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Format(msgspec.Struct, frozen=True):
    """A format, as `COCO 1.0`; a server may have it switched off."""

    name: str
    enabled: bool


class Formats(msgspec.Struct, frozen=True):
    """What a server writes and reads; the names differ: `CVAT for images 1.1` is written, `CVAT 1.1` is read."""

    exporters: list[Format]
    importers: list[Format]


@dataclass(frozen=True, slots=True)
class Started:
    """A request that CVAT was asked for; it is not ours where the same was under way already."""

    request_id: str
    ours: bool = True


class UnknownFormat(InvalidError):
    """The server has no such format; the message names those that are like it."""


class Exports:
    """Exports of one server."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def check_format(self, name: str) -> None:
        """Raises UnknownFormat where the server does not write this format."""
        check_format(name, formats(self._wire).exporters, f"CVAT at {self._wire.url} exports no format")

    def start(self, target: Target, form: str, *, images: bool) -> Started:
        """Ask for an export, or find the same one under way. So this may be repeated after a lost answer."""
        query = {"format": form, "save_images": str(images).lower()}
        return start(self._wire, f"{target.path}/dataset/export", query)

    def download(self, target: Target, request_id: str, to: Path, deadline: datetime) -> Downloaded:
        """Fetch a finished export into a file (`downloads.download`)."""
        return download(self._wire, f"{target.path}/dataset/download", request_id, to, deadline)


def start(wire: Wire, path: str, query: Mapping[str, str]) -> Started:
    """Ask CVAT to prepare something, or find that it is at it: it answers 409 then, and names the request."""
    try:
        return Started(wire.call("POST", path, Submitted, query=query).rq_id)
    except ConflictError:
        answered = frozenset({int(HTTPStatus.CONFLICT)})
        return Started(wire.call("POST", path, Submitted, query=query, answered=answered).rq_id, ours=False)


def formats(wire: Wire) -> Formats:
    """The formats of a server."""
    return wire.get("/api/server/annotation/formats", Formats)


def check_format(name: str, known: Sequence[Format], refusal: str) -> None:
    """Raises UnknownFormat, with the names that are like it."""
    names = [form.name for form in known if form.enabled]
    if name in names:
        return
    off = f"{name!r} is switched off there. " if any(form.name == name for form in known) else ""
    near = _near(name, names)
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"It has {', '.join(names)}"
    raise UnknownFormat(f"{refusal} {name!r}. {off}{hint}")


def _near(name: str, names: Sequence[str]) -> list[str]:
    """Names that have it, or are spelt like it, whatever the case and the version."""
    wanted = _unversioned(name)
    by_word = {_unversioned(known): known for known in names}
    having = [known for word, known in by_word.items() if wanted and (wanted in word or word in wanted)]
    alike = [by_word[word] for word in get_close_matches(wanted, by_word, n=3, cutoff=0.7)]
    return list(dict.fromkeys([*having, *alike]))[:5]


def _unversioned(name: str) -> str:
    return re.sub(r"[\d.\s]+$", "", name.strip().casefold())
