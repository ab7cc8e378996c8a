"""Issues: what people say about a place in a frame of a job, and the comments below."""

import sqlite3
from typing import Any

import orjson
from fastapi import APIRouter, Response

from include.emulator import access, fields
from include.emulator.answers import CvatJson, invalid, no_such
from include.emulator.call import Somebody, UserCall, brief_user
from include.emulator.listing import Listing

router = APIRouter()

_SOURCE = (
    "issues JOIN jobs ON jobs.id = issues.job_id JOIN tasks ON tasks.id = jobs.task_id"
    " LEFT JOIN projects ON projects.id = tasks.project_id"
)
_ISSUES = Listing(
    table="issues",
    source=_SOURCE,
    columns={
        "id": "issues.id",
        "job_id": "issues.job_id",
        "task_id": "jobs.task_id",
        "frame_id": "issues.frame",
        "resolved": "CASE issues.resolved WHEN 1 THEN 'true' ELSE 'false' END",
        "owner": "(SELECT username FROM users WHERE users.id = issues.owner_id)",
        "assignee": "(SELECT username FROM users WHERE users.id = issues.assignee_id)",
        "created_date": "issues.created_date",
        "updated_date": "issues.updated_date",
    },
    parameters={
        "job_id": int,
        "task_id": int,
        "frame_id": int,
        "resolved": ("true", "false"),
        "owner": str,
        "assignee": str,
    },
    searched=("owner", "assignee"),
)
_COMMENTS = Listing(
    table="comments",
    source=f"comments JOIN ({_SOURCE}) ON issues.id = comments.issue_id",
    columns={
        "id": "comments.id",
        "issue_id": "comments.issue_id",
        "job_id": "issues.job_id",
        "frame_id": "issues.frame",
        "owner": "(SELECT username FROM users WHERE users.id = comments.owner_id)",
        "created_date": "comments.created_date",
        "updated_date": "comments.updated_date",
    },
    parameters={"issue_id": int, "job_id": int, "frame_id": int, "owner": str},
    searched=("owner",),
)


@router.post("/api/issues")
def create_issue(call: Somebody) -> Response:
    body = call.json()
    _require(body, "frame", "position", "job", "message")
    frame = fields.whole_number(body, "frame", None, least=0)
    position = _position(body["position"])
    with call.state.write() as connection:
        if connection.execute("SELECT 1 FROM jobs WHERE id = ?", (body["job"],)).fetchone() is None:
            raise invalid(["Job matching query does not exist."])
        access.job(connection, call.user, body["job"])
        now = call.state.now()
        row = connection.execute(
            "INSERT INTO issues (job_id, frame, position, owner_id, assignee_id, created_date, updated_date)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *",
            (
                body["job"],
                frame,
                orjson.dumps(position),
                call.user.id,
                fields.user_id(connection, body.get("assignee")),
                now,
                now,
            ),
        ).fetchone()
        _comment_on(call, connection, row["id"], body["message"])
        return CvatJson(_issue(call, connection, row), 201)


@router.get("/api/issues")
def list_issues(call: Somebody) -> Response:
    visible = access.visible_jobs(call.user)
    with call.state.read() as connection:
        return CvatJson(_ISSUES.answer(call, connection, visible, lambda row: _issue(call, connection, row)))


@router.get("/api/issues/{issue_id}")
def get_issue(call: Somebody, issue_id: int) -> Response:
    with call.state.read() as connection:
        return CvatJson(_issue(call, connection, _find(call, connection, issue_id)))


@router.patch("/api/issues/{issue_id}")
def patch_issue(call: Somebody, issue_id: int) -> Response:
    body = call.json()
    with call.state.write() as connection:
        row = _find(call, connection, issue_id)
        position = _position(body["position"]) if "position" in body else orjson.loads(row["position"])
        assignee = fields.user_id(connection, body["assignee"]) if "assignee" in body else row["assignee_id"]
        changed = connection.execute(
            "UPDATE issues SET position = ?, assignee_id = ?, resolved = ?, updated_date = ? WHERE id = ? RETURNING *",
            (
                orjson.dumps(position),
                assignee,
                bool(body.get("resolved", row["resolved"])),
                call.state.now(),
                issue_id,
            ),
        ).fetchone()
        return CvatJson(_issue(call, connection, changed))


@router.delete("/api/issues/{issue_id}")
def delete_issue(call: Somebody, issue_id: int) -> Response:
    with call.state.write() as connection:
        _find(call, connection, issue_id)
        connection.execute("DELETE FROM issues WHERE id = ?", (issue_id,))
    return Response(status_code=204)


@router.post("/api/comments")
def create_comment(call: Somebody) -> Response:
    body = call.json()
    _require(body, "issue", "message")
    with call.state.write() as connection:
        if connection.execute("SELECT 1 FROM issues WHERE id = ?", (body["issue"],)).fetchone() is None:
            raise invalid(["Issue matching query does not exist."])
        _find(call, connection, body["issue"])
        row = _comment_on(call, connection, body["issue"], body["message"])
        return CvatJson(_comment(call, connection, row), 201)


@router.get("/api/comments")
def list_comments(call: Somebody) -> Response:
    visible = access.visible_jobs(call.user)
    with call.state.read() as connection:
        return CvatJson(_COMMENTS.answer(call, connection, visible, lambda row: _comment(call, connection, row)))


@router.get("/api/comments/{comment_id}")
def get_comment(call: Somebody, comment_id: int) -> Response:
    with call.state.read() as connection:
        return CvatJson(_comment(call, connection, _find_comment(call, connection, comment_id)))


@router.patch("/api/comments/{comment_id}")
def patch_comment(call: Somebody, comment_id: int) -> Response:
    body = call.json()
    with call.state.write() as connection:
        row = _find_comment(call, connection, comment_id)
        changed = connection.execute(
            "UPDATE comments SET message = ?, updated_date = ? WHERE id = ? RETURNING *",
            (body.get("message", row["message"]), call.state.now(), comment_id),
        ).fetchone()
        return CvatJson(_comment(call, connection, changed))


@router.delete("/api/comments/{comment_id}")
def delete_comment(call: Somebody, comment_id: int) -> Response:
    with call.state.write() as connection:
        _find_comment(call, connection, comment_id)
        connection.execute("DELETE FROM comments WHERE id = ?", (comment_id,))
    return Response(status_code=204)


def _require(body: dict[str, Any], *names: str) -> None:
    wrong = {name: [fields.REQUIRED] for name in names if name not in body}
    if wrong:
        raise invalid(wrong)


def _position(value: Any) -> list[float]:
    """Points in the frame. CVAT does not look whether the frame belongs to the job."""
    if not isinstance(value, list):
        raise invalid({"position": [f'Expected a list of items but got type "{type(value).__name__}".']})
    if not value:
        raise invalid({"position": ["This list may not be empty."]})
    wrong = [str(i) for i, part in enumerate(value) if not isinstance(part, int | float)]
    if wrong:
        raise invalid({"position": {key: ["A valid number is required."] for key in wrong}})
    return [float(part) for part in value]


def _find(call: UserCall, connection: sqlite3.Connection, issue_id: int) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM issues WHERE id = ?", (issue_id,)).fetchone()
    if row is None:
        raise no_such("Issue")
    access.job(connection, call.user, row["job_id"])
    return row


def _find_comment(call: UserCall, connection: sqlite3.Connection, comment_id: int) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM comments WHERE id = ?", (comment_id,)).fetchone()
    if row is None:
        raise no_such("Comment")
    _find(call, connection, row["issue_id"])
    return row


def _comment_on(call: UserCall, connection: sqlite3.Connection, issue_id: int, message: str) -> sqlite3.Row:
    now = call.state.now()
    row: sqlite3.Row = connection.execute(
        "INSERT INTO comments (issue_id, owner_id, message, created_date, updated_date) VALUES (?, ?, ?, ?, ?)"
        " RETURNING *",
        (issue_id, call.user.id, message, now, now),
    ).fetchone()
    return row


def _issue(call: UserCall, connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    (comments,) = connection.execute("SELECT count(*) FROM comments WHERE issue_id = ?", (row["id"],)).fetchone()
    return {
        "id": row["id"],
        "frame": row["frame"],
        "position": orjson.loads(row["position"]),
        "job": row["job_id"],
        "owner": brief_user(call, connection, row["owner_id"]),
        "assignee": brief_user(call, connection, row["assignee_id"]),
        "created_date": row["created_date"],
        "updated_date": row["updated_date"],
        "resolved": bool(row["resolved"]),
        "comments": {"count": comments, "url": call.url(f"api/comments?issue_id={row['id']}")},
    }


def _comment(call: UserCall, connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "issue": row["issue_id"],
        "owner": brief_user(call, connection, row["owner_id"]),
        "message": row["message"],
        "created_date": row["created_date"],
        "updated_date": row["updated_date"],
    }
