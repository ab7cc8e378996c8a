"""Projects."""

import shutil
import sqlite3
from typing import Any

from fastapi import APIRouter, Response

from include.emulator import access, fields, labels
from include.emulator.answers import CvatJson, forbidden
from include.emulator.call import Call, Somebody, brief_user
from include.emulator.listing import Listing

router = APIRouter()

_PROJECTS = Listing(
    table="projects",
    source=access.PROJECTS,
    columns={
        "id": "projects.id",
        "name": "projects.name",
        "owner": "(SELECT username FROM users WHERE users.id = projects.owner_id)",
        "assignee": "(SELECT username FROM users WHERE users.id = projects.assignee_id)",
        "status": "'annotation'",
        "created_date": "projects.created_date",
        "updated_date": "projects.updated_date",
    },
    parameters={"name": str, "owner": str, "assignee": str, "status": ("annotation", "validation", "completed")},
    searched=("name", "owner", "assignee"),
)


@router.post("/api/projects")
def create_project(call: Somebody) -> Response:
    body = call.json()
    fields.check_name(body, required=True)
    specs = labels.check(body.get("labels") or [])
    with call.state.write() as connection:
        now = call.state.now()
        row = connection.execute(
            "INSERT INTO projects (name, owner_id, assignee_id, bug_tracker, created_date, updated_date)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING *",
            (
                body["name"],
                call.user.id,
                fields.user_id(connection, body.get("assignee_id")),
                body.get("bug_tracker") or "",
                now,
                now,
            ),
        ).fetchone()
        for spec in specs:
            labels.add(connection, ("project_id", row["id"]), spec)
        return CvatJson(_project(call, connection, row), 201)


@router.get("/api/projects")
def list_projects(call: Somebody) -> Response:
    visible = access.visible_projects(call.user)
    with call.state.read() as connection:
        return CvatJson(_PROJECTS.answer(call, connection, visible, lambda row: _project(call, connection, row)))


@router.get("/api/projects/{project_id}")
def get_project(call: Somebody, project_id: int) -> Response:
    with call.state.read() as connection:
        return CvatJson(_project(call, connection, access.project(connection, call.user, project_id)))


@router.patch("/api/projects/{project_id}")
def patch_project(call: Somebody, project_id: int) -> Response:
    body = call.json()
    fields.check_name(body, required=False)
    with call.state.write() as connection:
        access.project(connection, call.user, project_id)
        now = call.state.now()
        for name in ("name", "bug_tracker"):
            if name in body:
                connection.execute(f"UPDATE projects SET {name} = ? WHERE id = ?", (body[name], project_id))
        if "assignee_id" in body:
            assignee = fields.user_id(connection, body["assignee_id"])
            connection.execute(
                "UPDATE projects SET assignee_id = ?, assignee_updated_date = ? WHERE id = ?",
                (assignee, now, project_id),
            )
        labels.change(connection, ("project_id", project_id), body.get("labels") or [])
        connection.execute("UPDATE projects SET updated_date = ? WHERE id = ?", (now, project_id))
        return CvatJson(_project(call, connection, access.project(connection, call.user, project_id)))


@router.delete("/api/projects/{project_id}")
def delete_project(call: Somebody, project_id: int) -> Response:
    with call.state.write() as connection:
        row = access.project(connection, call.user, project_id)
        if not call.user.is_admin and row["owner_id"] != call.user.id:
            raise forbidden()
        tasks = connection.execute("SELECT id FROM tasks WHERE project_id = ?", (project_id,)).fetchall()
        connection.execute("DELETE FROM projects WHERE id = ?", (project_id,))
    for task in tasks:
        shutil.rmtree(call.state.uploads(task["id"]), ignore_errors=True)
    return Response(status_code=204)


def _project(call: Call, connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    tasks = connection.execute(
        "SELECT count(*) AS count, count(data.size > 0 OR NULL) AS filled FROM tasks"
        " LEFT JOIN data ON data.task_id = tasks.id WHERE project_id = ?",
        (row["id"],),
    ).fetchone()
    subsets = connection.execute(
        "SELECT DISTINCT subset FROM tasks WHERE project_id = ? AND subset != '' ORDER BY subset", (row["id"],)
    )
    return {
        "url": call.url(f"api/projects/{row['id']}"),
        "id": row["id"],
        "name": row["name"],
        "owner": brief_user(call, connection, row["owner_id"]),
        "assignee": brief_user(call, connection, row["assignee_id"]),
        "guide_id": None,
        "bug_tracker": row["bug_tracker"],
        "created_date": row["created_date"],
        "updated_date": row["updated_date"],
        "status": "annotation",
        "dimension": "2d" if tasks["filled"] else None,
        "organization": None,
        "organization_id": None,
        "target_storage": None,
        "source_storage": None,
        "tasks": {"count": tasks["count"], "url": call.url(f"api/tasks?project_id={row['id']}")},
        "labels": {"url": call.url(f"api/labels?project_id={row['id']}")},
        "assignee_updated_date": row["assignee_updated_date"],
        "task_subsets": [subset["subset"] for subset in subsets],
    }
