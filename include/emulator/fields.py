"""Checks of single fields in request bodies, in the words of Django REST framework."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from include.emulator.answers import invalid, server_error

_MAX_NAME = 256
REQUIRED = "This field is required."


def check_name(body: Mapping[str, Any], *, required: bool) -> None:
    """Raises a 400 refusal for a project's or task's name that is missing or too long."""
    if "name" not in body:
        if required:
            raise invalid({"name": [REQUIRED]})
        return
    if not isinstance(body["name"], str) or not body["name"]:
        raise invalid({"name": ["This field may not be blank."]})
    if len(body["name"]) > _MAX_NAME:
        raise invalid({"name": [f"Ensure this field has no more than {_MAX_NAME} characters."]})


def whole_number(
    body: Mapping[str, Any], name: str, default: int | None, *, least: int, most: int | None = None
) -> int | None:
    """A whole number within limits, from JSON or a form; `default` when it is not given."""
    value = body.get(name)
    if value is None:
        return default
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise invalid({name: ["A valid integer is required."]}) from None
    if number < least:
        raise invalid({name: [f"Ensure this value is greater than or equal to {least}."]})
    if most is not None and number > most:
        raise invalid({name: [f"Ensure this value is less than or equal to {most}."]})
    return number


def choice(body: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = body.get(name, default)
    if value not in allowed:
        raise invalid({name: [f'"{value}" is not a valid choice.']})
    return str(value)


def user_id(connection: sqlite3.Connection, value: Any) -> int | None:
    """The id of an assignee. CVAT breaks (500) on an unknown one."""
    if value is None:
        return None
    if not isinstance(value, int):
        raise invalid({"assignee": ["A valid integer is required."]})
    if connection.execute("SELECT 1 FROM users WHERE id = ?", (value,)).fetchone() is None:
        raise server_error()
    return value
