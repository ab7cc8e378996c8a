"""Exports: annotations, with or without their images, in any of CVAT's formats."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path

import msgspec

from include.clients.cvat.downloads import Downloaded, download
from include.clients.cvat.errors import InvalidError
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


class UnknownFormat(InvalidError):
    """The server has no such format; the message names those that are like it."""


class Exports:
    """Exports of one server."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def check_format(self, name: str) -> None:
        """Raises UnknownFormat where the server does not write this format."""
        check_format(name, formats(self._wire).exporters, f"CVAT at {self._wire.url} exports no format")

    def start(self, target: Target, form: str, *, images: bool) -> str:
        """Ask for an export; the request's id. The same export under way already is that one: CVAT answers 409 and
        names it. So this may be repeated after a lost answer."""
        query = {"format": form, "save_images": str(images).lower()}
        return start(self._wire, f"{target.path}/dataset/export", query)

    def download(self, target: Target, request_id: str, to: Path, deadline: datetime) -> Downloaded:
        """Fetch a finished export into a file (`downloads.download`)."""
        return download(self._wire, f"{target.path}/dataset/download", request_id, to, deadline)


def start(wire: Wire, path: str, query: dict[str, str]) -> str:
    """Ask CVAT to prepare something, or find that it is at it; the request's id."""
    answered = frozenset({int(HTTPStatus.CONFLICT)})
    return wire.call("POST", path, Submitted, query=query, answered=answered).rq_id


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
    """Names that have it, or are spelt like it, whatever the case and with or without the version."""
    wanted = name.casefold().strip()
    having = [known for known in names if wanted and wanted in known.casefold()]
    by_word = {key: known for known in names for key in (known.casefold(), known.casefold().rpartition(" ")[0])}
    alike = [by_word[key] for key in get_close_matches(wanted, by_word, n=5, cutoff=0.7)]
    return list(dict.fromkeys([*having, *alike]))[:5]
