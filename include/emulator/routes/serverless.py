"""Serverless functions: shown, tried on a frame, and run over tasks."""

import sqlite3
from typing import Any

from fastapi import APIRouter, Response

from include.emulator import access, fields, functions, labels, serverless
from include.emulator.answers import CvatJson, Refusal, forbidden, invalid
from include.emulator.call import Somebody, UserCall
from include.emulator.contents import Contents
from include.emulator.functions import FunctionError
from include.emulator.serverless import Run

router = APIRouter()


@router.get("/api/lambda/functions")
def list_functions(call: Somebody) -> Response:
    with call.state.read() as connection:
        return CvatJson([function.present() for function in functions.known(connection)])


@router.get("/api/lambda/functions/{function_id}")
def get_function(call: Somebody, function_id: str) -> Response:
    with call.state.read() as connection:
        return CvatJson(functions.get(connection, function_id).present())


@router.post("/api/lambda/functions/{function_id}")
def call_function(call: Somebody, function_id: str) -> Response:
    """Tries a function on one frame; nothing is stored."""
    body = call.json()
    threshold, frame = _threshold(body), fields.whole_number(body, "frame", None, least=0)
    with call.state.read() as connection:
        function = functions.get(connection, function_id)
        task = _task_of(call, connection, function_id, body, frame)
        try:
            mapping = functions.mapped(connection, function, body.get("mapping"), labels.owner_of(task))
        except ValueError as error:
            raise invalid([str(error)]) from error
        name, contents = _frame(call, connection, task["id"], frame)
    try:
        found = function.invoke(name, contents.read(name), threshold)
    except FunctionError as error:
        raise Refusal(500, str(error)) from error
    return CvatJson({"version": 0, **functions.as_annotations(found, mapping, frame or 0), "intervals": []})


def _task_of(
    call: UserCall, connection: sqlite3.Connection, function_id: str, body: dict[str, Any], frame: int | None
) -> sqlite3.Row:
    if body.get("job") is not None:
        job = access.job(connection, call.user, body["job"])
        if frame is None or not job["start_frame"] <= frame <= job["stop_frame"]:
            raise Refusal(400, "The frame is outside the job range")
        task: sqlite3.Row = connection.execute("SELECT * FROM tasks WHERE id = ?", (job["task_id"],)).fetchone()
        return task
    for name in ("task", "frame"):
        if body.get(name) is None:
            raise Refusal(400, f"`{function_id}` lambda function was run with wrong arguments ('{name}')")
    return access.task(connection, call.user, body["task"])


def _frame(call: UserCall, connection: sqlite3.Connection, task_id: int, frame: int | None) -> tuple[str, Contents]:
    data = connection.execute("SELECT * FROM data WHERE task_id = ?", (task_id,)).fetchone()
    row = (
        data
        and connection.execute(
            "SELECT name FROM frames WHERE data_id = ? AND number = ?", (data["id"], frame)
        ).fetchone()
    )
    if row is None:
        raise invalid([f"Incorrect frame number {frame}"])
    return row["name"], Contents.of(call.state, connection, data)


@router.post("/api/lambda/requests")
def create_run(call: Somebody) -> Response:
    body = call.json()
    wrong = {name: [fields.REQUIRED] for name in ("function", "task") if body.get(name) is None}
    if wrong:
        raise invalid(wrong)
    run = Run(str(body["function"]), _threshold(body), body.get("mapping") or {}, bool(body.get("cleanup")))
    with call.state.write() as connection:
        _check(call, connection, run.function, body["task"], body.get("job"))
        before = serverless.row_of(connection, serverless.request_id(body["task"]))
        if before is not None and before["status"] in ("queued", "started"):
            raise Refusal(409, f"Only one running request is allowed for the same task #{body['task']}")
        row = serverless.enqueue(connection, call.user, body["task"], body.get("job"), run, call.state.now())
    call.request.app.state.worker.wake()
    return CvatJson(serverless.present(row))


def _check(call: UserCall, connection: sqlite3.Connection, function_id: str, task_id: int, job_id: int | None) -> None:
    functions.get(connection, function_id)
    if connection.execute("SELECT 1 FROM tasks WHERE id = ?", (task_id,)).fetchone() is None:
        raise invalid(["Task matching query does not exist."])
    access.task(connection, call.user, task_id)
    mine = connection.execute("SELECT 1 FROM jobs WHERE id = ? AND task_id = ?", (job_id, task_id)).fetchone()
    if job_id is not None and mine is None:
        raise invalid(["Job matching query does not exist."])


def _threshold(body: dict[str, Any]) -> float | None:
    value = body.get("threshold")
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
        raise invalid({"threshold": ["A valid number is required."]})
    return value


@router.get("/api/lambda/requests")
def list_runs(call: Somebody) -> Response:
    with call.state.read() as connection:
        rows = connection.execute(
            f"SELECT * FROM requests WHERE type = '{serverless.TYPE}' AND (owner_id = ? OR ?) ORDER BY number",
            (call.user.id, call.user.is_admin),
        )
        return CvatJson([serverless.present(row) for row in rows])


@router.get("/api/lambda/requests/{run_id}")
def get_run(call: Somebody, run_id: str) -> Response:
    with call.state.read() as connection:
        return CvatJson(serverless.present(_find(call, connection, run_id)))


@router.delete("/api/lambda/requests/{run_id}")
def delete_run(call: Somebody, run_id: str) -> Response:
    with call.state.write() as connection:
        serverless.stop(connection, _find(call, connection, run_id))
    return Response(status_code=204)


def _find(call: UserCall, connection: sqlite3.Connection, run_id: str) -> sqlite3.Row:
    row = serverless.row_of(connection, run_id)
    if row is None:
        raise Refusal(404, f"{run_id} lambda job is not found")
    if not call.user.is_admin and row["owner_id"] != call.user.id:
        raise forbidden()
    return row
