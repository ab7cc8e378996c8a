"""Imports of annotations: files sent whole or in pieces. How files come in to be imported is here for backups too."""

import sqlite3
import uuid
from collections.abc import Callable
from typing import Literal

from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from include.emulator import requests
from include.emulator.answers import CvatJson, invalid
from include.emulator.call import Somebody, UserCall
from include.emulator.formats.listed import IMPORTED
from include.emulator.imports import ImportRequest
from include.emulator.requests import Target
from include.emulator.routes import tus
from include.emulator.routes.exports import FIND, operation
from include.emulator.uploads import ResumableUpload, written

router = APIRouter()

Enqueue = Callable[[sqlite3.Connection, str], str]
"""Queues the request for a file that came in, by the file's name. Returns the request's id."""


@router.post("/api/{targets}/{number}/annotations")
@router.post("/api/{targets}/{number}/annotations/")
async def post_annotations(call: Somebody, targets: Literal["tasks", "jobs"], number: int) -> Response:
    target: Target = "task" if targets == "tasks" else "job"

    def enqueue(connection: sqlite3.Connection, file: str) -> str:
        row = FIND[target](connection, call.user, number)
        wanted = call.query.get("format", "")
        if wanted not in IMPORTED:
            raise invalid([f"Unknown input format '{wanted}'"])
        request_id = f"action=import&target={target}&target_id={number}&subresource=annotations"
        job = operation(connection, target, row, "import:annotations")
        parameters = ImportRequest(file, wanted).dump()
        return requests.enqueue(connection, call.user, request_id, job, parameters, call.state.now())

    await run_in_threadpool(_check_access, call, target, number)
    return await receive(call, f"api/{targets}/{number}/annotations", "annotation_file", enqueue)


def _check_access(call: UserCall, target: Target, number: int) -> None:
    with call.state.read() as connection:
        FIND[target](connection, call.user, number)


async def receive(call: UserCall, path: str, field: str, enqueue: Enqueue) -> Response:
    """Takes in a file that is sent as a form's field, or one of the calls around a file that is sent in pieces."""
    headers = call.request.headers
    if headers.get("content-type", "").startswith("multipart/form-data"):
        async with call.request.form() as form:
            sent = form.get(field)
            if not isinstance(sent, UploadFile):
                raise invalid({field: ["No file was submitted."]})
            return await run_in_threadpool(_take, call, sent, enqueue)
    if "upload-length" in headers:
        name, length = tus.announced(call)
        file_id = ResumableUpload.begin(call.state.incoming, call.user.id, name, length)
        return tus.begun(call, f"{path}/{file_id}", file_id)
    if "upload-start" in headers:
        return Response(status_code=202)
    if "upload-finish" in headers:
        return await run_in_threadpool(_finish, call, enqueue)
    raise invalid({field: ["No file was submitted."]})


def _finish(call: UserCall, enqueue: Enqueue) -> Response:
    """Only after `enqueue`, which may find that the file is being imported already."""
    file = str(uuid.uuid4())
    with call.state.write() as connection:
        request_id = enqueue(connection, file)
        upload = tus.find(call, call.state.incoming, call.query.get("filename", ""))
        if upload.offset != upload.length:
            raise invalid([f"The upload is not whole: {upload.offset} of {upload.length} bytes are there"])
        upload.part.replace(call.state.incoming / file)
    upload.forget()
    call.request.app.state.worker.wake()
    return CvatJson({"rq_id": request_id}, 202)


def _take(call: UserCall, sent: UploadFile, enqueue: Enqueue) -> Response:
    file, part = str(uuid.uuid4()), written(call.state.incoming, sent.file)
    try:
        with call.state.write() as connection:
            request_id = enqueue(connection, file)
            part.replace(call.state.incoming / file)
    finally:
        part.unlink(missing_ok=True)
    call.request.app.state.worker.wake()
    return CvatJson({"rq_id": request_id}, 202)


def resumable_offset(call: Somebody, file_id: str) -> Response:
    return tus.offset(tus.find(call, call.state.incoming, file_id))


def resumable_append(call: Somebody, file_id: str) -> Response:
    return tus.append(call, tus.find(call, call.state.incoming, file_id))


for _path in ("tasks/{number}/annotations", "jobs/{number}/annotations", "tasks/backup", "projects/backup"):
    router.head(f"/api/{_path}/{{file_id}}")(resumable_offset)
    router.patch(f"/api/{_path}/{{file_id}}")(resumable_append)
