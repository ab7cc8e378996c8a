"""Ground truth: a task's one job over chosen frames, in which people draw without seeing the others' work."""

import sqlite3
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from include.emulator import fields
from include.emulator.answers import invalid

TYPES = ("annotation", "ground_truth", "consensus_replica")
_METHODS = ("random_uniform", "manual")


def validation_mode(connection: sqlite3.Connection, task_id: int) -> str | None:
    """`gt` for a task that has ground truth."""
    return "gt" if job_of(connection, task_id) is not None else None


def job_of(connection: sqlite3.Connection, task_id: int) -> sqlite3.Row | None:
    """The task's ground truth job."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM jobs WHERE task_id = ? AND type = 'ground_truth'", (task_id,)
    ).fetchone()
    return row


def check(body: Mapping[str, Any]) -> None:
    """Raises a 400 refusal for a body that asks for no job."""
    missing = [name for name in ("type", "task_id", "frame_selection_method") if body.get(name) is None]
    if missing:
        raise invalid({name: [fields.REQUIRED] for name in missing})
    fields.choice(body, "type", TYPES, "")
    if fields.choice(body, "frame_selection_method", (*_METHODS, "random_per_job"), "") == "manual":
        if "frames" not in body:
            raise invalid({"frames": [fields.REQUIRED]})
    elif "frames" in body:
        raise invalid({"non_field_errors": ['"frames" can only be used when "frame_selection_method" is "manual"']})


def create(connection: sqlite3.Connection, task_id: int, body: Mapping[str, Any], now: str) -> int:
    """Adds the job that a checked body asks for, and returns its id.

    Raises:
        Refusal: 400 for another type of job, a task without data or with ground truth already, frames it has not.
    """
    if body["type"] != "ground_truth":
        raise invalid([f"Unexpected job type '{body['type']}'"])
    data = connection.execute("SELECT * FROM data WHERE task_id = ? AND size > 0", (task_id,)).fetchone()
    if data is None:
        raise invalid(["This task has no data attached yet. Please set up task data and try again"])
    if job_of(connection, task_id) is not None:
        raise invalid(['Task with validation mode "gt" cannot have more than 1 GT job'])
    frames = _chosen(body, data)
    assignee = fields.user_id(connection, body.get("assignee"))
    row = connection.execute(
        "INSERT INTO jobs (task_id, type, included_frames, start_frame, stop_frame, assignee_id,"
        " assignee_updated_date, created_date, updated_date) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            *(task_id, "ground_truth", orjson.dumps(sorted(frames)).decode(), 0, data["size"] - 1),
            *(assignee, now if assignee else None, now, now),
        ),
    ).fetchone()
    return int(row["id"])


def _chosen(body: Mapping[str, Any], data: sqlite3.Row) -> list[int]:
    if body["frame_selection_method"] == "manual":
        return _named(body["frames"], data["size"])
    if body["frame_selection_method"] != "random_uniform":
        raise invalid({"frame_selection_method": ["The emulator does not support this method."]})
    count = fields.whole_number(body, "frame_count", None, least=1)
    if count is None:
        raise invalid(["The number of validation frames is not specified"])
    if count > data["size"]:
        limit = f"must not be greater than the number of the task frames ({data['size']})"
        raise invalid([f"The number of frames requested ({count}) {limit}"])
    valid = [n for n in range(data["size"]) if n not in orjson.loads(data["deleted_frames"])]
    rng = np.random.Generator(np.random.MT19937(seed=body.get("random_seed")))  # CVAT's own: same seed, same frames
    return [int(n) for n in rng.choice(valid, size=count, shuffle=False, replace=False)]


def _named(frames: Any, size: int) -> list[int]:
    if not isinstance(frames, list) or not all(isinstance(number, int) and number >= 0 for number in frames):
        raise invalid({"frames": ["A valid integer is required."]})
    if len(set(frames)) != len(frames):
        raise invalid(["Frames must not repeat"])
    if unknown := sorted(set(frames) - set(range(size))):
        raise invalid([f"The following frames do not exist in the task: {', '.join(map(str, unknown))}"])
    return frames
