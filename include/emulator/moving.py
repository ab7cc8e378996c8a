"""A task put into a project: what is drawn in it gets the project's labels and attributes of the same names.

Not recorded: as CVAT's sources do it (`TaskWriteSerializer` in cvat/apps/engine/serializers.py).
"""

import sqlite3
from typing import Any

import orjson

from include.emulator.answers import invalid
from include.emulator.labels import Owner, owner_of

Ids = dict[int, int]


def move(connection: sqlite3.Connection, task: sqlite3.Row, project_id: int) -> None:
    """Put a task into a project. Raises a 400 refusal where the project lacks one of its labels or attributes."""
    ours, theirs = owner_of(task), _project(project_id)
    if ours == theirs:
        return
    labels = _by_name(_labels(connection, ours), _labels(connection, theirs))
    specs = _by_name(_attributes(connection, ours), _attributes(connection, theirs))
    _relabel(connection, task["id"], labels, specs)
    connection.execute("UPDATE tasks SET project_id = ? WHERE id = ?", (project_id, task["id"]))
    connection.execute("DELETE FROM labels WHERE task_id = ?", (task["id"],))


def _project(project_id: int) -> Owner:
    return "project_id", project_id


def _labels(connection: sqlite3.Connection, owner: Owner) -> dict[str, int]:
    """Ids by name, a sublabel's with that of its skeleton."""
    rows = connection.execute(
        "SELECT labels.id, coalesce(parent.name || '/', '') || labels.name AS name FROM labels"
        f" LEFT JOIN labels AS parent ON parent.id = labels.parent_id WHERE labels.{owner[0]} = ?",
        (owner[1],),
    )
    return {row["name"]: row["id"] for row in rows}


def _attributes(connection: sqlite3.Connection, owner: Owner) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, label_id in _labels(connection, owner).items():
        rows = connection.execute("SELECT id, name FROM attributes WHERE label_id = ?", (label_id,))
        found |= {f"{name}: {row['name']}": row["id"] for row in rows}
    return found


def _by_name(ours: dict[str, int], theirs: dict[str, int]) -> Ids:
    if not ours.keys() <= theirs.keys():
        raise invalid({"non_field_errors": ["All task or project label names must be mapped to the target project"]})
    return {id_: theirs[name] for name, id_ in ours.items()}


def _relabel(connection: sqlite3.Connection, task_id: int, labels: Ids, specs: Ids) -> None:
    for kind in ("tags", "shapes", "tracks"):
        mine = f"SELECT id, label_id, rest FROM {kind} WHERE job_id IN (SELECT id FROM jobs WHERE task_id = ?)"
        for row in connection.execute(mine, (task_id,)).fetchall():
            rest = orjson.dumps(_mapped(orjson.loads(row["rest"]), {"label_id": labels, "spec_id": specs}))
            values = (labels[row["label_id"]], rest, row["id"])
            connection.execute(f"UPDATE {kind} SET label_id = ?, rest = ? WHERE id = ?", values)


def _mapped(value: Any, known: dict[str, Ids]) -> Any:
    """A JSON value with the ids under these keys replaced."""
    if isinstance(value, list):
        return [_mapped(item, known) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: known[key][item] if key in known else _mapped(item, known) for key, item in value.items()}
