"""Backups: asked for, and restored."""

import sqlite3
from typing import Literal

import orjson
from fastapi import APIRouter, Response

from include.emulator import requests
from include.emulator.answers import invalid
from include.emulator.call import Somebody
from include.emulator.requests import Operation, Target
from include.emulator.routes.exports import FIND, enqueue, gone, timestamp
from include.emulator.routes.imports import receive

router = APIRouter()

Targets = Literal["projects", "tasks"]
_TARGETS: dict[Targets, Target] = {"projects": "project", "tasks": "task"}


@router.post("/api/{targets}/{number}/backup/export")
def export_backup(call: Somebody, targets: Targets, number: int) -> Response:
    target = _TARGETS[targets]
    with call.state.read() as connection:
        row = FIND[target](connection, call.user, number)
        if target == "task" and not _has_data(connection, number):
            raise invalid(["Backup of a task without data is not allowed"])
    name = f"{target}_{row['name']}_backup_{timestamp(row)}.zip"
    return enqueue(call, target, row, "export:backup", name, "&subresource=backup")


def _has_data(connection: sqlite3.Connection, task_id: int) -> bool:
    row = connection.execute("SELECT 1 FROM data WHERE task_id = ? AND size > 0", (task_id,)).fetchone()
    return row is not None


@router.get("/api/{targets}/{number}/backup")
def old_backup(call: Somebody, targets: Targets, number: int) -> Response:
    with call.state.read() as connection:
        FIND[_TARGETS[targets]](connection, call.user, number)
    raise gone(f"/api/{targets}/id/backup/export")


@router.post("/api/{targets}/backup")
@router.post("/api/{targets}/backup/")
async def restore_backup(call: Somebody, targets: Targets) -> Response:
    target = _TARGETS[targets]

    def ask(connection: sqlite3.Connection, file: str) -> str:
        request_id = f"action=import&target={target}&id={file}&subresource=backup"
        operation, parameters = Operation("import:backup", target), orjson.dumps({"file": file})
        return requests.enqueue(connection, call.user, request_id, operation, parameters, call.state.now())

    return await receive(call, f"api/{targets}/backup", f"{target}_file", ask)
