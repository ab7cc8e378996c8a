"""What a job is: a run of a task's frames with a stage and a state, and a status that follows them when they change."""

import sqlite3
from collections.abc import Iterable, Iterator

import orjson

STAGES = ("annotation", "validation", "acceptance")
STATES = ("new", "in progress", "completed", "rejected")

_STATUS = (
    "CASE WHEN stage = 'annotation' THEN 'annotation'"
    " WHEN stage = 'acceptance' AND state = 'completed' THEN 'completed' ELSE 'validation' END"
)


def move(connection: sqlite3.Connection, job_id: int, stage: str, state: str) -> None:
    """Sets a job's stage and state, and so its status."""
    connection.execute("UPDATE jobs SET stage = ?, state = ? WHERE id = ?", (stage, state, job_id))
    connection.execute(f"UPDATE jobs SET status = {_STATUS} WHERE id = ?", (job_id,))


def task_status(counts: sqlite3.Row) -> str:
    """From a row of `task_counts`: `completed` when all its jobs' are, else `annotation` while one's is."""
    if counts["count"] and counts["done"] == counts["count"]:
        return "completed"
    return "annotation" if counts["annotated"] or not counts["count"] else "validation"


def task_counts(connection: sqlite3.Connection, task_id: int) -> sqlite3.Row:
    """How many jobs a task has: all, in the validation stage, completed; and, by their status, done and annotated."""
    row: sqlite3.Row = connection.execute(
        "SELECT count(*) AS count, count(stage = 'validation' OR NULL) AS validation,"
        " count(stage = 'acceptance' AND state = 'completed' OR NULL) AS completed,"
        " count(status = 'completed' OR NULL) AS done, count(status = 'annotation' OR NULL) AS annotated"
        " FROM jobs WHERE task_id = ?",
        (task_id,),
    ).fetchone()
    return row


def cut(size: int, segment_size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """First and last frame of each job of a task with `size` frames."""
    if size <= segment_size:
        yield 0, size - 1
        return
    for start in range(0, size, segment_size - overlap):
        yield start, min(start + segment_size, size) - 1


def touch(connection: sqlite3.Connection, job_ids: Iterable[int], now: str) -> None:
    """Sets the updated date of jobs, and so of their tasks and projects."""
    ids = orjson.dumps(sorted(job_ids)).decode()
    listed = "(SELECT value FROM json_each(?))"
    tasks = f"(SELECT task_id FROM jobs WHERE id IN {listed})"
    projects = f"(SELECT project_id FROM tasks WHERE id IN {tasks})"
    connection.execute(f"UPDATE jobs SET updated_date = ? WHERE id IN {listed}", (now, ids))
    connection.execute(f"UPDATE tasks SET updated_date = ? WHERE id IN {tasks}", (now, ids))
    connection.execute(f"UPDATE projects SET updated_date = ? WHERE id IN {projects}", (now, ids))


def touch_task(connection: sqlite3.Connection, task_id: int, now: str) -> None:
    connection.execute("UPDATE tasks SET updated_date = ? WHERE id = ?", (now, task_id))
    connection.execute(
        "UPDATE projects SET updated_date = ? WHERE id = (SELECT project_id FROM tasks WHERE id = ?)",
        (now, task_id),
    )
