"""What CVAT has prepared (an export, a backup), fetched into a file: gone on with after a broken connection, checked.

CVAT answers GET with an ETag and knows Range; HEAD is 500 there. So the size is known from the first answer.
"""

import hashlib
import logging
import os
import re
import time
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import urllib3

from include.clients.cvat.errors import CvatError, InvalidError, NotFoundError, UnreachableError
from include.clients.cvat.wire import Wire

log = logging.getLogger(__name__)
_PIECE = 1 << 20  # bytes in memory at a time, at most
_TRIES = 6  # that come no further than the furthest before them
_PAUSE = 0.5  # seconds before the second try; then twice that, and so on
_GONE = ("Unknown export request id", "process is not finished")  # forgotten; asked for again under the same id
_REPORT = 5.0  # seconds between lines about the progress


class ExpiredError(CvatError):
    """The result is gone, or is being made anew: ask for it again."""


class DamagedError(CvatError):
    """What was fetched is not what it should be: a zip that cannot be read. The next try fetches it anew."""


class OverdueError(CvatError):
    """The deadline has passed."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was fetched and found sound."""

    bytes: int
    sha256: str


@dataclass
class _Received:
    """What has arrived, in a file, and which content it is of."""

    file: BinaryIO
    name: str
    size: int = 0
    total: int | None = None
    etag: str = ""
    is_zip: bool = False
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    began: float = field(default_factory=time.monotonic)
    reported: float = field(default_factory=time.monotonic)

    @property
    def range(self) -> dict[str, str]:
        """The headers that ask for the rest, and for everything where the content is another by now."""
        return {"Range": f"bytes={self.size}-", "If-Range": self.etag} if self.size else {}

    def start_over(self, why: str) -> None:
        if self.size:
            log.warning("%s: from its beginning again, as %s", self.name, why)
        self.file.seek(0)
        self.file.truncate()
        self.size, self.total, self.etag, self.digest = 0, None, "", hashlib.sha256()

    def add(self, piece: bytes) -> None:
        self.file.write(piece)
        self.digest.update(piece)
        self.size += len(piece)
        if (now := time.monotonic()) - self.reported >= _REPORT:
            self.reported = now
            self.report()

    def report(self) -> None:
        rate = self.size / max(time.monotonic() - self.began, 1e-3)
        whole = f"{self.total:,}" if self.total is not None else "an unknown number"
        log.info("%s: %s bytes of %s, %.1f MB/s", self.name, f"{self.size:,}", whole, rate / 1e6)


def download(wire: Wire, path: str, request_id: str, to: Path, deadline: datetime) -> Downloaded:
    """Fetch a request's result into a file, in place of what is in it, and check its size and, of a zip, all CRCs.

    A connection that breaks is made again, and goes on where it broke as long as CVAT has the same content (its ETag);
    otherwise from the beginning. Raises ExpiredError, OverdueError, DamagedError, and other CvatErrors.
    """
    with to.open("w+b") as file:
        received = _Received(file, f"{path} of {request_id}")
        _receive_all(wire, path, request_id, received, deadline)
        received.report()
        file.flush()
        os.fsync(file.fileno())
        if received.is_zip:
            _check_zip(file, received.name)
    return Downloaded(received.size, received.digest.hexdigest())


def _receive_all(wire: Wire, path: str, request_id: str, received: _Received, deadline: datetime) -> None:
    failed = most = 0
    while True:
        _check_deadline(received, deadline)
        try:
            _receive(wire, path, request_id, received, deadline)
        except UnreachableError as error:
            failed = 1 if received.size > most else failed + 1
            most = max(most, received.size)
            if failed == _TRIES:
                raise
            log.warning("%s: broke off at byte %d: %s", received.name, received.size, error)
            time.sleep(min(_PAUSE * 2 ** (failed - 1), max(_left(deadline), 0)))
        else:
            return


def _receive(wire: Wire, path: str, request_id: str, received: _Received, deadline: datetime) -> None:
    try:
        with wire.stream(path, {"rq_id": request_id}, received.range, _left(deadline)) as answer:
            _take_headers(answer, received)
            while piece := answer.read1(_PIECE):  # what has come is kept, also where the rest does not
                received.add(piece)
                _check_deadline(received, deadline)
    except NotFoundError as error:
        raise ExpiredError(str(error)) from error
    except InvalidError as error:
        if any(words in str(error) for words in _GONE):
            raise ExpiredError(str(error)) from error
        raise
    if received.total is not None and received.size != received.total:
        raise UnreachableError(f"{received.name}: {received.size} bytes came, and {received.total} were announced")


def _take_headers(answer: urllib3.BaseHTTPResponse, received: _Received) -> None:
    """Whether the answer goes on, or begins: its size and its content."""
    if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        received.start_over("CVAT has less than that by now")
        raise UnreachableError(f"{received.name}: CVAT has less than was received already")
    etag, length = answer.headers.get("ETag", ""), answer.headers.get("Content-Length")
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        part = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
        if part and int(part[1]) == received.size and int(part[2]) == received.total and etag == received.etag:
            return
        received.start_over("CVAT went on with something else")
        raise UnreachableError(f"{received.name}: CVAT sent a part that was not asked for")
    if received.size:
        received.start_over("CVAT has another content by now")
    received.total, received.etag = int(length) if length else None, etag
    received.is_zip = "zip" in answer.headers.get("Content-Type", "")


def _check_deadline(received: _Received, deadline: datetime) -> None:
    if _left(deadline) <= 0:
        whole = received.total if received.total is not None else "an unknown number of"
        raise OverdueError(f"{received.name}: {received.size} of {whole} bytes had come at its deadline, {deadline}")


def _left(deadline: datetime) -> float:
    return (deadline - datetime.now(UTC)).total_seconds()


def _check_zip(file: BinaryIO, name: str) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError) as error:
        raise DamagedError(f"{name}: what came is no zip that can be read: {error}") from error
    if broken is not None:
        raise DamagedError(f"{name}: {broken} in the zip does not have the CRC that the zip says")
