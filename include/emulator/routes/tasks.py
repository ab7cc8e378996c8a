"""Tasks, without their data."""

import shutil
import sqlite3
from typing import Any

from fastapi import APIRouter, Response

from include.emulator import access, fields, ground_truth, jobs, labels, moving, replication, requests
from include.emulator.answers import CvatJson, forbidden, invalid
from include.emulator.call import Call, Somebody, UserCall, brief_user
from include.emulator.listing import Listing

router = APIRouter()

_TASKS = Listing(
    table="tasks",
    source=access.TASKS,
    columns={
        "id": "tasks.id",
        "name": "tasks.name",
        "project_id": "tasks.project_id",
        "project_name": "projects.name",
        "owner": "(SELECT username FROM users WHERE users.id = tasks.owner_id)",
        "assignee": "(SELECT username FROM users WHERE users.id = tasks.assignee_id)",
        "subset": "tasks.subset",
        "dimension": "CASE WHEN data.size > 0 THEN '2d' ELSE '' END",
        "mode": "CASE WHEN data.size > 0 THEN 'annotation' ELSE '' END",
        "created_date": "tasks.created_date",
        "updated_date": "tasks.updated_date",
    },
    parameters={
        "name": str,
        "project_id": int,
        "project_name": str,
        "owner": str,
        "assignee": str,
        "subset": str,
        "dimension": ("2d", "3d"),
        "mode": str,
    },
    searched=("name", "project_name", "owner", "assignee", "subset", "mode", "dimension"),
)


@router.post("/api/tasks")
def create_task(call: Somebody) -> Response:
    body = call.json()
    fields.check_name(body, required=True)
    specs = labels.check(body.get("labels") or [])
    segment_size = fields.whole_number(body, "segment_size", 0, least=0)
    overlap = fields.whole_number(body, "overlap", None, least=0)
    replicas = replication.replicas_asked(body)
    project_id = body.get("project_id")
    if project_id is not None and specs:
        raise invalid(["Task must have only one of Label set or project_id"])
    with call.state.write() as connection:
        now = call.state.now()
        if project_id is not None:
            _check_project(call, connection, project_id)
        row = connection.execute(
            "INSERT INTO tasks (name, project_id, owner_id, assignee_id, bug_tracker, subset, overlap,"
            " segment_size, consensus_replicas, created_date, updated_date)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
            (
                body["name"],
                project_id,
                call.user.id,
                fields.user_id(connection, body.get("assignee_id")),
                body.get("bug_tracker") or "",
                body.get("subset") or "",
                overlap,
                segment_size,
                replicas,
                now,
                now,
            ),
        ).fetchone()
        for spec in specs:
            labels.add(connection, ("task_id", row["id"]), spec)
        jobs.touch_task(connection, row["id"], now)
        return CvatJson(_task(call, connection, access.task(connection, call.user, row["id"])), 201)


def _check_project(call: UserCall, connection: sqlite3.Connection, project_id: Any) -> None:
    known = connection.execute("SELECT 1 FROM projects WHERE id = ?", (project_id,)).fetchone()
    if known is None:
        raise invalid([f"The specified project #{project_id} does not exist."])
    if not access.is_project_staff(connection, call.user, project_id):
        raise forbidden()


@router.get("/api/tasks")
def list_tasks(call: Somebody) -> Response:
    visible = access.visible_tasks(call.user)
    with call.state.read() as connection:
        return CvatJson(_TASKS.answer(call, connection, visible, lambda row: _task(call, connection, row)))


@router.get("/api/tasks/{task_id}")
def get_task(call: Somebody, task_id: int) -> Response:
    with call.state.read() as connection:
        return CvatJson(_task(call, connection, access.task(connection, call.user, task_id)))


@router.patch("/api/tasks/{task_id}")
def patch_task(call: Somebody, task_id: int) -> Response:
    body = call.json()
    fields.check_name(body, required=False)
    with call.state.write() as connection:
        row = access.task(connection, call.user, task_id)
        now = call.state.now()
        for name in ("name", "bug_tracker", "subset"):
            if name in body:
                connection.execute(f"UPDATE tasks SET {name} = ? WHERE id = ?", (body[name], task_id))
        if "assignee_id" in body:
            connection.execute(
                "UPDATE tasks SET assignee_id = ?, assignee_updated_date = ? WHERE id = ?",
                (fields.user_id(connection, body["assignee_id"]), now, task_id),
            )
        if body.get("labels") and row["project_id"]:
            raise invalid(["Labels cannot be changed in a task of a project"])
        labels.change(connection, labels.owner_of(row), body.get("labels") or [])
        if body.get("project_id") is not None:
            _check_project(call, connection, body["project_id"])
            moving.move(connection, row, body["project_id"])
        jobs.touch_task(connection, task_id, now)
        return CvatJson(_task(call, connection, access.task(connection, call.user, task_id)))


@router.delete("/api/tasks/{task_id}")
def delete_task(call: Somebody, task_id: int) -> Response:
    with call.state.write() as connection:
        access.task(connection, call.user, task_id)
        jobs.touch_task(connection, task_id, call.state.now())
        connection.execute("DELETE FROM tasks WHERE id = ?", (task_id,))
    shutil.rmtree(call.state.uploads(task_id), ignore_errors=True)  # there may be none
    return Response(status_code=204)


@router.get("/api/tasks/{task_id}/status")
def task_status(call: Somebody, task_id: int) -> Response:
    with call.state.read() as connection:
        access.task(connection, call.user, task_id)
        row = requests.creation_of(connection, task_id)
    state, message = (row["status"].capitalize(), row["message"]) if row else ("Finished", "")
    return CvatJson({"state": state, "message": message, "progress": 0.0})


def _task(call: Call, connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    counts = jobs.task_counts(connection, row["id"])
    project = connection.execute("SELECT name FROM projects WHERE id = ?", (row["project_id"],)).fetchone()
    data = connection.execute("SELECT * FROM data WHERE task_id = ?", (row["id"],)).fetchone()
    filled = data is not None and data["size"] > 0
    return {
        "url": call.url(f"api/tasks/{row['id']}"),
        "id": row["id"],
        "name": row["name"],
        "project_id": row["project_id"],
        "project_name": project["name"] if project else None,
        "owner": brief_user(call, connection, row["owner_id"]),
        "assignee": brief_user(call, connection, row["assignee_id"]),
        "bug_tracker": row["bug_tracker"],
        "created_date": row["created_date"],
        "updated_date": row["updated_date"],
        "overlap": row["overlap"],
        "segment_size": row["segment_size"],
        "status": jobs.task_status(counts),
        **_data_fields(data),
        "guide_id": None,
        "data": data["id"] if data else None,
        "dimension": "2d" if filled else "",
        "mode": "annotation" if filled else "",
        "media_type": "image" if filled else "",
        "subset": row["subset"],
        "organization_id": None,
        "organization": None,
        "target_storage": None,
        "source_storage": None,
        "jobs": {
            "count": counts["count"],
            "completed": counts["completed"],
            "validation": counts["validation"],
            "url": call.url(f"api/jobs?task_id={row['id']}"),
        },
        "labels": {"url": call.url(f"api/labels?task_id={row['id']}")},
        "assignee_updated_date": row["assignee_updated_date"],
        "validation_mode": ground_truth.validation_mode(connection, row["id"]),
        "consensus_enabled": row["consensus_replicas"] > 0,
    }


def _data_fields(data: sqlite3.Row | None) -> dict[str, Any]:
    """A task without data has none of these fields; one whose data is not read yet has a size of 0."""
    if data is None:
        return {}
    if data["size"] == 0:
        return {"data_cloud_storage_id": data["cloud_storage_id"], "size": 0}
    return {
        "data_chunk_size": data["chunk_size"],
        "data_original_chunk_type": "imageset",
        "data_compressed_chunk_type": "imageset",
        "data_cloud_storage_id": data["cloud_storage_id"],
        "size": data["size"],
        "image_quality": data["image_quality"],
    }
