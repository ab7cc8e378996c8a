"""Annotations of jobs and tasks."""

import sqlite3
from collections.abc import Callable

from fastapi import APIRouter, Response

from include.emulator import access, annotations
from include.emulator.annotations import Item, Kind, Target
from include.emulator.answers import CvatJson, invalid, invalid_text, server_error
from include.emulator.call import Somebody, UserCall
from include.emulator.routes.exports import gone
from include.emulator.validation import checked

router = APIRouter()

_ACTIONS: dict[str, Callable[[sqlite3.Connection, Target, dict[Kind, list[Item]], str], Item]] = {
    "create": annotations.create,
    "update": annotations.update,
    "delete": annotations.delete,
}
_Find = Callable[[UserCall, sqlite3.Connection, int], Target]


def _job(call: UserCall, connection: sqlite3.Connection, job_id: int) -> Target:
    return Target.of_job(connection, access.job(connection, call.user, job_id))


def _task(call: UserCall, connection: sqlite3.Connection, task_id: int) -> Target:
    return Target.of_task(connection, access.task(connection, call.user, task_id))


def _get(call: UserCall, find: _Find, number: int) -> Response:
    if "format" in call.query:
        raise gone(f"/api/{'tasks' if find is _task else 'jobs'}/id/dataset/export?save_images=False")
    with call.state.read() as connection:
        target = find(call, connection, number)
        if not target.jobs:
            raise invalid_text("Exporting annotations from a task without data is not allowed")
        return CvatJson(annotations.read(connection, target))


def _put(call: UserCall, find: _Find, number: int) -> Response:
    sent = checked(call.json(), new=True)
    with call.state.write() as connection:
        target = _writable(call, connection, find, number)
        return CvatJson(annotations.replace(connection, target, sent, call.state.now()))


def _patch(call: UserCall, find: _Find, number: int) -> Response:
    action = call.query.get("action", "")
    if action not in _ACTIONS:
        raise invalid(["Please specify a correct 'action' for the request"])
    sent = checked(call.json(), new=action == "create")
    with call.state.write() as connection:
        target = _writable(call, connection, find, number)
        return CvatJson(_ACTIONS[action](connection, target, sent, call.state.now()))


def _delete(call: UserCall, find: _Find, number: int) -> Response:
    with call.state.write() as connection:
        annotations.clear(connection, _writable(call, connection, find, number), call.state.now())
    return Response(status_code=204)


def _writable(call: UserCall, connection: sqlite3.Connection, find: _Find, number: int) -> Target:
    """The target; CVAT breaks on one without data."""
    target = find(call, connection, number)
    if not target.jobs:
        raise server_error()
    return target


@router.get("/api/jobs/{number}/annotations")
@router.get("/api/jobs/{number}/annotations/")
def get_job_annotations(call: Somebody, number: int) -> Response:
    return _get(call, _job, number)


@router.put("/api/jobs/{number}/annotations")
@router.put("/api/jobs/{number}/annotations/")
def put_job_annotations(call: Somebody, number: int) -> Response:
    return _put(call, _job, number)


@router.patch("/api/jobs/{number}/annotations")
@router.patch("/api/jobs/{number}/annotations/")
def patch_job_annotations(call: Somebody, number: int) -> Response:
    return _patch(call, _job, number)


@router.delete("/api/jobs/{number}/annotations")
@router.delete("/api/jobs/{number}/annotations/")
def delete_job_annotations(call: Somebody, number: int) -> Response:
    return _delete(call, _job, number)


@router.get("/api/tasks/{number}/annotations")
@router.get("/api/tasks/{number}/annotations/")
def get_task_annotations(call: Somebody, number: int) -> Response:
    return _get(call, _task, number)


@router.put("/api/tasks/{number}/annotations")
@router.put("/api/tasks/{number}/annotations/")
def put_task_annotations(call: Somebody, number: int) -> Response:
    return _put(call, _task, number)


@router.patch("/api/tasks/{number}/annotations")
@router.patch("/api/tasks/{number}/annotations/")
def patch_task_annotations(call: Somebody, number: int) -> Response:
    return _patch(call, _task, number)


@router.delete("/api/tasks/{number}/annotations")
@router.delete("/api/tasks/{number}/annotations/")
def delete_task_annotations(call: Somebody, number: int) -> Response:
    return _delete(call, _task, number)
