"""People as others see them."""

import sqlite3
from typing import Any

from fastapi import APIRouter, Response

from include.emulator.answers import CvatJson, forbidden, no_such
from include.emulator.call import Somebody, UserCall, brief_user
from include.emulator.listing import Condition, Listing

router = APIRouter()

_USERS = Listing(
    table="users",
    source="users",
    columns={name: f"users.{name}" for name in ("id", "username", "first_name", "last_name", "email")}
    | {"is_active": "'true'"},
    parameters={"id": int, "username": str, "first_name": str, "last_name": str, "is_active": ("true", "false")},
    searched=("username", "first_name", "last_name"),
)


@router.get("/api/users")
def list_users(call: Somebody) -> Response:
    visible = Condition() if call.user.is_admin else Condition("users.id = ?", (call.user.id,))
    with call.state.read() as connection:
        return CvatJson(_USERS.answer(call, connection, visible, lambda row: _user(call, connection, row)))


@router.get("/api/users/self")
def own_user(call: Somebody) -> Response:
    with call.state.read() as connection:
        row = connection.execute("SELECT * FROM users WHERE id = ?", (call.user.id,)).fetchone()
    return CvatJson(_full(call, row))


@router.get("/api/users/{user_id}")
def get_user(call: Somebody, user_id: int) -> Response:
    with call.state.read() as connection:
        row = connection.execute("SELECT * FROM users WHERE id = ?", (user_id,)).fetchone()
    if row is None:
        raise no_such("User")
    if not call.user.is_admin and user_id != call.user.id:
        raise forbidden()
    return CvatJson(_full(call, row))


def _user(call: UserCall, connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    brief = brief_user(call, connection, row["id"])
    assert brief is not None
    return _full(call, row) if call.user.is_admin else brief


def _full(call: UserCall, row: sqlite3.Row) -> dict[str, Any]:
    admin = bool(row["is_admin"])
    return {
        "url": call.url(f"api/users/{row['id']}"),
        "id": row["id"],
        "username": row["username"],
        "first_name": row["first_name"],
        "last_name": row["last_name"],
        "email": row["email"],
        "groups": ["admin" if admin else "user"],
        "is_staff": admin,
        "is_superuser": admin,
        "is_active": True,
        "last_login": row["last_login"],
        "date_joined": row["date_joined"],
        "has_analytics_access": admin,
    }
