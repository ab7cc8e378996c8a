"""Login, logout, registration and access tokens."""

import secrets
import sqlite3
from http.cookies import SimpleCookie
from typing import Any

from fastapi import APIRouter, Response

from include.emulator.accounts import Session, add_user, check_password, digest, log_in
from include.emulator.answers import CvatJson, forbidden, invalid, no_such
from include.emulator.call import Anyone, Call, Somebody, UserCall, brief_user
from include.emulator.listing import Condition, Listing

router = APIRouter()

_A_YEAR_S = 31_449_600
_MIN_USERNAME = 5
_MIN_PASSWORD = 8

_TOKENS = Listing(
    table="access_tokens",
    source="access_tokens",
    columns={
        "id": "access_tokens.id",
        "name": "access_tokens.name",
        "created_date": "access_tokens.created_date",
        "expiry_date": "access_tokens.expiry_date",
    },
    parameters={"name": str},
    searched=("name",),
)


@router.get("/api/server/about")
def about(call: Anyone) -> Response:
    return CvatJson(
        {
            "name": "Computer Vision Annotation Tool",
            "description": "An emulator of CVAT's API for local runs and tests; not CVAT.",
            "version": "2.73.0",
            "logo_url": call.url("static/logo.svg"),
            "subtitle": "Open Data Annotation Platform",
        }
    )


@router.post("/api/auth/login")
def login(call: Anyone) -> Response:
    body = call.json()
    username, password = body.get("username"), body.get("password")
    if not username or not password:
        raise invalid(['Must include either "username" or "email" and "password".'])
    with call.state.write() as connection:
        user_id = check_password(connection, str(username), str(password))
        if user_id is None:
            raise invalid({"non_field_errors": ["Unable to log in with provided credentials."]})
        session = log_in(connection, user_id, call.state.now())
    return _with_cookies(CvatJson({"key": session.key}), session)


def _with_cookies(answer: Response, session: Session) -> Response:
    answer.set_cookie("csrftoken", session.csrf, max_age=_A_YEAR_S, samesite="lax")
    answer.set_cookie("sessionfresh", secrets.token_hex(8), max_age=_A_YEAR_S, samesite="lax")
    answer.set_cookie("sessionid", session.session_id, max_age=_A_YEAR_S, samesite="lax", httponly=True)
    return answer


@router.post("/api/auth/logout")
def logout(call: Anyone) -> Response:
    cookies = SimpleCookie(call.request.headers.get("cookie", ""))
    if "sessionid" in cookies:
        with call.state.write() as connection:
            connection.execute("DELETE FROM logins WHERE digest = ?", (digest(cookies["sessionid"].value),))
    answer = CvatJson({"detail": "Successfully logged out."})
    for name in ("sessionfresh", "sessionid"):
        answer.delete_cookie(name)
    return answer


@router.post("/api/auth/register")
def register(call: Anyone) -> Response:
    body = call.json()
    _check_registration(body)
    person = {name: str(body.get(name, "")) for name in ("username", "email", "first_name", "last_name")}
    try:
        with call.state.write() as connection:
            user_id = add_user(connection, **person, password=body["password1"], is_admin=False, now=call.state.now())
            session = log_in(connection, user_id, call.state.now())
    except sqlite3.IntegrityError:
        raise invalid({"username": ["A user with that username already exists."]}) from None
    answer = {**person, "email_verification_required": False, "key": session.key}
    return _with_cookies(CvatJson(answer, 201), session)


def _check_registration(body: dict[str, Any]) -> None:
    wrong = {name: ["This field is required."] for name in ("username", "password1", "password2") if not body.get(name)}
    limits = {"username": _MIN_USERNAME, "password1": _MIN_PASSWORD, "password2": _MIN_PASSWORD}
    for name, least in limits.items():
        if name not in wrong and len(str(body[name])) < least:
            wrong[name] = [f"Ensure this field has at least {least} characters."]
    if wrong:
        raise invalid(wrong)
    if body["password1"] != body["password2"]:
        raise invalid({"non_field_errors": ["The two password fields didn't match."]})


@router.post("/api/auth/access_tokens")
def create_token(call: Somebody) -> Response:
    if call.user.by == "token":
        raise forbidden()
    body = call.json()
    if not body.get("name"):
        raise invalid({"name": ["This field is required."]})
    value, now = secrets.token_urlsafe(32), call.state.now()
    with call.state.write() as connection:
        row = connection.execute(
            "INSERT INTO access_tokens"
            " (user_id, digest, name, created_date, updated_date, expiry_date, read_only)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *",
            (
                call.user.id,
                digest(value),
                str(body["name"]),
                now,
                now,
                body.get("expiry_date"),
                bool(body.get("read_only", True)),
            ),
        ).fetchone()
        answer = {**_token(call, connection, row), "value": value}
    return CvatJson(answer, 201)


@router.get("/api/auth/access_tokens")
def list_tokens(call: Somebody) -> Response:
    visible = Condition("access_tokens.user_id = ?", (call.user.id,))
    with call.state.read() as connection:
        return CvatJson(_TOKENS.answer(call, connection, visible, lambda row: _token(call, connection, row)))


@router.get("/api/auth/access_tokens/self")
def own_token(call: Somebody) -> Response:
    with call.state.read() as connection:
        return CvatJson(_token(call, connection, _find_token(connection, call, call.user.token_id)))


@router.get("/api/auth/access_tokens/{token_id}")
def get_token(call: Somebody, token_id: int) -> Response:
    with call.state.read() as connection:
        return CvatJson(_token(call, connection, _find_token(connection, call, token_id)))


@router.delete("/api/auth/access_tokens/{token_id}")
def delete_token(call: Somebody, token_id: int) -> Response:
    with call.state.write() as connection:
        _find_token(connection, call, token_id)
        connection.execute("DELETE FROM access_tokens WHERE id = ?", (token_id,))
    return Response(status_code=204)


def _find_token(connection: sqlite3.Connection, call: UserCall, token_id: int | None) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM access_tokens WHERE id = ? AND user_id = ?", (token_id, call.user.id)
    ).fetchone()
    if row is None:
        raise no_such("AccessToken")
    return row


def _token(call: Call, connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    names = ("id", "name", "created_date", "updated_date", "expiry_date", "last_used_date")
    return {
        **{name: row[name] for name in names},
        "read_only": bool(row["read_only"]),
        "owner": brief_user(call, connection, row["user_id"]),
    }
