"""Consensus replicas: jobs over the same frames as another one, in which people draw on their own."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from include.emulator.answers import invalid
from include.emulator.fields import whole_number

_MOST = 11


def replicas_asked(body: Mapping[str, Any]) -> int:
    """How many replicas each job of a new task shall have. Raises a 400 refusal for 1, which CVAT does not take."""
    count = whole_number(body, "consensus_replicas", 0, least=0) or 0
    if count == 1 or count > _MOST:
        text = f"Consensus replicas must be 0 or a positive number more than 1 and less than {_MOST + 1}, got {count}"
        raise invalid({"consensus_replicas": [text]})
    return count


def add_job(connection: sqlite3.Connection, task: sqlite3.Row, start: int, stop: int, now: str) -> None:
    """Adds an annotation job of a task, and after it the replicas that the task wants."""
    insert = (
        "INSERT INTO jobs (task_id, type, parent_id, start_frame, stop_frame, created_date, updated_date)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
    )
    parent = connection.execute(insert, (task["id"], "annotation", None, start, stop, now, now)).lastrowid
    for _ in range(task["consensus_replicas"]):
        connection.execute(insert, (task["id"], "consensus_replica", parent, start, stop, now, now))
