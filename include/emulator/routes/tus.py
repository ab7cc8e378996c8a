"""The HTTP side of resumable uploads (TUS), which CVAT has at several addresses."""

import base64
import binascii
import re
import sys
from email.header import Header
from pathlib import Path

from fastapi import Response

from include.emulator.answers import Refusal
from include.emulator.call import UserCall
from include.emulator.uploads import ResumableUpload, base_name

_HEADERS = {
    "tus-resumable": "1.0.0",
    "tus-version": "1.0.0",
    "tus-extension": "",
    "tus-max-size": "26843545600",
    "cache-control": "no-store",
}


def announced(call: UserCall) -> tuple[str, int]:
    """The name and the length of the file that a call announces. Raises a 400 refusal without them."""
    headers = call.request.headers
    try:
        pairs = (pair.split(" ", 1) for pair in headers.get("upload-metadata", "").split(","))
        metadata = {key: base64.b64decode(value).decode() for key, value in pairs}
        return base_name(metadata["filename"]), int(headers["upload-length"])
    except (ValueError, KeyError, binascii.Error) as error:
        raise Refusal(400, "") from error


def begun(call: UserCall, path: str, name: str) -> Response:
    """The answer to an announcement: where the pieces go, and what the file is called from here on."""
    headers = {**_HEADERS, "location": call.url(path), "upload-filename": _in_header(name)}
    return Response(status_code=201, headers=headers)


def _in_header(name: str) -> str:
    """As Django writes headers: what is not Latin-1 is an encoded word (RFC 2047)."""
    try:
        name.encode("latin-1")
    except UnicodeEncodeError:
        return Header(name, "utf-8", maxlinelen=sys.maxsize).encode()
    return name


def find(call: UserCall, folder: Path, file_id: str) -> ResumableUpload:
    """The caller's upload of this id. Raises a 404 refusal for an id that cannot be one."""
    if not re.fullmatch(rf"{call.user.id}_[0-9a-f-]{{36}}", file_id):
        raise Refusal(404, {"detail": "Not found."})
    return ResumableUpload(folder, file_id)


def offset(upload: ResumableUpload) -> Response:
    about = {"upload-offset": str(upload.offset), "upload-length": str(upload.length)}
    return Response(status_code=200, headers={**_HEADERS, **about})


def append(call: UserCall, upload: ResumableUpload) -> Response:
    sent = call.request.headers.get("upload-offset", "")
    if not sent.isdecimal():
        raise Refusal(400, "")
    reached = upload.append(int(sent), call.raw)
    return Response(status_code=204, headers={**_HEADERS, "upload-offset": str(reached)})
