"""Labels of a project, or of a task without one: made, changed, and as the wire shows them."""

import hashlib
import re
import sqlite3
from collections.abc import Iterable
from typing import Any, Literal

import orjson

from include.emulator.answers import invalid, no_such

_TYPES = (
    "any",
    "cuboid",
    "ellipse",
    "mask",
    "points",
    "polygon",
    "polyline",
    "rectangle",
    "skeleton",
    "tag",
    "interval",
)
_INPUT_TYPES = ("checkbox", "radio", "number", "text", "select")
_MAX_NAME = 64

Owner = tuple[Literal["project_id", "task_id"], int]


def owner_of(task: sqlite3.Row) -> Owner:
    """Whose labels a task uses: its project's, or its own."""
    return ("project_id", task["project_id"]) if task["project_id"] else ("task_id", task["id"])


def check(specs: Any, *, existing: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The label specs of a request's body. Raises a 400 refusal that names what is wrong with them."""
    if not isinstance(specs, list):
        kind = type(specs).__name__
        raise invalid({"labels": {"non_field_errors": [f'Expected a list of items but got type "{kind}".']}})
    errors = [_errors(spec) for spec in specs]
    if any(errors):
        raise invalid({"labels": errors})
    names = [*existing, *(spec["name"] for spec in specs if "name" in spec)]
    if len(set(names)) != len(names):
        raise invalid(["All label names must be unique"])
    return specs


def _errors(spec: dict[str, Any]) -> dict[str, list[str]]:
    name = spec.get("name", "" if "id" not in spec else "unchanged")
    if not name:
        return {"name": ["This field is required."]}
    if len(name) > _MAX_NAME:
        return {"name": [f"Ensure this field has no more than {_MAX_NAME} characters."]}
    if spec.get("type", "any") not in _TYPES:
        return {"type": [f'"{spec["type"]}" is not a valid choice.']}
    for attribute in spec.get("attributes") or []:
        if attribute.get("input_type") not in _INPUT_TYPES:
            return {"attributes": [f'"{attribute.get("input_type")}" is not a valid choice.']}
    return {}


def add(connection: sqlite3.Connection, owner: Owner, spec: dict[str, Any], parent: int | None = None) -> int:
    """Returns the new label's id."""
    column, owner_id = owner
    kind = spec.get("type") or "any"
    cursor = connection.execute(
        f"INSERT INTO labels ({column}, parent_id, name, color, type) VALUES (?, ?, ?, ?, ?)",
        (owner_id, parent, spec["name"], spec.get("color") or _color(spec["name"]), kind),
    )
    label_id = cursor.lastrowid
    assert label_id is not None
    add_attributes(connection, label_id, spec.get("attributes") or [])
    if kind == "skeleton":
        children = {
            child["name"]: add(connection, owner, {"type": "points", **child}, label_id)
            for child in spec.get("sublabels") or []
        }
        svg = _numbered(spec.get("svg") or "", children)
        connection.execute("UPDATE labels SET svg = ? WHERE id = ?", (svg, label_id))
    return label_id


def _color(name: str) -> str:
    """A colour that depends on the name alone. (CVAT has a list of its own for common names.)"""
    return f"#{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _numbered(svg: str, children: dict[str, int]) -> str:
    """A skeleton's drawing names its points by label; CVAT keeps their ids instead."""

    def by_id(match: re.Match[str]) -> str:
        return f'data-label-id="{children.get(match[1], match[1])}"'

    return re.sub(r'data-label-name="([^"]*)"', by_id, svg)


def add_attributes(connection: sqlite3.Connection, label_id: int, specs: list[dict[str, Any]]) -> None:
    connection.executemany(
        "INSERT INTO attributes (label_id, name, mutable, input_type, default_value, choices)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                label_id,
                spec["name"],
                bool(spec.get("mutable")),
                spec["input_type"],
                str(spec.get("default_value", "")),
                orjson.dumps(spec.get("values") or [""]),
            )
            for spec in specs
        ],
    )


def change(connection: sqlite3.Connection, owner: Owner, specs: list[dict[str, Any]]) -> None:
    """What a project's or task's PATCH does: labels without an id are added, others renamed, recoloured, deleted."""
    column, owner_id = owner
    rows = connection.execute(
        f"SELECT id, name FROM labels WHERE {column} = ? AND parent_id IS NULL", (owner_id,)
    ).fetchall()
    touched = {spec["id"] for spec in specs if "id" in spec}
    check(specs, existing=[row["name"] for row in rows if row["id"] not in touched])
    for spec in specs:
        if "id" not in spec:
            add(connection, owner, spec)
        elif spec["id"] not in {row["id"] for row in rows}:
            raise no_such("Label")
        elif spec.get("deleted"):
            connection.execute("DELETE FROM labels WHERE id = ?", (spec["id"],))
        else:
            update(connection, spec["id"], spec)


def update(connection: sqlite3.Connection, label_id: int, spec: dict[str, Any]) -> None:
    """Sets name, colour and type where given, and adds new attributes. A new name without a colour gets its own."""
    color = spec.get("color") or (_color(spec["name"]) if "name" in spec else None)
    connection.execute(
        "UPDATE labels SET name = coalesce(?, name), color = coalesce(?, color), type = coalesce(?, type) WHERE id = ?",
        (spec.get("name"), color, spec.get("type"), label_id),
    )
    add_attributes(connection, label_id, [a for a in spec.get("attributes") or [] if "id" not in a])


def present(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    """A label with its attributes and sublabels."""
    owner = "project_id" if row["project_id"] else "task_id"
    answer = {**_bare(connection, row), "sublabels": [], owner: row[owner], "parent_id": row["parent_id"]}
    if row["type"] == "skeleton":
        children = connection.execute("SELECT * FROM labels WHERE parent_id = ? ORDER BY id", (row["id"],))
        answer["sublabels"] = [_bare(connection, child) for child in children]
        answer["svg"] = row["svg"]
    return answer


def _bare(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    attributes = connection.execute("SELECT * FROM attributes WHERE label_id = ? ORDER BY id", (row["id"],))
    return {
        "id": row["id"],
        "name": row["name"],
        "color": row["color"],
        "attributes": [
            {
                "id": attribute["id"],
                "name": attribute["name"],
                "mutable": bool(attribute["mutable"]),
                "input_type": attribute["input_type"],
                "default_value": attribute["default_value"],
                "values": orjson.loads(attribute["choices"]),
            }
            for attribute in attributes
        ],
        "type": row["type"],
        "has_parent": row["parent_id"] is not None,
    }
