"""Files sent to CVAT: small ones several a form, large ones in pieces that a broken connection does not cost (TUS).

cvat-sdk's uploader takes files on a disk, and holds up to 100 MiB of them in memory twice: so this speaks the protocol
itself. At most about 20 MiB are in memory at a time.
"""

import base64
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from include.clients.ahead import ahead
from include.clients.cvat.errors import (
    ConflictError,
    CvatError,
    InvalidError,
    NotFoundError,
    UnknownOutcomeError,
    UnreachableError,
)
from include.clients.cvat.wire import Wire

_PIECE = 4 << 20  # bytes: files up to this go in forms; larger ones in pieces of this
_FORM = 32 << 20  # bytes in a form
_READERS = 4  # files that are read at a time
_TRIES = 3  # of a piece
_LOST = (UnknownOutcomeError, UnreachableError, ConflictError)  # 409: the piece does not begin where the file ends
_TUS = {"Tus-Resumable": "1.0.0"}


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, amount: int, /) -> bytes:
        """So many bytes, fewer only at the end, and then none."""


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A file to send: its name, its size in bytes, and how to read it from its beginning."""

    name: str
    size: int
    open: Callable[[], AbstractContextManager[Readable]]


def upload_files(wire: Wire, task_id: int, files: Sequence[UploadFile]) -> None:
    """Send files for a task, none twice: CVAT answers 500 to a name that it has.

    Raises a CvatError: after it, what CVAT has of them is unknown, so that only a new task can take them. InvalidError
    where a file has another size than was said. What `open` and `read` raise comes through.
    """
    path = f"/api/tasks/{task_id}/data/"
    wire.upload("POST", path, {"Upload-Start": ""})
    for form in _forms([file for file in files if file.size <= _PIECE]):
        _send_form(wire, path, form)
    for file in files:
        if file.size > _PIECE:
            send_in_pieces(wire, path, file)


def _forms(files: Sequence[UploadFile]) -> Iterator[list[UploadFile]]:
    form: list[UploadFile] = []
    size = 0
    for file in files:
        if form and size + file.size > _FORM:
            yield form
            form, size = [], 0
        form.append(file)
        size += file.size
    if form:
        yield form


def _send_form(wire: Wire, path: str, files: Sequence[UploadFile]) -> None:
    """One `multipart/form-data` body (RFC 7578), read while it is sent."""
    boundary = uuid4().hex
    heads = [_head(boundary, number, file.name) for number, file in enumerate(files)]
    end = f"--{boundary}--\r\n".encode()
    length = sum(len(head) + file.size + len(b"\r\n") for head, file in zip(heads, files, strict=True)) + len(end)
    headers = {
        "Upload-Multiple": "",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(length),
    }
    with closing(_body(heads, files, end)) as body:
        wire.upload("POST", path, headers, body)


def _head(boundary: str, number: int, name: str) -> bytes:
    escaped = name.replace("\\", "%5C").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    disposition = f'form-data; name="client_files[{number}]"; filename="{escaped}"'
    return f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: image/*\r\n\r\n".encode()


def _body(heads: Sequence[bytes], files: Sequence[UploadFile], end: bytes) -> Generator[bytes]:
    for head, content in zip(heads, ahead(_whole, files, workers=_READERS), strict=True):
        yield head
        yield content
        yield b"\r\n"
    yield end


def _whole(file: UploadFile) -> bytes:
    with file.open() as stream:
        content = stream.read(file.size + 1)
    _check_size(file, len(content))
    return content


def _check_size(file: UploadFile, found: int) -> None:
    if found != file.size:
        raise InvalidError(f"{file.name} has {found} bytes or more, not {file.size} as was said")


def send_in_pieces(wire: Wire, path: str, file: UploadFile) -> str:
    """Send one file by TUS (tus.io, protocol 1.0.0), and say what CVAT calls it.

    Raises a CvatError: after it the file is not there; it may be sent again. InvalidError where the file has another
    size than was said. What its `open` and `read` raise comes through.
    """
    name = base64.b64encode(file.name.encode()).decode()
    made = wire.upload("POST", path, {**_TUS, "Upload-Length": str(file.size), "Upload-Metadata": f"filename {name}"})
    # by its id, not its address, which is how the server sees itself from behind a proxy
    upload_id = made.get("Location", "").rstrip("/").rpartition("/")[2]
    offset = 0
    with file.open() as stream:
        while piece := stream.read(_PIECE):
            _send_piece(wire, path + upload_id, offset, piece)
            offset += len(piece)
    _check_size(file, offset)
    return upload_id


def _send_piece(wire: Wire, where: str, offset: int, piece: bytes) -> None:
    """A piece, from where the server says that its file ends, until it has all of it."""
    end = offset + len(piece)
    sent, tries = offset, 0
    while sent < end:
        tries += 1
        headers = {**_TUS, "Upload-Offset": str(sent), "Content-Type": "application/offset+octet-stream"}
        try:
            answer = wire.upload("PATCH", where, headers, piece[sent - offset :])
            sent = int(answer.get("Upload-Offset", "-1"))
        except _LOST as error:
            if tries == _TRIES:
                raise
            sent = _offset(wire, where, error)
        if not offset <= sent <= end:
            raise UnknownOutcomeError(f"CVAT says that {where} ends at {sent}: it was sent bytes {offset} to {end}")


def _offset(wire: Wire, where: str, lost: CvatError) -> int:
    """Where an upload ends, after an answer was lost. One that is whole is gone, as is one that never was."""
    try:
        return int(wire.upload("HEAD", where, _TUS).get("Upload-Offset", "-1"))
    except NotFoundError:
        raise UnknownOutcomeError(str(lost)) from lost
