"""Background requests: asked after, listed, cancelled."""

import sqlite3

from fastapi import APIRouter, Response

from include.emulator import requests
from include.emulator.answers import HTML, CvatJson, Refusal, forbidden, invalid, invalid_text
from include.emulator.call import Somebody, UserCall
from include.emulator.listing import Condition, Listing

router = APIRouter()

_REQUESTS = Listing(
    table="requests",
    source="requests JOIN tasks ON tasks.id = requests.task_id",
    key="number",
    columns={
        "status": "requests.status",
        "action": "'create'",
        "target": "'task'",
        "task_id": "requests.task_id",
        "project_id": "tasks.project_id",
        "created_date": "requests.created_date",
    },
    parameters={"status": requests.STATUSES, "action": str, "target": str, "task_id": int, "project_id": int},
)


@router.get("/api/requests")
def list_requests(call: Somebody) -> Response:
    visible = Condition(
        "requests.owner_id = ? AND (requests.expiry_date IS NULL OR requests.expiry_date > ?)",
        (call.user.id, call.state.now()),
    )
    with call.state.read() as connection:
        return CvatJson(_REQUESTS.answer(call, connection, visible, lambda row: requests.present(connection, row)))


@router.get("/api/requests/{request_id}")
def get_request(call: Somebody, request_id: str) -> Response:
    with call.state.read() as connection:
        return CvatJson(requests.present(connection, _find(call, connection, request_id)))


@router.post("/api/requests/{request_id}/cancel")
def cancel_request(call: Somebody, request_id: str) -> Response:
    with call.state.write() as connection:
        row = _find(call, connection, request_id)
        if row["status"] != "queued":
            raise invalid_text(f"Requests with status '{row['status']}' cannot be cancelled")
        connection.execute("DELETE FROM requests WHERE number = ?", (row["number"],))
    return Response(status_code=200)


def _find(call: UserCall, connection: sqlite3.Connection, request_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM requests WHERE id = ? AND (expiry_date IS NULL OR expiry_date > ?)",
        (request_id, call.state.now()),
    ).fetchone()
    if row is None:
        raise Refusal(404, "There is no request with specified id", media_type=HTML)
    if connection.execute("SELECT 1 FROM tasks WHERE id = ?", (row["task_id"],)).fetchone() is None:
        raise invalid(["Task matching query does not exist."])
    if not call.user.is_admin and row["owner_id"] != call.user.id:
        raise forbidden()
    return row
