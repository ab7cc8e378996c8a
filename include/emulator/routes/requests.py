"""Background requests: asked after, listed, cancelled."""

import sqlite3

from fastapi import APIRouter, Response

from include.emulator import quality, requests
from include.emulator.answers import HTML, CvatJson, Refusal, forbidden, invalid_text, server_error
from include.emulator.call import Somebody, UserCall
from include.emulator.listing import Condition, Listing

router = APIRouter()

_REQUESTS = Listing(
    table="requests",
    source="requests",
    key="number",
    columns={
        "status": "requests.status",
        "action": "substr(requests.type, 1, instr(requests.type, ':') - 1)",
        "subresource": "substr(requests.type, instr(requests.type, ':') + 1)",
        "target": "requests.target",
        "format": "requests.format",
        "task_id": "requests.task_id",
        "job_id": "requests.job_id",
        "project_id": "requests.project_id",
        "created_date": "requests.created_date",
    },
    parameters={
        "status": requests.STATUSES,
        "action": str,
        "subresource": str,
        "target": str,
        "format": str,
        "task_id": int,
        "job_id": int,
        "project_id": int,
    },
)
_ALIVE = " AND ".join(
    f"(target != '{target}' OR {target}_id IS NULL OR {target}_id IN (SELECT id FROM {target}s))"
    for target in requests.TARGETS
)


@router.get("/api/requests")
def list_requests(call: Somebody) -> Response:
    visible = Condition(
        "requests.owner_id = ? AND requests.type != 'autoannotate'"
        f" AND (requests.expiry_date IS NULL OR requests.expiry_date > ?) AND {_ALIVE}",
        (call.user.id, call.state.now()),
    )
    with call.state.read() as connection:
        _check_filters(call, connection)
        return CvatJson(
            _REQUESTS.answer(call, connection, visible, lambda row: requests.present(call, connection, row))
        )


def _check_filters(call: UserCall, connection: sqlite3.Connection) -> None:
    """Raises a 500 refusal where CVAT breaks: its requests of quality have no such fields."""
    if {"subresource", "format"} & set(call.query):
        query = f"SELECT 1 FROM requests WHERE owner_id = ? AND type = ? AND {_ALIVE}"
        if connection.execute(query, (call.user.id, quality.TYPE)).fetchone() is not None:
            raise server_error()


@router.get("/api/requests/{request_id}")
def get_request(call: Somebody, request_id: str) -> Response:
    with call.state.read() as connection:
        return CvatJson(requests.present(call, connection, _find(call, connection, request_id)))


@router.post("/api/requests/{request_id}/cancel")
def cancel_request(call: Somebody, request_id: str) -> Response:
    with call.state.write() as connection:
        row = _find(call, connection, request_id)
        if row["status"] != "queued":
            raise invalid_text(f"Requests with status '{row['status']}' cannot be cancelled")
        connection.execute("DELETE FROM requests WHERE number = ?", (row["number"],))
    return Response(status_code=200)


def _find(call: UserCall, connection: sqlite3.Connection, request_id: str) -> sqlite3.Row:
    row = requests.find(call, connection, request_id)
    if row is None:
        raise Refusal(404, "There is no request with specified id", media_type=HTML)
    if not call.user.is_admin and row["owner_id"] != call.user.id:
        raise forbidden()
    return row
