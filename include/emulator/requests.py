"""The queue of background requests, and how the wire shows one."""

import sqlite3
from datetime import timedelta
from typing import Any

from include.emulator.accounts import User
from include.emulator.state import Clock, stamp

STATUSES = ("queued", "started", "finished", "failed")
_KEPT_FINISHED = timedelta(seconds=500)
_KEPT_FAILED = timedelta(days=365)


def enqueue(connection: sqlite3.Connection, user: User, task_id: int, parameters: bytes, now: str) -> str:
    """Queues the reading of a task's data, in place of an older, ended request for it. Returns the request's id."""
    request_id = f"action=create&target=task&target_id={task_id}"
    connection.execute("DELETE FROM requests WHERE id = ?", (request_id,))
    connection.execute(
        "INSERT INTO requests (id, task_id, owner_id, status, message, parameters, created_date)"
        " VALUES (?, ?, ?, 'queued', '', ?, ?)",
        (request_id, task_id, user.id, parameters.decode(), now),
    )
    return request_id


def is_pending(connection: sqlite3.Connection, task_id: int) -> bool:
    query = "SELECT 1 FROM requests WHERE task_id = ? AND status IN ('queued', 'started')"
    return connection.execute(query, (task_id,)).fetchone() is not None


def requeue_interrupted(connection: sqlite3.Connection) -> None:
    """What a killed server had begun has left nothing behind: it is done again."""
    connection.execute("UPDATE requests SET status = 'queued', message = '' WHERE status = 'started'")


def start_oldest(connection: sqlite3.Connection, now: str) -> sqlite3.Row | None:
    """Takes the request that has waited longest, if there is one."""
    row: sqlite3.Row | None = connection.execute(
        "UPDATE requests SET status = 'started', message = 'Media files are being extracted...', started_date = ?"
        " WHERE number = (SELECT min(number) FROM requests WHERE status = 'queued') RETURNING *",
        (now,),
    ).fetchone()
    return row


def end(connection: sqlite3.Connection, number: int, clock: Clock, *, failure: str | None = None) -> None:
    """Marks a request finished, or failed with this message."""
    now = clock.now()
    status, kept = ("finished", _KEPT_FINISHED) if failure is None else ("failed", _KEPT_FAILED)
    connection.execute(
        "UPDATE requests SET status = ?, message = ?, finished_date = ?, expiry_date = ? WHERE number = ?",
        (status, failure or "", stamp(now), stamp(now + kept), number),
    )


def present(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    owner = connection.execute("SELECT id, username FROM users WHERE id = ?", (row["owner_id"],)).fetchone()
    task = connection.execute("SELECT project_id FROM tasks WHERE id = ?", (row["task_id"],)).fetchone()
    return {
        "status": row["status"],
        "message": row["message"],
        "id": row["id"],
        "operation": {
            "type": "create:task",
            "target": "task",
            "project_id": task["project_id"],
            "task_id": row["task_id"],
            "job_id": None,
            "org_id": None,
            "format": None,
            "lightweight": None,
        },
        "progress": 0.0,
        "created_date": row["created_date"],
        "started_date": row["started_date"],
        "finished_date": row["finished_date"],
        "expiry_date": row["expiry_date"],
        "owner": dict(owner),
        "result_url": None,
        "result_id": None,
    }
