"""The queue of background requests, and how the wire shows one."""

import sqlite3
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import quote

from include.emulator.accounts import User
from include.emulator.answers import Refusal, invalid
from include.emulator.call import Call
from include.emulator.state import Clock, stamp

STATUSES = ("queued", "started", "finished", "failed")
TARGETS = ("project", "task", "job")
Target = Literal["project", "task", "job"]

_KEPT = {  # how long what has finished is kept, and what has failed
    "create": (timedelta(seconds=500), timedelta(days=365)),
    "import": (timedelta(hours=1), timedelta(days=30)),
    "export": (timedelta(hours=24), timedelta(hours=24)),
    "calculate": (timedelta(seconds=120), timedelta(days=365)),
    "autoannotate": (timedelta(days=365), timedelta(days=365)),  # until the next one of its task
}


class RequestFailure(Exception):
    """Ends a request as failed. The text is what it then shows: an exception's name and message."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request does: its type is an action and a subject, as in `export:dataset`."""

    type: str
    target: Target
    project_id: int | None = None
    task_id: int | None = None
    job_id: int | None = None
    format: str | None = None


def enqueue(
    connection: sqlite3.Connection,
    user: User,
    request_id: str,
    operation: Operation,
    parameters: bytes,
    now: str,
    download: str | None = None,
) -> str:
    """Queues a request, in place of an older, ended one of its id. Returns the id.

    Raises:
        Refusal: 409 with the id when such a request is queued or under way.
    """
    pending = connection.execute(
        "SELECT 1 FROM requests WHERE id = ? AND status IN ('queued', 'started')", (request_id,)
    ).fetchone()
    if pending is not None:
        raise Refusal(409, {"rq_id": request_id})
    connection.execute("DELETE FROM requests WHERE id = ?", (request_id,))
    connection.execute(
        "INSERT INTO requests (id, type, target, project_id, task_id, job_id, format, owner_id, status, message,"
        " parameters, download, created_date) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'queued', '', ?, ?, ?)",
        (
            request_id,
            operation.type,
            operation.target,
            operation.project_id,
            operation.task_id,
            operation.job_id,
            operation.format,
            user.id,
            parameters.decode(),
            download,
            now,
        ),
    )
    return request_id


def enqueue_creation(connection: sqlite3.Connection, user: User, task: sqlite3.Row, parameters: bytes, now: str) -> str:
    """Queues the reading of a task's data. Returns the request's id."""
    operation = Operation("create:task", "task", task["project_id"], task["id"])
    return enqueue(connection, user, f"action=create&target=task&target_id={task['id']}", operation, parameters, now)


def creation_of(connection: sqlite3.Connection, task_id: int) -> sqlite3.Row | None:
    """The request that reads or has read a task's data, if there is one."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM requests WHERE id = ?", (f"action=create&target=task&target_id={task_id}",)
    ).fetchone()
    return row


def find(call: Call, connection: sqlite3.Connection, request_id: str) -> sqlite3.Row | None:
    """The request of this id, unless it has expired. Runs of functions are not known here.

    Raises:
        Refusal: 400 when what it was about has been deleted.
    """
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM requests WHERE id = ? AND type != 'autoannotate' AND (expiry_date IS NULL OR expiry_date > ?)",
        (request_id, call.state.now()),
    ).fetchone()
    if row is not None and row[f"{row['target']}_id"] is not None:
        target, key = row["target"], row[f"{row['target']}_id"]
        if connection.execute(f"SELECT 1 FROM {target}s WHERE id = ?", (key,)).fetchone() is None:
            raise invalid([f"{target.capitalize()} matching query does not exist."])
    return row


def requeue_interrupted(connection: sqlite3.Connection) -> None:
    """What a killed server had begun has left nothing behind: it is done again."""
    connection.execute("UPDATE requests SET status = 'queued', message = '' WHERE status = 'started'")


def start_oldest(connection: sqlite3.Connection, types: tuple[str, ...], now: str) -> sqlite3.Row | None:
    """Takes the request of these types that has waited longest, if there is one."""
    row: sqlite3.Row | None = connection.execute(
        "UPDATE requests SET status = 'started', started_date = ?,"
        " message = CASE type WHEN 'create:task' THEN 'Media files are being extracted...' ELSE '' END"
        " WHERE number = (SELECT min(number) FROM requests WHERE status = 'queued'"
        f" AND type IN ({', '.join('?' * len(types))})) RETURNING *",
        (now, *types),
    ).fetchone()
    return row


def finish(connection: sqlite3.Connection, request: sqlite3.Row, clock: Clock, result_id: int | None) -> None:
    """Marks a request finished, with the id of what it has made, if it has made something."""
    _end(connection, request, clock, "finished", "")
    connection.execute("UPDATE requests SET result_id = ? WHERE number = ?", (result_id, request["number"]))


def fail(connection: sqlite3.Connection, request: sqlite3.Row, clock: Clock, message: str) -> None:
    _end(connection, request, clock, "failed", message)


def _end(connection: sqlite3.Connection, request: sqlite3.Row, clock: Clock, status: str, message: str) -> None:
    now = clock.now()
    kept = _KEPT[request["type"].partition(":")[0]][status == "failed"]
    connection.execute(
        "UPDATE requests SET status = ?, message = ?, finished_date = ?, expiry_date = ? WHERE number = ?",
        (status, message, stamp(now), stamp(now + kept), request["number"]),
    )


def present(call: Call, connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    owner = connection.execute("SELECT id, username FROM users WHERE id = ?", (row["owner_id"],)).fetchone()
    form = {} if row["type"].startswith("calculate:") else {"format": row["format"]}
    return {
        "status": row["status"],
        "message": row["message"],
        "id": row["id"],
        "operation": {
            "type": row["type"],
            "target": row["target"],
            "project_id": row["project_id"],
            "task_id": row["task_id"],
            "job_id": row["job_id"],
            "org_id": None,
            **form,
            "lightweight": None,
        },
        "progress": 0.0,
        "created_date": row["created_date"],
        "started_date": row["started_date"],
        "finished_date": row["finished_date"],
        "expiry_date": row["expiry_date"],
        "owner": dict(owner),
        "result_url": _result_url(call, row),
        "result_id": row["result_id"],
    }


def _result_url(call: Call, row: sqlite3.Row) -> str | None:
    if row["status"] != "finished" or row["download"] is None:
        return None
    kind = "backup" if row["type"] == "export:backup" else "dataset"
    target = row["target"]
    return call.url(f"api/{target}s/{row[f'{target}_id']}/{kind}/download?rq_id={quote(row['id'], safe='~')}")
