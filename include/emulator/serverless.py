"""Runs of a serverless function over a task or job, in the background; /api/lambda alone knows of them."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import TypeAdapter

from include.emulator import annotations, functions, labels, requests
from include.emulator.accounts import User
from include.emulator.annotations import Item, Target
from include.emulator.bucket import ObjectNotFoundError
from include.emulator.contents import Contents
from include.emulator.functions import Function, FunctionError
from include.emulator.requests import Operation, RequestFailure
from include.emulator.state import State
from include.emulator.validation import checked

TYPE = "autoannotate"
_TRACEBACK = 'Traceback (most recent call last):\n  File "lambda_manager/views.py", in __call__\n{}\n'


@dataclass(frozen=True, slots=True)
class Run:
    """What a run was asked for."""

    function: str
    threshold: float | None
    mapping: dict[str, Any]
    cleanup: bool

    def dump(self) -> bytes:
        return _ADAPTER.dump_json(self)


_ADAPTER = TypeAdapter(Run)


def request_id(task_id: int) -> str:
    """There is one for a task and its jobs together."""
    return f"action=autoannotate&target=task&target_id={task_id}"


def enqueue(
    connection: sqlite3.Connection, user: User, task_id: int, job_id: int | None, run: Run, now: str
) -> sqlite3.Row:
    """Queues a run in place of the last one, whose error stays to be seen until this one starts."""
    before = row_of(connection, request_id(task_id))
    operation = Operation(TYPE, "task", task_id=task_id, job_id=job_id)
    requests.enqueue(connection, user, request_id(task_id), operation, run.dump(), now)
    connection.execute(
        "UPDATE requests SET message = ? WHERE id = ?", (before["message"] if before else "", request_id(task_id))
    )
    row = row_of(connection, request_id(task_id))
    assert row is not None
    return row


def row_of(connection: sqlite3.Connection, run_id: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        f"SELECT * FROM requests WHERE id = ? AND type = '{TYPE}'", (run_id,)
    ).fetchone()
    return row


def stop(connection: sqlite3.Connection, row: sqlite3.Row) -> None:
    """Forgets a run that waits or has ended. One under way ends early, as finished, and keeps what it has found."""
    if row["status"] == "started":
        connection.execute("UPDATE requests SET stopped = 1 WHERE number = ?", (row["number"],))
    else:
        connection.execute("DELETE FROM requests WHERE number = ?", (row["number"],))


def present(row: sqlite3.Row) -> dict[str, Any]:
    run = _ADAPTER.validate_json(row["parameters"])
    job = {} if row["job_id"] is None else {"job": row["job_id"]}
    return {
        "id": row["id"],
        "function": {"id": run.function, "task": row["task_id"], **job, "threshold": run.threshold},
        "status": row["status"],
        "progress": row["progress"],
        "enqueued": row["created_date"],
        "started": row["started_date"],
        "ended": row["finished_date"],
        "exc_info": row["message"] or None,
    }


@dataclass(frozen=True, slots=True)
class _Job:
    """All that a run needs to know, read at its start."""

    target: Target
    function: Function
    mapping: dict[str, int]
    frames: list[tuple[int, str]]
    contents: Contents


def work(state: State, request: sqlite3.Row) -> Callable[[sqlite3.Connection], None]:
    """Calls the function for frame after frame; then what it has found is stored."""
    run = _ADAPTER.validate_json(request["parameters"])
    try:
        with state.read() as connection:
            job = _job(state, connection, request, run)
        found = _found(state, request, job, run.threshold)
    except (ValueError, FunctionError, ObjectNotFoundError) as error:
        raise RequestFailure(_TRACEBACK.format(f"{type(error).__name__}: {error}")) from error

    def store(connection: sqlite3.Connection) -> None:
        if run.cleanup:
            annotations.clear(connection, job.target, state.now())
        annotations.create(connection, job.target, checked(found, new=True), state.now())

    return store


def _job(state: State, connection: sqlite3.Connection, request: sqlite3.Row, run: Run) -> _Job:
    task = connection.execute("SELECT * FROM tasks WHERE id = ?", (request["task_id"],)).fetchone()
    data = connection.execute("SELECT * FROM data WHERE task_id = ?", (request["task_id"],)).fetchone()
    jobs = connection.execute(
        "SELECT * FROM jobs WHERE task_id = :task AND (id = :job OR :job IS NULL AND type = 'annotation')"
        " ORDER BY start_frame",
        {"task": request["task_id"], "job": request["job_id"]},
    ).fetchall()
    if task is None or data is None or not jobs:
        raise ValueError("Task has no data, or is gone")
    function = functions.get(connection, run.function)
    mapping = functions.mapped(connection, function, run.mapping, labels.owner_of(task))
    deleted = set(orjson.loads(data["deleted_frames"]))
    rows = connection.execute(
        "SELECT number, name FROM frames WHERE data_id = ? AND number BETWEEN ? AND ? ORDER BY number",
        (data["id"], min(job["start_frame"] for job in jobs), max(job["stop_frame"] for job in jobs)),
    )
    frames = [(row["number"], row["name"]) for row in rows if row["number"] not in deleted]
    target = Target(task, tuple(jobs), by_frame=True)
    return _Job(target, function, mapping, frames, Contents.of(state, connection, data))


def _found(state: State, request: sqlite3.Row, job: _Job, threshold: float | None) -> dict[str, list[Item]]:
    """What the function finds, until it has seen all frames or is stopped."""
    found: dict[str, list[Item]] = {"tags": [], "shapes": [], "tracks": []}
    for done, (number, name) in enumerate(job.frames, 1):
        seen = job.function.invoke(name, job.contents.read(name), threshold)
        for kind, items in functions.as_annotations(seen, job.mapping, number).items():
            found[kind] += items
        with state.write() as connection:
            progress = done * 100 // len(job.frames)
            stopped = connection.execute(
                "UPDATE requests SET progress = ? WHERE number = ? RETURNING stopped", (progress, request["number"])
            ).fetchone()
        if stopped is None or stopped["stopped"]:
            break
    return found
