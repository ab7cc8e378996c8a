"""Who may see and change what.

CVAT's rules outside organizations: an administrator may do everything; anybody else works with the projects and
tasks that they own or are assigned to, and with the jobs assigned to them. A job's assignee annotates it and moves
its state, but not its stage, and does not see the task around it.
"""

import sqlite3

from include.emulator.accounts import User
from include.emulator.answers import Refusal, forbidden, no_such
from include.emulator.listing import Condition

PROJECTS = "projects"
TASKS = "tasks LEFT JOIN projects ON projects.id = tasks.project_id LEFT JOIN data ON data.task_id = tasks.id"
JOBS = "jobs JOIN tasks ON tasks.id = jobs.task_id LEFT JOIN projects ON projects.id = tasks.project_id"

_PROJECT_STAFF = "projects.owner_id = ? OR projects.assignee_id = ?"
_TASK_STAFF = f"tasks.owner_id = ? OR tasks.assignee_id = ? OR {_PROJECT_STAFF}"


def visible_projects(user: User) -> Condition:
    return Condition() if user.is_admin else Condition(_PROJECT_STAFF, (user.id,) * 2)


def visible_tasks(user: User) -> Condition:
    return Condition() if user.is_admin else Condition(_TASK_STAFF, (user.id,) * 4)


def visible_jobs(user: User) -> Condition:
    return Condition() if user.is_admin else Condition(f"jobs.assignee_id = ? OR {_TASK_STAFF}", (user.id,) * 5)


def project(connection: sqlite3.Connection, user: User, project_id: int) -> sqlite3.Row:
    return _one(connection, PROJECTS, "projects", project_id, visible_projects(user), no_such("Project"))


def task(connection: sqlite3.Connection, user: User, task_id: int) -> sqlite3.Row:
    return _one(connection, TASKS, "tasks", task_id, visible_tasks(user), no_such("Task"))


def job(connection: sqlite3.Connection, user: User, job_id: int) -> sqlite3.Row:
    return _one(connection, JOBS, "jobs", job_id, visible_jobs(user), no_such("Job"))


def is_task_staff(connection: sqlite3.Connection, user: User, task_id: int) -> bool:
    """Whether the user owns or is assigned to the task or its project, or is an administrator."""
    allowed = visible_tasks(user)
    query = f"SELECT 1 FROM {TASKS} WHERE tasks.id = ? AND ({allowed.sql})"
    return connection.execute(query, (task_id, *allowed.values)).fetchone() is not None


def is_project_staff(connection: sqlite3.Connection, user: User, project_id: int) -> bool:
    allowed = visible_projects(user)
    query = f"SELECT 1 FROM projects WHERE id = ? AND ({allowed.sql})"
    return connection.execute(query, (project_id, *allowed.values)).fetchone() is not None


def own_storage(connection: sqlite3.Connection, user: User, storage_id: int) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute("SELECT * FROM cloud_storages WHERE id = ?", (storage_id,)).fetchone()
    if row is None:
        raise no_such("CloudStorage")
    if not user.is_admin and row["owner_id"] != user.id:
        raise forbidden()
    return row


def _one(
    connection: sqlite3.Connection, source: str, table: str, key: int, allowed: Condition, missing: Refusal
) -> sqlite3.Row:
    """The row with this id. Raises `missing` without one, 403 when the user may not see it."""
    row: sqlite3.Row | None = connection.execute(
        f"SELECT {table}.*, ({allowed.sql}) AS allowed FROM {source} WHERE {table}.id = ?",
        (*allowed.values, key),
    ).fetchone()
    if row is None:
        raise missing
    if not row["allowed"]:
        raise forbidden()
    return row
