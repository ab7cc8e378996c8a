"""A task's data on its way in: uploads in every form that clients use, and links to a bucket."""

import re
import sqlite3
from collections import defaultdict
from typing import Any

from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from include.emulator import access, jobs, requests, uploads
from include.emulator.answers import CvatJson, forbidden, invalid
from include.emulator.call import Somebody, UserCall
from include.emulator.reading import DataRequest
from include.emulator.routes import tus

router = APIRouter()

_MAX_FILES = 100_000


@router.post("/api/tasks/{task_id}/data")
@router.post("/api/tasks/{task_id}/data/")
async def post_data(call: Somebody, task_id: int) -> Response:
    kind = call.request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        return await run_in_threadpool(_post_json, call, task_id)
    async with call.request.form(max_files=_MAX_FILES, max_fields=_MAX_FILES) as form:
        return await run_in_threadpool(_post_form, call, task_id, form)


def _post_json(call: UserCall, task_id: int) -> Response:
    headers = call.request.headers
    if "upload-length" in headers:
        name, length = tus.announced(call)
        with call.state.write() as connection:
            _open_task(call, connection, task_id)
            uploads.ensure_data(connection, task_id, call.state.now())
        file_id = uploads.ResumableUpload.begin(call.state.uploads(task_id), call.user.id, name, length)
        return tus.begun(call, f"api/tasks/{task_id}/data/{file_id}", name)
    if "upload-start" in headers:
        with call.state.write() as connection:
            _open_task(call, connection, task_id)
            uploads.ensure_data(connection, task_id, call.state.now())
        return Response(status_code=202)
    return _finish(call, task_id, call.json())


def _post_form(call: UserCall, task_id: int, form: FormData) -> Response:
    values, files = _sorted_out(form)
    if "upload-multiple" not in call.request.headers:
        DataRequest.of(values)  # before anything is stored
    with call.state.read() as connection:
        _open_task(call, connection, task_id)
    uploads.keep(call.state, task_id, ((file.filename or "", file.file) for file in files))
    if "upload-multiple" in call.request.headers:
        return Response(status_code=200)
    return _finish(call, task_id, values)


def _sorted_out(form: FormData) -> tuple[dict[str, Any], list[UploadFile]]:
    """A form's plain values, with `name[i]` gathered into lists, and its files."""
    values: dict[str, Any] = {}
    lists: defaultdict[str, list[str]] = defaultdict(list)
    files = []
    for name, value in form.multi_items():
        listed = re.fullmatch(r"(\w+)\[\d*\]", name)
        if isinstance(value, UploadFile):
            files.append(value)
        elif listed:
            lists[listed[1]].append(value)
        else:
            values[name] = value
    return values | lists, files


def _open_task(call: UserCall, connection: sqlite3.Connection, task_id: int) -> sqlite3.Row:
    """The task. Raises a refusal unless the caller may give it data, and it has none and awaits none."""
    task = access.task(connection, call.user, task_id)
    creation = requests.creation_of(connection, task_id)
    data = connection.execute("SELECT size FROM data WHERE task_id = ?", (task_id,)).fetchone()
    if (data is not None and data["size"] > 0) or (creation and creation["status"] in ("queued", "started")):
        raise invalid(["Adding more data is not supported"])
    return task


def _finish(call: UserCall, task_id: int, body: dict[str, Any]) -> Response:
    """Queues the reading of what was sent, or of what is linked."""
    wanted = DataRequest.of(body)
    with call.state.write() as connection:
        task = _open_task(call, connection, task_id)
        now = call.state.now()
        uploads.ensure_data(connection, task_id, now)
        storage_id = wanted.cloud_storage_id
        if storage_id is not None:
            _check_storage(call, connection, storage_id)
        connection.execute(
            "UPDATE data SET cloud_storage_id = ?, storage = ? WHERE task_id = ?",
            (storage_id, "local" if storage_id is None else "cloud_storage", task_id),
        )
        jobs.touch_task(connection, task_id, now)
        request_id = requests.enqueue_creation(connection, call.user, task, wanted.dump(), now)
    call.request.app.state.worker.wake()
    return CvatJson({"rq_id": request_id}, 202)


def _check_storage(call: UserCall, connection: sqlite3.Connection, storage_id: int) -> None:
    row = connection.execute("SELECT owner_id FROM cloud_storages WHERE id = ?", (storage_id,)).fetchone()
    if row is None:
        raise invalid(["CloudStorage matching query does not exist."])
    if not call.user.is_admin and row["owner_id"] != call.user.id:
        raise forbidden()


@router.head("/api/tasks/{task_id}/data/{file_id}")
def resumable_offset(call: Somebody, task_id: int, file_id: str) -> Response:
    return tus.offset(_resumable(call, task_id, file_id))


@router.patch("/api/tasks/{task_id}/data/{file_id}")
def resumable_append(call: Somebody, task_id: int, file_id: str) -> Response:
    upload = _resumable(call, task_id, file_id)
    answer = tus.append(call, upload)
    if upload.offset == upload.length:
        uploads.claim(call.state, task_id, [(upload.name, upload.part)])
        upload.forget()
    return answer


def _resumable(call: UserCall, task_id: int, file_id: str) -> uploads.ResumableUpload:
    with call.state.read() as connection:
        _open_task(call, connection, task_id)
    return tus.find(call, call.state.uploads(task_id), file_id)
