"""Labels on their own; they are made through their project or task."""

import sqlite3

from fastapi import APIRouter, Response

from include.emulator import access, labels
from include.emulator.answers import CvatJson, Refusal, forbidden, no_such, server_error
from include.emulator.call import Somebody, UserCall
from include.emulator.listing import Condition, Listing

router = APIRouter()

_LABELS = Listing(
    table="labels",
    source="labels LEFT JOIN projects ON projects.id = labels.project_id LEFT JOIN tasks ON tasks.id = labels.task_id",
    columns={"id": "labels.id", "name": "labels.name", "type": "labels.type", "color": "labels.color"},
    parameters={"name": str, "type": str, "color": str},
    searched=("name",),
    order="ASC",
)


@router.get("/api/labels")
def list_labels(call: Somebody) -> Response:
    with call.state.read() as connection:
        visible = Condition("labels.parent_id IS NULL") & _scope(call, connection)
        return CvatJson(_LABELS.answer(call, connection, visible, lambda row: labels.present(connection, row)))


def _scope(call: UserCall, connection: sqlite3.Connection) -> Condition:
    """Which project's or task's labels are asked for. An unknown one is a 500, as in CVAT."""
    given = {n: int(v) for n in ("job_id", "task_id", "project_id") if (v := call.query.get(n, "")).isdecimal()}
    try:
        if "job_id" in given:
            job = access.job(connection, call.user, given["job_id"])
            task = connection.execute("SELECT * FROM tasks WHERE id = ?", (job["task_id"],)).fetchone()
            return _owned(labels.owner_of(task))
        if "task_id" in given:
            return _owned(labels.owner_of(access.task(connection, call.user, given["task_id"])))
        if "project_id" in given:
            access.project(connection, call.user, given["project_id"])
            return _owned(("project_id", given["project_id"]))
    except Refusal as refusal:
        raise (server_error() if refusal.status == 404 else refusal) from refusal
    if call.user.is_admin:
        return Condition()
    mine = (call.user.id,) * 4
    return Condition(
        "projects.owner_id = ? OR projects.assignee_id = ? OR tasks.owner_id = ? OR tasks.assignee_id = ?", mine
    )


def _owned(owner: labels.Owner) -> Condition:
    return Condition(f"labels.{owner[0]} = ?", (owner[1],))


@router.get("/api/labels/{label_id}")
def get_label(call: Somebody, label_id: int) -> Response:
    with call.state.read() as connection:
        return CvatJson(labels.present(connection, _find(connection, call, label_id)))


@router.patch("/api/labels/{label_id}")
def patch_label(call: Somebody, label_id: int) -> Response:
    spec = call.json()
    with call.state.write() as connection:
        row = _find(connection, call, label_id)
        others = connection.execute(
            "SELECT name FROM labels WHERE id != ? AND project_id IS ? AND task_id IS ? AND parent_id IS ?",
            (label_id, row["project_id"], row["task_id"], row["parent_id"]),
        )
        labels.check([{**spec, "id": label_id}], existing=[other["name"] for other in others])
        labels.update(connection, label_id, spec)
        return CvatJson(labels.present(connection, _find(connection, call, label_id)))


@router.delete("/api/labels/{label_id}")
def delete_label(call: Somebody, label_id: int) -> Response:
    with call.state.write() as connection:
        _find(connection, call, label_id)
        connection.execute("DELETE FROM labels WHERE id = ?", (label_id,))
    return Response(status_code=204)


def _find(connection: sqlite3.Connection, call: UserCall, label_id: int) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM labels WHERE id = ?", (label_id,)).fetchone()
    if row is None:
        raise no_such("Label")
    if row["project_id"]:
        allowed = access.is_project_staff(connection, call.user, row["project_id"])
    else:
        allowed = access.is_task_staff(connection, call.user, row["task_id"])
    if not allowed:
        raise forbidden()
    return row
