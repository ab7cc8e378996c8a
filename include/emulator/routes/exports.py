"""Dataset exports: asked for, downloaded. What export and download of backups have in common is here too."""

import re
import sqlite3
from email.utils import formatdate
from typing import Any, Literal

from fastapi import APIRouter, Depends, Response
from starlette.responses import FileResponse

from include.emulator import access, requests
from include.emulator.answers import HTML, CvatJson, Refusal, forbidden, invalid, invalid_text, server_error
from include.emulator.call import Somebody, UserCall, somebody
from include.emulator.exports import ExportRequest
from include.emulator.formats.listed import EXPORTED, listed
from include.emulator.requests import Operation, Target

router = APIRouter()

Targets = Literal["projects", "tasks", "jobs"]
FIND = {"project": access.project, "task": access.task, "job": access.job}
_TARGETS: dict[Targets, Target] = {"projects": "project", "tasks": "task", "jobs": "job"}
_TRUE = ("true", "yes", "on", "1", "t", "y")


@router.get("/api/server/annotation/formats", dependencies=[Depends(somebody)])
def formats() -> Response:
    return CvatJson(listed())


@router.post("/api/{targets}/{number}/dataset/export")
def export_dataset(call: Somebody, targets: Targets, number: int) -> Response:
    query, target = call.query, _TARGETS[targets]
    with call.state.read() as connection:
        row = FIND[target](connection, call.user, number)
    if query.get("format") not in EXPORTED:
        raise invalid(["Unknown format specified for the request"])
    subject = "dataset" if query.get("save_images", "").lower() in _TRUE else "annotations"
    name = f"{target}_{number}_{subject}_{timestamp(row)}_{query['format'].lower()}.zip"
    wire_format = query["format"].replace(" ", "_").replace(".", "~")
    return enqueue(call, target, row, f"export:{subject}", name, f"&format={wire_format}&subresource={subject}")


def timestamp(row: sqlite3.Row) -> str:
    """When something was changed last, as file names have it."""
    return re.sub(r"\D", "_", row["updated_date"].partition(".")[0])


def enqueue(call: UserCall, target: Target, row: sqlite3.Row, kind: str, name: str, rest: str) -> Response:
    """Queues an export under the id that CVAT gives it, which ends with `rest`."""
    request_id = f"action=export&target={target}&target_id={row['id']}&user_id={call.user.id}{rest}"
    with call.state.write() as connection:
        destination = _destination(call, connection, name)
        requests.enqueue(
            connection,
            call.user,
            request_id,
            operation(connection, target, row, kind, call.query.get("format")),
            destination.dump(),
            call.state.now(),
            download=None if destination.cloud_storage_id else call.query.get("filename") or name,
        )
    call.request.app.state.worker.wake()
    return CvatJson({"rq_id": request_id}, 202)


def _destination(call: UserCall, connection: sqlite3.Connection, name: str) -> ExportRequest:
    location = call.query.get("location", "local")
    lightweight = call.query.get("lightweight", "true").lower() in _TRUE
    if location == "local":
        return ExportRequest(None, "", lightweight)
    if location != "cloud_storage":
        raise invalid([f"Unexpected location {location} specified for the request"])
    storage_id = call.query.get("cloud_storage_id", "")
    if not storage_id.isdecimal():
        raise invalid(["Cloud storage was selected as location but cloud_storage_id was not specified"])
    access.own_storage(connection, call.user, int(storage_id))
    return ExportRequest(int(storage_id), call.query.get("filename") or name, lightweight)


def operation(
    connection: sqlite3.Connection, target: Target, row: sqlite3.Row, kind: str, wanted: str | None = None
) -> Operation:
    """What a request does to a project, task or job: it knows those around it too."""
    ids: dict[str, Any] = {f"{target}_id": row["id"]}
    if target == "job":
        ids["task_id"] = row["task_id"]
    if target != "project":
        task = connection.execute("SELECT project_id FROM tasks WHERE id = ?", (ids["task_id"],)).fetchone()
        ids["project_id"] = task["project_id"]
    return Operation(kind, target, **ids, format=wanted)


@router.get("/api/{targets}/{number}/dataset/download")
@router.get("/api/{targets}/{number}/backup/download")
def download(call: Somebody, targets: Targets, number: int) -> Response:
    """The file of a finished export, or a range of it."""
    target = _TARGETS[targets]
    with call.state.read() as connection:
        FIND[target](connection, call.user, number)
        request_id = call.query.get("rq_id", "")
        if not request_id:
            raise invalid(["Missing request id in the query parameters"])
        if not request_id.startswith(f"action=export&target={target}&target_id={number}&"):
            raise invalid(["Unexpected request id format"])
        row = requests.find(call, connection, request_id)
    if row is None:
        raise invalid_text("Unknown export request id")
    if not call.user.is_admin and row["owner_id"] != call.user.id:
        raise forbidden()
    if row["status"] != "finished":
        raise invalid_text("The export process is not finished")
    if row["download"] is None:
        raise invalid_text("The export process has no result file to be downloaded locally")
    return _file(call, row)


def _file(call: UserCall, row: sqlite3.Row) -> Response:
    """As nginx serves it: the ETag is the file's time and size."""
    path = call.state.export(row["number"])
    about = path.stat()
    headers = {
        "content-disposition": f'attachment; filename="{row["download"]}"',
        "etag": f'"{int(about.st_mtime):x}-{about.st_size:x}"',
        "last-modified": formatdate(about.st_mtime, usegmt=True),
    }
    return FileResponse(path, media_type="application/zip", headers=headers, stat_result=about)


@router.head("/api/{targets}/{number}/dataset/download", dependencies=[Depends(somebody)])
@router.head("/api/{targets}/{number}/backup/download", dependencies=[Depends(somebody)])
def head_of_download() -> Response:
    raise server_error()  # CVAT breaks on it


@router.get("/api/{targets}/{number}/dataset")
def old_export(call: Somebody, targets: Targets, number: int) -> Response:
    with call.state.read() as connection:
        FIND[_TARGETS[targets]](connection, call.user, number)
    raise gone(f"/api/{targets}/id/dataset/export?save_images=True")


def gone(replacement: str) -> Refusal:
    """410 of the addresses that exports had before."""
    text = (
        "This endpoint is no longer supported.\n"
        f"To initiate the export process, use POST {replacement}.\n"
        "To check the process status, use GET /api/requests/rq_id,\n"
        "where rq_id is obtained from the response of the previous request.\n"
        "To download the prepared file, use the result_url obtained from the response of the previous request.\n"
    )
    return Refusal(410, text, media_type=HTML)
